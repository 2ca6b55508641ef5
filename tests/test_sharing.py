"""Pages of other sites, as browsers treat them: what they ask before, and what they let a page read."""

import shutil

import pytest
from starlette.testclient import TestClient

from web.app import create_app
from web.settings import Settings

FRIEND, STRANGER = "https://friend.example", "https://evil.example"
TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def make(data, tmp_path_factory):
    """A client of a server with these settings."""
    clients = []

    def make(**settings):
        folder = shutil.copytree(data, tmp_path_factory.mktemp("sharing") / "data")
        clients.append(TestClient(create_app(Settings(data=folder, **settings))))
        return clients[-1].__enter__()

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="module")
def friendly(make):
    return make(origins=frozenset({FRIEND}), token=TOKEN, private=True)


def preflight(client, origin, method="PATCH", headers="authorization,content-type"):
    asked = {"origin": origin, "access-control-request-method": method, "access-control-request-headers": headers}
    return client.options("/tracks/1", headers=asked)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_friend_may_ask_before_it_shows_the_token(friendly, method):
    answer = preflight(friendly, FRIEND, method)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert method in answer.headers["access-control-allow-methods"]
    assert {"authorization", "content-type"} <= set(answer.headers["access-control-allow-headers"].lower().split(", "))


@pytest.mark.parametrize(("origin", "method", "header"), [(STRANGER, "PATCH", "range"), (FRIEND, "PUT", "range"), (FRIEND, "GET", "x-y")])
def test_others_and_other_things_are_not_allowed(friendly, origin, method, header):
    answer = preflight(friendly, origin, method, header)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"
    assert answer.headers.get("access-control-allow-origin") in (None, FRIEND)


@pytest.mark.parametrize(("path", "token", "status"), [("/tracks", TOKEN, 200), ("/tracks", "wrong", 401), ("/tracks/99", TOKEN, 404)])
def test_a_friend_reads_answers_and_errors(friendly, path, token, status):
    answer = friendly.get(path, headers={"origin": FRIEND, "authorization": f"Bearer {token}"})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert "retry-after" in answer.headers["access-control-expose-headers"].lower()


def test_a_friend_reads_of_a_bug(friendly, monkeypatch):
    monkeypatch.setitem(friendly.app_state, "library", None)
    answer = friendly.get("/tracks", headers={"origin": FRIEND, "authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (500, FRIEND)


def test_a_friend_writes(friendly):
    headers = {"origin": FRIEND, "sec-fetch-site": "cross-site", "authorization": f"Bearer {TOKEN}"}
    answer = friendly.patch("/tracks/1", json={"title": "New"}, headers=headers)
    assert answer.json()["title"] == "New"
    assert answer.headers["access-control-allow-origin"] == FRIEND


def test_a_stranger_reads_nothing(friendly):
    answer = friendly.get("/tracks", headers={"origin": STRANGER, "authorization": f"Bearer {TOKEN}"})
    assert "access-control-allow-origin" not in answer.headers
    assert "Origin" in answer.headers["vary"]


def test_cookies_are_never_shared(friendly):
    for answer in (preflight(friendly, FRIEND), friendly.get("/health", headers={"origin": FRIEND})):
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["access-control-allow-origin"] != "*"


def test_nobody_is_a_friend_by_default(make):
    client = make()
    assert preflight(client, STRANGER).status_code == 405
    assert not [name for name in client.get("/health", headers={"origin": STRANGER}).headers if name.startswith("access-control")]
