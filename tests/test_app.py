"""How the application is put together, started and stopped."""

import logging

import pytest
from starlette.testclient import TestClient

import web.app
from core.errors import EarprintError
from web.app import create_app
from web.headers import HEADERS
from web.settings import Settings


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with TestClient(create_app(Settings(data=tmp_path_factory.mktemp("app") / "data"))) as client:
        yield client


def test_an_empty_library_is_made(client):
    assert client.get("/health").json() == {"status": "ok", "tracks": 0}
    assert client.get("/tracks").json() == {"tracks": [], "next": None, "total": 0}


def test_the_environment_is_read_at_the_start(monkeypatch, tmp_path):
    """`uvicorn web.app:app` needs no more than variables."""
    monkeypatch.setenv("EARPRINT_DATA", str(tmp_path / "elsewhere"))
    with TestClient(web.app.create_app()) as client:
        assert client.get("/health").json()["tracks"] == 0
    assert (tmp_path / "elsewhere").is_dir()


def test_a_bad_environment_is_said_at_the_start(monkeypatch):
    monkeypatch.setenv("EARPRINT_LISTENERS", "many")
    with pytest.raises(EarprintError, match="EARPRINT_LISTENERS"), TestClient(web.app.app):
        pass


def test_a_misspelt_variable_is_said_at_the_start(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("EARPRINT_DATA", str(tmp_path))
    monkeypatch.setenv("EARPRINT_PRIVAT", "1")
    with TestClient(create_app()):
        pass
    assert "did you mean EARPRINT_PRIVATE?" in caplog.text


def test_a_library_can_be_opened_again(tmp_path):
    for _ in range(2):
        with TestClient(create_app(Settings(data=tmp_path))) as client:
            assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("path", "kind", "cache"),
    [
        ("/static/favicon.svg", "image/svg+xml", "no-cache"),
        ("/vendor/css/bootstrap.min.css", "text/css; charset=utf-8", "public, max-age=86400"),
        ("/vendor/js/bootstrap.bundle.min.js", "text/javascript; charset=utf-8", "public, max-age=86400"),
    ],
)
def test_static_files(client, path, kind, cache):
    response = client.get(path)
    assert response.headers["content-type"] == kind
    assert response.headers["cache-control"] == cache
    assert HEADERS.items() <= {name.title(): value for name, value in response.headers.items()}.items()
    again = client.get(path, headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, cache)


@pytest.mark.parametrize("path", ["/static/nothing.js", "/static/../app.py", "/static/%2e%2e/app.py", "/vendor/"])
def test_nothing_else_is_served(client, path):
    response = client.get(path)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_a_bug_in_a_handler_is_a_json_error(tmp_path, monkeypatch):
    with TestClient(create_app(Settings(data=tmp_path)), raise_server_exceptions=False) as client:
        monkeypatch.setattr(web.tracks, "listing", lambda *_: 1 / 0)
        response = client.get("/tracks")
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal"


def test_an_engine_that_does_not_warm_up(tmp_path, monkeypatch, caplog):
    """The server serves, and is not ready."""
    monkeypatch.setattr(web.app, "recognize", lambda *_: 1 / 0)
    with caplog.at_level(logging.ERROR), TestClient(create_app(Settings(data=tmp_path))) as client:
        assert client.get("/health").status_code == 200
        assert client.get("/health/ready").json()["error"]["code"] == "not_ready"
    assert "does not warm up" in caplog.text


@pytest.mark.parametrize("path", ["/", "/static/earprint.css", "/vendor/css/bootstrap.min.css"])
def test_text_is_sent_compressed(client, path):
    small = client.get(path, headers={"accept-encoding": "gzip"})
    large = client.get(path, headers={"accept-encoding": "identity"})
    assert small.headers["content-encoding"] == "gzip"
    assert small.content == large.content
    assert {response.headers["vary"] for response in (small, large)} == {"Accept-Encoding"}
