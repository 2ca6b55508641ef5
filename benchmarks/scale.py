"""How cost and accuracy grow with the library: python -m benchmarks.scale MUSIC QUERIES --material MORE --data DIR

Conventions
    Each library holds all references and is grown from the next smaller one with decoys (see decoys.py). Those that are so
    large that `earprint rebuild` would make triples have them. A library
    of --as postings is emulated by the largest one that was grown, with its budgets of postings cut (see asking.py).
    Each is asked the same queries, of the conditions and lengths in CONDITIONS and UNKNOWN that the query set has.
    Times are CPU milliseconds of one process, with the index in memory.

Metrics, for each library and condition
    nominated  the truth is among the 60 nominees of a listener after 4 s of sound, or after all of a shorter query; where speed
               or pitch is shifted, or among the 6 nominees of a warp
    accepted   there is a match, and it is right; against: the mean difference to the first library, query by query, with
               its 95 % interval
    wrong      there is a match, and it is not right: for unknown music, any match
    postings, runs   read for one query, mean; postings of an emulated library are those that it would read
    ns         CPU of look-ups for each posting read; look-ups, query: CPU ms, median. Not known of an emulated library

Metrics, for each library
    second     CPU ms of one second of a listener, to known and to unknown music: median
    add        CPU ms of adding one more track: median, and the mean, which has its share of the merging that it causes
    open       ms of wall time to open the index and to look up nothing
    own        resident memory of an asking process that is its own, MB
"""

import argparse
import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import asking, common, corpus, decoys, plot
from benchmarks.asking import Asked, Task
from benchmarks.common import decimal, median, number, share
from core import Index
from core.growth import TRIPLE_FAN, TRIPLES_FROM

CONDITIONS = (
    *(("clean", 1.0), ("clean", 2.0), ("noise+0", 3.0), ("noise+0", 5.0), ("noise-5", 3.0), ("noise-5", 5.0)),
    *(("mic", 3.0), ("mic", 5.0), ("mic", 10.0), ("mic_speed", 5.0), ("mic_noise0", 5.0)),
    *(("speed+4%", 5.0), ("speed-4%", 5.0), ("speed+8%", 10.0), ("speed-8%", 10.0), ("pitch+200c", 5.0), ("pitch-200c", 5.0)),
    *(("pitch+100c", 5.0), ("speed+1%", 5.0), ("gsm", 5.0), ("opus_12k", 5.0)),
)
UNKNOWN = (("unknown_clean", 5.0), ("unknown_clean", 10.0), ("unknown_mic", 5.0), ("unknown_mic", 10.0))
SIZES = (1e8,)  # postings
EMULATED = (1e10, 5.4e10)  # postings; the larger is a million tracks
ADDED = 12  # tracks, one at a time
SECONDS_PER_HOUR = 3600
MB = 1e6

Key = tuple[str, float]  # condition, length in seconds


@dataclass(frozen=True)
class Grown:
    """A library on disk. stats: of its index; adds: CPU ms of each track that was added alone; opening: ms; times: emulated."""

    name: str
    folder: Path
    stats: dict[str, float]
    adds: list[float]
    opening: float
    times: float = 1.0

    @property
    def hours(self) -> float:
        return self.stats["seconds"] / SECONDS_PER_HOUR


@dataclass(frozen=True)
class Result:
    """A library and what it was asked."""

    library: Grown
    asked: list[Asked]

    @property
    def groups(self) -> dict[Key, list[Asked]]:
        """By condition and length, in the order of CONDITIONS and UNKNOWN."""
        found = {key: [a for a in self.asked if key_of(a.query) == key] for key in (*CONDITIONS, *UNKNOWN)}
        return {key: group for key, group in found.items() if group}


# Queries


def key_of(query: corpus.Query) -> Key:
    return query.condition, query.length


