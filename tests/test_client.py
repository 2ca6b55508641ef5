"""The client against a real server on a real port."""

import asyncio
import json
import select
import shutil
import socket
import threading
import time
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from served import running
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve as serve_websocket

from core.audio import AudioFile
from core.errors import EarprintError
from stream import protocol
from web import client
from web.client import UnreachableError, cut, listen, s16le, websocket_url
from web.live import LATE_SECONDS
from web.settings import Settings

SENT, SENT_BYTES = 64, 1 << 20  # messages: more than two sockets of Linux hold


@pytest.fixture(scope="module")
def url(data, tmp_path_factory):
    folder = shutil.copytree(data, tmp_path_factory.mktemp("served") / "data")
    with running(Settings(data=folder, listeners=2)) as port:
        yield f"ws://127.0.0.1:{port}/listen"


def events(url, blocks, sample_rate, **options):
    async def run():
        return [event async for event in listen(url, blocks, sample_rate, **options)]

    return asyncio.run(asyncio.wait_for(run(), 60))


def sound(path):
    with AudioFile(path) as audio:
        return [s16le(block) for block in audio.blocks()], audio.sample_rate


def kinds(heard):
    return [event["type"] for event in heard]


def test_a_file_is_recognised(url, music):
    blocks, sample_rate = sound(music[1])
    heard = events(url, blocks, sample_rate)
    assert (heard[0]["type"], heard[-1]["type"]) == ("ready", "end")
    assert heard[0]["tracks"] == len(music)
    (match,) = (event for event in heard if event["type"] == "match")
    assert match["guess"]["track"]["filename"] == music[1].name
    assert match["guess"]["track"] == heard[-1]["match"]["track"]


def test_guesses_come_at_least_every_half_second_of_sound(url, music):
    blocks, sample_rate = sound(music[0])
    heard = events(url, blocks, sample_rate)
    elapsed = [heard[0]["delay"]] + [event["elapsed"] for event in heard if event["type"] == "guesses"]
    elapsed += [heard[-1]["elapsed"]]
    assert max(later - sooner for sooner, later in pairwise(elapsed)) <= 0.5


def test_events_do_not_depend_on_how_the_sound_is_cut(url, music):
    blocks, sample_rate = sound(music[2])
    whole = b"".join(blocks)[: 2 * 8 * sample_rate]
    pieces = [whole[begin : begin + 4097] for begin in range(0, len(whole), 4097)]
    one, other = (events(url, blocks, sample_rate) for blocks in ([whole], pieces))
    lags = [event.pop("lag") for event in one + other if event["type"] == "guesses"]
    assert min(lags) >= 0
    told = [{(event["type"], event.get("elapsed")): event for event in said} for said in (one, other)]
    shared = told[0].keys() & told[1].keys()
    assert all(told[0][key] == told[1][key] for key in shared)
    assert all(type == "guesses" for type, _ in told[0].keys() ^ told[1].keys())  # a late server leaves some out
    assert max(lags) > LATE_SECONDS or told[0] == told[1]


def test_realtime_takes_as_long_as_the_sound(url):
    begin = time.monotonic()
    events(url, [bytes(2 * 8000)], 8000, realtime=True)
    assert 0.9 < time.monotonic() - begin < 3


def test_no_sound(url):
    assert kinds(events(url, [], 8000))[-1] == "end"


def test_a_client_that_sends_all_before_it_reads(url, music):
    """It blocks nobody, and misses neither match nor end."""
    blocks, sample_rate = sound(music[0])
    with connect(url, compression=None) as server:
        server.send(json.dumps({"type": "start", "sample_rate": sample_rate, "format": "s16le"}))
        for piece in cut(blocks, 2**20):
            server.send(piece)
        server.send('{"type": "stop"}')
        heard = [json.loads(text) for text in server]
        assert server.protocol.close_code == 1000
    assert {"ready", "match", "end"} <= set(kinds(heard))


