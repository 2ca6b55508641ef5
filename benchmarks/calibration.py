"""Whether the bits for unknown music follow their law: python -m benchmarks.calibration MUSIC --plot docs/calibration.svg

Conventions
    The bits of a guess are -log2 of the chance that the best of all wrong candidates looks as good. So of queries that have no
    right candidate a share of 2^-x should have a best guess of more than x bits, however large the library is.
    One half of the tracks is known, clips of the other half are asked: each is analysed once, and asked at each size. The library
    begins with known tracks, and is filled up with short decoys (see decoys.py): tens of seconds of real constellations, of which
    no two hold the same in the same form. So a library of 10,000 such tracks has 83 hours, not 500.

Metrics, for each size of the library
    over x     the share of queries whose best guess has more than x bits, with its Wilson 95 % interval; the law below
    claimed    queries with a match; related: of these, those that name a file from the query's own folder, which may share
               loops or instruments with it and is then no chance
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks import common, corpus, decoys, degrade, plot, sound
from benchmarks.common import decimal, number, share
from benchmarks.noises import SAMPLE_RATE
from core import Index
from core.audio import Tags
from core.evidence import CLAIM_BITS
from core.fingerprinter import Fingerprinter
from core.ingest import Analysis
from core.params import Params
from stream import identify

SIZES = (10, 100, 1_000, 10_000)  # tracks
DECOY_SECONDS = 30.0
BATCH = 64  # decoys a transaction
TABLE_BITS = (2, 4, 6, 8, 10)
PLOT_BITS = np.arange(0.0, 12.1, 0.5)
KNOWN, UNKNOWN = corpus.HALVES
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Clip:
    """One query to analyse."""

    path: Path
    condition: str
    length: float  # seconds
    seed: tuple[int, ...]
    sources: sound.Sources


@dataclass(frozen=True)
class Task:
    """One query to ask."""

    analysis: Analysis
    library: Path


@dataclass(frozen=True)
class Outcome:
    """The evidence for the best guess (none: minus infinity), and the path of what was claimed."""

    path: str
    bits: float
    claimed: str | None

    @property
    def related(self) -> bool:
        return self.claimed is not None and Path(self.claimed).parent == Path(self.path).parent


@dataclass(frozen=True)
class Size:
    """A library, and what was said in it."""

    tracks: int
    hours: float
    outcomes: list[Outcome]

    def over(self, bits: float) -> int:
        """Queries whose best guess has more."""
        return sum(outcome.bits > bits for outcome in self.outcomes)


# Asking, in worker processes


def analyse(clip: Clip) -> Analysis:
    """Cut, degrade and fingerprint one query."""
    _, pcm = sound.heard_piece(clip.path, clip.length, clip.condition, clip.sources, np.random.default_rng(clip.seed))
    printer = Fingerprinter(Params(), SAMPLE_RATE)
    peaks, levels = printer.feed(pcm), printer.levels
    peaks, levels = np.concatenate([peaks, printer.finish()]), np.concatenate([levels, printer.levels])
    return Analysis(str(clip.path), clip.path.name, "", Tags(), len(pcm) / SAMPLE_RATE, peaks, levels)


def ask(task: Task) -> Outcome:
    answer = identify(corpus.index(task.library), task.analysis)
    bits = answer.guesses[0].bits if answer.guesses else -np.inf
    return Outcome(task.analysis.path, bits, answer.match and answer.match.track.path)


# Growing


def measure(args: argparse.Namespace, files: Sequence[str], analyses: Sequence[Analysis], folder: Path) -> Iterator[Size]:
    for tracks in args.sizes:
        with corpus.library(args.music, files[:tracks], data=folder, jobs=args.jobs), Index(folder / "index") as index:
            fill(index, tracks, args.seed)
            stats = index.stats()
        outcomes = list(common.in_processes(ask, [Task(analysis, folder) for analysis in analyses], args.jobs))
        yield Size(int(stats["tracks"]), stats["seconds"] / SECONDS_PER_HOUR, outcomes)


def fill(index: Index, tracks: int, seed: int) -> None:
    """Add decoys until there are so many tracks. The decoys that are there already are the first of the same row."""
    supply = decoys.stretches(index, DECOY_SECONDS, seed)
    while (missing := tracks - index.count()) > 0:
        if not (batch := list(islice(supply, min(missing, BATCH)))):
            raise SystemExit(f"this music makes no more than {index.count()} tracks: give --sizes up to that")
        index.add(batch)


# The table and the plot


def rows(sizes: Sequence[Size]) -> Iterator[list[str]]:
    for size in sizes:
        n, claimed = len(size.outcomes), [o for o in size.outcomes if o.claimed]
        shares = [_with_interval(size.over(bits), n) for bits in TABLE_BITS]
        yield [f"{size.tracks:,}", number(size.hours, 1), *shares, share(len(claimed), n), str(sum(o.related for o in claimed))]
    yield ["law", "", *(decimal(2.0**-bits, 4) for bits in TABLE_BITS), decimal(2.0**-CLAIM_BITS, 4), ""]


def _with_interval(hits: int, n: int) -> str:
    low, high = common.wilson(hits, n)
    return f"{decimal(hits / n, 3)} [{decimal(low, 3)}, {decimal(high, 3)}]"


HEAD = ["tracks", "hours", *(f"over {bits} bits" for bits in TABLE_BITS), "claimed", "related"]


def lines(sizes: Sequence[Size]) -> tuple[dict[str, plot.Line], dict[str, tuple[plot.Line, plot.Line]]]:
    """What is plotted, for each size: (2^-x, share of queries with more than x bits), and the band around it."""
    points, bands = {}, {}
    for size in sizes:
        name, n = f"{size.tracks:,} tracks", len(size.outcomes)
        found = [(2.0**-bits, hits / n, *common.wilson(hits, n)) for bits in PLOT_BITS[::-1] if (hits := size.over(bits))]
        points[name] = [(law, measured) for law, measured, _, _ in found]
        bands[name] = [(law, low) for law, _, low, _ in found], [(law, high) for law, _, _, high in found]
    return points, bands


def draw(sizes: Sequence[Size]) -> str:
    points, bands = lines(sizes)
    ends = 2.0 ** -float(PLOT_BITS[-1]), 1.0
    labels = "chance that x bits stand for, 2^-x", "share of unknown queries with more than x bits"
    return plot.svg(points, *labels, bands=bands, dashed={"law": [(end, end) for end in ends]}, marks={"a claim": 2.0**-CLAIM_BITS})


# Main


def plan(args: argparse.Namespace, files: Sequence[str]) -> list[Clip]:
    """`args.n` clips of each condition, the tracks taken in turn."""
    sources = sound.sources(args)
    return [
        Clip(args.music / files[i % len(files)], condition, args.length, (args.seed, k, i), sources)
        for k, condition in enumerate(args.conditions)
        for i in range(args.n)
    ]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("--n", type=int, default=300, help="clips of each condition")
    parser.add_argument("--conditions", nargs="+", default=["clean", "mic"])
    parser.add_argument("--length", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, metavar="TRACKS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--plot", type=Path, help="draw the shares into this SVG file")
    sound.add_arguments(parser)
    return parser.parse_args()


def split(args: argparse.Namespace) -> Mapping[str, list[str]]:
    """The files of each half, in a random order."""
    files = sound.audio_files(args.music, degrade.MIN_TRACK_SECONDS)
    shuffled = [str(file) for file in np.random.default_rng(args.seed).permutation(files)]
    return {half: [file for file in shuffled if corpus.half(file) == half] for half in corpus.HALVES}


def main() -> None:
    args = parse()
    files = split(args)
    analyses = list(common.in_processes(analyse, plan(args, files[UNKNOWN]), args.jobs))
    with tempfile.TemporaryDirectory() as folder:
        sizes = list(measure(args, files[KNOWN], analyses, Path(folder)))
    common.print_run()
    print(common.table(HEAD, rows(sizes)))
    if args.plot:
        args.plot.write_text(draw(sizes))


if __name__ == "__main__":
    main()
