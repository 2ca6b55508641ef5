"""What Earprint costs: python -m benchmarks.speed MUSIC

Conventions
    CPU seconds are user and system time of a command and all its processes, start-up and decoding included; wall
    seconds are what a user waits. The same files are given to every command. `fpcalc -length 0` (Chromaprint) is
    measured where it is installed: it makes one fingerprint of each whole file, and stores nothing.

Metrics
    index       CPU and wall seconds an hour of music, and bytes of index an hour
    a query     milliseconds from 5 s of PCM to the answer, plain and 4 % fast, median and 90 %
    listening   CPU milliseconds a second of audio fed in blocks of 50 ms, for known and unknown music
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from benchmarks import common, degrade, effects, listening, sound
from benchmarks.common import number
from benchmarks.noises import SAMPLE_RATE, Sound
from core import Index
from stream import recognize

QUERY_SECONDS = 5.0
FAST = 1.04
LISTEN_SECONDS = 60.0
SECONDS_PER_HOUR = 3600
FPCALC_BATCH = 50  # files a call
FPCALC_SECONDS = 10  # of a file that show whether it can be read; of one second there is no fingerprint


@dataclass(frozen=True)
class Cost:
    """What a command took, seconds."""

    cpu: float
    wall: float


def measure(work: Callable[[], object]) -> Cost:
    """What the work took, in this process and in those it started and waited for."""
    cpu, wall = _cpu_seconds(), time.perf_counter()
    work()
    return Cost(_cpu_seconds() - cpu, time.perf_counter() - wall)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


# Indexing


def index_files(files: Sequence[Path], data: Path, jobs: int) -> None:
    """Index them with the command line."""
    listed = "\n".join(map(str, files))
    command = [sys.executable, "-m", "earprint", "add", "--data", str(data), "--jobs", str(jobs), "--files-from", "-"]
    subprocess.run(command, input=listed, text=True, check=True, stdout=subprocess.DEVNULL, cwd=common.ROOT)


def fpcalc_files(files: Sequence[Path]) -> None:
    """Fingerprint them with Chromaprint. Some versions take the end of each file for an error, and would stop there."""
    for start in range(0, len(files), FPCALC_BATCH):
        batch = files[start : start + FPCALC_BATCH]
        command = ["fpcalc", "-ignore-errors", "-length", "0", *map(str, batch)]
        said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        if said.count("FINGERPRINT=") != len(batch):
            raise SystemExit(f"fpcalc failed on one of {len(batch)} files: try `fpcalc -length 0 {batch[0]}`")


def comparable(files: Sequence[Path]) -> list[Path]:
    """Those that fpcalc can read; it refuses some that other decoders take. All where it is not installed."""
    return [path for path in files if _is_read_by_fpcalc(path)] if shutil.which("fpcalc") else list(files)


def _is_read_by_fpcalc(path: Path) -> bool:
    command = ["fpcalc", "-ignore-errors", "-length", str(FPCALC_SECONDS), str(path)]
    return b"FINGERPRINT=" in subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def index_rows(files: Sequence[Path], folder: Path, hours: float) -> Iterator[list[str]]:
    for jobs in (1, 2):
        data = folder / f"jobs{jobs}"
        cost = measure(lambda data=data, jobs=jobs: index_files(files, data, jobs))
        with Index(data / "index", readonly=True) as index:
            yield cost_row(f"earprint add --jobs {jobs}", cost, hours, number(index.stats()["bytes"] / hours))
    if shutil.which("fpcalc"):
        yield cost_row("fpcalc -length 0", measure(lambda: fpcalc_files(files)), hours, "")


def cost_row(name: str, cost: Cost, hours: float, size: str) -> list[str]:
    return [name, number(cost.cpu / hours, 2), number(cost.wall / hours, 2), size]


# Asking and listening


def query_milliseconds(index: Index, clips: Sequence[Sound]) -> list[float]:
    """How long each clip takes, after one that warms up."""
    recognize(index, clips[0], SAMPLE_RATE)
    return [1000 * measure(lambda clip=clip: recognize(index, clip, SAMPLE_RATE)).wall for clip in clips]


def query_row(name: str, index: Index, clips: Sequence[Sound]) -> list[str]:
    middle, slow = np.quantile(query_milliseconds(index, clips), [0.5, 0.9])
    return [name, str(len(clips)), number(float(middle), 1), number(float(slow), 1)]


def listen_row(name: str, index: Index, clips: Sequence[Sound]) -> list[str]:
    cost = measure(lambda: deque(chain(*(listening.listen(index, [clip]) for clip in clips)), maxlen=0))
    seconds = sum(map(len, clips)) / SAMPLE_RATE
    return [name, number(seconds), number(1000 * cost.cpu / seconds, 2)]


def clips_of(files: Sequence[Path], seconds: float, n: int) -> list[Sound]:
    rng = np.random.default_rng(1)
    return [sound.audible_piece(files[int(rng.integers(len(files)))], seconds, rng)[1] for _ in range(n)]


# Main


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("--n", type=int, default=40, help="queries of each kind")
    parser.add_argument("--refs", type=Path, help="a list of the files to index, below MUSIC, as `degrade` makes; else a share of all")
    parser.add_argument("--unknown", type=float, default=0.15, help="share of the files that are not indexed")
    return parser.parse_args()


def parts(music: Path, refs: Path | None, share: float) -> tuple[list[Path], list[Path]]:
    """The files to index, and the others: as a list has it, or so that a share of all is not indexed."""
    files = sound.audio_files(music, degrade.MIN_TRACK_SECONDS)
    known, unknown = degrade.split(files, share, {}, 1)
    if refs:
        known = refs.read_text().splitlines()
        unknown = sorted(set(files) - set(known))
    return [music / f for f in known], [music / f for f in unknown]


def main() -> None:
    args = parse()
    known, unknown = parts(args.music.resolve(), args.refs, args.unknown)
    known = comparable(known)
    hours = sum(map(sound.duration, known)) / SECONDS_PER_HOUR
    common.print_run()
    print(f"{len(known)} files, {hours:.2f} hours\n")
    with tempfile.TemporaryDirectory() as temporary:
        print_indexing(known, Path(temporary), hours)
        with Index(Path(temporary) / "jobs1" / "index", readonly=True) as index:
            print_asking(index, known, args.n)
            print_listening(index, known, unknown)


def print_indexing(known: Sequence[Path], folder: Path, hours: float) -> None:
    head = ["indexing an hour of music", "CPU s", "wall s", "bytes"]
    print(common.table(head, index_rows(known, folder, hours)), end="\n\n")


def print_asking(index: Index, known: Sequence[Path], n: int) -> None:
    plain = clips_of(known, QUERY_SECONDS, n)
    fast = [effects.at_speed(clip, FAST) for clip in clips_of(known, QUERY_SECONDS * FAST, n)]
    rows = [query_row("plain", index, plain), query_row("4 % fast", index, fast)]
    print(common.table([f"a query of {QUERY_SECONDS:g} s", "n", "ms", "ms, 90 %"], rows), end="\n\n")


def print_listening(index: Index, known: Sequence[Path], unknown: Sequence[Path]) -> None:
    kinds = {"known music": known, "unknown music": unknown}
    rows = [listen_row(name, index, clips_of(paths, LISTEN_SECONDS, 5)) for name, paths in kinds.items()]
    print(common.table(["listening to", "s", "CPU ms a second"], rows))


if __name__ == "__main__":
    main()
