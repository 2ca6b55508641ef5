"""Hits -> votes -> the best candidates: which track, at which place, under which warp.

A warp is a guess at the speed and pitch at which a record is played. The query's peaks are moved to where the reference has them and
hashed again: no new analysis, only look-ups. A candidate is then a line through the reference:

    track frame = place + speed * (query frame - now)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.constellation import Peaks
from core.hashes import Hashes, pair
from core.params import Params
from core.postings import TRACK_SHIFT, Hits, unpack_hits
from core.spectrogram import band_hertz

BIN_BITS = 1
OFFSET_BIN = 1 << BIN_BITS  # frames that offsets are counted in; neighbouring bins are added
FEWEST_BUCKETS, MOST_BUCKETS = 1 << 10, 1 << 19  # powers of two: a byte each, which a core's own cache holds
FULL = 127  # hits that a bucket counts: of two a byte can hold the sum
MIXER = 0x9E3779B1  # spreads the tracks over the buckets
SORTED_HITS = 8_000  # about, of the fullest buckets
SAMPLED = 8  # one hit of so many tells how full they are
CENTS_PER_OCTAVE = 1200.0

BENDS = 1.0 + 0.015 * np.array([k for k in range(-8, 9) if k])  # tempos against a candidate's own
BEND_CROSSINGS = 4  # places where a bent line crosses it

CANDIDATE = np.dtype([("track", "<u4"), ("place", "<f4"), ("speed", "<f4"), ("pitch", "<f4"), ("votes", "<i4")])
"""place: the track's frame heard at the query's frame `now`; speed: heard / reference tempo; pitch: heard less reference, cents."""

Candidates = NDArray[np.void]
Bins = NDArray[np.int64]


@dataclass(frozen=True)
class Warp:
    """speed: heard tempo / reference tempo; pitch: cents by which it is heard higher than the reference."""

    speed: float
    pitch: float

    @classmethod
    def record(cls, speed: float) -> "Warp":
        """A record or tape that turns faster or slower: pitch follows speed."""
        return cls(speed, CENTS_PER_OCTAVE * float(np.log2(speed)))


PLAIN = Warp(1.0, 0.0)


def hash_query(peaks: Peaks, first: int, now: int, fan: int, params: Params, warp: Warp = PLAIN) -> Hashes:
    """Hashes a query's peaks as the reference has them under `warp`, each from peak number `first` on with `fan` earlier ones.

    peaks: PEAK [k]. Returns HASH [h] whose frames are track frames after the place of `now`.
    """
    frame = peaks["frame"] - np.int32(now)
    band = peaks["band"]
    if warp != PLAIN:
        frame = np.rint(frame * warp.speed).astype(np.int32)
        band = move_bands(band, -warp.pitch, params)
        inside = (band >= 0) & (band <= params.n_mels - 1)
        first = int(np.count_nonzero(inside[:first]))
        frame, band, peaks = frame[inside], np.rint(band[inside]).astype(np.uint8), peaks[inside]
    return pair(frame, band, peaks["rank"], first, fan, params)


def move_bands(band: NDArray[np.uint8], cents: float, params: Params) -> NDArray[np.float64]:
    """Where a band's centre lies after a shift in pitch: float64 [k], bands; off the ends for what leaves the range."""
    hertz = band_hertz(params)
    table = np.interp(hertz * 2.0 ** (cents / CENTS_PER_OCTAVE), hertz, np.arange(params.n_mels), left=-1.0, right=params.n_mels)
    return np.asarray(table[band])


def nominate(hits: Sequence[Hits], count: int, warp: Warp = PLAIN) -> Candidates:
    """The `count` places with most hits, one for each neighbourhood of offsets. hits: int64 [n] each."""
    bins, votes = _most(hits, count)
    best = np.argsort(-votes, kind="stable")[:count]
    out = np.zeros(len(best), CANDIDATE)
    out["track"], offset = unpack_hits(bins[best] << BIN_BITS)
    out["place"] = offset + OFFSET_BIN - 0.5  # the middle of two bins
    out["speed"], out["pitch"], out["votes"] = warp.speed, warp.pitch, votes[best]
    return out


def _most(of_hits: Sequence[Hits], count: int) -> tuple[Bins, NDArray[np.int32]]:
    """Bins of offsets and their hits: at least the `count` with most.

    Sorting all hits would cost more than all else. So they are thrown into buckets, of which neighbouring bins have neighbouring ones:
    no bin has more hits than its bucket, and only those of the fullest buckets are sorted and counted.
    """
    full = np.zeros(min(max(FEWEST_BUCKETS, 1 << sum(map(len, of_hits)).bit_length()), MOST_BUCKETS), np.uint8)
    for hits in of_hits:
        _throw(hits, full)
    heights = _heights(full)
    at_least = np.cumsum(sum((_sample(hits, heights) for hits in of_hits), np.zeros(2 * FULL + 1, np.int64))[::-1])[::-1]
    wanted = SORTED_HITS
    while True:
        height = min(max(int(np.count_nonzero(at_least * SAMPLED >= wanted)) - 1, 0), FULL)  # the greatest that so many hits have
        some = np.concatenate([np.zeros(0, np.int64), *(_highest(hits, heights, height) for hits in of_hits)])
        some.sort()
        bins, votes = _count_runs(some)
        if height == 0 or np.count_nonzero(votes >= height) >= count:
            return bins, votes
        wanted *= 4


def bend(candidate: Any, frames: int) -> Candidates:
    """The lines that cross a candidate's in the last `frames` query frames at another tempo: where music is stretched, a line at the
    reference's own tempo fits a part of it. Returns CANDIDATE [n]."""
    tempos, crossings = np.meshgrid(BENDS, np.linspace(0.0, -frames, BEND_CROSSINGS))
    out = np.zeros(tempos.size, CANDIDATE)
    out["track"], out["pitch"] = candidate["track"], candidate["pitch"]
    out["speed"] = candidate["speed"] * tempos.ravel()
    out["place"] = candidate["place"] + (candidate["speed"] - out["speed"]) * crossings.ravel()
    return out


@njit(cache=True, nogil=True, inline="always")
def _bucket(hit, last):  # type: ignore[no-untyped-def]
    """Of the next bin it is the next bucket, and after the last comes the first."""
    return ((hit >> BIN_BITS) + (hit >> TRACK_SHIFT) * MIXER) & last


@njit(cache=True, nogil=True)
def _throw(hits, full):  # type: ignore[no-untyped-def]
    """Adds to each hit's bucket, which holds `FULL` at most."""
    last = len(full) - 1
    for i in range(len(hits)):
        bucket = _bucket(hits[i], last)
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
def _sample(hits, heights):  # type: ignore[no-untyped-def]
    """How many of every `SAMPLED`-th hit have each height: int64 [2 * FULL + 1]."""
    out, last = np.zeros(2 * FULL + 1, np.int64), len(heights) - 1
    for i in range(0, len(hits), SAMPLED):
        out[heights[_bucket(hits[i], last)]] += 1
    return out


@njit(cache=True, nogil=True)
def _highest(hits, heights, least):  # type: ignore[no-untyped-def]
    """The bins of the hits of at least this height: int64 [m]."""
    out, last = np.empty(len(hits), np.int64), len(heights) - 1
    n = 0
    for i in range(len(hits)):
        out[n] = hits[i] >> BIN_BITS
        n += heights[_bucket(hits[i], last)] >= least
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
