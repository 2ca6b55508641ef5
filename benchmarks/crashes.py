"""Kills Earprint while it writes, again and again, and looks at what is left.

    python -m benchmarks.crashes --n 200

One library is written to by three programs, each killed (SIGKILL) at a random moment, from its very start to a second or two after its
first success:

    library     a process that calls `Library` to add, upload, remove and restore; what decoding gives is given, so that nearly all of its
                time is writing (eight kills of ten)
    add         `earprint add --copy` (one of ten)
    serve       `earprint serve`, while clients upload, delete and restore (one of ten)

Each time these must hold of what is left, or the script says what was wrong and ends with 1:

    opens       the index opens, for reading and for writing
    whole       `earprint check` finds nothing: every track's postings are those of its constellation, and its audio has its SHA-256
    kept        what was answered has happened: each file reported as added is there, each delete and each restore stands
    accounted   opened for writing once, the folder holds no file of no track: no half upload, no temporary file
    gone        the decoding processes of the killed program are gone

The library grows from trial to trial, so that merges of posting lists are interrupted, too. The moments come from a seed; where they fall
depends on the machine.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common import ROOT, print_run, progress, table
from benchmarks.writing import Songs, write
from core.library import Library

FILES = 400  # that `add` is given in a trial; it never comes to the end
EARLY = 0.2  # of the trials are killed at any moment from the start, the others after a first success
START_SECONDS, WORK_SECONDS = 3.0, 1.5  # in which the moment is chosen
PATIENCE = 60.0  # seconds for a program to start, and for its processes to end
UPLOADERS = 2  # clients at a time

FORKS = multiprocessing.get_context("forkserver")  # a process then starts with everything imported and compiled


@dataclass
class Told:
    """What a program said that it has done, by the files' SHA-256."""

    added: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    uncertain: set[str] = field(default_factory=set)  # a delete or restore that was never answered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200, help="kills (200)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print_run()
    FORKS.set_forkserver_preload(["benchmarks.warm"])
    failed = run(arguments.n, random.Random(arguments.seed))
    sys.exit(1 if failed else 0)


def run(n: int, rng: random.Random) -> list[str]:
    """Kills `n` times and prints what was found; returns what was wrong."""
    wrong: list[str] = []
    figures: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="crashes-") as name, suppress(KeyboardInterrupt):  # then what there is by then is printed
        folder, songs = Path(name), Songs(Path(name))
        (folder / "files").mkdir()
        (folder / "written").mkdir()
        for trial in progress(range(n), n):
            program = {0: add, 5: serve}.get(trial % 10, library)
            told = program(folder, songs, rng)
            wrong += [f"{trial}: {program.__name__}: {fault}" for fault in look(folder / "data", told, figures)]
            figures[f"kills: {program.__name__}"] += 1
    print(table(["", "n"], [[what, str(number)] for what, number in sorted(figures.items())]))
    print("\n".join(wrong) or "nothing was lost, nothing was left behind")
    return wrong


def add(folder: Path, songs: Songs, rng: random.Random) -> Told:
    """`earprint add --copy` of new files, killed."""
    files = {}
    for number in range(FILES):
        path = folder / "files" / f"{number}.wav"
        content = songs.next()
        path.write_bytes(content)
        files[str(path)] = hashlib.sha256(content).hexdigest()
    told = Told()
    with Program("add", "--copy", "--jobs", "1", "--json", "--data", str(folder / "data"), str(folder / "files")) as program:
        lines = program.lines_until_killed(rng)
        told.added = {files[said["path"]] for said in map(json.loads, lines) if said["status"] == "added"}
    return told


def library(folder: Path, songs: Songs, rng: random.Random) -> Told:
    """A process that does nothing but write, killed."""
    journal = folder / "journal"
    journal.write_bytes(b"")
    process = FORKS.Process(target=write, args=(folder, songs, songs.skip(), rng.randrange(1 << 30)), daemon=True)
    process.start()
    if rng.random() >= EARLY:
        deadline = time.monotonic() + PATIENCE
        while not journal.stat().st_size and time.monotonic() < deadline:
            time.sleep(0.01)
    time.sleep(rng.uniform(0, WORK_SECONDS))
    process.kill()
    process.join()
    return told_in(journal.read_text())


def told_in(journal: str) -> Told:
    """The last word on each file."""
    last = {line.split()[1]: line.split()[0] for line in journal.splitlines(keepends=True) if line.endswith("\n")}
    by_word = {word: {sha256 for sha256, said in last.items() if said == word} for word in ("added", "removed", "?")}
    return Told(by_word["added"], by_word["removed"], by_word["?"])


def serve(folder: Path, songs: Songs, rng: random.Random) -> Told:
    """`earprint serve` while clients upload, delete and restore, killed."""
    told = Told()
    with Program("serve", "--port", "0", "--json", "--data", str(folder / "data")) as program:
        if rng.random() < EARLY:
            time.sleep(rng.uniform(0, START_SECONDS))
            program.kill()
            return told
        address = json.loads(program.process.stdout.readline())["url"].removeprefix("http://")  # type: ignore[union-attr]
        success = threading.Event()
        seed = rng.randrange(1 << 30)
        clients = [threading.Thread(target=uploads, args=(address, songs, told, success)) for _ in range(UPLOADERS)]
        clients += [threading.Thread(target=changes, args=(address, told, random.Random(seed)))]
        for client in clients:
            client.start()
        success.wait(PATIENCE)
        time.sleep(rng.uniform(0, WORK_SECONDS))
        program.kill()
        for client in clients:
            client.join()
    return told


