"""How cost and accuracy grow with the library: python -m benchmarks.scale MUSIC QUERIES --plot docs/scale.svg

Conventions
    A library of some real tracks is grown with decoys (see decoys.py), tenfold at a time, and asked the same queries of 5 s
    each time: clips of the real tracks in all conditions of the query set. Times are CPU milliseconds of one process, with
    the index in memory. Asking has a process of its own.

Metrics, for each size
    add        to add one more track: median, and the mean, which has its share of the merging that it causes
    look-ups   all that one query needs: median and 95 %
    query      from PCM to the answer, look-ups included: median and 95 %
    own        resident memory of the asking process that is its own, MB; mapped: that of the index, which the system can take back
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks import common, corpus, decoys, plot
from benchmarks.common import number, share
from benchmarks.noises import Sound
from core import Index
from stream import recognize

SIZES = (10**6, 10**7, 10**8)  # postings
QUERY_SECONDS = 5.0
BATCH = 16  # tracks a transaction while growing
ADDED = 12  # tracks, one at a time
WARM_UP = 3  # queries
SECONDS_PER_HOUR = 3600
MB = 1e6


@dataclass(frozen=True)
class Task:
    """Queries for an index: the path and the true track ids of each."""

    index: Path
    queries: list[tuple[Path, frozenset[int]]]


@dataclass(frozen=True)
class Asked:
    """What asking took, milliseconds a query, and brought; memory in bytes."""

    lookups: list[float]
    queries: list[float]
    top: int
    accepted: int
    own: int
    mapped: int


@dataclass(frozen=True)
class Size:
    """A library and what it costs. adds: milliseconds a track."""

    stats: dict[str, float]
    adds: list[float]
    asked: Asked


class TimedIndex(Index):
    """An index that knows how long its look-ups took."""

    lookup_seconds = 0.0

    def __enter__(self) -> "TimedIndex":
        return self

    def lookup(self, *args: Any, **options: Any) -> Any:
        hits, milliseconds = timed(lambda: super(TimedIndex, self).lookup(*args, **options))
        self.lookup_seconds += milliseconds / 1000
        return hits


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work returns, and the CPU milliseconds of this process that it took."""
    started = time.process_time()
    result = work()
    return result, 1000 * (time.process_time() - started)


# Asking, in a process of its own


def ask(task: Task) -> Asked:
    with TimedIndex(task.index, readonly=True) as index:
        for path, _ in task.queries[:WARM_UP]:
            recognize(index, *read(path))
        lookups, queries, top, accepted = zip(*(_ask(index, path, truth) for path, truth in task.queries), strict=True)
    return Asked(list(lookups), list(queries), sum(top), sum(accepted), *memory())


def _ask(index: TimedIndex, path: Path, truth: frozenset[int]) -> tuple[float, float, bool, bool]:
    """(milliseconds of look-ups, of the query, whether the best guess is right, whether the match is)"""
    pcm, rate = read(path)
    index.lookup_seconds = 0.0
    answer, milliseconds = timed(lambda: recognize(index, pcm, rate))
    said = answer.to_json()
    top = bool(said["guesses"]) and corpus.is_right(said["guesses"][0], truth)
    accepted = said["match"] is not None and corpus.is_right(said["match"], truth)
    return 1000 * index.lookup_seconds, milliseconds, top, accepted


def read(path: Path) -> tuple[Sound, int]:
    pcm, rate = soundfile.read(path, dtype="float32")
    return pcm, rate


def memory() -> tuple[int, int]:
    """Resident bytes of this process: its own, and mapped from files."""
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(1024 * int(fields[name].split()[0]) for name in ("RssAnon", "RssFile"))  # type: ignore[return-value]


# Growing


def grow(index: Index, supply: Iterator[Any], postings: int) -> None:
    """Add decoys until the index holds so many postings."""
    while index.stats()["postings"] < postings:
        index.add(list(islice(supply, BATCH)))


def add_one_by_one(index: Index, supply: Iterator[Any], n: int) -> list[float]:
    """The milliseconds that each takes."""
    return [timed(lambda new=new: index.add([new]))[1] for new in islice(supply, n)]


def measure(folder: Path, queries: list[tuple[Path, frozenset[int]]], sizes: Sequence[int]) -> Iterator[Size]:
    for postings in sizes:
        with Index(folder / "index") as index:
            supply = decoys.endless(index)
            started = time.perf_counter()
            grow(index, supply, postings)
            print(f"grown to {postings:.0e} postings in {time.perf_counter() - started:.0f} s", flush=True)
            adds = add_one_by_one(index, supply, ADDED)
            stats = index.stats()
        yield Size(stats, adds, next(common.in_processes(ask, [Task(folder / "index", queries)], 1)))


# The table and the plot


HEAD = ["postings", "hours", "GB", "add ms", "mean", "look-ups ms", "95 %", "query ms", "95 %", "own MB", "mapped MB", "top-1", "accepted"]


def row(size: Size) -> list[str]:
    asked, stats = size.asked, size.stats
    times = [float(np.median(size.adds)), float(np.mean(size.adds)), *_quantiles(asked.lookups), *_quantiles(asked.queries)]
    return [
        f"{stats['postings']:.2e}",
        number(stats["seconds"] / SECONDS_PER_HOUR, 1),
        number(stats["bytes"] / 1e9, 2),
        *(number(value, 1) for value in times),
        *(number(value / MB) for value in (asked.own, asked.mapped)),
        *(share(hits, len(asked.queries)) for hits in (asked.top, asked.accepted)),
    ]


def _quantiles(values: Sequence[float]) -> tuple[float, float]:
    return float(np.median(values)), float(np.quantile(values, 0.95))


def lines(sizes: Sequence[Size]) -> dict[str, list[tuple[float, float]]]:
    """What is plotted: (postings, milliseconds)."""
    costs: dict[str, Callable[[Size], float]] = {
        "a query, median": lambda size: float(np.median(size.asked.queries)),
        "its look-ups, median": lambda size: float(np.median(size.asked.lookups)),
        "adding a track, median": lambda size: float(np.median(size.adds)),
    }
    return {name: [(size.stats["postings"], cost(size)) for size in sizes] for name, cost in costs.items()}


# Main


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_arguments(parser)
    parser.add_argument("--tracks", type=int, default=10, help="real tracks in the library")
    parser.add_argument("--n", type=int, default=100, help="queries")
    parser.add_argument("--sizes", type=lambda text: int(float(text)), nargs="+", default=SIZES, help="postings")
    parser.add_argument("--plot", type=Path, help="draw the costs into this SVG file")
    return parser.parse_args()


def chosen(folder: Path, files: Sequence[str], n: int) -> list[corpus.Query]:
    """`n` queries whose recording is among the files."""
    queries = [q for q in corpus.read_queries(folder) if q.length == QUERY_SECONDS and not set(q.truth).isdisjoint(files)]
    order = np.random.default_rng(1).permutation(len(queries))
    return [queries[i] for i in order[:n]]


def main() -> None:
    args = parse()
    files = corpus.read_list(args.queries / "refs.txt")[: args.tracks]
    queries = chosen(args.queries, files, args.n)
    common.print_run()
    with corpus.library(args.music, files, data=args.data, jobs=args.jobs) as library:
        asked = [(args.queries / "q" / q.name, library.truth(q.truth)) for q in queries]
        sizes = list(measure(library.folder, asked, args.sizes))
    print(common.table(HEAD, map(row, sizes)))
    if args.plot:
        args.plot.write_text(plot.svg(lines(sizes), "postings in the library", "CPU ms"))


if __name__ == "__main__":
    main()
