"""/listen as a listener sees it. A stand-in for the recogniser hears what the test wants it to hear."""

import json
import logging
import threading
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import ClassVar

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from stream import protocol
from web.app import doors_of
from web.guard import Guard
from web.inbox import WAITING_MESSAGES
from web.live import LATE_SECONDS, Audience, Ears, listen
from web.metrics import Metrics
from web.settings import Settings

START = json.dumps({"type": "start", "sample_rate": 8000, "format": "s16le"})
RATE = 8000  # Hz, as START says
TOKEN = "correct-horse-battery"
STOP = '{"type": "stop"}'


class Echo:
    """A recogniser that says how many samples each feed had."""

    delay, threshold, wanted = 0.3, 40.0, 0

    def __init__(self, index, sample_rate, constellation):
        self.threads = set()

    def waited(self, seconds):
        pass

    def feed(self, pcm):
        assert threading.current_thread() is not threading.main_thread()
        return [event("guesses", len(pcm))]

    def finish(self):
        return [event("end", 0)]


def event(type, samples):
    return SimpleNamespace(to_json=lambda: {"type": type, "samples": samples, **({"elapsed": 1.0} if type == "match" else {})})


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
    index = SimpleNamespace(count=lambda: 3)

    @asynccontextmanager
    async def lifespan(app):
        ears = Ears(1)
        yield {
            "settings": settings,
            "library": SimpleNamespace(index=index),
            **doors_of(settings),
            "metrics": Metrics(lambda: {"tracks": 3, "seconds": 60.0, "bytes": 1000}),
            "ears": ears,
            "audience": Audience(),
        }
        ears.close()

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
        guesses = socket.receive_json()
        assert guesses.pop("lag") >= 0
        assert guesses == {"type": "guesses", "samples": 200}
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


def test_pages_of_other_sites_that_hide_their_origin_or_have_our_name_by_http(serve):
    client = serve()
    assert denied(client, {"sec-fetch-site": "cross-site"}) == (403, "foreign_origin")
    assert denied(client, {"origin": "http://testserver", "sec-fetch-site": "cross-site"}) == (403, "foreign_origin")


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


