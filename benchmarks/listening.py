"""Listen as a client does: sound in blocks of 50 ms, events back, from the engine itself or over a server's WebSocket.

Conventions
    Events are the dictionaries of the WebSocket protocol; `elapsed` is the seconds of sound that had to be heard.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT
from benchmarks.noises import SAMPLE_RATE, Sound
from core import Index
from stream import Recognizer
from web import client

BLOCK_SECONDS = 0.05
START_SECONDS = 60.0  # a server may take to be ready
POLL_SECONDS = 0.05
Event = dict[str, Any]


def blocks(pcm: Sound) -> Iterator[Sound]:
    """The sound as a microphone gives it."""
    step = int(BLOCK_SECONDS * SAMPLE_RATE)
    return (pcm[start : start + step] for start in range(0, len(pcm), step))


def listen(index: Index, sounds: Iterable[Sound]) -> Iterator[Event]:
    """The engine's events while it hears one sound after the other as one stream."""
    recognizer = Recognizer(index, SAMPLE_RATE)
    for pcm in sounds:
        for block in blocks(pcm):
            yield from (event.to_json() for event in recognizer.feed(block))
    yield from (event.to_json() for event in recognizer.finish())


# Over a server


def listen_over(url: str, pcm: Sound) -> list[Event]:
    """A server's events, sent as fast as it takes the sound."""
    return asyncio.run(_listen_over(url, pcm))


async def _listen_over(url: str, pcm: Sound) -> list[Event]:
    return [event async for event in client.listen(url, map(client.s16le, blocks(pcm)), SAMPLE_RATE)]


@dataclass(frozen=True)
class Server:
    """A running server. start_seconds: until it answered /health."""

    port: int
    process: subprocess.Popen[bytes]
    start_seconds: float

    @property
    def url(self) -> str:
        """Where to listen."""
        return f"ws://127.0.0.1:{self.port}/listen"


@contextmanager
def running(folder: Path, *options: str, log: Path = Path(os.devnull), **settings: str) -> Iterator[Server]:
    """A server of this library on this machine, in a process of its own, that is ready. settings: environment variables."""
    port = _free_port()
    command = [sys.executable, "-m", "earprint", "serve", "--data", str(folder.resolve()), "--port", str(port), *options]
    begin = time.perf_counter()
    with log.open("wb") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors, env=os.environ | settings)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/health", process)
        seconds = time.perf_counter() - begin
        _wait_until_ready(f"http://127.0.0.1:{port}/health/ready", process)
        yield Server(port, process, seconds)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The URL at which such a server listens."""
    with running(folder) as it:
        yield it.url


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(int(START_SECONDS / POLL_SECONDS)):
        try:
            urllib.request.urlopen(url).close()
            return
        except OSError:  # refused, or not ready yet
            if process.poll() is not None:
                break
            time.sleep(POLL_SECONDS)
    raise SystemExit("the server did not start: try `earprint serve` to see why")


def is_claim(event: Event) -> bool:
    return bool(event["type"] == "match")
