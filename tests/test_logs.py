"""Lines for programs, with the number of the request, and without anything about people."""

import asyncio
import json
import logging
import logging.config
import shutil
import sys
from functools import partial

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient, WebSocketDenialResponse
from uvicorn.server import ServerState

from core.demo import demo_track, write_audio
from web.app import create_app
from web.logs import ID_HEADER, Line, Ours, config, request_id
from web.settings import Settings

GIVEN = "proxy-0123456789"


@pytest.fixture(scope="module")
def client(data, tmp_path_factory):
    folder = shutil.copytree(data, tmp_path_factory.mktemp("logs") / "data")
    with TestClient(create_app(Settings(data=folder)), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def lines(caplog):
    """A function that returns what was logged, as it would be written."""
    caplog.handler.setFormatter(Line())
    caplog.set_level(logging.INFO, "earprint")
    return lambda: [json.loads(line) for line in caplog.text.splitlines()]


def test_a_request_is_a_line(client, lines):
    answer = client.get("/tracks/1", params={"search": "a secret"}, headers={ID_HEADER: GIVEN})
    (line,) = lines()
    assert answer.headers[ID_HEADER] == GIVEN
    assert line.pop("time").endswith("+00:00")
    assert line.pop("ms") >= 0
    assert line == {
        "level": "info",
        "logger": "earprint.access",
        "message": "answered",
        "request": GIVEN,
        "method": "GET",
        "route": "/tracks/{id:track}",
        "status": 200,
    }


def test_a_listener_is_one(client, lines):
    with client.websocket_connect("/listen") as socket:
        socket.send_text("{")
        socket.receive_json()
    (line,) = lines()
    assert (line["method"], line["route"], line["status"]) == ("WEBSOCKET", "/listen", 101)


def test_a_handshake_at_another_path_is_no_error_of_ours(client, lines):
    counted = client.app_state["metrics"].errors
    before = {status: counted.labels(status)._value.get() for status in ("404", "500")}
    with pytest.raises(WebSocketDenialResponse), client.websocket_connect("/nothing"):
        pass
    (line,) = lines()
    assert (line["method"], line["route"], line["status"]) == ("WEBSOCKET", "unknown", 404)
    assert {status: counted.labels(status)._value.get() for status in before} == {"404": before["404"] + 1, "500": before["500"]}


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space", "with\ttab", '"quoted-quoted"'])
def test_a_number_that_may_be_anything_is_not_taken_over(client, given):
    first, second = (client.get("/health", headers={ID_HEADER: given}).headers[ID_HEADER] for _ in range(2))
    assert given != first != second
    assert len(first) == 16


def test_nothing_about_people_is_logged(client, lines, music, tmp_path):
    """Addresses, names of files, searches, titles, paths that there are not, methods that there are not; nor with what a disk lacks."""
    with music[0].open("rb") as file:
        client.post("/predict", files={"file": ("jane-doe.flac", file)}, headers={"x-forwarded-for": "203.0.113.7"})
    client.get("/jane-doe", params={"search": "jane-doe"}, headers={"authorization": "Basic jane-doe", "cookie": "earprint=jane-doe"})
    client.request("JANEDOE", "/health")
    client.app_state["library"].uploads.write_text("where a folder should be")
    with write_audio(tmp_path / "song.wav", demo_track(7, 5, 11_025), 11_025).open("rb") as file:
        assert client.post("/upload", files={"file": ("jane-doe.wav", file)}).status_code == 507
    client.app_state["library"].uploads.unlink()
    text = json.dumps(lines()).lower()
    assert text.count("answered") == 4
    assert text.count("cannot keep audio") == 1
    assert "jane" not in text
    assert "203.0.113" not in text
    assert "testclient" not in text


def test_a_bug_is_logged_with_the_number_of_its_request(client, lines, monkeypatch):
    def broken(*_):
        logging.getLogger("earprint.web").error("about to fail")
        raise ZeroDivisionError

    monkeypatch.setattr("web.tracks.listing", broken)
    assert client.get("/tracks", headers={ID_HEADER: GIVEN}).status_code == 500
    said, failed, answered = lines()
    assert said["request"] == failed["request"] == answered["request"] == GIVEN  # in a thread, too
    assert "ZeroDivisionError" in failed["traceback"]
    assert answered["status"] == 500


def test_an_exception_is_in_its_line():
    request_id.set(None)
    try:
        raise ValueError("wrong")
    except ValueError:
        record = logging.LogRecord("earprint.web", logging.ERROR, "x.py", 1, "it %s", ("fails",), sys.exc_info())
    line = json.loads(Line().format(record))
    assert line["message"] == "it fails"
    assert line["traceback"].endswith("ValueError: wrong")


def test_a_person_gets_text(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    record = logging.LogRecord("earprint.access", logging.INFO, "x.py", 1, "answered", (), None)
    record.facts = {"status": 200, "route": None}
    assert Line().format(record) == "answered status=200"
    record = logging.LogRecord("earprint.web", logging.ERROR, "x.py", 1, "it %s\nagain", ("\x1b[31m",), None)
    assert Line().format(record) == "it \\x1b[31m\nagain"


def test_what_strangers_make_uvicorn_say_is_held_back(caplog):
    """That is, in the words of the uvicorn that is installed."""
    caplog.set_level(logging.WARNING, "uvicorn.error")
    config = uvicorn.Config(PlainTextResponse("an answer"), ws="websockets-sansio", log_config=None)
    config.load()

    async def answer_to(request):
        connection = partial(config.http_protocol_class, config, ServerState(), {})
        server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(request)
        answer = await reader.readline()
        writer.close()
        server.close()
        return answer

    head = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade"
    assert b"400" in asyncio.run(answer_to(b"nonsense\r\n\r\n"))
    assert b"200" in asyncio.run(answer_to(head + b"\r\nUpgrade: teapot\r\n\r\n"))
    assert len(caplog.records) == 2
    assert not any(map(Ours().filter, caplog.records))
    assert Ours().filter(logging.LogRecord("uvicorn.error", logging.ERROR, "x.py", 1, "Exception in ASGI application", (), None))


def test_the_configuration_is_one():
    before = logging.getLogger("earprint").level, logging.getLogger().handlers[:], logging.getLogger().level
    try:
        logging.config.dictConfig(config("info"))
        assert logging.getLogger("earprint.access").isEnabledFor(logging.INFO)
        assert not logging.getLogger("uvicorn.access").isEnabledFor(logging.INFO)
    finally:
        logging.getLogger("earprint").setLevel(before[0])
        logging.getLogger().handlers[:] = before[1]
        logging.getLogger().setLevel(before[2])
