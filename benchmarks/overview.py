"""Everything that a number can be put on, in one table: python -m benchmarks.overview MUSIC QUERIES (`make bench`)

Conventions
    The same commands measure each part alone and in more detail; this takes less of each, so that all of it is done in
    a quarter of an hour. `fpcalc` is measured in between, where it is installed. See speed, load, scale and accuracy
    for what the words mean.
"""

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

from benchmarks import accuracy, common, corpus, decoys, effects, listening, load, scale, sound, speed
from benchmarks.common import median, number, share
from core import Index

Row = list[str]  # what, how much, the goal

QUERIES = 30  # timed, of each kind
GROWN_HOURS = 11  # of music in the library that they are asked of
ASKED = 600  # queries for the accuracy
HELP_RUNS, IDENTIFY_RUNS = 3, 5
LOAD_SECONDS = 15.0  # of each number of listeners
FIRST_LISTENERS = 150  # the goal
LAG_SECONDS = 0.6
GROWTH = (10**7, 10**8)  # postings
GROWTH_QUERIES = 6  # of each condition and length
LISTEN_CLIPS = 3
MB = 1e6


# Indexing


def indexing(files: Sequence[Path], folder: Path) -> Iterator[Row]:
    """Leaves the library of one job in `folder`/jobs1, without the files that fpcalc cannot read."""
    files = speed.comparable(files)
    hours = sum(map(sound.duration, files)) / speed.SECONDS_PER_HOUR
    speed.index_files(files[:1], folder / "first", 1)  # what is compiled at first use is kept
    fpcalc = bool(shutil.which("fpcalc"))
    before = speed.measure(lambda: speed.fpcalc_files(files)).cpu if fpcalc else math.nan
    one = speed.measure(lambda: speed.index_files(files, folder / "jobs1", 1))
    after = speed.measure(lambda: speed.fpcalc_files(files)).cpu if fpcalc else math.nan
    two = speed.measure(lambda: speed.index_files(files, folder / "jobs2", 2))
    yield ["indexing an hour of music, CPU s", number(one.cpu / hours, 2), ""]
    yield ["fpcalc's CPU for the same", number((before + after) / 2 / hours, 2), ""]
    yield ["index, CPU, one job: fpcalc's share of ours", number((before + after) / 2 / one.cpu, 2), ">= 0.6"]
    yield ["index, --jobs 2: times as fast as one job", number(one.wall / two.wall, 2), ">= 1.8"]
    with Index(folder / "jobs1" / "index", readonly=True) as index:
        yield ["index size, MB an hour of music", number(index.stats()["bytes"] / MB / hours, 2), "<= 5"]


# Asking and listening


def asking(folder: Path, known: Sequence[Path], unknown: Sequence[Path]) -> Iterator[Row]:
    with Index(folder / "index") as index:
        decoys.grow(index, GROWN_HOURS)
        plain = speed.clips_of(known, speed.QUERY_SECONDS, QUERIES)
        fast = [effects.at_speed(clip, speed.FAST) for clip in speed.clips_of(known, speed.QUERY_SECONDS * speed.FAST, QUERIES)]
        for name, clips, goal in (("plain", plain, "<= 10"), ("4 % fast", fast, "<= 40")):
            yield [f"5 s query, {name}, ms", number(median(speed.query_milliseconds(index, clips)), 1), goal]
        for name, files in (("known", known), ("unknown", unknown)):
            _, _, cost = speed.listen_row(name, index, speed.clips_of(files, speed.LISTEN_SECONDS, LISTEN_CLIPS))
            yield [f"listening to {name} music, engine alone, CPU ms a second", cost, "<= 4"]


# Serving


def start(folder: Path, clip: Path) -> Iterator[Row]:
    """Of the program. clip: a file of a few seconds to identify."""
    runs = [speed.measure(lambda: earprint("--help")).wall for _ in range(HELP_RUNS)]
    yield ["earprint --help, s", number(median(runs), 2), "<= 0.4"]
    with tempfile.TemporaryDirectory() as compiled:
        first = speed.measure(lambda: earprint("prepare", NUMBA_CACHE_DIR=compiled)).wall
    yield ["compiling everything, once, s", number(first, 1), ""]
    earprint("prepare")
    runs = [speed.measure(lambda: earprint("identify", str(clip), "--data", str(folder))).wall for _ in range(IDENTIFY_RUNS)]
    yield ["earprint identify of one 5 s clip, warm, s", number(median(runs), 2), "<= 1.0"]
    with listening.running(folder):  # caches
        pass
    with listening.running(folder) as server:
        yield ["until serve answers /health, s", number(server.start_seconds, 2), "<= 3"]


def earprint(*arguments: str, **environment: str) -> None:
    """Run a command. environment: variables set for it."""
    command = [sys.executable, "-m", "earprint", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=common.ROOT, env=os.environ | environment)