class Slow(Echo):
    """Takes twice as long as the sound for its first second, and then a tenth."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.samples = 0

    def feed(self, pcm):
        time.sleep(len(pcm) / RATE * (2 if self.samples < RATE else 0.1))
        self.samples += len(pcm)
        return [event("guesses", len(pcm)), event("guesses", -len(pcm)), event("match", 0)]


def test_a_server_that_is_late_says_so_reports_less_and_catches_up(serve, monkeypatch):
    monkeypatch.setattr(protocol, "Recognizer", Slow)
    block, blocks = bytes(RATE // 10 * 2), 15  # tenths of a second, sent as a microphone does
    events = []
    with serve().websocket_connect("/listen") as socket:
        socket.send_text(START)
        begin = time.monotonic()
        for number in range(blocks):
            time.sleep(max(0.0, begin + number / 10 - time.monotonic()))
            socket.send_bytes(block)
        for _ in range(2):  # a pause, until all is heard, and then more
            while [event["type"] for event in events].count("match") < blocks:  # no match is ever dropped
                events.append(socket.receive_json())
            blocks += 1
            socket.send_bytes(block)
        guesses = [event for event in events if event["type"] == "guesses"]
    late = [event for event in guesses if event["lag"] > LATE_SECONDS]
    assert late
    assert all(event["samples"] < 0 for event in late)  # a report that is overtaken in its own step is dropped,
    assert len(guesses) < 2 * blocks
    assert guesses[-1]["lag"] < late[-1]["lag"]  # and it recovers


class Busy(Echo):
    """Takes a while to hear anything, and notes how long the sound had waited."""

    waits: ClassVar[list[float]] = []

    def waited(self, seconds):
        self.waits.append(seconds)

    def feed(self, pcm):
        time.sleep(0.3)
        return super().feed(pcm)


def test_who_has_to_wait_for_another_is_known_to_have(serve, monkeypatch):
    monkeypatch.setattr(protocol, "Recognizer", Busy)
    client = serve()
    with client.websocket_connect("/listen") as first, client.websocket_connect("/listen") as second:
        for socket in (first, second):
            socket.send_text(START)
            assert socket.receive_json()["type"] == "ready"
        Busy.waits.clear()
        for socket in (first, second):
            socket.send_bytes(bytes(400))
        for socket in (first, second):
            assert socket.receive_json()["type"] == "guesses"
    waits = sorted(Busy.waits)
    assert waits[0] < 0.1
    assert waits[-1] > 0.2


def test_a_fast_sender_waits_and_loses_nothing(serve):
    with serve().websocket_connect("/listen") as socket:
        socket.send_text(START)
        for _ in range(50):
            socket.send_bytes(bytes(2**20))
        socket.send_text(STOP)
        events = []
        while not events or events[-1]["type"] != "end":
            events.append(socket.receive_json())
    assert "error" not in {event["type"] for event in events}


def test_messages_without_sound_are_taken_and_say_nothing(serve, monkeypatch):
    monkeypatch.setattr(Echo, "wanted", 1000)
    with serve().websocket_connect("/listen") as socket:
        socket.send_text(START)
        for _ in range(3 * WAITING_MESSAGES):
            socket.send_bytes(b"")
        socket.send_bytes(bytes(2000))
        assert [socket.receive_json()["type"] for _ in range(2)] == ["ready", "guesses"]


def hearing(client, sound=b"\x00\x40" * 800):
    """A context that has sent some sound, and has been answered."""
    return Hearing(client.websocket_connect("/listen"), sound)


class Hearing:
    def __init__(self, context, sound):
        self.context, self.sound = context, sound

    def __enter__(self):
        socket = self.context.__enter__()
        socket.send_text(START)
        assert socket.receive_json()["type"] == "ready"
        socket.send_bytes(self.sound)
        assert socket.receive_json()["type"] == "guesses"
        return socket

    def __exit__(self, *error):
        self.context.__exit__(*error)


def rest(socket):
    """The types and codes of all that comes, and the code that closes."""
    events = []
    try:
        while True:
            event = socket.receive_json()
            events.append(event.get("code", event["type"]))
    except WebSocketDisconnect as close:
        return [*events, close.code]


def test_a_listener_who_falls_silent_gets_the_end_so_far(serve):
    with hearing(serve(idle_seconds=0.05)) as socket:
        assert rest(socket) == ["end", "idle", 1008]


def test_listening_does_not_last_for_ever(serve):
    with hearing(serve(session_seconds=0.2)) as socket:
        assert rest(socket) == ["end", "too_long", 1008]


def test_silence_ends(serve):
    with hearing(serve(silence_seconds=2)) as socket:
        socket.send_bytes(bytes(RATE * 2 * 3))
        assert [e for e in rest(socket) if e != "guesses"] == ["end", "silence", 1008]


def test_a_lower_sample_rate_can_be_demanded(serve):
    with serve(sample_rate=8000).websocket_connect("/listen") as socket:
        socket.send_text(START.replace("8000", "8001"))
        assert socket.receive_json()["code"] == "unsupported_rate"
        assert closed(socket) == 1003


def test_a_smaller_message_can_be_demanded(serve):
    with hearing(serve(message_bytes=4096)) as socket:
        socket.send_bytes(bytes(4097))
        assert rest(socket) == ["too_big", 1009]


def test_a_restart_gives_everybody_an_end(serve):
    client = serve()
    with hearing(client) as one, hearing(client) as two, client.websocket_connect("/listen") as early:
        client.portal.call(client.app_state["audience"].dismiss, 5.0)
        assert rest(one) == rest(two) == ["end", 1012]
        assert rest(early) == [1012]  # nothing had begun


def test_what_is_counted(serve):
    client = serve()
    with hearing(client) as socket:
        socket.send_text("{")
        rest(socket)
    text = client.app_state["metrics"].render().decode()
    for line in ("earprint_listeners 0.0", "earprint_heard_seconds_total 0.1", 'earprint_errors_total{kind="bad_json"} 1.0'):
        assert f"\n{line}\n" in text
