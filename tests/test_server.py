"""Real processes: how they share a library and a port, and how they end."""

import asyncio
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from core import Library
from core.demo import demo_track, write_audio, write_demo
from web.headers import HEADERS
from web.server import _settle
from web.serving import MESSAGE_SPARE

PROGRAM = Path(sys.executable).with_name("earprint")
PATIENCE = 120  # seconds, on a busy machine that compiles everything for the first time
EXIT_SECONDS = 5.0  # that a server may take to end, as promised
BUSY_SECONDS = 10.0  # more, where other programs keep all cores busy; `benchmarks.stops` measures it where they do not
RATE, HEARD_SECONDS = 8000, 2
START = json.dumps({"type": "start", "sample_rate": RATE, "format": "s16le"})
WORKERS = 2
TOKEN = "correct-horse-battery"
CLOSE = {"connection": "close"}  # a connection for each request, to meet all workers


@pytest.fixture
def folder(data, tmp_path):
    return shutil.copytree(data, tmp_path / "data")


@contextmanager
def served(folder, *arguments, **environment):
    """(process, client) of a server that is ready."""
    command = [PROGRAM, "serve", "--port", "0", "--json", "--data", str(folder), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | environment) as server:
        try:
            with httpx2.Client(base_url=json.loads(server.stdout.readline())["url"], timeout=PATIENCE) as client:
                wait_for(lambda: client.get("/health/ready", headers=CLOSE).status_code == 200)
                yield server, client
        finally:
            server.kill()


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def ended(server):
    """Seconds that a server takes to end when it is told to; it has nothing to complain of."""
    begin = time.monotonic()
    server.send_signal(signal.SIGTERM)
    _, errors = server.communicate(timeout=PATIENCE)
    assert errors.decode() == ""
    return time.monotonic() - begin


def connected(client):
    return connect(str(client.base_url).replace("http", "ws").rstrip("/") + "/listen", compression=None)


@contextmanager
def listener(client):
    """Somebody who has been heard for a while, and has been answered."""
    with connected(client) as socket:
        socket.send(START)
        socket.send(np.full(RATE * HEARD_SECONDS, 1000, "<i2").tobytes())
        while json.loads(socket.recv(timeout=PATIENCE))["type"] != "guesses":
            pass
        yield socket


def last_words(socket):
    """The type of the last message, and the code that closes."""
    last = None
    try:
        while True:
            last = json.loads(socket.recv(timeout=PATIENCE))["type"]
    except ConnectionClosed as closed:
        return last, closed.rcvd and closed.rcvd.code


def upload(client, path):
    with path.open("rb") as file:
        return client.post("/upload", files={"file": (path.name, file)}, headers=CLOSE)