def chosen(queries: Iterable[corpus.Query], half: str, n: int) -> list[corpus.Query]:
    """Up to `n` queries of each condition and length that is asked, of tracks in the half; always the same."""
    taken: Counter[Key] = Counter()
    wanted = {*CONDITIONS, *UNKNOWN}
    some = []
    for query in queries:
        key = key_of(query)
        if key in wanted and corpus.in_half(query.source, half) and taken[key] < n:
            taken[key] += 1
            some.append(query)
    return some


# Growing


def grow(first: Path, folder: Path, sizes: Sequence[float], material: Sequence[decoys.Source]) -> Iterator[Grown]:
    """The library in `first`, and one of each size in a folder of its own, grown from the one before or from where it was."""
    yield described("development", first, [])
    for size in sorted(sizes):
        name = f"{size:.2g}"
        started, larger = time.perf_counter(), folder / name
        if not larger.exists():
            copied(first, larger)
        with Index(larger / "index") as index:
            if size >= TRIPLES_FROM and not index.params.triple_fan:
                index.rebuild(replace(index.params, triple_fan=TRIPLE_FAN))
            decoys.grow_until(index, "postings", size, material)
            print(f"grown to {size:.2g} postings in {time.perf_counter() - started:.0f} s", flush=True)
            adds = add_one_by_one(index, material)
        yield described(name, larger, adds)
        first = larger


def copied(library: Path, target: Path) -> None:
    """Copy a library's index. A copy that was interrupted is made again."""
    unfinished = target.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    (unfinished / "index").mkdir(parents=True)
    with Index(library / "index", readonly=True) as index:
        index.copy(unfinished / "index")
    unfinished.rename(target)


def add_one_by_one(index: Index, material: Sequence[decoys.Source]) -> list[float]:
    """The CPU milliseconds that each of ADDED further decoys takes."""
    return [asking.cpu_ms(lambda new=new: index.add([new]))[1] for new in islice(decoys.missing(index, material), ADDED)]


def described(name: str, folder: Path, adds: list[float]) -> Grown:
    opening = next(common.in_processes(asking.opening_ms, [folder], 1))
    with Index(folder / "index", readonly=True) as index:
        return Grown(name, folder, index.stats(), adds, opening)


def emulated(largest: Grown, sizes: Sequence[float]) -> Iterator[Grown]:
    """The same library, asked as if it were larger. Sizes that it has already are left out."""
    for size in sizes:
        times = size / largest.stats["postings"]
        if times > 1:
            yield replace(largest, name=f"as {size:.2g}", times=times)


# Asking


Truth = Callable[[Iterable[str]], frozenset[int]]  # the ids of the tracks that files are in the library


def ask(library: Grown, queries: Sequence[corpus.Query], paths: Path, truth: Truth, jobs: int) -> Result:
    tasks = [Task(query, paths / query.name, library.folder, truth(query.truth), library.times) for query in queries]
    return Result(library, list(common.in_processes(asking.ask, tasks, jobs)))


# The tables


def against(group: Sequence[Asked], first: Mapping[corpus.Query, Asked]) -> list[int]:
    """Of each query: 1 if it is accepted only now, -1 if only in the first library, else 0."""
    return [a.accepted - first[a.query].accepted for a in group]


def difference(groups: Sequence[Sequence[Asked]], first: Mapping[corpus.Query, Asked]) -> str:
    """The mean over groups of the difference in accepted queries, with its 95 % interval: -.025 ± .049."""
    if not groups:
        return ""
    mean, half_width = common.paired([against(group, first) for group in groups])
    return f"{'-' if mean < 0 else '+'}{decimal(abs(mean), 3)} ± {decimal(half_width, 3)}"


HEAD = ["library", "condition", "s", "n", "nominated", "accepted", "against", "wrong", "postings", "runs", "ns", "look-ups", "query"]


