"""What every answer carries, on every route, also when something is wrong with us."""

import re
import shutil

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient, WebSocketDenialResponse

from web.app import create_app
from web.errors import HANDLERS
from web.headers import HEADERS, Headed
from web.logs import ID_HEADER
from web.openapi import PATHS
from web.settings import Settings

CALLS = sorted((path, method) for path, methods in PATHS.items() for method in methods.keys() - {"parameters"})
WITHOUT_THE_LIBRARY = {("/openapi.json", "get"), ("/login", "post"), ("/logout", "post"), ("/health/ready", "get"), ("/listen", "get")}
TOKEN = "correct-horse-battery"


async def plain(request):
    return PlainTextResponse("written", headers={"Referrer-Policy": "unsafe-url"})


async def stream(request):
    async def pieces():
        yield "a"
        yield "b"

    return StreamingResponse(pieces(), media_type="text/plain")


async def bad_range(request):
    return PlainTextResponse("out of range", 416, headers={"Content-Range": "bytes */5"})


@pytest.fixture(scope="module")
def client():
    routes = [Route("/plain", plain), Route("/stream", stream), Route("/range", bad_range)]
    with TestClient(Starlette(routes=routes, middleware=[Middleware(Headed)], exception_handlers=HANDLERS)) as client:
        yield client


def has_all(answer):
    return {name: answer.headers.get_list(name) for name in HEADERS} == {name: [value] for name, value in HEADERS.items()}


@pytest.mark.parametrize("path", ["/plain", "/stream", "/range", "/nothing"])
def test_every_response_has_the_headers(client, path):
    assert has_all(client.get(path))


def test_a_stream_passes(client):
    assert client.get("/stream").text == "ab"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nothing", 404, "not_found"), ("PUT", "/plain", 405, "method_not_allowed"), ("GET", "/range", 416, "bad_range")],
)
def test_errors_are_json(client, method, path, status, code):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_what_a_client_needs_of_an_error_is_kept(client):
    assert client.get("/range").headers["content-range"] == "bytes */5"
    assert "GET" in client.put("/plain").headers["allow"]


@pytest.fixture(scope="module")
def served(data, tmp_path_factory):
    """All of the server, with a library and a token."""
    folder = shutil.copytree(data, tmp_path_factory.mktemp("headers") / "data")
    with TestClient(create_app(Settings(data=folder, token=TOKEN)), follow_redirects=False) as client:
        yield client


def called(client, path, method, **headers):
    files = {"file": ("song.wav", b"no sound")} if path in ("/upload", "/predict") else None
    edit = {"title": "New"} if method == "patch" else None
    return client.request(method, path.replace("{id}", "1"), files=files, json=edit, headers=headers)


@pytest.mark.parametrize(("path", "method"), CALLS)
@pytest.mark.parametrize("token", [TOKEN, "wrong"])
def test_on_every_route(served, path, method, token):
    if path != "/demo":  # takes seconds
        answer = called(served, path, method, authorization=f"Bearer {token}")
        assert answer.status_code == 401 if token == "wrong" else answer.status_code < 500 or path == "/health/ready"
        assert has_all(answer)
        assert re.fullmatch("[0-9a-f]{16}", answer.headers[ID_HEADER])


@pytest.mark.parametrize(("path", "method"), [call for call in CALLS if call not in WITHOUT_THE_LIBRARY])
def test_over_a_bug(served, path, method, monkeypatch, caplog):
    """A server that has mislaid its library."""
    monkeypatch.setitem(served.app_state, "library", None)
    monkeypatch.setitem(served.app_state, "metrics", Broken(served.app_state["metrics"]))
    answer = called(served, path, method, authorization=f"Bearer {TOKEN}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert has_all(answer)
    assert answer.headers[ID_HEADER]
    assert "AttributeError" in caplog.text


class Broken:
    """Metrics that count, and cannot be shown."""

    def __init__(self, metrics):
        self.requests, self.errors = metrics.requests, metrics.errors


@pytest.mark.parametrize("path", ["/nothing", "/tracks", "/static/nothing"])
def test_a_handshake_at_another_path(served, path):
    with pytest.raises(WebSocketDenialResponse) as denial, served.websocket_connect(path, headers={"authorization": f"Bearer {TOKEN}"}):
        pass
    assert (denial.value.status_code, denial.value.json()["error"]["code"]) == (404, "not_found")
    assert has_all(denial.value)
    assert denial.value.headers[ID_HEADER]


def test_a_handshake_that_is_refused_and_one_that_fails(served, monkeypatch):
    for headers, status in [({"origin": "https://evil.example"}, 403), ({}, 500)]:
        monkeypatch.setitem(served.app_state, "library", None)
        with pytest.raises(WebSocketDenialResponse) as denial, served.websocket_connect("/listen", headers=headers):
            pass
        assert denial.value.status_code == status
        assert has_all(denial.value)
