"""Tells servers to stop while they are at work, and measures how long it takes until they are gone.

    python -m benchmarks.stops                                  # 20 servers of 2 workers, 10 listeners, a file that is being decoded
    python -m benchmarks.stops --n 5 --workers 1 --listeners 50

Each server gets SIGTERM at a random moment while the listeners send music in real time. Findings, after which the script ends with 1: one
that needs more than five seconds, or ends with an error; a listener without its `end` and close code 1012; a process that is left; an error
in the log; a file of no track that the next start leaves.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.common import print_run, progress, table
from benchmarks.fuzz import bugs
from benchmarks.listening import Server, running
from benchmarks.load import UNLIMITED, family
from benchmarks.soak import ask
from core.demo import demo_track, write_audio, write_demo
from core.library import Library
from web.client import s16le

STOPS, WORKERS, LISTENERS = 20, 2, 10
PROMISED_SECONDS = 5.0
PATIENCE = 60.0  # seconds
HEARD_SECONDS = (1.0, 4.0)  # before it is told to stop
RATE, MESSAGE_SECONDS = 11_025, 0.1  # Hz
TRACKS, TRACK_SECONDS = 4, 15.0
GIVEN_UP = "timeout graceful shutdown exceeded"  # what uvicorn says of the file that is being decoded
LONG_SECONDS = 3_600.0  # of the file that is being decoded


@dataclass
class Figures:
    """Of all stops. seconds: until each server was gone; farewells: what listeners heard in the end."""

    seconds: list[float] = field(default_factory=list)
    farewells: Counter[str] = field(default_factory=Counter)
    uploads: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=STOPS, help="servers")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--listeners", type=int, default=LISTENERS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print_run()
    with tempfile.TemporaryDirectory(prefix="stops-") as folder:
        figures = run(args.n, args.workers, args.listeners, Path(folder), random.Random(args.seed))
    print(table(["", "n"], rows(figures)))
    print("\n".join(figures.findings) or "nothing found")
    sys.exit(1 if figures.findings else 0)


def rows(figures: Figures) -> list[list[str]]:
    median, most = np.quantile(figures.seconds, [0.5, 1.0])
    counted = [[f"listeners: {what}", str(n)] for what, n in sorted(figures.farewells.items())]
    counted += [[f"the file that was being decoded: {what}", str(n)] for what, n in sorted(figures.uploads.items())]
    return [["servers", str(len(figures.seconds))], ["gone after, s: median", f"{median:.2f}"], ["longest", f"{most:.2f}"], *counted]


def run(n: int, workers: int, listeners: int, folder: Path, rng: random.Random) -> Figures:
    """folder: an empty one."""
    figures, data = Figures(), folder / "data"
    with Library(data) as library:
        list(library.add(write_demo(folder / "music", TRACKS, TRACK_SECONDS), copy=True))
    clip = s16le(demo_track(0, TRACK_SECONDS, RATE))
    for number in progress(range(n), n):
        pcm = np.tile(demo_track(number + TRACKS, TRACK_SECONDS, RATE), round(LONG_SECONDS / TRACK_SECONDS))
        long = write_audio(folder / "long.wav", pcm, RATE)
        with running(data, "--workers", str(workers), log=folder / "log", **UNLIMITED) as server:
            stopped = asyncio.run(stop(server, listeners, clip, long.read_bytes(), rng.uniform(*HEARD_SECONDS), figures))
        said = [bug for bug in bugs(folder / "log") if GIVEN_UP not in bug]
        figures.findings += [f"{number}: {finding}" for finding in [*stopped, *said, *left(data)]]
    return figures


async def stop(server: Server, listeners: int, clip: bytes, file: bytes, after: float, figures: Figures) -> list[str]:
    """One server; returns what was wrong."""
    present = [await connect(server.url, compression=None, ping_timeout=None) for _ in range(listeners)]
    listening = [asyncio.create_task(listen(connection, clip)) for connection in present]
    sending = asyncio.create_task(asyncio.to_thread(upload, server, file))
    await asyncio.sleep(after)
    processes, begin = list(family(server.process.pid)), time.monotonic()
    server.process.terminate()
    code = await asyncio.to_thread(server.process.wait, PATIENCE)
    seconds = time.monotonic() - begin
    farewells = Counter(await asyncio.gather(*listening))
    figures.seconds.append(seconds)
    figures.farewells += farewells
    figures.uploads[await sending] += 1
    wrong = [f"it took {seconds:.1f} s"] if seconds > PROMISED_SECONDS else []
    wrong += [f"it ended with {code}"] if code else []
    wrong += [f"{n} listeners: {farewell}" for farewell, n in farewells.items() if farewell != "end, 1012"]
    return wrong + [f"process {process} is left" for process in processes if await outlives(process)]


async def listen(server: ClientConnection, clip: bytes) -> str:
    """Sends in real time until the connection is closed: the last message's type, and the close code."""
    hearing = asyncio.create_task(hear(server))
    size, number = 2 * round(RATE * MESSAGE_SECONDS), 0
    with suppress(ConnectionClosed):
        await server.send(json.dumps({"type": "start", "sample_rate": RATE, "format": "s16le"}))
        while not hearing.done():
            await server.send(clip[number * size % len(clip) :][:size])
            number += 1
            await asyncio.sleep(MESSAGE_SECONDS)
    last = await asyncio.wait_for(hearing, PATIENCE)
    return f"{last}, {server.close_code}"


async def hear(server: ClientConnection) -> str:
    last = "nothing"
    with suppress(ConnectionClosed):
        async for text in server:
            last = json.loads(text)["type"]
    return last


def upload(server: Server, file: bytes) -> str:
    try:
        status, _ = ask(f"127.0.0.1:{server.port}", "POST", "/upload", file)
    except OSError:
        return "cut off"
    return str(status)


async def outlives(process: int) -> bool:
    """Whether a process is still there, a moment after the one that started it."""
    await asyncio.sleep(0.1)
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def left(data: Path) -> Sequence[str]:
    """What a start leaves that belongs to no track."""
    with Library(data) as library:
        return [f"a file of no track: {path}" for path in library.orphans()]


if __name__ == "__main__":
    main()
