"""Make a query set from a folder of music: python -m benchmarks.degrade MUSIC OUT

Conventions
    OUT/refs.txt, OUT/unknown.txt, OUT/manifest.csv, OUT/q/*.wav (44.1 kHz, mono, 16 bits), as corpus.py reads them.
    The same arguments and the same versions of the libraries give the same files.
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks import sound
from benchmarks.common import in_processes
from benchmarks.noises import SAMPLE_RATE

CONDITIONS = [  # and their lengths in seconds
    *(("clean", s) for s in (1, 2, 3, 5, 10)),
    *((f"noise{db:+d}", s) for db in (10, 5, 0, -5) for s in (3, 5, 10)),
    *(("mic", s) for s in (2, 3, 5, 10)),
    *((codec, 5) for codec in ("mp3_32k", "opus_12k", "gsm", "aac_48k")),
    *((f"speed{percent:+d}%", 5) for percent in (-4, -2, -1, 1, 2, 4)),
    *((f"speed{percent:+d}%", 10) for percent in (-8, -4, 4, 8)),
    *((f"tempo{percent:+d}%", 5) for percent in (-10, -5, -2, 2, 5, 10)),
    *((f"pitch{cents:+d}c", 5) for cents in (-200, -100, -50, -25, 25, 50, 100, 200)),
    *((name, s) for name in ("mic_speed", "mic_noise0") for s in (5, 10)),
    *((name, s) for name in ("unknown_clean", "unknown_mic") for s in (5, 10)),
]
MIN_TRACK_SECONDS = 40.0


@dataclass(frozen=True)
class Task:
    """One query to make."""

    music: Path
    out: Path
    file: str
    name: str
    condition: str
    length: float  # seconds
    seed: tuple[int, ...]
    sources: sound.Sources


def make(task: Task) -> float:
    """Write one query. Returns its start in the track, seconds."""
    rng = np.random.default_rng(task.seed)
    start, heard = sound.heard_piece(task.music / task.file, task.length, task.condition, task.sources, rng)
    soundfile.write(task.out / "q" / task.name, heard, SAMPLE_RATE, subtype="PCM_16")
    return start


def read_same(path: Path | None) -> dict[str, set[str]]:
    """Groups of files that hold the same recording, a group a line: each file's group."""
    groups = csv.reader(path.open(newline="")) if path else ()
    return {file: set(group) for group in groups for file in group}


def split(files: list[str], unknown_share: float, same: dict[str, set[str]], seed: int) -> tuple[list[str], list[str]]:
    """Which files are to be known, and which unknown (a file whose recording is also among the known is neither)."""
    shuffled = [str(file) for file in np.random.default_rng(seed).permutation(files)]
    count = max(1, round(len(files) * unknown_share))
    known, unknown = sorted(shuffled[count:]), sorted(shuffled[:count])
    return known, [file for file in unknown if same.get(file, set()).isdisjoint(known)]


def plan(args: argparse.Namespace, known: Sequence[str], unknown: Sequence[str]) -> list[Task]:
    """Every query to make: `args.n` of each condition, unknown tracks taken in turn."""
    tasks, sources = [], sound.sources(args)
    for c, (condition, length) in enumerate(CONDITIONS):
        chosen = np.random.default_rng([args.seed, c]).integers(len(known), size=args.n)
        for i in range(args.n if is_wanted(args, condition, length) else 0):
            file = unknown[i % len(unknown)] if condition.startswith("unknown") else known[chosen[i]]
            name = f"{c:02d}_{_safe(condition)}_{length}s_{i:04d}.wav"
            tasks.append(Task(args.music, args.out, file, name, condition, length, (args.seed, c, i), sources))
    return tasks


def is_wanted(args: argparse.Namespace, condition: str, length: float) -> bool:
    return (not args.conditions or condition in args.conditions) and (not args.lengths or length in args.lengths)


def _safe(condition: str) -> str:
    return condition.replace("%", "").replace("+", "p").replace("-", "m")


def manifest_row(task: Task, start: float, known: set[str], same: dict[str, set[str]]) -> list[str]:
    truth = sorted(same.get(task.file, {task.file}) & known)
    return [task.name, "|".join(truth), task.condition, str(task.length), f"{start:.3f}"]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--n", type=int, default=40, help="queries a condition")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--conditions", nargs="+", default=[], help="only these, such as clean mic speed+4%%")
    parser.add_argument("--lengths", nargs="+", type=float, default=[], metavar="SECONDS", help="only clips so long")
    parser.add_argument("--unknown", type=float, default=0.15, help="share of the files that are not to be indexed")
    parser.add_argument("--same", type=Path, help="a CSV of files that hold the same recording, a group a line")
    parser.add_argument("--jobs", type=int, default=2)
    sound.add_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse()
    (args.out / "q").mkdir(parents=True, exist_ok=True)
    files = sound.audio_files(args.music, MIN_TRACK_SECONDS)
    if len(files) < 2:
        raise SystemExit(f"{args.music}: found {len(files)} tracks of {MIN_TRACK_SECONDS:.0f} s or longer, need two")
    same = read_same(args.same)
    known, unknown = split(files, args.unknown, same, args.seed)
    (args.out / "refs.txt").write_text("".join(f"{file}\n" for file in known))
    (args.out / "unknown.txt").write_text("".join(f"{file}\n" for file in unknown))
    tasks = plan(args, known, unknown)
    starts = in_processes(make, tasks, args.jobs)
    with (args.out / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "truth", "cond", "length", "start"])
        writer.writerows(manifest_row(task, start, set(known), same) for task, start in zip(tasks, starts, strict=True))
    print(f"{len(tasks)} queries, {len(known)} references, {len(unknown)} unknown tracks")


if __name__ == "__main__":
    main()
