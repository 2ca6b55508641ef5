"""Listeners that come and go for an hour, with uploads and deletes beside them, and what is left of it in the server.

    python -m benchmarks.soak                                   # an hour of 50 listeners
    python -m benchmarks.soak --minutes 5 --listeners 10

Listeners send music in real time for some seconds, and leave: most with `stop`, some in the middle of a word. Meanwhile files are added and
identified, and tracks deleted and restored, one after the other. The load runs twice, with nobody there in between: first for a fifth of
the time, which fills all caches; then for the rest. What is compared is the server at rest, after the first and after the second:

    memory      resident, that is its own (not the index), of all its processes        may grow by a fifth and 20 MB
    handles     open files and connections, of all its processes                        by 8
    readers     slots of LMDB's table of readers, of all processes                      by 4
    spare       bytes of the index beyond those of a compact copy of it                 to as many again, and 16 MB

Each of these is sampled and printed all the time. Other findings: answers of 5xx but 503 and 507, a listener that is told of an error or
gets no `end`, an error in the server's log. With a finding the script ends with 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from benchmarks import calls
from benchmarks.calls import EXPECTED
from benchmarks.common import print_run, table
from benchmarks.fuzz import bugs
from benchmarks.listening import Server, running
from benchmarks.load import UNLIMITED, family, own_bytes
from benchmarks.writing import Songs
from core.demo import demo_track, write_demo
from core.library import Library
from core.storage import Storage
from web.client import s16le

MINUTES, LISTENERS = 60.0, 50
WARM_SHARE = 0.2  # of the time
SAMPLES = 12  # that are printed
REST_SECONDS = 5.0  # after the last has left
STAY_SECONDS = (2.0, 40.0)  # of a listener
RUDE_SHARE = 0.2  # of the listeners leave without a word
MESSAGE_SECONDS = 0.1
RATE = 11_025  # Hz
TRACKS, TRACK_SECONDS = 4, 15.0
PAUSE_SECONDS = 0.5  # between changes of the library
END_SECONDS = 30.0  # in which `end` has to come
MB = 1_000_000
MEMORY_SHARE, MEMORY_BYTES, HANDLES, READERS, SPARE_BYTES = 0.2, 20 * MB, 8, 4, 16 * MB  # growth that is none


@dataclass(frozen=True)
class Sample:
    """What a server holds at a moment."""

    second: float
    memory: int  # bytes
    handles: int
    readers: int
    index: int  # bytes
    spare: int  # bytes

    def row(self, when: str) -> list[str]:
        sizes = [f"{size / MB:.1f}" for size in (self.memory, self.index, self.spare)]
        return [when, f"{self.second:.0f}", sizes[0], str(self.handles), str(self.readers), *sizes[1:]]


HEAD = ["", "s", "memory, MB", "handles", "readers", "index, MB", "spare, MB"]


def lined(cells: list[str]) -> str:
    """A line of the table of samples."""
    return "| " + " | ".join(cell.rjust(len(name) or len("at rest")) for cell, name in zip(cells, HEAD, strict=True)) + " |"


@dataclass
class Soak:
    """One run. done: what was counted; findings: what went wrong."""

    server: Server
    data: Path
    songs: Songs
    clips: list[bytes]  # that listeners send
    rng: random.Random
    begin: float = field(default_factory=time.monotonic)
    done: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)

    def sample(self, when: str) -> Sample:
        """Measures, and prints it: a run that is interrupted has said what it saw."""
        processes = list(family(self.server.process.pid))
        handles = sum(1 for process in processes for _ in Path(f"/proc/{process}/fd").iterdir())
        index, spare, readers = size_of(self.data / "index")
        taken = Sample(time.monotonic() - self.begin, own_bytes(self.server.process.pid), handles, readers, index, spare)
        print(lined(taken.row(when)), flush=True)
        return taken

    def load(self, seconds: float, listeners: int) -> None:
        """Listeners and changes, for so long, with samples in between."""
        until = time.monotonic() + seconds
        with ThreadPoolExecutor(2) as pool:
            crowd = pool.submit(asyncio.run, self._crowd(until, listeners))
            changes = pool.submit(self._change, until)
            for _ in range(SAMPLES):
                time.sleep(seconds / SAMPLES)
                self.sample("busy")
            crowd.result()
            changes.result()

    async def _crowd(self, until: float, listeners: int) -> None:
        await asyncio.gather(*(self._place(until, random.Random(self.rng.random())) for _ in range(listeners)))

    async def _place(self, until: float, rng: random.Random) -> None:
        """One listener after the other."""
        await asyncio.sleep(rng.uniform(0, MESSAGE_SECONDS))
        while (now := time.monotonic()) < until:
            try:
                await self._listen(rng.choice(self.clips), min(rng.uniform(*STAY_SECONDS), until - now), rude=rng.random() < RUDE_SHARE)
            except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError) as error:
                self.findings[f"a listener: {type(error).__name__}: {error}"] += 1
                await asyncio.sleep(1.0)

    async def _listen(self, clip: bytes, seconds: float, *, rude: bool) -> None:
        size = 2 * round(RATE * MESSAGE_SECONDS)
        url, begin = self.server.url, time.monotonic()
        server = await connect(url, compression=None, ping_timeout=None)
        try:
            hearing = asyncio.create_task(self._hear(server))
            await server.send(json.dumps({"type": "start", "sample_rate": RATE, "format": "s16le"}))
            for number in range(int(seconds / MESSAGE_SECONDS)):
                await server.send(clip[number * size % len(clip) :][:size])
                await asyncio.sleep(max(0.0, begin + (number + 1) * MESSAGE_SECONDS - time.monotonic()))
            if rude:
                hearing.cancel()
                server.transport.abort()
            else:
                await server.send('{"type": "stop"}')
                await asyncio.wait_for(hearing, END_SECONDS)
        finally:
            await server.close()
        self.done["listeners that left without a word" if rude else "listeners that got their end"] += 1

    async def _hear(self, server: ClientConnection) -> None:
        async for text in server:
            kind = json.loads(text)["type"]
            self.done["matches"] += kind == "match"
            if kind == "error":
                self.findings[f"a listener was told {text!r}"] += 1
            if kind == "end":
                return
        self.findings["a listener got no end"] += 1

    def _change(self, until: float) -> None:
        """Uploads, files to identify, deletes, restores."""
        mine: list[int] = []
        while time.monotonic() < until:
            added = json.loads(self._ask("POST", "/upload", self.songs.next()) or "{}").get("added", [])
            mine += [track["id"] for track in added]
            self._ask("POST", "/predict", self.songs.next())
            if len(mine) > 4:
                gone = mine.pop(self.rng.randrange(len(mine)))
                self._ask("DELETE", f"/tracks/{gone}")
                if self.rng.random() < 0.3:
                    self._ask("POST", f"/tracks/{gone}/restore")
            self._ask("GET", "/tracks?search=song")
            time.sleep(PAUSE_SECONDS)

    def _ask(self, method: str, path: str, file: bytes | None = None) -> bytes:
        try:
            status, answer = ask(f"127.0.0.1:{self.server.port}", method, path, file)
        except OSError as error:
            self.findings[f"{method} {path}: {type(error).__name__}: {error}"] += 1
            return b""
        self.done[f"{method} {re.sub(r'[0-9]+', '{id}', path.partition('?')[0])}: {status}"] += 1
        if status >= 500 and status not in EXPECTED:
            self.findings[f"{method} {path}: {status}"] += 1
        return answer


def ask(address: str, method: str, path: str, file: bytes | None) -> tuple[int, bytes]:
    """(status, body)."""
    body = None
    if file is not None:
        body = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="song.wav"\r\n\r\n' + file + b"\r\n--xyz--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=xyz"} if body else {}
    status, _, answer = calls.ask(address, calls.Call(method, path, path, headers, body))
    return status, answer


def size_of(index: Path) -> tuple[int, int, int]:
    """(bytes of the index, bytes beyond those of a compact copy, readers)."""
    storage = Storage(index, (), readonly=True)
    try:
        with tempfile.TemporaryDirectory(prefix="compact-") as copy:
            storage.copy(Path(copy))
            compact = (Path(copy) / "data.mdb").stat().st_size
        readers = [line for line in storage.env.readers().splitlines() if line.strip()[:1].isdigit()]
        return storage.bytes, storage.bytes - compact, len(readers)
    finally:
        storage.close()


def growth(before: Sample, after: Sample) -> list[str]:
    """What has grown more than it may, at rest."""
    limits = {
        "memory": before.memory * (1 + MEMORY_SHARE) + MEMORY_BYTES,
        "handles": before.handles + HANDLES,
        "readers": before.readers + READERS,
        "spare": after.index - after.spare + SPARE_BYTES,
    }
    grown = [what for what, most in limits.items() if getattr(after, what) > most]
    return [f"{what} grew to {getattr(after, what)}, from {getattr(before, what)}" for what in grown]


def run(minutes: float, listeners: int, seed: int, folder: Path, workers: int) -> list[str]:
    """Soaks a server, prints what was measured, and returns the findings. folder: an empty one; workers: processes of the server."""
    log = folder / "log"
    with Library(folder / "data") as library:
        list(library.add(write_demo(folder / "music", TRACKS, TRACK_SECONDS), copy=True))
    clips = [s16le(demo_track(seed, TRACK_SECONDS, RATE)) for seed in range(2 * TRACKS)]  # half of them unknown
    songs = Songs(folder)
    with running(folder / "data", "--workers", str(workers), log=log, **UNLIMITED) as server:
        soak = Soak(server, folder / "data", songs, clips, random.Random(seed))
        print(lined(HEAD) + "\n" + lined(["-" * 3] * len(HEAD)), flush=True)
        soak.load(minutes * 60 * WARM_SHARE, listeners)
        time.sleep(REST_SECONDS)
        before = soak.sample("at rest")
        soak.load(minutes * 60 * (1 - WARM_SHARE), listeners)
        time.sleep(REST_SECONDS)
        after = soak.sample("at rest")
    findings = [f"{finding} ({times} times)" for finding, times in soak.findings.items()]
    findings += [*growth(before, after), *(f"in the server's log: {bug}" for bug in bugs(log))]
    print("\n" + table(["", "n"], [[what, str(n)] for what, n in sorted(soak.done.items())]))
    print("\n".join(findings) or "nothing found")
    return findings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--listeners", type=int, default=LISTENERS, help="at a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of the server")
    args = parser.parse_args()
    print_run()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        findings = run(args.minutes, args.listeners, args.seed, Path(folder), args.workers)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
