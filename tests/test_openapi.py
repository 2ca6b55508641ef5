"""The description is a valid one, and of the routes that there are; tests/test_routes.py holds all answers against it."""

import re

import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from tests.described import described
from web.app import create_app
from web.openapi import PATHS, SCHEMAS, description
from web.routes import ROUTES
from web.settings import Settings

METHODS = ("get", "post", "put", "patch", "delete")


def calls(route):
    """The (path, method) pairs that a route answers; HEAD goes with GET."""
    methods = [method.lower() for method in route.methods] if route.methods else [m for m in METHODS if hasattr(route.endpoint, m)]
    return {(re.sub(r":\w+}", "}", route.path), method) for method in methods if method != "head"}


def test_all_routes_are_described_and_no_others():
    documented = {(path, method) for path, methods in PATHS.items() for method in methods if method in METHODS}
    assert documented == set().union(*map(calls, ROUTES))


def test_the_schemas_are_schemas():
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


def references(node):
    if isinstance(node, dict):
        yield from [node["$ref"]] if "$ref" in node else []
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_all_references_lead_somewhere_and_all_schemas_are_used():
    assert set(references(description("1", "http://a/"))) == {f"#/components/schemas/{name}" for name in SCHEMAS}


def test_paths_declare_their_parameters():
    for path, methods in PATHS.items():
        declared = {parameter["name"] for parameter in methods.get("parameters", []) if parameter["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))


def test_it_is_served(tmp_path):
    with TestClient(create_app(Settings(data=tmp_path)), base_url="http://localhost:8123") as client:
        served = client.get("/openapi.json").json()
    assert served["openapi"].startswith("3.1.")
    assert served["servers"] == [{"url": "http://localhost:8123"}]
    assert served == description(served["info"]["version"], "http://localhost:8123/")


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [({"status": "ok", "tracks": 1}, False), ({"status": "ok"}, True), ({"status": "ok", "tracks": 1, "more": 1}, True), ({}, True)],
)
def test_the_check_of_answers_finds_what_differs(answer, wrong):
    assert bool(described("GET", "/health", 200, "application/json", answer)) == wrong


@pytest.mark.parametrize(("status", "kind"), [(200, "text/html"), (204, "application/json")])
def test_the_check_of_answers_finds_another_kind(status, kind):
    assert described("GET", "/health", status, kind, {"status": "ok", "tracks": 1})
