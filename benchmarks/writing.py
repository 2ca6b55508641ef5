"""A program that does nothing but write into a library, as `crashes` kills it. What decoding gives is given."""

from __future__ import annotations

import math
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from core.demo import demo_track, write_audio
from core.index import Track
from core.ingest import Analysis, analyse, file_sha256
from core.library import Added, Library
from core.params import Params

RATE, SECONDS = 11_025, 3.0  # Hz and seconds of each file: small, so that writing takes much of the time
RESERVED = 1_000_000  # numbers of files for a process of its own


class Songs:
    """Files that differ, without end: a few sounds, each with a number behind its last sample."""

    def __init__(self, folder: Path) -> None:
        files = [write_audio(folder / f"{seed}.wav", demo_track(seed, SECONDS, RATE), RATE) for seed in range(8)]
        self._sounds = [path.read_bytes() for path in files]
        self.analyses = [analyse(path, Params()) for path in files]  # what decoding gives, of each sound
        self._number = count()

    def next(self) -> bytes:
        number = next(self._number)
        return self._sounds[number % len(self._sounds)] + number.to_bytes(8, "big")

    def write(self, folder: Path, number: int) -> Path:
        """The file of this number, named after it."""
        path = folder / f"{number}.wav"
        path.write_bytes(self._sounds[number % len(self._sounds)] + number.to_bytes(8, "big"))
        return path

    def skip(self) -> int:
        """A number with so many free ones behind it that no other process will take the same."""
        number = next(self._number)
        self._number = count(number + RESERVED)
        return number


def write(folder: Path, songs: Songs, first: int, seed: int) -> None:
    """Adds, uploads, removes and restores for ever, and writes into the journal what it is about to do (?) and what is done."""
    rng, numbers = random.Random(seed), count(first)
    with Library(folder / "data") as library, (folder / "journal").open("a", buffering=1) as journal:
        library.ingest = Given(songs.analyses)  # type: ignore[assignment]
        while True:
            paths = [songs.write(folder / "written", next(numbers)) for _ in range(rng.randint(1, 4))]
            done = list(library.add(paths, copy=True)) if rng.random() < 0.5 else [upload(library, path) for path in paths]
            tracks = [added.track for added in done if added.track]
            journal.write("".join(f"added {track.sha256}\n" for track in tracks))
            for track in tracks:
                if rng.random() < 0.5:
                    journal.write(f"? {track.sha256}\n")
                    library.remove(track.id)
                    journal.write(f"removed {track.sha256}\n")
                if rng.random() < 0.3 and track.sha256 in {gone.track.sha256 for gone in library.index.removed()}:
                    journal.write(f"? {track.sha256}\n")
                    library.restore(track.id)
                    journal.write(f"added {track.sha256}\n")


def upload(library: Library, path: Path) -> Added:
    """As a server does it."""
    with library.arriving() as place:
        return library.add_upload(shutil.move(path, place / path.name), path.name)


class Given:
    """Stands in for `Ingest`: what a file's decoding would give is known, but for the file's SHA-256."""

    def __init__(self, analyses: list[Analysis]) -> None:
        self._analyses = analyses

    def one(self, path: str, *, name: str, max_seconds: float) -> Analysis:
        number = int(Path(name).stem)
        return replace(self._analyses[number % len(self._analyses)], path=path, filename=name, sha256=file_sha256(path))

    def many(self, paths: list[str], *, jobs: int, known: Callable[[str], Track | None]) -> Iterator[tuple[str, Analysis | Track]]:
        return ((path, known(path) or self.one(path, name=Path(path).name, max_seconds=math.inf)) for path in paths)

    def close(self) -> None:
        pass
