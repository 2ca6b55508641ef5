"""Holds an answer against the OpenAPI description."""

import re
from fnmatch import fnmatch
from typing import Any

from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from web.openapi import PATHS, SCHEMAS


def described(method: str, path: str, status: int, kind: str, answer: Any) -> list[str]:
    """What is wrong with an answer, if anything. kind: its media type; answer: its JSON, if it is any."""
    responses = _methods(path)[method.lower()]["responses"]
    expected = responses.get(str(status)) or responses["default"]
    content = expected.get("content", {})
    if not content:
        return [f"an answer of kind {kind}"] if kind else []
    schemas = [content[wanted]["schema"] for wanted in content if fnmatch(kind, wanted)]
    if not schemas:
        return [f"{status} of kind {kind!r}, not {', '.join(content)}"]
    if kind != "application/json":
        return []
    document = {**_strict(schemas[0]), "components": {"schemas": _strict(SCHEMAS)}}
    return [error.message for error in Draft202012Validator(document).iter_errors(answer)]


class DescribedClient(TestClient):
    """A client that fails on answers which are not as described. Paths that nothing is said of are let through: they are no calls."""

    def request(self, method: str, url: Any, **options: Any) -> Any:  # type: ignore[override]
        response = super().request(method, url, **options)
        path = str(response.request.url.path)
        if method.lower() in (_methods(path) or {}):
            kind = response.headers.get("content-type", "").partition(";")[0]
            answer = response.json() if kind == "application/json" else None
            assert described(method, path, response.status_code, kind, answer) == []
        return response


def _methods(path: str) -> Any:
    """What is said of the path."""
    return next((said for template, said in PATHS.items() if re.fullmatch(re.sub(r"{\w+}", r"\\d+", template), path)), None)


def _strict(schema: Any) -> Any:
    """The schema without room for what it does not name: clients have to bear more, tests want to know."""
    if isinstance(schema, list):
        return [_strict(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema and schema.get("type") == "object" else {}
    return {name: _strict(value) for name, value in schema.items()} | closed
