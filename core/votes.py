"""Hits -> votes -> the lines that most hits agree on.

A hit is where on a segment's line a track was at the query's frame 0 (core/lookup.py). Hits are counted in bins of two frames, two
neighbouring bins together. Only the bins that win are looked up on the line: which track it is does not matter before.

Sorting all hits would cost more than all else. So hits are thrown into buckets, of which neighbouring bins have neighbouring ones: no bin
and its neighbour have more votes than their buckets hold. Only the hits of the fullest buckets are sorted and counted. And a line wins
anew only through a hit that is new: the buckets of old hits are not looked at again.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.lookup import Hits

BIN_BITS = 1
OFFSET_BIN = 1 << BIN_BITS  # frames that hits are counted in; neighbouring bins are added
FEWEST_BUCKETS, MOST_BUCKETS = 1 << 10, 1 << 21  # powers of two
MIXER = 0x9E3779B1  # spreads the segments over the buckets
HEIGHTS = 256  # of buckets that are told apart: a bucket and its fuller neighbour
SORTED_HITS, SORTED_SHARE = 8_000, 8  # new hits whose buckets are looked through: about so many, or one of so many if that is more
CHEAPER = 8  # buckets that can be looked at in order in the time that it takes to find that of a hit
SAMPLED = 8  # hits, of which one tells how full their buckets are

Block = tuple[int, Hits]
"""The number of a segment, below 2^31, and hits in it, u32 [n]."""

Lines = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]
"""Of each line: its segment; the place on it at the query's frame 0, as the first of four frames, modulo 2^32; its votes."""


