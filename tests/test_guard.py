"""Who may pass: pages of other sites, and names that are not ours."""

from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from web.app import doors_of
from web.guard import Guard
from web.settings import Settings


async def write(request):
    return PlainTextResponse("written")


@pytest.fixture(scope="module")
def client():
    @asynccontextmanager
    async def lifespan(app):
        settings = Settings(origins=frozenset({"https://friend.example"}), hosts=frozenset({"music.example.org"}))
        yield {"settings": settings, **doors_of(settings)}

    routes = [Route("/write", write, methods=["GET", "POST", "DELETE"])]
    with TestClient(Starlette(routes=routes, middleware=[Middleware(Guard)], lifespan=lifespan)) as client:
        yield client


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


def test_neither_may_our_own_by_http_where_we_are_reached_by_https(client):
    headers = {"origin": "http://testserver", "sec-fetch-site": "cross-site"}
    assert client.post("https://testserver/write", headers=headers).json()["error"]["code"] == "foreign_origin"
    assert client.post("https://testserver/write", headers={**headers, "sec-fetch-site": "same-origin"}).text == "written"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_is_not_ours(client, method):
    """A page of evil.example, whose name was made to point here, would be of the same origin."""
    headers = {"host": "evil.example:8000", "origin": "http://evil.example:8000", "sec-fetch-site": "same-origin"}
    response = client.request(method, "/write", headers=headers)
    assert response.status_code == 421
    assert response.json()["error"]["code"] == "unknown_host"
    assert client.request(method, "/write", headers={"host": "music.example.org"}).text == "written"
