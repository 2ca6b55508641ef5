"""The corpus: which files are known, what each query is, and a library of the known ones.

Conventions
    A query set is a folder: refs.txt (files to index, a line each, below the music folder), unknown.txt (files never
    to index), manifest.csv (query, truth, cond, length, start) and q/*.wav. `truth` joins by "|" the references that
    hold the recording, and is empty for an unknown; `length` and `start` (in the track) are in seconds. The i-th query
    of a condition for unknown music (the number that ends its name) is cut from line i, modulo their number, of
    unknown.txt.
    Answers are the dictionaries of the JSON contract; tracks are known by their id in the library.
"""

import argparse
import csv
import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import decoys
from benchmarks.common import progress
from core import Index, Library
from core.params import Params

HALVES = ("tuning", "reporting")
MATERIAL = "material.npz"  # the analysed music that decoys are made of, beside the library


@dataclass(frozen=True)
class Query:
    """One line of the manifest. `source` is the track that decides its half: a track's queries stay together."""

    name: str
    truth: tuple[str, ...]
    condition: str
    length: float  # seconds
    start: float  # seconds into the track
    source: str


@dataclass(frozen=True)
class Reference:
    """A library on disk and the id of each indexed file. Two files with the same bytes are one track."""

    folder: Path
    ids: dict[str, int]

    def truth(self, files: Iterable[str]) -> frozenset[int]:
        """The ids of these files that are indexed."""
        return frozenset(self.ids[file] for file in files if file in self.ids)


# Reading a query set


def read_list(path: Path) -> list[str]:
    """The lines of refs.txt or unknown.txt."""
    return path.read_text().splitlines()


def read_queries(folder: Path) -> list[Query]:
    """All queries of the manifest, in its order."""
    unknown = read_list(folder / "unknown.txt")
    with (folder / "manifest.csv").open(newline="") as file:
        return [_query(row, unknown) for row in csv.DictReader(file)]


def _query(row: dict[str, str], unknown: Sequence[str]) -> Query:
    truth = tuple(filter(None, row["truth"].split("|")))
    number = int(Path(row["query"]).stem.rpartition("_")[2])
    source = truth[0] if truth else unknown[number % len(unknown)]
    return Query(row["query"], truth, row["cond"], float(row["length"]), float(row["start"]), source)


def same_recordings(folder: Path) -> dict[str, set[str]]:
    """Of each file that is the truth of a query: the files that hold its recording, as the manifest has them."""
    return {file: set(query.truth) for query in read_queries(folder) for file in query.truth}


def half(file: str) -> str:
    """The half this track's queries belong to: tuned on, or reported. Depends on nothing but its path."""
    return HALVES[hashlib.sha256(file.encode()).digest()[0] % len(HALVES)]


def in_half(file: str, wanted: str) -> bool:
    """Whether the track belongs to the wanted half, or all are wanted."""
    return wanted == "all" or half(file) == wanted


def is_right(guess: dict[str, Any], truth: frozenset[int]) -> bool:
    """Whether the guess names the recording: by the track itself or by a twin of it."""
    return not truth.isdisjoint({guess["track"]["id"], *(twin["id"] for twin in guess["twins"])})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every benchmark that asks a library."""
    parser.add_argument("music", type=Path, help="the folder that refs.txt and unknown.txt are about")
    parser.add_argument("queries", type=Path, help="a query set: refs.txt, unknown.txt, manifest.csv, q")
    parser.add_argument("--data", type=Path, help="keep the library here, and use it again; else it is temporary")
    parser.add_argument("--jobs", type=int, default=2, help="processes")


def add_material(parser: argparse.ArgumentParser) -> None:
    """The argument of the benchmarks that grow a library far."""
    parser.add_argument("--material", type=Path, metavar="DIR", help="further music that decoys are made of, besides the references")


# The library


@contextmanager
def library(
    music: Path,
    files: Sequence[str],
    *,
    data: Path | None = None,
    jobs: int = 2,
    decoy_hours: float = 0,
    material: Path | None = None,
    params: Params | None = None,
) -> Iterator[Reference]:
    """Index the files in `data`, or in a temporary folder, and add decoys until there are `decoy_hours` of sound.

    material: a folder of further music that decoys are made of; params: of a library that is new.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = data or Path(temporary)
        with Library(folder, params=params) as opened:
            ids = _add(opened, music, files, jobs)
            if decoy_hours:
                decoys.grow(opened.index, decoy_hours, decoys.read_material(material, folder / MATERIAL, jobs))
        yield Reference(folder, ids)


def _add(opened: Library, music: Path, files: Sequence[str], jobs: int) -> dict[str, int]:
    paths = {str(music / file): file for file in files}
    ids = {}
    for added in progress(opened.add(list(paths), jobs=jobs), len(paths)):
        if added.track is None:
            raise SystemExit(f"{added.path} cannot be indexed: {added.error}")
        ids[paths[str(added.path)]] = added.track.id
    return ids


@cache
def index(folder: Path) -> Index:
    """The library's index, opened once in each process."""
    return Index(folder / "index", readonly=True)
