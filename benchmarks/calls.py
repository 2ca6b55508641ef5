"""HTTP requests made from a server's own description (/openapi.json), right ones and wrong ones, and what must hold of the answers."""

import http.client
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

Json = dict[str, Any]

HANG_SECONDS = 180.0  # until there is an answer, on a busy machine
EXPECTED = {503, 507}  # of the server's errors: it is busy, or its disk is full
NOT_ONES = {"/demo": "adds tracks for seconds"}  # paths that are left out, and why
BOUNDARY = "xyz"

wild = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
header_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60)
numbers = st.integers(0, 5) | st.integers(-(10**25), 10**25)
ranges = st.builds("bytes={}-{}".format, st.just("") | st.integers(0, 10**20).map(str), st.just("") | st.integers(0, 10**20).map(str))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | wild,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(wild, inner, max_size=3),
    max_leaves=5,
)


@dataclass
class Call:
    """One request. path: of the description; target: what is asked for."""

    method: str
    path: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@st.composite
def calls(draw: st.DrawFn, document: Json) -> Call:
    """A request to one of the described routes, with what it takes and with what it does not."""
    path = draw(st.sampled_from(sorted(document["paths"].keys() - NOT_ONES)))
    methods = document["paths"][path]
    method = draw(st.sampled_from(sorted(methods.keys() - {"parameters"})))
    said = methods[method]
    parameters = [*methods.get("parameters", []), *said.get("parameters", [])]
    number = draw(numbers.map(str) | numbers.map(str) | wild.filter(lambda text: text not in ("", ".", "..")))
    query = {one["name"]: draw(_value(one["schema"])) for one in parameters if one["in"] == "query" and draw(st.booleans())}
    query |= draw(st.dictionaries(wild, wild, max_size=1)) if draw(st.integers(0, 9)) == 0 else {}
    headers = {one["name"]: draw(ranges | header_text) for one in parameters if one["in"] == "header" and draw(st.booleans())}
    body, kind = draw(_body(said, document["components"]["schemas"]))
    target = re.sub("{id}", lambda _: quote(number, safe=""), path) + ("?" + urlencode(query) if query else "")
    return Call(method.upper(), path, target, headers | ({"Content-Type": kind} if kind else {}), body)


def _value(schema: Json) -> st.SearchStrategy[str]:
    right = st.sampled_from(schema["enum"]) if "enum" in schema else st.integers(1, 200).map(str) if schema["type"] == "integer" else wild
    return right | right | numbers.map(str) | wild


@st.composite
def _body(draw: st.DrawFn, said: Json, schemas: Json) -> tuple[bytes | None, str]:
    """(body, media type): of the described kind, mostly."""
    described = list(said.get("requestBody", {}).get("content", {}))
    kind = draw(st.sampled_from(described)) if described else ""
    if not kind or draw(st.integers(0, 5)) == 0:
        return draw(st.none() | st.binary(max_size=100)), draw(st.just("") | st.just("application/json") | header_text)
    if kind == "application/json":
        edits = st.dictionaries(st.sampled_from(sorted(schemas["Edit"]["properties"])), wild, min_size=1)
        return draw(edits.map(json.dumps).map(str.encode) | values.map(json.dumps).map(str.encode) | st.binary(max_size=50)), kind
    if kind == "multipart/form-data":
        return draw(_form()), draw(st.sampled_from([f"{kind}; boundary={BOUNDARY}"] * 5 + [kind, f"{kind}; boundary="]))
    return draw(st.builds(lambda text: urlencode({"token": text}).encode(), wild) | st.binary(max_size=50)), kind


@st.composite
def _form(draw: st.DrawFn) -> bytes:
    """A form, whole or broken, with small files that are no music."""
    parts = []
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(["file", "file", "file", "other", ""]))
        file = f'; filename="{draw(wild)}"' if draw(st.booleans()) else ""
        right = f'Content-Disposition: form-data; name="{name}"{file}'.encode()
        head = right if draw(st.integers(0, 9)) else draw(st.binary(max_size=30))
        parts.append(f"--{BOUNDARY}\r\n".encode() + head + b"\r\n\r\n" + draw(st.binary(max_size=200)) + b"\r\n")
    whole = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return whole if draw(st.integers(0, 3)) else whole[: draw(st.integers(0, len(whole)))]


def fuzz(address: str, n: int, number: int) -> Counter[str]:
    """Makes n requests from this seed, and counts the answers. Raises with the simplest request whose answer is wrong."""
    _, _, described = ask(address, Call("GET", "/openapi.json", "/openapi.json"))
    document, figures = json.loads(described), Counter[str]()

    @seed(number)
    @settings(max_examples=n, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
    @given(calls(document))
    def request(call: Call) -> None:
        status, kind, body = ask(address, call)
        figures[f"{status // 100}xx"] += 1
        wrong = faults(document, call, status, kind, body)
        assert not wrong, "; ".join(wrong)

    request()
    return figures


def ask(address: str, call: Call) -> tuple[int, str, bytes]:
    """(status, media type, body)."""
    connection = http.client.HTTPConnection(address, timeout=HANG_SECONDS)
    try:
        headers = {name: value.encode("latin-1") for name, value in call.headers.items()}
        connection.request(call.method, call.target, call.body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", "").partition(";")[0], answer.read()
    finally:
        connection.close()


def faults(document: Json, call: Call, status: int, kind: str, body: bytes) -> list[str]:
    """What is wrong with an answer: a server's error, or not what is described for it."""
    if status >= 500 and status not in EXPECTED:
        return [f"{status}: {body[:200]!r}"]
    responses = document["paths"][call.path][call.method.lower()]["responses"]
    content = responses.get(str(status), responses["default"]).get("content", {})
    schemas = [content[wanted]["schema"] for wanted in content if fnmatch(kind, wanted)]
    if content and not schemas and kind:
        return [f"{status} of kind {kind}, not {', '.join(content)}"]
    if kind != "application/json" or not schemas:
        return []
    validator = Draft202012Validator({**schemas[0], "components": document["components"]})
    return [error.message for error in validator.iter_errors(json.loads(body))]