def row(library: Grown, key: Key, group: Sequence[Asked], first: Mapping[corpus.Query, Asked]) -> list[str]:
    known, n = key in CONDITIONS, len(group)
    return [
        *(library.name, key[0], number(key[1]), str(n)),
        decimal(sum(bool(a.nominated) for a in group) / n) if known else "",
        share(sum(a.accepted for a in group), n) if known else "",
        difference([group], first) if known else "",
        str(sum(a.wrong for a in group)),
        number(library.times * float(np.mean([a.postings for a in group]))),
        number(float(np.mean([a.runs for a in group]))),
        *costs(library, nanoseconds(group), median(a.look_up_ms for a in group), median(a.query_ms for a in group)),
    ]


def costs(library: Grown, *values: float) -> list[str]:
    """CPU or memory, empty where a library is emulated: what it reads is known, and what reading costs is not."""
    return [number(value if library.times == 1 else math.nan, 1) for value in values]


def nanoseconds(group: Sequence[Asked]) -> float:
    """CPU of look-ups for each posting that they read."""
    postings = sum(a.postings for a in group)
    return 1e6 * sum(a.look_up_ms for a in group) / postings if postings else math.nan


LIBRARY_HEAD = [
    *("library", "postings", "tracks", "hours", "MB an hour", "nominated", "accepted", "against", "unknown claimed"),
    *("ns", "query", "second", "unknown", "add", "mean", "open", "own MB", "mapped MB"),
]


def library_row(result: Result, first: Mapping[corpus.Query, Asked]) -> list[str]:
    library, stats = result.library, result.library.stats
    groups = known_groups(result)
    unknown = [a for a in result.asked if not a.query.truth]
    return [
        library.name,
        f"{stats['postings'] * library.times:.3g}",
        *(number(value) for value in (stats["tracks"], library.hours)),
        number(stats["bytes"] / MB / library.hours, 2),
        *(decimal(mean_share(groups, of), 3) for of in (lambda a: bool(a.nominated), lambda a: a.accepted)),
        difference(groups, first),
        share(sum(a.wrong for a in unknown), len(unknown)),
        *costs(library, nanoseconds(result.asked), median(a.query_ms for a in result.asked)),
        *costs(library, *(median(seconds(result.asked, known)) for known in (True, False))),
        *costs(library, median(library.adds), float(np.mean(library.adds or [math.nan])), library.opening),
        *costs(library, max(a.own for a in result.asked) / MB, max(a.mapped for a in result.asked) / MB),
    ]


def by_query(result: Result) -> dict[corpus.Query, Asked]:
    return {a.query: a for a in result.asked}


def known_groups(result: Result) -> list[list[Asked]]:
    """Of each condition for music that is in the library, what its queries brought."""
    return [group for key, group in result.groups.items() if key in CONDITIONS]


def mean_share(groups: Sequence[Sequence[Asked]], of: Callable[[Asked], bool]) -> float:
    """The mean over groups of the share of queries: each condition counts alike."""
    return float(np.mean([np.mean([of(a) for a in group]) for group in groups])) if groups else math.nan


def seconds(asked: Sequence[Asked], known: bool) -> list[float]:
    """CPU ms of a listener's second, of each query that was listened to."""
    return [a.second_ms for a in asked if a.second_ms is not None and bool(a.query.truth) == known]


def print_results(results: Sequence[Result]) -> None:
    first = by_query(results[0])
    rows = [row(result.library, key, group, first) for result in results for key, group in result.groups.items()]
    print(common.table(HEAD, rows), end="\n\n")
    print(common.table(LIBRARY_HEAD, [library_row(result, first) for result in results]))


def saved(results: Sequence[Result]) -> dict[str, Any]:
    """All rows of the tables, and what each query brought."""
    first = by_query(results[0])
    return {
        "libraries": [dict(zip(LIBRARY_HEAD, library_row(result, first), strict=True)) for result in results],
        "rows": [
            dict(zip(HEAD, row(result.library, key, group, first), strict=True))
            for result in results
            for key, group in result.groups.items()
        ],
        "queries": [{"library": result.library.name, **asdict(a)} for result in results for a in result.asked],
    }


