"""Sound -> answers: a fingerprinter and a matcher in one object, for the microphone and for files alike."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.evidence import CLAIM_BITS, Guess
from core.fingerprinter import Fingerprinter
from core.index import Index
from core.kinds import SILENCE
from stream.events import answer_json
from stream.matcher import Event, Matcher
from stream.sight import Sight

if TYPE_CHECKING:
    from core.ingest import Analysis

FILE_LOOK = 108  # frames from a look to the next in a file: 2.5 s
FILE_WARPS = 4  # tried at each
FILE_EFFORT = 8.0  # times the postings that a listener's look may read, at the end of a file of which nothing is sure
WARM_FRAMES, WARM_TRACKS = 216, 10  # frames of the question that is asked to load everything, and where a track for it is looked for


@dataclass(frozen=True)
class Answer:
    """What a whole recording is. match: the track that is heard longest, or None; absent: probability that it is not in the library;
    duration: seconds; start, end: seconds of the recording between which the match is heard, None without one; others: how many other
    tracks were heard in it; heard: what kind of sound most of it was, see core/kinds.py; tracks: how many the library holds."""

    match: Guess | None
    guesses: tuple[Guess, ...]
    absent: float
    duration: float
    start: float | None = None
    end: float | None = None
    others: int = 0
    heard: str = SILENCE
    tracks: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "match": self.match and self.match.to_json(),
            **answer_json(self.guesses, self.absent, self.heard),
            "duration": round(self.duration, 3),
            "from": None if self.start is None else round(self.start, 3),
            "to": None if self.end is None else round(self.end, 3),
            "others": self.others,
            "tracks": self.tracks,
        }


class Recognizer:
    """Feed it PCM in blocks of any size and it says what is playing; `finish` ends the sound.

    sample_rate: Hz of the PCM; constellation: whether to tell what is seen as well. Raises EarprintError for a rate that cannot be used.
    """

    def __init__(self, index: Index, sample_rate: int, constellation: bool = False) -> None:
        self._fingerprinter = Fingerprinter(index.params, sample_rate)
        self._matcher = Matcher(index, sight=Sight(index) if constellation else None)
        self._sample_rate = sample_rate
        self._samples = 0
        self._fingerprinter.wait_for(self._matcher.due)
        self.delay = index.params.delay  # seconds from a sound to the first answer that knows of it
        self.threshold = CLAIM_BITS  # bits that a claim needs; those of live guesses are net of the many looks

    def feed(self, pcm: NDArray[np.float32]) -> list[Event]:
        """pcm: float32 [n] or [n, channels], amplitude -1..1. Returns what happened, in order."""
        self._samples += len(pcm)
        f = self._fingerprinter
        events = self._matcher.feed(f.feed(pcm), f.levels, f.upto)
        f.wait_for(self._matcher.due)
        return events

    def finish(self) -> list[Event]:
        """The sound is over; the last event is `End`."""
        f = self._fingerprinter
        return self._matcher.finish(f.finish(), f.levels, f.upto, self._samples / self._sample_rate)

    def waited(self, seconds: float) -> None:
        """The sound had to wait so long, as others were heard: the more that is, the less often anything new is looked for."""
        self._matcher.waited(seconds)
        self._fingerprinter.wait_for(self._matcher.due)

    @property
    def wanted(self) -> int:
        """How many more samples have to be fed, at least, until something can happen."""
        return self._fingerprinter.wanted

    @property
    def guesses(self) -> tuple[Guess, ...]:
        """The latest guesses, best first."""
        return self._matcher.guesses


def recognize(index: Index, pcm: NDArray[np.float32], sample_rate: int, effort: float = FILE_EFFORT) -> Answer:
    """What a whole recording is. pcm: float32 [n] or [n, channels]."""
    f, matcher = Fingerprinter(index.params, sample_rate), Matcher(index, FILE_LOOK, FILE_WARPS, effort=effort)
    matcher.feed(f.feed(pcm), f.levels, f.upto)
    matcher.finish(f.finish(), f.levels, f.upto, len(pcm) / sample_rate)
    return _answer(matcher)


def identify(index: Index, analysis: "Analysis", effort: float = FILE_EFFORT) -> Answer:
    """The same for a file that `core.ingest` has analysed as a query."""
    assert analysis.levels is not None, "an analysis made for a query"
    matcher = Matcher(index, FILE_LOOK, FILE_WARPS, effort=effort)
    matcher.finish(analysis.peaks, analysis.levels, len(analysis.levels), analysis.duration)
    return _answer(matcher)


def warm(index: Index) -> None:
    """Load what answers by asking for the beginning of a track, so that the first question has not to wait for it."""
    peaks = next((some for id in range(1, WARM_TRACKS) if len(some := index.constellation(id))), None)
    if peaks is None:
        return
    peaks = peaks[peaks["frame"] < WARM_FRAMES]
    levels = np.zeros((WARM_FRAMES, index.params.n_mels), np.int8)
    levels[peaks["frame"], peaks["band"]] = np.minimum(peaks["strength"], np.iinfo(np.int8).max)
    Matcher(index, FILE_LOOK, FILE_WARPS).finish(peaks, levels, WARM_FRAMES, WARM_FRAMES * index.params.frame_seconds)


def _answer(matcher: Matcher) -> Answer:
    play, others, end = matcher.whole()
    start, until = (play.start, play.end) if play else (None, None)
    return Answer(end.match, end.guesses, end.absent, end.elapsed, start, until, others, end.heard, end.tracks)