def measured(client):
    families = text_string_to_metric_families(client.get("/metrics", headers=CLOSE).text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


@pytest.fixture(scope="module")
def long_sound(tmp_path_factory):
    """Half an hour: analysing it takes longer than a server may take to end."""
    pcm = np.tile(demo_track(5, 10, RATE), 180)
    return write_audio(tmp_path_factory.mktemp("long") / "long.wav", pcm, RATE)


def test_told_to_stop_it_says_good_bye_and_takes_back_what_is_being_added(folder, long_sound, music):
    with served(folder) as (server, client), listener(client) as socket, ThreadPoolExecutor() as threads:
        sending = threads.submit(upload, client, long_sound)
        wait_for(lambda: any(path.stat().st_size == long_sound.stat().st_size for path in folder.rglob("long.wav")))
        assert not sending.done()
        begin = time.monotonic()
        server.send_signal(signal.SIGTERM)
        assert last_words(socket) == ("end", 1012)
        server.wait(PATIENCE)
        assert time.monotonic() - begin < EXIT_SECONDS + BUSY_SECONDS
        assert sending.result().status_code == 503
        assert sending.result().json()["error"]["code"] == "stopping"
        assert {name: sending.result().headers.get_list(name) for name in HEADERS} == {name: [value] for name, value in HEADERS.items()}
    with Library(folder) as library:
        assert library.index.count() == len(music)
        assert not list(folder.rglob("long.wav"))


def test_workers_share_a_library_and_a_port(folder, tmp_path, music):
    (song,) = write_demo(tmp_path, 7, 6)[6:]
    with served(folder, "--workers", str(WORKERS)) as (server, client), ExitStack() as stack:
        assert len(upload(client, song).json()["added"]) == 1
        for _ in range(20):  # connections are spread by chance: each worker has met some of these
            assert client.get("/tracks", headers=CLOSE).json()["total"] == len(music) + 1

        sockets = [stack.enter_context(listener(client)) for _ in range(12)]
        wait_for(lambda: measured(client)[("earprint_heard_seconds_total",)] == 12 * HEARD_SECONDS)
        before = measured(client)
        assert before[("earprint_listeners",)] == 12
        assert before[("earprint_uploads_total", "added")] == 1
        assert before[("earprint_tracks",)] == len(music) + 1

        os.kill(a_worker(server), signal.SIGKILL)
        wait_for(lambda: len(workers(server)) == WORKERS)
        for _ in range(20):
            assert client.get("/health", headers=CLOSE).status_code == 200
        after = measured(client)
        assert after[("earprint_heard_seconds_total",)] == 12 * HEARD_SECONDS
        left = after[("earprint_listeners",)]
        assert 0 < left < 12

        assert ended(server) < EXIT_SECONDS + BUSY_SECONDS
        farewells = [last_words(socket) for socket in sockets]
        assert farewells.count(("end", 1012)) == left
        assert server.returncode == 0


def test_what_the_websocket_library_refuses_is_closed_without_a_word_also_in_the_log(folder):
    with served(folder) as (server, client):
        with connected(client) as socket:
            socket.send(b"\xff", text=True)
            assert last_words(socket) == (None, 1007)
        with connected(client) as socket:
            socket.socket.sendall(binary_head(2**20 + MESSAGE_SPARE + 1))  # no more is needed: the rest would not be read
            assert last_words(socket) == (None, 1009)
        with connected(client) as socket:
            socket.send(bytes(2**20 + MESSAGE_SPARE))
            assert last_words(socket) == ("error", 1009)
        ended(server)


def binary_head(size):
    """What a client's frame of so many bytes begins with: whole, binary, its length in eight bytes, its mask."""
    return b"\x82\xff" + size.to_bytes(8, "big") + bytes(4)


def test_workers_do_not_outlive_their_parent(folder):
    with served(folder, "--workers", str(WORKERS)) as (server, _):
        children = workers(server)
        server.kill()
        wait_for(lambda: not any(map(alive, children)))


def test_those_who_decode_do_not_know_the_token(folder, music):
    with served(folder, "--workers", str(WORKERS), EARPRINT_TOKEN=TOKEN) as (server, client), music[0].open("rb") as file:
        assert client.post("/tracks/1/restore").status_code == 401
        assert client.post("/predict", files={"file": (music[0].name, file)}).json()["match"]
        decoders = [pid for worker in workers(server) for pid in spawned(worker)]
        assert decoders
        for pid in (*workers(server), *decoders):
            assert TOKEN.encode() not in Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()


def workers(server):
    """The processes of its workers that live."""
    return spawned(server.pid)


def spawned(pid):
    children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def a_worker(server):
    return workers(server)[0]


def alive(pid):
    """A process that has ended may be kept as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_once_warm_the_garbage_collector_leaves_alone_what_is_there():
    async def run():
        warm = asyncio.Event()
        settling = asyncio.create_task(_settle(warm))
        await asyncio.sleep(0)
        assert gc.get_freeze_count() == 0
        warm.set()
        await settling

    try:
        asyncio.run(run())
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()
