"""Hits -> votes -> the lines that most hits agree on.

A hit is where on a segment's line a track was at the query's frame 0 (core/lookup.py). Hits are counted in bins of two frames, two
neighbouring bins together. Only the bins that win are looked up on the line: which track it is does not matter before.

Sorting all hits would cost more than all else. So hits are thrown into buckets, of which neighbouring bins have neighbouring ones: no bin
and its neighbour have more votes than their buckets hold. Only the hits of the fullest buckets are sorted and counted.
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
HIGHEST = 255  # hits of a bucket and its fuller neighbour that are told apart
SORTED_HITS = 8_000  # of the fullest buckets, at least; more where many buckets are as full
SAMPLED = 8  # hits, of which one tells how full their buckets are

Block = tuple[int, Hits]
"""The number of a segment, below 2^31, and hits in it, u32 [n]."""

Lines = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]
"""Of each line: its segment; the place on it at the query's frame 0, as the first of four frames, modulo 2^32; its votes."""


class Ballot:
    """Buckets that count the hits which vote at this moment. State: how many hits each bucket holds, modulo 2^16."""

    def __init__(self, hits: int) -> None:
        """hits: about how many will vote at a time."""
        self._full = np.zeros(min(max(FEWEST_BUCKETS, 1 << hits.bit_length()), MOST_BUCKETS), np.uint16)

    def add(self, blocks: Iterable[Block]) -> None:
        """These hits vote from now on."""
        for segment, hits in blocks:
            _throw(hits, segment * MIXER, 1, self._full)

    def remove(self, blocks: Iterable[Block]) -> None:
        """These hits, which were added before, no longer vote."""
        for segment, hits in blocks:
            _throw(hits, segment * MIXER, -1, self._full)

    def best(self, voting: Sequence[Block], count: int) -> Lines:
        """The `count` lines with most votes, best first. voting: all hits that were added and not removed."""
        heights = _heights(self._full)
        hits = np.zeros(HIGHEST + 1, np.int64)  # in the buckets of each height
        for segment, some in voting:
            _sample(some, segment * MIXER, heights, hits)
        at_least = SAMPLED * np.cumsum(hits[::-1])[::-1]
        least = max(int(np.count_nonzero(at_least >= SORTED_HITS)) - 1, 0)  # the greatest height that as many hits have
        found = list(_counted(voting, heights, least))
        votes = np.concatenate([np.zeros(0, np.int32), *(votes for _, _, votes in found)])
        best = np.argsort(-votes, kind="stable")[:count]
        segments = np.concatenate([np.zeros(0, np.int64), *(np.full(len(bins), segment, np.int64) for segment, bins, _ in found)])
        bins = np.concatenate([np.zeros(0, np.uint32), *(bins for _, bins, _ in found)])
        return segments[best], bins[best].astype(np.int64) << BIN_BITS, votes[best]


def _counted(
    voting: Sequence[Block], heights: NDArray[np.uint8], least: int
) -> Iterable[tuple[int, NDArray[np.uint32], NDArray[np.int32]]]:
    """Of each segment the bins in buckets of at least the height `least`, sorted, and their votes."""
    by_segment: dict[int, list[Hits]] = {}
    for segment, hits in voting:
        by_segment.setdefault(segment, []).append(hits)
    for segment in sorted(by_segment):
        bins = np.concatenate([_highest(hits, segment * MIXER, heights, least) for hits in by_segment[segment]])
        bins.sort()
        yield segment, *_count_runs(bins)


@njit(cache=True, nogil=True)
def _throw(hits, salt, votes, full):  # type: ignore[no-untyped-def]
    """Adds `votes` to each hit's bucket. Of the next bin it is the next bucket, and after the last comes the first."""
    last = len(full) - 1
    for i in range(len(hits)):
        full[((np.int64(hits[i]) >> BIN_BITS) + salt) & last] += np.uint16(votes)


@njit(cache=True, nogil=True)
def _heights(full):  # type: ignore[no-untyped-def]
    """What each bucket holds together with the neighbour that holds more, up to HIGHEST: u8 [n]."""
    last = len(full) - 1
    out = np.empty(len(full), np.uint8)
    for i in range(1, last):  # without a condition, so that many are done at once
        out[i] = _height(full[i], full[i - 1], full[i + 1])
    out[0], out[last] = _height(full[0], full[last], full[1]), _height(full[last], full[last - 1], full[0])
    return out


@njit(cache=True, nogil=True, inline="always")
def _height(bucket, before, after):  # type: ignore[no-untyped-def]
    return min(np.int32(bucket) + max(np.int32(before), np.int32(after)), HIGHEST)


@njit(cache=True, nogil=True)
def _sample(hits, salt, heights, count):  # type: ignore[no-untyped-def]
    """Adds to `count` how many of every `SAMPLED`-th hit are in buckets of each height."""
    last = len(heights) - 1
    for i in range(0, len(hits), SAMPLED):
        count[heights[((np.int64(hits[i]) >> BIN_BITS) + salt) & last]] += 1


@njit(cache=True, nogil=True)
def _highest(hits, salt, heights, least):  # type: ignore[no-untyped-def]
    """The bins of the hits in buckets of at least this height: u32 [m]."""
    out, last = np.empty(len(hits) + 1, np.uint32), len(heights) - 1
    n = 0
    for i in range(len(hits)):
        bin_ = np.int64(hits[i]) >> BIN_BITS
        out[n] = bin_
        n += heights[(bin_ + salt) & last] >= least
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
