"""How often unknown music is claimed: python -m benchmarks.unknowns MUSIC

Conventions
    One half of the tracks is indexed and clips of the other half are asked, so every match is a false claim; then the
    halves change places. Clips are cut at random and degraded in memory. A recording that stands in both halves under
    two names is claimed rightly and counted wrongly: the claims are listed, so that one can see.

Metrics, for each condition and length
    claimed    clips with a match, their share and its Wilson 95 % interval
    bits       quantiles of the evidence for the best guess (none: 0); what is claimed begins at the engine's threshold
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import common, corpus, degrade, sound
from benchmarks.common import number, share
from benchmarks.noises import SAMPLE_RATE, Random
from stream import recognize

QUANTILES = (0.5, 0.9, 0.99, 0.999, 1.0)


@dataclass(frozen=True)
class Task:
    """All clips of one condition and length from one unknown track."""

    path: Path
    condition: str
    length: float  # seconds
    clips: int
    seed: tuple[int, ...]
    library: Path
    sources: sound.Sources


@dataclass(frozen=True)
class Outcome:
    """What was said to one clip: the evidence for the best guess, and what was claimed."""

    file: str
    condition: str
    length: float  # seconds
    start: float  # seconds
    bits: float
    claimed: str | None


def ask(task: Task) -> list[Outcome]:
    """Cut, degrade and identify the clips, in a worker process."""
    rng = np.random.default_rng(task.seed)
    return [_ask_one(task, rng) for _ in range(task.clips)]


def _ask_one(task: Task, rng: Random) -> Outcome:
    start, heard = sound.heard_piece(task.path, task.length, task.condition, task.sources, rng)
    said = recognize(corpus.index(task.library), heard, SAMPLE_RATE).to_json()
    bits = said["guesses"][0]["bits"] if said["guesses"] else 0.0
    claimed = said["match"] and said["match"]["track"]["filename"]
    return Outcome(task.path.name, task.condition, task.length, start, bits, claimed)


def row(condition: str, length: float, outcomes: Sequence[Outcome]) -> list[str]:
    claimed = sum(o.claimed is not None for o in outcomes)
    bits = np.quantile([o.bits for o in outcomes], QUANTILES)
    return [condition, number(length), share(claimed, len(outcomes)), *(number(float(b), 1) for b in bits)]


def print_result(outcomes: Sequence[Outcome]) -> None:
    groups: dict[tuple[str, float], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.condition, outcome.length), []).append(outcome)
    rows = [row(*key, group) for key, group in sorted(groups.items())]
    head = ["condition", "s", "claimed", *(f"bits {100 * q:g} %" for q in QUANTILES)]
    print(common.table(head, rows), end="\n\n")
    print("all:", share(sum(o.claimed is not None for o in outcomes), len(outcomes)))
    for o in (o for o in outcomes if o.claimed):
        print(f"claimed: {o.file} at {o.start:.1f} s, {o.condition} {o.length:g} s, {o.bits:.1f} bits: {o.claimed}")


def plan(args: argparse.Namespace, files: Sequence[str], library: Path, fold: int) -> list[Task]:
    """Spread `args.n` clips of each condition and length over the unknown tracks."""
    kinds = [(condition, length) for condition in args.conditions for length in args.lengths]
    tasks, sources = [], sound.sources(args)
    for k, (condition, length) in enumerate(kinds):
        for i, file in enumerate(files):
            clips = len(range(i, args.n // 2, len(files)))
            seed = (args.seed, fold, k, i)
            tasks.append(Task(args.music / file, condition, length, clips, seed, library, sources))
    return tasks


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("--n", type=int, default=1000, help="clips of each condition and length")
    parser.add_argument("--conditions", nargs="+", default=["clean", "mic"])
    parser.add_argument("--lengths", nargs="+", type=float, default=[5.0, 10.0], metavar="SECONDS")
    parser.add_argument("--decoys", type=float, default=0, metavar="HOURS", help="grow the libraries to so many hours")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    sound.add_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse()
    files = sound.audio_files(args.music, degrade.MIN_TRACK_SECONDS)
    outcomes: list[Outcome] = []
    for fold, known in enumerate(corpus.HALVES):
        indexed = [file for file in files if corpus.half(file) == known]
        unknown = [file for file in files if corpus.half(file) != known]
        with corpus.library(args.music, indexed, jobs=args.jobs, decoy_hours=args.decoys) as reference:
            tasks = plan(args, unknown, reference.folder, fold)
            outcomes += [o for said in common.in_processes(ask, tasks, args.jobs) for o in said]
    common.print_run()
    print_result(outcomes)


if __name__ == "__main__":
    main()
