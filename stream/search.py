"""The peaks of the last seconds -> candidates: what the hits of their hashes, plain or warped, agree on."""

from collections import deque

import numpy as np

from core.candidates import PLAIN, Candidates, Warp, hash_query, nominate
from core.constellation import PEAK, Peaks
from core.index import Index
from core.postings import Hits

HIT_FRAMES = 172  # for which a hit can vote: 4.0 s
QUICK_FAN = 4  # earlier peaks that a peak is paired with in a quick look-up, of peaks as strong as a reference's
QUICK_BUDGET = 850  # postings read for a frame of sound at most
THOROUGH_BUDGET = 2_300  # the same with a query's own fan, and all its peaks
SPARING_BUDGET = 900  # the same, when little is to be spent
WARP_FRAMES = 215  # of peaks that are hashed again for a warp: 5.0 s
WARP_BUDGET = 35_000  # postings read for a warp at most


class Search:
    """Plain hashes are looked up once, the quick ones as well as the thorough ones, if they are asked for, and their hits vote for some
    seconds; for a warp the last seconds are hashed and looked up anew.

    State: the peaks since the last `forget`, and the hits of both kinds of hashes, each with the frames that they were looked up for.
    """

    def __init__(self, index: Index) -> None:
        self.peaks: Peaks = np.zeros(0, PEAK)
        self._index = index
        self._quick: deque[tuple[int, Hits]] = deque()  # of each look-up: the frame that it went up to, and what was hit
        self._thorough: deque[tuple[int, Hits]] = deque()

    def feed(self, peaks: Peaks) -> None:
        """peaks: the next PEAK [k]."""
        if len(peaks):
            self.peaks = np.concatenate([self.peaks, peaks])

    def forget(self, before: int) -> None:
        """Drops the peaks, and the hits of the look-ups, before a frame."""
        self.peaks = self.peaks[np.searchsorted(self.peaks["frame"], before) :]
        for looked_up in (self._quick, self._thorough):
            while looked_up and looked_up[0][0] < before:
                looked_up.popleft()

    def quick(self, now: int, count: int) -> Candidates:
        """The `count` best candidates by what the strongest peaks hit: where the sound is clear, as good as `thorough`, and cheaper."""
        strong = self.peaks[self.peaks["rank"] < self._index.params.reference_rank]
        return self._plain(self._quick, strong, now, QUICK_FAN, QUICK_BUDGET, count)

    def thorough(self, now: int, count: int, budget: int = THOROUGH_BUDGET) -> Candidates:
        """The `count` best candidates by what all peaks hit. budget: postings read for a frame at most."""
        return self._plain(self._thorough, self.peaks, now, self._index.params.query_fan, budget, count)

    def _plain(self, looked_up: deque[tuple[int, Hits]], peaks: Peaks, now: int, fan: int, budget: int, count: int) -> Candidates:
        before = max(looked_up[-1][0] if looked_up else 0, now - HIT_FRAMES)
        first, last = np.searchsorted(peaks["frame"], [before, now])
        hashes = hash_query(peaks[:last], int(first), 0, fan, self._index.params)
        looked_up.append((now, self._index.lookup(hashes, budget * (now - before))))
        while looked_up[0][0] <= now - HIT_FRAMES:
            looked_up.popleft()
        candidates = nominate([hits for _, hits in looked_up], count)
        candidates["place"] += now
        return candidates

    def warped(self, now: int, warp: Warp, count: int) -> Candidates:
        """The `count` best candidates if what was heard was played under a warp."""
        assert warp != PLAIN
        first, last = np.searchsorted(self.peaks["frame"], [now - WARP_FRAMES, now])
        peaks = self.peaks[first:last]
        peaks = peaks[peaks["rank"] < self._index.params.reference_rank]
        hashes = hash_query(peaks, 0, now, QUICK_FAN, self._index.params, warp)
        return nominate([self._index.lookup(hashes, WARP_BUDGET)], count, warp)