def lines(results: Sequence[Result]) -> dict[str, list[tuple[float, float]]]:
    """What is plotted: (postings, CPU ms), of libraries that were grown for real."""
    measured: dict[str, Callable[[Result], float]] = {
        "a query": lambda result: median(a.query_ms for a in result.asked),
        "its look-ups": lambda result: median(a.look_up_ms for a in result.asked),
        "adding a track": lambda result: median(result.library.adds),
    }
    real = [result for result in results if result.library.times == 1]
    points = {name: [(result.library.stats["postings"], cost(result)) for result in real] for name, cost in measured.items()}
    return {name: [(x, y) for x, y in line if not math.isnan(y)] for name, line in points.items()}


# Main


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_arguments(parser)
    corpus.add_material(parser)
    parser.add_argument("--half", choices=[*corpus.HALVES, "all"], default="all", help="which tracks' queries to ask")
    parser.add_argument("--n", type=int, default=40, help="queries of each condition and length, at most")
    parser.add_argument("--sizes", type=float, nargs="*", default=SIZES, metavar="POSTINGS", help="grow libraries to these sizes")
    parser.add_argument("--as", type=float, nargs="*", default=EMULATED, metavar="POSTINGS", dest="emulated", help="emulate these")
    parser.add_argument("--json", type=Path, metavar="OUT", help="save all rows, and what each query brought")
    parser.add_argument("--plot", type=Path, help="draw the costs into this SVG file")
    return parser.parse_args()


def measure(args: argparse.Namespace, folder: Path) -> Iterator[Result]:
    queries = chosen(corpus.read_queries(args.queries), args.half, args.n)
    material = decoys.read_material(args.material, folder / corpus.MATERIAL, args.jobs)
    files = corpus.read_list(args.queries / "refs.txt")
    with corpus.library(args.music, files, data=folder / "development", jobs=args.jobs) as library:
        print_diversity(library.folder, material)
        for grown in grow(library.folder, folder, args.sizes, material):
            truth = same_tracks(library, grown.folder).truth
            yield ask(grown, queries, args.queries / "q", truth, args.jobs)
        for emulation in emulated(grown, args.emulated):
            yield ask(emulation, queries, args.queries / "q", truth, args.jobs)


def same_tracks(library: corpus.Reference, folder: Path) -> corpus.Reference:
    """The library in `folder`, with the ids that the references have there: it may have been grown from another one."""
    with Index(library.folder / "index", readonly=True) as index:
        sums = {file: index.track(track_id).sha256 for file, track_id in library.ids.items()}
    with Index(folder / "index", readonly=True) as index:
        found = {file: index.find(sha256) for file, sha256 in sums.items()}
    return corpus.Reference(folder, {file: track.id for file, track in found.items() if track})


def print_diversity(library: Path, material: Sequence[decoys.Source]) -> None:
    """How many equally frequent hashes the real ones, and those of decoys, are worth."""
    with Index(library / "index", readonly=True) as index:
        made_of, params = decoys.sources(index, material), index.params
    for name, hashes_of in asking.hashes_of_kinds(params).items():
        real, made, both = np.log2(decoys.diversity(made_of, params, hashes_of))
        print(f"effective number of {name}: real 2^{real:.1f}, decoys 2^{made:.1f}, real against decoys 2^{both:.1f}", flush=True)


def main() -> None:
    args = parse()
    common.print_run()
    with TemporaryDirectory() as temporary:
        results = list(measure(args, args.data or Path(temporary)))
    print_results(results)
    if args.json:
        common.save_json(args.json, saved(results))
    if args.plot:
        args.plot.write_text(plot.svg(lines(results), "postings in the library", "CPU ms"))


if __name__ == "__main__":
    main()