def uploads(address: str, songs: Songs, told: Told, success: threading.Event) -> None:
    """Sends one file after the other, until there is no answer."""
    while True:
        content = songs.next()
        answer = asked(address, "POST", "/upload", content)
        if answer is None:
            return
        if json.loads(answer)["added"]:
            told.added.add(hashlib.sha256(content).hexdigest())
            success.set()


def changes(address: str, told: Told, rng: random.Random) -> None:
    """Deletes tracks and restores some of them, until there is no answer."""
    with_sums = Sums(address)
    while (pair := with_sums.some(rng)) is not None:
        number, sha256 = pair
        told.uncertain.add(sha256)
        if asked(address, "DELETE", f"/tracks/{number}") is None:
            return
        if rng.random() < 0.5:
            told.removed.add(sha256)
        elif asked(address, "POST", f"/tracks/{number}/restore") is None:
            return
        else:
            told.added.add(sha256)
        told.uncertain.discard(sha256)


class Sums:
    """Tracks of the server, with the SHA-256 of the file that each was made from: what it serves as the track's audio."""

    def __init__(self, address: str) -> None:
        self._address = address

    def some(self, rng: random.Random) -> tuple[int, str] | None:
        """None when the server no longer answers."""
        while (listed := asked(self._address, "GET", "/tracks?limit=200")) is not None:
            tracks = json.loads(listed)["tracks"]
            if tracks:
                number = rng.choice(tracks)["id"]
                sound = asked(self._address, "GET", f"/tracks/{number}/audio")
                return None if sound is None else (number, hashlib.sha256(sound).hexdigest())
            time.sleep(0.05)
        return None


def asked(address: str, method: str, path: str, file: bytes | None = None) -> bytes | None:
    """The body of the answer; None when the server was killed."""
    body, headers = None, {}
    if file is not None:
        body = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="song.wav"\r\n\r\n' + file + b"\r\n--xyz--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=xyz"}
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if answer.status >= 400:
        raise RuntimeError(f"{method} {path}: {answer.status} {content.decode()}")
    return content


class Program:
    """An `earprint` that will be killed, as a context manager that then waits for its decoding processes."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "earprint", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._children: list[int] = []

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.process.communicate()
        deadline = time.monotonic() + PATIENCE
        while alive := [pid for pid in self._children if Path(f"/proc/{pid}/cmdline").exists() and is_ours(pid)]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"processes {alive} outlive the program that started them")
            time.sleep(0.02)

    def kill(self) -> None:
        if self.process.poll() is None:
            self._children = children(self.process.pid)
            self.process.kill()

    def lines_until_killed(self, rng: random.Random) -> Iterator[str]:
        """What it prints, up to a random moment at which it is killed."""
        assert self.process.stdout is not None
        if rng.random() < EARLY:
            time.sleep(rng.uniform(0, START_SECONDS))
        else:
            yield self.process.stdout.readline()
            time.sleep(rng.uniform(0, WORK_SECONDS))
        self.kill()
        yield from (line for line in self.process.stdout if line.endswith("\n"))


def children(pid: int) -> list[int]:
    """The processes that a process has started (Linux)."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found += map(int, (task / "children").read_text().split())
    return found


def is_ours(pid: int) -> bool:
    """Whether the process is still the one we knew, not another one that got its number, and is more than a table entry."""
    try:
        return b"multiprocessing" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def look(data: Path, told: Told, figures: Counter[str]) -> Iterator[str]:
    """What is wrong with what a killed program left."""
    if not (data / "index" / "data.mdb").exists():
        figures["killed before there was an index"] += 1
        return
    with Library(data) as library:
        yield from (f"check: {problem}" for problem in library.check())
        yield from (f"left behind: {path}" for path in library.orphans())
        listed = {track.sha256: track for track in library.index.tracks(limit=None).tracks}
        restorable = {gone.track.sha256 for gone in library.index.removed()}
        certain = told.added - told.removed - told.uncertain
        yield from (f"reported as added, and not there: {sha256}" for sha256 in certain - listed.keys())
        removed = told.removed - told.added - told.uncertain
        yield from (f"reported as deleted, and still there: {sha256}" for sha256 in removed & listed.keys())
        kept = {path.name[:64] for path in library.uploads.iterdir()} if library.uploads.is_dir() else set()
        yield from (f"a file of no track: {sha256}" for sha256 in kept - listed.keys() - restorable)
        yield from (f"a track without its file: {sha256}" for sha256 in (listed.keys() | restorable) - kept)
        figures["answers that had to hold"] += len(certain) + len(removed)
        figures["tracks in the end"] = len(listed)
        figures["postings in the end"] = int(library.index.stats()["postings"])


if __name__ == "__main__":
    main()