def serving(folder: Path, clips: Sequence[Sequence[bytes]]) -> Iterator[Row]:
    """By a process for each core."""
    with listening.running(folder, "--workers", str(os.cpu_count() or 1), **load.UNLIMITED) as server:
        idle = load.own_bytes(server.process.pid)
        loads = list(load.knee(lambda n: load.measure(server, clips, n, LOAD_SECONDS), _is_fine, FIRST_LISTENERS))
    best = max((it for it in loads if _is_fine(it)), key=lambda it: it.listeners, default=None)
    yield ["memory of an idle server, a worker for each core, MB", number(idle / MB), "<= 350"]
    yield ["listeners at once, half of them to unknown music", str(best.listeners if best else 0), ">= 150"]
    if best is not None:
        yield ["- their lag, 95 %, s", number(best.lag(0.95), 2), f"<= {LAG_SECONDS:g}"]
        yield ["- CPU ms of the server, a second of one's sound", number(load.cpu_milliseconds(best), 1), "<= 4"]
        yield ["- memory of one, MB", number((best.own - idle) / MB / best.listeners, 2), "<= 0.5"]
        yield ["- /health takes ms, 95 %", number(1000 * float(np.quantile(best.record.probes, 0.95)), 0), "<= 20"]


def _is_fine(it: load.Load) -> bool:
    return it.record.errors == 0 and it.lag(0.95) <= LAG_SECONDS


# Growth and accuracy


def growth(args: argparse.Namespace, folder: Path, files: Sequence[str]) -> Iterator[Row]:
    """Of libraries of its own."""
    queries = scale.chosen(corpus.read_queries(args.queries), "all", GROWTH_QUERIES)
    with corpus.library(args.music, files, data=folder / "growth", jobs=args.jobs) as library:
        grown = list(scale.grow(library.folder, folder, GROWTH, []))
        _, small, large = (scale.ask(size, queries, args.queries / "q", library.truth, args.jobs) for size in grown)
    times = large.library.stats["postings"] / small.library.stats["postings"]
    ratios: dict[str, Callable[[scale.Result], float]] = {
        "a query": lambda result: median(a.query_ms for a in result.asked),
        "adding a track": lambda result: median(result.library.adds),
    }
    for (name, cost), goal in zip(ratios.items(), ("<= 1.5", "<= 1.3"), strict=True):
        yield [f"{name} with {times:.0f} times the postings costs times", number(cost(large) / cost(small), 2), goal]
    yield ["- accepted queries, change by it", scale.difference(scale.known_groups(large), scale.by_query(small)), ">= -.01"]


def judging(args: argparse.Namespace, library: corpus.Reference) -> Iterator[Row]:
    queries = corpus.read_queries(args.queries)
    some = [queries[i] for i in np.random.default_rng(1).permutation(len(queries))[:ASKED]]
    tasks = [accuracy.Task(q, args.queries / "q" / q.name, library.folder, library.truth(q.truth)) for q in some]
    outcomes = list(common.in_processes(accuracy.identify, tasks, args.jobs))
    known, unknown = [o for o in outcomes if o.known], [o for o in outcomes if not o.known]
    yield ["queries named, all conditions", share(accuracy.count(known, lambda o: o.top), len(known)), ""]
    yield ["- accepted", share(accuracy.count(known, lambda o: o.accepted), len(known)), ""]
    yield ["- wrong claims", share(accuracy.count(known, lambda o: o.wrong), len(known)), ""]
    yield ["unknown music claimed", share(accuracy.count(unknown, lambda o: o.wrong), len(unknown)), ""]


# Main


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path, help="the folder that refs.txt and unknown.txt are about")
    parser.add_argument("queries", type=Path, help="a query set: refs.txt, unknown.txt, manifest.csv, q")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes, where they are not what is measured")
    return parser.parse_args()


def rows(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    refs, strangers = (corpus.read_list(args.queries / name) for name in ("refs.txt", "unknown.txt"))
    known, unknown = ([args.music.resolve() / name for name in names] for names in (refs, strangers))
    yield from indexing(known, folder)
    with corpus.library(args.music.resolve(), refs, data=folder / "jobs1", jobs=args.jobs) as library:
        yield from judging(args, library)
    (clip,) = speed.clips_of(known[:1], speed.QUERY_SECONDS, 1)
    soundfile.write(folder / "clip.wav", clip, sound.SAMPLE_RATE)
    yield from start(folder / "jobs1", folder / "clip.wav")
    yield from serving(folder / "jobs1", load.clips(args.music, refs, strangers))
    yield from asking(folder / "jobs2", known, unknown)
    yield from growth(args, folder, refs)


def main() -> None:
    args = parse()
    common.print_run()
    begin = time.perf_counter()
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(args, Path(folder)):
            print(": ".join(row[:2]), file=sys.stderr, flush=True)
            measured.append(row)
    print(common.table(["", "measured", "goal"], measured))
    print(f"\nin {(time.perf_counter() - begin) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
