"""The peaks of the last seconds -> candidates, as they were heard or as if they were played at another speed or pitch."""

import numpy as np

from core.candidates import Candidates
from core.constellation import PEAK, Peaks
from core.index import Index
from core.warps import PLAIN, Warp

BUDGET = 2_300  # postings read for a frame of sound at most
SPARING_BUDGET = 900  # the same, when little is to be spent
WARP_FRAMES = 215  # of peaks that are hashed again for a warp: 5.0 s
WARP_FAN = 5  # earlier peaks that each is joined with for a warp, of peaks as strong as a reference's
WARP_BUDGET = 70_000  # postings read for a warp at most
DEEP_FRAMES = 430  # of peaks that are looked up again where more effort is to be made: 10.0 s
MOST = 0.35  # of what should be hit


class Search:
    """Peaks that are new are looked up once, and what they hit votes for some seconds; for a warp the last seconds are looked up anew.

    State: the peaks since the last `forget`, and what the index keeps for a listener (`core.nominator`).
    """

    def __init__(self, index: Index) -> None:
        self.peaks: Peaks = np.zeros(0, PEAK)
        self._params = index.params
        self._nominator = index.nominator()

    def feed(self, peaks: Peaks) -> None:
        """peaks: the next PEAK [k]."""
        if len(peaks):
            self.peaks = np.concatenate([self.peaks, peaks])

    def forget(self, before: int) -> None:
        """Drop the peaks, and the hits of the look-ups, before a frame."""
        self.peaks = self.peaks[np.searchsorted(self.peaks["frame"], before) :]
        self._nominator.forget(before)

    def nominees(self, now: int, count: int, budget: int = BUDGET) -> Candidates:
        """The `count` best candidates by what the peaks of the last seconds hit. budget: postings read for a frame at most."""
        return self._nominator.nominate(self.peaks, now, count, budget)

    def warped(self, now: int, warp: Warp, count: int) -> Candidates:
        """The `count` best candidates if what was heard was played under a warp."""
        peaks = self._last(now, WARP_FRAMES)
        peaks = peaks[peaks["rank"] < self._params.reference_rank]
        return self._nominator.nominate_once(peaks, now, count, WARP_BUDGET, warp, WARP_FAN)

    def deep(self, now: int, warp: Warp, count: int, effort: float) -> Candidates:
        """The same, or for PLAIN the same as `nominees`, by more seconds and all their peaks, for `effort` times as many postings."""
        budget = WARP_BUDGET if warp != PLAIN else BUDGET * DEEP_FRAMES
        return self._nominator.nominate_once(self._last(now, DEEP_FRAMES), now, count, round(effort * budget), warp)

    def is_read_out(self) -> bool:
        """Whether every look-up since the last call of this read most of what should be hit, so that to read more is of little use."""
        share, self._nominator.least_share = self._nominator.least_share, 1.0
        return share >= MOST

    def _last(self, now: int, frames: int) -> Peaks:
        first, last = np.searchsorted(self.peaks["frame"], [now - frames, now])
        return self.peaks[first:last]