class Held:
    """A recogniser that hears nothing before it may, and then says how many samples there were."""

    delay, threshold, wanted = 0.3, 40.0, 0
    may = threading.Event()

    def __init__(self, *arguments):
        self.samples = 0

    def waited(self, seconds):
        pass

    def feed(self, pcm):
        self.may.wait()
        self.samples += len(pcm)
        return []

    def finish(self):
        return [SimpleNamespace(to_json=lambda: {"type": "end", "samples": self.samples})]


def test_while_nothing_is_heard_nothing_more_is_read(url, monkeypatch):
    """The network holds a sender back, whose every byte is heard in the end. That it is a slow one could only hide a fault."""
    monkeypatch.setattr(protocol, "Recognizer", Held)
    frame = b"\x82\xff" + SENT_BYTES.to_bytes(8, "big") + bytes(4) + bytes(SENT_BYTES)  # as a client's; masked with zeros
    with connect(url, compression=None) as server:
        server.send(json.dumps({"type": "start", "sample_rate": 192_000, "format": "s16le"}))
        assert json.loads(server.recv())["type"] == "ready"
        try:
            sent = sent_until_held_back(server.socket, frame * SENT)
        finally:
            Held.may.set()
        assert sent < len(frame) * SENT
        server.socket.sendall((frame * SENT)[sent:])
        server.send('{"type": "stop"}')
        assert json.loads(server.recv()) == {"type": "end", "samples": SENT * SENT_BYTES // 2}


def sent_until_held_back(connection, data):
    """How many bytes a socket takes before it takes none for a second."""
    left = memoryview(data)
    while left and select.select([], [connection], [], 1)[1]:
        left = left[connection.send(left, socket.MSG_DONTWAIT) :]
    return len(data) - len(left)


def test_a_refusal_is_clear(url):
    with connect(url), connect(url), pytest.raises(EarprintError, match="too many are listening"):
        events(url, [bytes(1000)], 8000)


def test_an_error_is_clear(url):
    with pytest.raises(EarprintError, match=r"sample_rate must be .* not 96 .unsupported_rate"):
        events(url, [bytes(1000)], 96)


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(EarprintError, match=f"cannot connect to ws://127.0.0.1:{port}/listen"):
        events(f"ws://127.0.0.1:{port}/listen", [], 8000)


@pytest.mark.parametrize("bad", ["nonsense", "http://127.0.0.1:1/listen"])
def test_not_a_url(bad):
    with pytest.raises(EarprintError, match="cannot connect"):
        events(bad, [], 8000)


def test_not_our_server(url):
    with pytest.raises(EarprintError, match="refuses"):
        events(url.replace("/listen", "/elsewhere"), [], 8000)


def test_a_server_that_leaves():
    def leave(connection):
        connection.close(1012, "restart")

    with serve_websocket(leave, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        with pytest.raises(EarprintError, match="left before the end: restart"):
            events(f"ws://127.0.0.1:{port}/", [bytes(1000)], 8000)


def ending(code=1012, reason="the server restarts"):
    """A server that takes some sound, says that this is the end though it was not told to stop, and closes."""

    def hear(connection):
        connection.recv(), connection.recv()
        connection.send(json.dumps({"type": "end", "elapsed": 1.0, "match": None, "guesses": [], "absent": 1.0}))
        connection.close(code, reason)

    return hear


def endless():
    """A live source: there is always more."""
    while True:
        time.sleep(0.01)
        yield bytes(2 * 800)


def test_a_server_that_ends_before_the_sound_does_has_left():
    with serve_websocket(ending(), "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        with pytest.raises(UnreachableError, match="left before the end: the server restarts"):
            events(f"ws://127.0.0.1:{port}/", endless(), 8000)


def test_a_server_that_leaves_is_found_while_the_source_gives_nothing():
    silent = threading.Event()

    def source():
        yield bytes(2 * 8000)
        silent.wait()

    try:
        with serve_websocket(ending(), "127.0.0.1", 0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            with pytest.raises(UnreachableError, match="left"):
                events(f"ws://127.0.0.1:{server.socket.getsockname()[1]}/", source(), 8000)
    finally:
        silent.set()


def test_reconnecting_goes_on_where_the_sound_is(monkeypatch):
    """The second connection hears what the first did not, and its times count from the beginning of the sound."""
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)
    sessions = []

    def hear(connection):
        sessions.append(0)
        if len(sessions) == 1:
            return ending()(connection)
        for message in connection:
            if isinstance(message, bytes):
                sessions[1] += len(message)
            elif "stop" in message:
                guess = {"track": {}, "offset": 10.0, "speed": 2.0}
                end = {"type": "end", "elapsed": sessions[1] / 16_000, "match": guess, "guesses": [guess], "absent": 0.0}
                return connection.send(json.dumps(end))

    def source():
        yield bytes(16_000)
        while len(sessions) < 2:
            time.sleep(0.01)
            yield b""
        yield bytes(3 * 16_000)

    lost = []
    with serve_websocket(hear, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        (end,) = events(url, source(), 8000, on_lost=lambda error, pause: lost.append(str(error)))
    assert lost == ["the server left before the end: the server restarts"]
    assert sessions == [0, 3 * 16_000]
    assert end["elapsed"] == 4.0
    assert end["match"]["offset"] == end["guesses"][0]["offset"] == 10.0 - 2.0 * 1.0


def test_a_refusal_is_not_tried_again(url):
    with pytest.raises(EarprintError, match="unsupported_rate"):
        events(url, [bytes(1000)], 96, on_lost=lambda *_: pytest.fail("it was tried again"))


def test_channels_are_told(url, music):
    blocks, sample_rate = sound(music[1])
    stereo = [np.repeat(np.frombuffer(block, "<i2"), 2).tobytes() for block in blocks]
    heard = events(url, stereo, sample_rate, channels=2)
    assert heard[-1]["match"]["track"]["filename"] == music[1].name
    assert heard[-1]["elapsed"] == pytest.approx(sum(map(len, blocks)) / 2 / sample_rate)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://host", "ws://host/listen"),
        ("http://host:8000/", "ws://host:8000/listen"),
        ("https://host/earprint/", "wss://host/earprint/listen"),
        ("http://host/listen", "ws://host/listen"),
        ("ws://host:1", "ws://host:1/listen"),
        ("wss://host/listen", "wss://host/listen"),
        ("ws://host/elsewhere", "ws://host/elsewhere"),
        ("nonsense", "nonsense"),
    ],
)
def test_the_address_of_a_page_is_understood(given, meant):
    assert websocket_url(given) == meant


def test_a_server_that_stops_says_restart(data, tmp_path):
    folder = shutil.copytree(data, tmp_path / "data")
    with running(Settings(data=folder)) as port:
        server = connect(f"ws://127.0.0.1:{port}/listen").__enter__()
        server.send(json.dumps({"type": "start", "sample_rate": 8000, "format": "s16le"}))
        assert json.loads(server.recv())["type"] == "ready"
    with pytest.raises(Exception, match="1012"):
        server.recv(timeout=5)


def test_a_client_that_vanishes_frees_its_place(url):
    """Six vanish one after the other, where two places are."""
    for _ in range(6):
        vanish(url)
    assert kinds(patiently(lambda: events(url, [], 8000)))[-1] == "end"


def vanish(url):
    server = patiently(lambda: connect(url).__enter__())
    server.send(json.dumps({"type": "start", "sample_rate": 8000, "format": "s16le"}))
    server.recv()
    server.send(bytes(100_000))
    server.socket.shutdown(socket.SHUT_RDWR)
    server.socket.close()


def patiently(action):
    """A server needs a moment to notice that a client is gone."""
    for _ in range(100):
        try:
            return action()
        except (EarprintError, InvalidStatus):
            time.sleep(0.05)
    return action()


def test_cut():
    assert list(cut([b"abcde", b"", b"fg"], 2)) == [b"ab", b"cd", b"e", b"fg"]
