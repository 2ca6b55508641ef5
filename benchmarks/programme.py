"""What a radio plays: segments of music, talk and silence, drawn by chance, and their sound.

Conventions
    Times are seconds, sound is float32 [n] mono at SAMPLE_RATE. `truth`: the library ids that hold the recording.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks import noises, sound
from benchmarks.noises import SAMPLE_RATE, Random, Sound

FADE_SECONDS = 3.0  # in and out
TALK_SNR = 3.0  # dB of music over a voice that talks over it
LOOPS = 4


@dataclass(frozen=True)
class Segment:
    """A part of a programme. Without a file it is talk or silence; `truth` is empty where nothing known plays."""

    kind: str
    seconds: float
    file: str | None = None
    start: float = 0.0  # into the track
    truth: frozenset[int] = frozenset()

    @property
    def judged(self) -> bool:
        """Whether it is certain what should be claimed: not in the pause of a track."""
        return self.kind != "pause"


@dataclass(frozen=True)
class Draw:
    """Draws segments from known and unknown tracks. duration: file -> seconds; truth: file -> ids."""

    known: Sequence[str]
    unknown: Sequence[str]
    duration: Callable[[str], float]
    truth: Callable[[str], frozenset[int]]
    rng: Random

    def programme(self, seconds: float) -> tuple[Segment, ...]:
        """Segments of every kind, in another order each round, for so long or a little longer."""
        kinds = {
            "track": self.track,
            "unknown": self.strange,
            "talk over": self.track,
            "talk": self.no_music,
            "silence": self.no_music,
            "pause": self.paused,
            "loop": self.loop,
        }
        segments: list[Segment] = []
        while sum(segment.seconds for segment in segments) < seconds:
            for kind in self.rng.permutation(list(kinds)):
                segments += kinds[kind](str(kind))
        return tuple(segments)

    def track(self, kind: str) -> list[Segment]:
        return [self._piece(kind, str(self.rng.choice(self.known)), self.rng.uniform(30, 120))]

    def strange(self, kind: str) -> list[Segment]:
        return [self._piece(kind, str(self.rng.choice(self.unknown)), self.rng.uniform(30, 120))]

    def no_music(self, kind: str) -> list[Segment]:
        return [Segment(kind, self.rng.uniform(5, 40))]

    def paused(self, kind: str) -> list[Segment]:
        """A track that stops for a few seconds and goes on where it was."""
        (whole,) = self.track("paused track")
        first = replace(whole, seconds=whole.seconds / 2)
        pause = Segment(kind, self.rng.uniform(1, 5), truth=whole.truth)
        return [first, pause, replace(first, start=whole.start + first.seconds)]

    def loop(self, kind: str) -> list[Segment]:
        """The same few seconds again and again."""
        once = self._piece(kind, str(self.rng.choice(self.known)), self.rng.uniform(6, 12))
        return [replace(once, seconds=once.seconds * LOOPS)]

    def _piece(self, kind: str, file: str, seconds: float) -> Segment:
        seconds = min(seconds, self.duration(file))
        return Segment(kind, seconds, file, self.rng.uniform(0, self.duration(file) - seconds), self.truth(file))


def render(segment: Segment, music: Path, talk: tuple[Path, ...], rng: Random) -> Sound:
    """The segment's sound before any degradation, exactly as long as it says."""
    n = round(segment.seconds * SAMPLE_RATE)
    if segment.file is None:
        return voice(talk, n, rng) if segment.kind == "talk" else np.zeros(n, np.float32)
    once = segment.seconds / (LOOPS if segment.kind == "loop" else 1)
    pcm = np.resize(sound.load(music / segment.file, segment.start, once), n)  # repeats what is too short
    if segment.kind == "talk over":
        return noises.mix(pcm, voice(talk, n, rng), TALK_SNR)
    return pcm if segment.kind == "loop" else faded(pcm)


def voice(recordings: tuple[Path, ...], n: int, rng: Random) -> Sound:
    """Somebody talking: from the recordings, or synthetic."""
    return noises.cut(_recordings(recordings), n, rng) if recordings else noises.speech(n, rng)


@cache
def _recordings(paths: tuple[Path, ...]) -> tuple[Sound, ...]:
    return tuple(sound.load(path) for path in paths)


def faded(pcm: Sound) -> Sound:
    """Faded in and out."""
    n = min(round(FADE_SECONDS * SAMPLE_RATE), len(pcm) // 2)
    ramp = np.concatenate([np.linspace(0, 1, n), np.ones(len(pcm) - 2 * n), np.linspace(1, 0, n)])
    return (pcm * ramp).astype(np.float32)


def placed(segments: Sequence[Segment]) -> Iterator[tuple[Segment, float, float]]:
    """Each segment with its start and end in the programme."""
    start = 0.0
    for segment in segments:
        yield segment, start, start + segment.seconds
        start += segment.seconds
