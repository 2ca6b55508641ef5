"""Hits -> votes -> the lines that most hits agree on.

A hit is where on a segment's line a track was at the query's frame 0 (core/lookup.py). Hits are counted in bins of two frames, two
neighbouring bins together. Only the bins that win are looked up on the line: which track it is does not matter before.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.lookup import Hits

BIN_BITS = 1
OFFSET_BIN = 1 << BIN_BITS  # frames that hits are counted in; neighbouring bins are added
FEWEST_BUCKETS, MOST_BUCKETS = 1 << 10, 1 << 23  # powers of two, of a byte each
FULL = 127  # hits that a bucket counts: of two a byte can hold the sum
MIXER = 0x9E3779B1  # spreads the segments over the buckets
SORTED_HITS, SORTED_SHARE = 8_000, 8  # hits that are sorted: about so many, or one of so many if that is more
SAMPLED = 8  # hits, of which one tells how full their buckets are
SEGMENT_SHIFT = 32

Bins = NDArray[np.int64]
Votes = NDArray[np.int32]


def most_voted(hits: Sequence[Hits], segments: Sequence[int], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Votes]:
    """The `count` lines with most hits, best first.

    hits: u32 [n], of each look-up in each segment; segments: the number of each one's segment, below 2^31. Returns the segment, the
    place on its line at the query's frame 0, as the first of four frames, modulo 2^32, and the votes: [count] each, fewer where there
    are fewer lines.
    """
    kept = [(some, segment) for some, segment in zip(hits, segments, strict=True) if len(some)]
    everything = np.concatenate([np.zeros(0, np.uint32), *(some for some, _ in kept)])
    edges = np.zeros(len(kept) + 1, np.int64)
    np.cumsum([len(some) for some, _ in kept], out=edges[1:])
    bins, votes = _most(everything, edges, np.array([segment for _, segment in kept], np.int64), count)
    best = np.argsort(-votes, kind="stable")[:count]
    bins = bins[best]
    return bins >> SEGMENT_SHIFT, (bins & ((1 << SEGMENT_SHIFT) - 1)) << BIN_BITS, votes[best]


def _most(hits: Hits, edges: NDArray[np.int64], segments: NDArray[np.int64], count: int) -> tuple[Bins, Votes]:
    """Bins and their votes, sorted by bin: all that have as many votes as the emptiest bucket whose hits are sorted, and some others.

    Sorting all hits would cost more than all else. So they are thrown into buckets, of which neighbouring bins have neighbouring ones:
    no bin has more votes than its bucket and a neighbour hold. Only the hits of the fullest buckets are sorted and counted.
    """
    full = np.zeros(min(max(FEWEST_BUCKETS, 1 << len(hits).bit_length()), MOST_BUCKETS), np.uint8)
    _throw(hits, edges, segments, full)
    heights = _heights(full)
    at_least = SAMPLED * np.cumsum(_sample(hits, edges, segments, heights)[::-1])[::-1]
    wanted = max(SORTED_HITS, len(hits) // SORTED_SHARE)
    while True:
        least = min(int(np.count_nonzero(at_least > wanted)), FULL)  # the lowest height that no more hits have
        bins = _highest(hits, edges, segments, heights, least)
        bins.sort()
        bins, votes = _count_runs(bins)
        if len(votes) >= count or least == 0:
            return bins, votes
        wanted *= 4


@njit(cache=True, nogil=True)
def _throw(hits, edges, segments, full):  # type: ignore[no-untyped-def]
    """Adds to each hit's bucket, which holds `FULL` at most. Of the next bin it is the next bucket, and after the last comes the first."""
    last = len(full) - 1
    for s in range(len(segments)):
        salt = segments[s] * MIXER
        for i in range(edges[s], edges[s + 1]):
            bucket = ((np.int64(hits[i]) >> BIN_BITS) + salt) & last
            full[bucket] += full[bucket] < FULL


@njit(cache=True, nogil=True)
def _heights(full):  # type: ignore[no-untyped-def]
    """What each bucket holds together with the neighbour that holds more: u8 [n]. No bin of it and its neighbour have more hits,
    unless it is full."""
    out = np.empty(len(full), np.uint8)
    for i in range(1, len(full) - 1):  # without a condition, so that many are done at once
        out[i] = np.uint8(full[i] + max(full[i - 1], full[i + 1]))
    out[0] = full[0] + max(full[-1], full[1])
    out[-1] = full[-1] + max(full[-2], full[0])
    return out


@njit(cache=True, nogil=True)
def _sample(hits, edges, segments, heights):  # type: ignore[no-untyped-def]
    """How many of every `SAMPLED`-th hit have each height: int64 [2 * FULL + 1]."""
    out, last = np.zeros(2 * FULL + 1, np.int64), len(heights) - 1
    for s in range(len(segments)):
        salt = segments[s] * MIXER
        for i in range(edges[s], edges[s + 1], SAMPLED):
            out[heights[((np.int64(hits[i]) >> BIN_BITS) + salt) & last]] += 1
    return out


@njit(cache=True, nogil=True)
def _highest(hits, edges, segments, heights, least):  # type: ignore[no-untyped-def]
    """segment << SEGMENT_SHIFT | bin of the hits of at least this height: int64 [m]."""
    out, last = np.empty(len(hits) + 1, np.int64), len(heights) - 1
    n = 0
    for s in range(len(segments)):
        salt, segment = segments[s] * MIXER, segments[s] << SEGMENT_SHIFT
        for i in range(edges[s], edges[s + 1]):
            bin_ = np.int64(hits[i]) >> BIN_BITS
            out[n] = segment | bin_
            n += heights[(bin_ + salt) & last] >= least
    return out[:n]


@njit(cache=True, nogil=True)
def _count_runs(sorted_bins):  # type: ignore[no-untyped-def]
    """The bins whose count, with the next one's, is not exceeded by a neighbouring pair, and those counts."""
    bins, counts = np.empty(len(sorted_bins), np.int64), np.empty(len(sorted_bins), np.int32)
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
