"""The peaks of the last seconds -> candidates: what the hits of their hashes, plain or warped, agree on."""

from collections import deque

import numpy as np

from core.candidates import PLAIN, Candidates, Places, Warp, hash_query, nominate, places
from core.constellation import PEAK, Peaks
from core.index import Index

HIT_FRAMES = 172  # for which a hit can vote: 4.0 s
LOOKUP_BUDGET = 3_000  # postings read for a frame of sound at most
WARP_FRAMES = 215  # of peaks that are hashed again for a warp: 5.0 s
WARP_BUDGET = 100_000  # postings read for a warp at most


class Search:
    """Each plain hash is looked up once, and its hits vote for some seconds; for a warp the last seconds are hashed and looked up anew.

    State: the peaks since the last `forget`, and the hits of the last looks.
    """

    def __init__(self, index: Index) -> None:
        self.peaks: Peaks = np.zeros(0, PEAK)
        self._index = index
        self._hits: deque[tuple[int, Places]] = deque()  # of each look: its frame, and what its new hashes hit

    def feed(self, peaks: Peaks) -> None:
        """peaks: the next PEAK [k]."""
        if len(peaks):
            self.peaks = np.concatenate([self.peaks, peaks])

    def forget(self, before: int) -> None:
        """Drops the peaks, and the hits of the looks, before a frame."""
        self.peaks = self.peaks[np.searchsorted(self.peaks["frame"], before) :]
        while self._hits and self._hits[0][0] < before:
            self._hits.popleft()

    def plain(self, before: int, now: int, count: int) -> Candidates:
        """Looks up the hashes of the peaks between the last look and this one; returns the `count` best candidates."""
        first, last = np.searchsorted(self.peaks["frame"], [before, now])
        hashes = hash_query(self.peaks[:last], int(first), 0, self._index.params)
        self._hits.append((now, places(self._index.lookup(hashes, LOOKUP_BUDGET * (now - before)))))
        while self._hits[0][0] <= now - HIT_FRAMES:
            self._hits.popleft()
        candidates = nominate([found for _, found in self._hits], count)
        candidates["place"] += now
        return candidates

    def warped(self, now: int, warp: Warp, count: int) -> Candidates:
        """The `count` best candidates if what was heard was played under a warp."""
        assert warp != PLAIN
        first, last = np.searchsorted(self.peaks["frame"], [now - WARP_FRAMES, now])
        peaks = self.peaks[first:last]
        peaks = peaks[peaks["rank"] < self._index.params.reference_rank]
        hashes = hash_query(peaks, 0, now, self._index.params, warp)
        return nominate([places(self._index.lookup(hashes, WARP_BUDGET))], count, warp)
