"""Security headers, foreign origins, and errors that are always JSON."""

from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from web.app import doors_of
from web.errors import HANDLERS
from web.guard import HEADERS, Guard
from web.settings import Settings


async def write(request):
    return PlainTextResponse("written", headers={"Referrer-Policy": "unsafe-url"})


async def stream(request):
    async def pieces():
        yield "a"
        yield "b"

    return StreamingResponse(pieces(), media_type="text/plain")


async def bad_range(request):
    return PlainTextResponse("out of range", 416, headers={"Content-Range": "bytes */5"})


async def bug(request):
    raise ZeroDivisionError


@pytest.fixture(scope="module")
def client():
    @asynccontextmanager
    async def lifespan(app):
        settings = Settings(origins=frozenset({"https://friend.example"}), hosts=frozenset({"music.example.org"}))
        yield {"settings": settings, **doors_of(settings)}

    routes = [
        Route("/write", write, methods=["GET", "POST", "DELETE"]),
        Route("/stream", stream),
        Route("/range", bad_range),
        Route("/bug", bug),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Guard)], exception_handlers=HANDLERS, lifespan=lifespan)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("path", ["/write", "/stream", "/range", "/nothing"])
def test_every_response_has_the_headers(client, path):
    response = client.get(path)
    assert {name: response.headers.get_list(name) for name in HEADERS} == {k: [v] for k, v in HEADERS.items()}


def test_a_stream_passes(client):
    assert client.get("/stream").text == "ab"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("PUT", "/write", 405, "method_not_allowed"),
        ("GET", "/range", 416, "bad_range"),
        ("GET", "/bug", 500, "internal"),
    ],
)
def test_errors_are_json(client, method, path, status, code):
    response = client.request(method, path)
    assert response.status_code == status
    assert response.json()["error"]["code"] == code


def test_what_a_client_needs_of_an_error_is_kept(client):
    assert client.get("/range").headers["content-range"] == "bytes */5"
    assert "POST" in client.put("/write").headers["allow"]


@pytest.mark.parametrize("origin", [None, "http://testserver", "https://friend.example"])
def test_who_may_write(client, origin):
    headers = {"origin": origin} if origin else {}
    assert client.post("/write", headers=headers).text == "written"


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_pages_of_other_sites_may_not_write(client, method):
    response = client.request(method, "/write", headers={"origin": "https://evil.example"})
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "foreign_origin"
    assert client.get("/write", headers={"origin": "https://evil.example"}).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_is_not_ours(client, method):
    """A page of evil.example, whose name was made to point here, would be of the same origin."""
    headers = {"host": "evil.example:8000", "origin": "http://evil.example:8000", "sec-fetch-site": "same-origin"}
    response = client.request(method, "/write", headers=headers)
    assert response.status_code == 421
    assert response.json()["error"]["code"] == "unknown_host"
    assert client.request(method, "/write", headers={"host": "music.example.org"}).text == "written"
