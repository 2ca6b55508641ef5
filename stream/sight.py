"""Why an answer is as it is: the peaks that were heard, and which of them the leading candidate has. Nothing is decided by it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.constellation import Peaks, reference
from core.evidence import Guess
from core.index import Index
from core.params import Params
from core.spectrogram import band_hertz
from core.warps import CENTS_PER_OCTAVE

FRAME_REACH = 2  # frames by which a peak may be away from the reference's and agree: the line's speed is known so well
BAND_REACH = 1  # and bands
SAME_LINE_SECONDS = 0.1  # by which the leader's place may be off its old line and what was said of it still hold


@dataclass(frozen=True)
class Seen:
    """What a look saw. track: the leading candidate's id, or None; peaks: PEAK [k] since the look before; matched: PEAK [m], those that
    agree with the leader; reset: the leader or its place in the track is new, so `matched` is of all seconds that count, and what was
    said to agree before does not."""

    elapsed: float  # seconds heard
    track: int | None
    peaks: Peaks
    matched: Peaks
    reset: bool

    def to_json(self) -> dict[str, Any]:
        """The lists are flat, [frame, band, strength, ...] and [frame, band, ...]: many small numbers, some four times a second."""
        return {
            "type": "constellation",
            "elapsed": round(self.elapsed, 3),
            "track": self.track,
            "reset": self.reset,
            "peaks": _flat(self.peaks, "frame", "band", "strength"),
            "matched": _flat(self.matched, "frame", "band"),
        }


def scale(params: Params) -> dict[str, Any]:
    """What frames and bands are: seconds from a frame to the next and to the middle of frame 0, and the hertz of each band's middle."""
    return {
        "frame_seconds": params.frame_seconds,
        "first_seconds": params.n_fft / 2 / params.sample_rate,
        "hertz": [round(hertz, 1) for hertz in band_hertz(params).tolist()],
    }


class Sight:
    """Looks along with a matcher. State: the leader of the last look, and how many frames were looked at."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._hertz = band_hertz(index.params)
        self._leader: Guess | None = None
        self._seen = 0

    def look(self, peaks: Peaks, now: int, elapsed: float, guesses: tuple[Guess, ...]) -> Seen:
        """peaks: PEAK [k] that the matcher keeps; now: frames looked at; elapsed: seconds heard; guesses: best first."""
        leader = guesses[0] if guesses else None
        peaks = reference(peaks[peaks["frame"] < now], self._index.params)  # the strong ones, which a reference has, too
        new = peaks[peaks["frame"] >= self._seen]
        before, self._leader, self._seen = self._leader, leader, now
        if leader is None:
            return Seen(elapsed, None, new, new[:0], before is not None)
        reset = not _same_line(before, leader, elapsed)
        asked = peaks if reset else new
        return Seen(elapsed, leader.track.id, new, asked[self._agree(asked, leader)], reset)

    def _agree(self, heard: Peaks, leader: Guess) -> NDArray[np.bool_]:
        """For each peak heard whether the leader has one at its place: bool [k]."""
        if not len(heard):
            return np.zeros(0, bool)
        start = leader.offset / self._index.params.frame_seconds  # the track's frame at the query's frame 0
        first, last = start + leader.speed * heard["frame"][[0, -1]]
        margin = 2 * FRAME_REACH
        theirs = self._index.constellation(leader.track.id, int(first) - margin, int(last) + margin)
        expected = np.rint((theirs["frame"] - start) / leader.speed).astype(np.int64)
        return _near(heard["frame"], heard["band"], expected, self._heard_bands(leader.pitch_cents)[theirs["band"]])

    def _heard_bands(self, cents: float) -> NDArray[np.int64]:
        """For each band, where it is heard when the pitch is `cents` higher: int64 [n_mels], bands."""
        higher = self._hertz * 2.0 ** (cents / CENTS_PER_OCTAVE)
        return np.asarray(np.rint(np.interp(higher, self._hertz, np.arange(len(self._hertz)))), np.int64)


def _same_line(old: Guess | None, leader: Guess, elapsed: float) -> bool:
    """Whether the leader of the look before was this track, and was expected where it is now."""
    if old is None or old.track.id != leader.track.id:
        return False
    return abs(old.offset + old.speed * elapsed - leader.position) < SAME_LINE_SECONDS


def _near(frames: NDArray[Any], bands: NDArray[Any], other_frames: NDArray[np.int64], other_bands: NDArray[np.int64]) -> NDArray[np.bool_]:
    """For each (frame, band) whether one of the others is within reach."""
    row = 256 + 2 * BAND_REACH  # cells a frame, with a margin, so that a neighbouring band is never another frame
    cells = frames.astype(np.int64) * row + bands
    df, db = np.mgrid[-FRAME_REACH : FRAME_REACH + 1, -BAND_REACH : BAND_REACH + 1]
    reach = (df * row + db).ravel()
    return np.isin(cells, ((other_frames * row + other_bands)[:, None] + reach).ravel())


def _flat(peaks: Peaks, *names: str) -> list[int]:
    columns = np.stack([peaks[name].astype(np.int64) for name in names], axis=1)
    return [int(value) for value in columns.ravel()]
