"""Load music, find pieces of it, and hear them in a condition (see effects.py).

Conventions
    Sound is float32 [n] mono at SAMPLE_RATE; starts and lengths are seconds.
"""

import argparse
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.effects import Surroundings, degrade
from benchmarks.noises import (
    SAMPLE_RATE,
    Random,
    Sound,
    rms,
    small_loudspeaker,
    synthetic_noises,
    synthetic_rooms,
    unit_energy,
)

AUDIO_SUFFIXES = {".ogg", ".opus", ".mp3", ".flac", ".wav"}
MARGIN = 1.25  # seconds of the track that a degraded second may need: +10 % tempo, and some
NOISE_SECONDS = 30.0  # of each synthetic noise, from which pieces are cut
QUIET = 0.004  # RMS amplitude below which another place of the track is tried
TRIES = 20
INTRO_SECONDS = 2.0  # of each track that no query is cut from


def audio_files(folder: Path, min_seconds: float) -> list[str]:
    """The audio files below the folder that are long enough, as paths below it, sorted."""
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    return sorted(str(path.relative_to(folder)) for path in paths if duration(path) >= min_seconds)


def duration(path: Path) -> float:
    """Seconds of sound in the file; 0 when it is none."""
    try:
        return float(soundfile.info(path).duration)
    except soundfile.LibsndfileError:
        return 0.0


def load(path: Path, start: float = 0.0, seconds: float | None = None, rate: int = SAMPLE_RATE) -> Sound:
    """Part of a file (to its end without `seconds`), mono, at the rate."""
    with soundfile.SoundFile(path) as file:
        file.seek(int(start * file.samplerate))
        count = -1 if seconds is None else int(seconds * file.samplerate)
        pcm = file.read(count, dtype="float32", always_2d=True).mean(axis=1)
        return np.asarray(soxr.resample(pcm, file.samplerate, rate), np.float32)


def audible_piece(path: Path, seconds: float, rng: Random) -> tuple[float, Sound]:
    """A piece of the track that is not silent, and its start in seconds; the last of several tries if all are."""
    last = max(INTRO_SECONDS, duration(path) - seconds)
    for _ in range(TRIES):
        start = round(rng.uniform(INTRO_SECONDS, last), 3)
        pcm = load(path, start, seconds)
        if rms(pcm) > QUIET:
            break
    return start, pcm


@dataclass(frozen=True)
class Sources:
    """Recordings of surroundings; none for synthetic ones."""

    noises: tuple[Path, ...] = ()
    rooms: tuple[Path, ...] = ()
    device: Path | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that replace synthetic noises and responses by recorded ones."""
    parser.add_argument("--noise", nargs="+", type=Path, default=[], help="recordings of noise, for synthetic ones")
    parser.add_argument("--room", nargs="+", type=Path, default=[], help="impulse responses of rooms")
    parser.add_argument("--device", type=Path, help="impulse response of a device")


def sources(args: argparse.Namespace) -> Sources:
    return Sources(tuple(args.noise), tuple(args.room), args.device)


@cache
def surroundings(sources: Sources) -> Surroundings:
    """The recordings, and what is synthetic. Made once in a process."""
    return Surroundings(
        noises=tuple(load(path) for path in sources.noises) or synthetic_noises(NOISE_SECONDS),
        rooms=tuple(unit_energy(load(path)) for path in sources.rooms) or synthetic_rooms(),
        device=unit_energy(load(sources.device)) if sources.device else small_loudspeaker(),
    )


def heard_piece(path: Path, seconds: float, condition: str, sources: Sources, rng: Random) -> tuple[float, Sound]:
    """A piece of the track as the condition makes it, so long or up to the track's end; and its start, seconds."""
    start, pcm = audible_piece(path, seconds * MARGIN, rng)
    return start, degrade(pcm, condition, surroundings(sources), rng)[: round(seconds * SAMPLE_RATE)]
