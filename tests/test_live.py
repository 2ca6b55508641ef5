"""/listen as a listener sees it. A stand-in for the recogniser hears what the test wants it to hear."""

import json
import logging
import threading
from contextlib import asynccontextmanager
from types import SimpleNamespace

import anyio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from stream import protocol
from web.app import doors_of
from web.guard import Guard
from web.live import listen
from web.metrics import Metrics
from web.settings import Settings

START = json.dumps({"type": "start", "sample_rate": 8000, "format": "s16le"})
TOKEN = "correct-horse-battery"
STOP = '{"type": "stop"}'


class Echo:
    """A recogniser that says how many samples each feed had."""

    delay, threshold = 0.3, 40.0

    def __init__(self, index, sample_rate, constellation):
        self.threads = set()

    def feed(self, pcm):
        assert threading.current_thread() is not threading.main_thread()
        return [event("guesses", len(pcm))]

    def finish(self):
        return [event("end", 0)]


def event(type, samples):
    return SimpleNamespace(to_json=lambda: {"type": type, "samples": samples})


@pytest.fixture(autouse=True)
def recognizer(monkeypatch):
    monkeypatch.setattr(protocol, "Recognizer", Echo)


@pytest.fixture
def serve():
    """A function that makes a client of an application with these settings."""
    clients = []

    def make(**changes):
        clients.append(TestClient(make_app(Settings(**changes))))
        return clients[-1].__enter__()

    yield make
    for client in clients:
        client.__exit__(None, None, None)


def make_app(settings):
    index = SimpleNamespace(stats=lambda: {"tracks": 3})

    @asynccontextmanager
    async def lifespan(app):
        yield {
            "settings": settings,
            "library": SimpleNamespace(index=index),
            **doors_of(settings),
            "metrics": Metrics(lambda: 3),
            "hearers": anyio.CapacityLimiter(1),
        }

    return Starlette(routes=[WebSocketRoute("/listen", listen)], middleware=[Middleware(Guard)], lifespan=lifespan)


def denied(client, headers=None):
    with pytest.raises(WebSocketDenialResponse) as denial, client.websocket_connect("/listen", headers=headers or {}):
        pass
    return denial.value.status_code, denial.value.json()["error"]["code"]


def closed(socket):
    with pytest.raises(WebSocketDisconnect) as close:
        socket.receive_json()
    return close.value.code


def test_a_whole_conversation(serve):
    with serve().websocket_connect("/listen") as socket:
        socket.send_text(START)
        assert socket.receive_json() == {"type": "ready", "tracks": 3, "delay": 0.3, "threshold": 40.0}
        socket.send_bytes(bytes(400))
        assert socket.receive_json() == {"type": "guesses", "samples": 200}
        socket.send_text(STOP)
        assert socket.receive_json() == {"type": "end", "samples": 0}
        assert closed(socket) == 1000


@pytest.mark.parametrize(
    ("message", "code"),
    [("{", 1008), (STOP, 1008), ('{"type": "start", "sample_rate": 1}', 1003), ("x" * (2**20 + 1), 1009)],
)
def test_a_client_that_is_wrong(serve, message, code):
    with serve().websocket_connect("/listen") as socket:
        socket.send_text(message)
        assert socket.receive_json()["type"] == "error"
        assert closed(socket) == code


@pytest.mark.parametrize("origin", ["http://testserver", "https://friend.example"])
def test_origins_that_may_listen(serve, origin):
    client = serve(origins=frozenset({"https://friend.example"}))
    with client.websocket_connect("/listen", headers={"origin": origin}) as socket:
        socket.send_text(START)
        assert socket.receive_json()["type"] == "ready"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil.example"])
def test_foreign_origins_are_refused_before_the_handshake(serve, origin):
    assert denied(serve(), {"origin": origin}) == (403, "foreign_origin")


def test_pages_of_other_sites_that_hide_their_origin(serve):
    assert denied(serve(), {"sec-fetch-site": "cross-site"}) == (403, "foreign_origin")


def test_a_name_that_is_not_ours_is_refused_before_the_handshake(serve):
    """A page of evil.example, whose name was made to point here."""
    assert denied(serve(), {"host": "evil.example", "origin": "http://evil.example"}) == (421, "unknown_host")


def test_a_private_server(serve):
    client = serve(token=TOKEN, private=True)
    assert denied(client) == (401, "token_needed")
    assert denied(client, {"authorization": "Bearer wrong"}) == (401, "bad_token")
    with client.websocket_connect("/listen", headers={"authorization": f"Bearer {TOKEN}"}) as socket:
        socket.send_text(START)
        assert socket.receive_json()["type"] == "ready"


def test_a_token_alone_leaves_listening_open(serve):
    with serve(token=TOKEN).websocket_connect("/listen") as socket:
        socket.send_text(START)
        assert socket.receive_json()["type"] == "ready"


ELSEWHERE = {"x-forwarded-for": "203.0.113.7"}  # behind a proxy that was not declared


def test_listeners_of_one_address(serve):
    client = serve(address_listeners=2)
    with client.websocket_connect("/listen", headers=ELSEWHERE), client.websocket_connect("/listen", headers=ELSEWHERE):
        assert denied(client, ELSEWHERE) == (429, "too_many_listeners")
        with client.websocket_connect("/listen"), client.websocket_connect("/listen"), client.websocket_connect("/listen"):
            pass  # this machine has no such limit


def test_too_many_listeners(serve):
    client = serve(listeners=1)
    with client.websocket_connect("/listen") as socket:
        socket.send_text(START)
        socket.receive_json()
        assert denied(client) == (503, "busy")
        socket.send_text(STOP)
        socket.receive_json()
        assert closed(socket) == 1000
    with client.websocket_connect("/listen") as socket:  # the place is free again
        socket.send_text(START)
        assert socket.receive_json()["type"] == "ready"


def test_a_listener_that_leaves_is_no_error(serve, caplog):
    client = serve(listeners=1)
    for _ in range(3):
        with client.websocket_connect("/listen") as socket:
            socket.send_text(START)
            socket.receive_json()
            socket.send_bytes(bytes(400))
    assert not caplog.records


def test_a_bug_is_logged_and_told(serve, monkeypatch, caplog):
    monkeypatch.setattr(Echo, "feed", lambda self, pcm: 1 / 0)
    with caplog.at_level(logging.ERROR), serve().websocket_connect("/listen") as socket:
        socket.send_text(START)
        socket.receive_json()
        socket.send_bytes(bytes(400))
        assert socket.receive_json()["code"] == "internal"
        assert closed(socket) == 1011
    (record,) = caplog.records
    assert record.exc_info[0] is ZeroDivisionError


def test_a_silent_line_is_closed(serve):
    with serve(idle_seconds=0.05).websocket_connect("/listen") as socket:
        assert socket.receive_json()["code"] == "idle"
        assert closed(socket) == 1008