class Ballot:
    """Buckets that count the hits which vote at this moment. State: how many hits each bucket holds, modulo 2^16."""

    def __init__(self, hits: int) -> None:
        """hits: about how many will vote at a time."""
        buckets = min(max(FEWEST_BUCKETS, 1 << hits.bit_length()), MOST_BUCKETS)
        self._full, self._marked = np.zeros(buckets, np.uint16), np.zeros(buckets, np.bool_)

    def add(self, blocks: Iterable[Block]) -> None:
        """These hits vote from now on."""
        for segment, hits in blocks:
            _throw(hits, segment * MIXER, 1, self._full)

    def remove(self, blocks: Iterable[Block]) -> None:
        """These hits, which were added before, no longer vote."""
        for segment, hits in blocks:
            _throw(hits, segment * MIXER, -1, self._full)

    def best(self, new: Sequence[Block], voting: Sequence[Block], count: int) -> Lines:
        """The `count` lines with most votes among those that have one of the new hits, best first.

        voting: all hits that vote, the new ones among them.
        """
        heights, many = np.zeros(HEIGHTS, np.int64), sum(len(hits) for _, hits in new)
        for segment, hits in new:
            _sample(hits, segment * MIXER, self._full, heights)
        at_least = SAMPLED * np.cumsum(heights[::-1])[::-1]
        least = min(int(np.count_nonzero(at_least > max(SORTED_HITS, many // SORTED_SHARE))), HEIGHTS - 1)  # that no more hits have
        if many * CHEAPER > len(self._full):
            _mark_all(least, self._full, self._marked)  # cheaper than to go through the hits
        else:
            for segment, hits in new:
                _mark(hits, segment * MIXER, least, self._full, self._marked)
        found = self._counted(voting)
        self._marked[:] = False
        votes = np.concatenate([np.zeros(0, np.int32), *(votes for _, _, votes in found)])
        best = np.argsort(-votes, kind="stable")[:count]
        segments = np.concatenate([np.zeros(0, np.int64), *(np.full(len(bins), segment, np.int64) for segment, bins, _ in found)])
        bins = np.concatenate([np.zeros(0, np.uint32), *(bins for _, bins, _ in found)])
        return segments[best], bins[best].astype(np.int64) << BIN_BITS, votes[best]

    def _counted(self, voting: Sequence[Block]) -> Iterable[tuple[int, NDArray[np.uint32], NDArray[np.int32]]]:
        """Of each segment the bins in marked buckets, sorted, and their votes."""
        by_segment: dict[int, list[Hits]] = {}
        for segment, hits in voting:
            by_segment.setdefault(segment, []).append(hits)
        counted = []
        for segment in sorted(by_segment):
            bins = np.concatenate([_marked_bins(hits, segment * MIXER, self._marked) for hits in by_segment[segment]])
            bins.sort()
            counted.append((segment, *_count_runs(bins)))
        return counted


@njit(cache=True, nogil=True)
def _throw(hits, salt, votes, full):  # type: ignore[no-untyped-def]
    """Adds `votes` to each hit's bucket. Of the next bin it is the next bucket, and after the last comes the first."""
    last = len(full) - 1
    for i in range(len(hits)):
        full[((np.int64(hits[i]) >> BIN_BITS) + salt) & last] += np.uint16(votes)


@njit(cache=True, nogil=True, inline="always")
def _height(bucket, full):  # type: ignore[no-untyped-def]
    """What a bucket holds together with the neighbour that holds more."""
    last = len(full) - 1
    return np.int64(full[bucket]) + max(full[(bucket - 1) & last], full[(bucket + 1) & last])


@njit(cache=True, nogil=True)
def _sample(hits, salt, full, heights):  # type: ignore[no-untyped-def]
    """Counts the heights of every `SAMPLED`-th hit."""
    last = len(full) - 1
    for i in range(0, len(hits), SAMPLED):
        heights[min(_height(((np.int64(hits[i]) >> BIN_BITS) + salt) & last, full), HEIGHTS - 1)] += 1


@njit(cache=True, nogil=True)
def _mark(hits, salt, least, full, marked):  # type: ignore[no-untyped-def]
    """Marks the buckets of hits of at least this height, and those beside them."""
    last = len(full) - 1
    for i in range(len(hits)):
        bucket = ((np.int64(hits[i]) >> BIN_BITS) + salt) & last
        if _height(bucket, full) >= least:
            marked[(bucket - 1) & last] = marked[bucket] = marked[(bucket + 1) & last] = True


@njit(cache=True, nogil=True)
def _mark_all(least, full, marked):  # type: ignore[no-untyped-def]
    """Marks all buckets of at least this height, and those beside them."""
    last = len(full) - 1
    for bucket in range(len(full)):
        if _height(bucket, full) >= least:
            marked[(bucket - 1) & last] = marked[bucket] = marked[(bucket + 1) & last] = True


@njit(cache=True, nogil=True)
def _marked_bins(hits, salt, marked):  # type: ignore[no-untyped-def]
    """The bins of the hits in marked buckets: u32 [m]."""
    out, last = np.empty(len(hits) + 1, np.uint32), len(marked) - 1
    n = 0
    for i in range(len(hits)):
        bin_ = np.int64(hits[i]) >> BIN_BITS
        out[n] = bin_
        n += marked[(bin_ + salt) & last]
    return out[:n]


@njit(cache=True, nogil=True)
def _count_runs(sorted_bins):  # type: ignore[no-untyped-def]
    """The bins whose count, with the next one's, is not exceeded by a neighbouring pair, and those counts."""
    bins, counts = np.empty(len(sorted_bins), np.uint32), np.empty(len(sorted_bins), np.int32)
    m = 0
    for bin_ in sorted_bins:
        if m and bins[m - 1] == bin_:
            counts[m - 1] += 1
        else:
            bins[m], counts[m] = bin_, 1
            m += 1
    pairs = np.empty(m, np.int32)
    for i in range(m):
        follows = i + 1 < m and bins[i + 1] == bins[i] + 1
        pairs[i] = counts[i] + (counts[i + 1] if follows else 0)
    kept = 0
    for i in range(m):
        before = pairs[i - 1] if i and bins[i - 1] == bins[i] - 1 else 0
        after = pairs[i + 1] if i + 1 < m and bins[i + 1] == bins[i] + 1 else 0
        if pairs[i] > before and pairs[i] >= after:
            bins[kept], counts[kept] = bins[i], pairs[i]
            kept += 1
    return bins[:kept], counts[:kept]
