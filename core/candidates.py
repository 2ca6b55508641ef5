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
from core.postings import Hits
from core.spectrogram import band_hertz

WARP_FAN = 4  # earlier peaks that a peak is paired with under a warp
OFFSET_BIN = 2  # frames that offsets are counted in; neighbouring bins are added
CENTS_PER_OCTAVE = 1200.0

BENDS = 1.0 + 0.015 * np.array([k for k in range(-8, 9) if k])  # tempos against a candidate's own
BEND_CROSSINGS = 4  # places where a bent line crosses it

CANDIDATE = np.dtype([("track", "<u4"), ("place", "<f4"), ("speed", "<f4"), ("pitch", "<f4"), ("votes", "<i4")])
"""place: the track's frame heard at the query's frame `now`; speed: heard / reference tempo; pitch: heard less reference, cents."""

Candidates = NDArray[np.void]
Places = NDArray[np.int64]


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


def hash_query(peaks: Peaks, first: int, now: int, params: Params, warp: Warp = PLAIN) -> Hashes:
    """Hashes a query's peaks as the reference has them under `warp`, each from peak number `first` on with earlier ones.

    peaks: PEAK [k]; under a warp each is paired with fewer. Returns HASH [h] whose frames are track frames after the place of `now`.
    """
    frame = peaks["frame"] - np.int32(now)
    band = peaks["band"]
    fan = params.query_fan
    if warp != PLAIN:
        fan = WARP_FAN
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


def places(hits: Hits) -> Places:
    """HIT [n] -> the track and the bin of offsets that each hit speaks for, as one number."""
    return np.asarray(_places(hits["track"], hits["offset"]))


def nominate(of_hits: Sequence[Places], count: int, warp: Warp = PLAIN) -> Candidates:
    """The `count` places with most hits, one for each neighbourhood of offsets. of_hits: int64 [n] each, as `places` gives them."""
    key = np.concatenate(of_hits)
    key.sort()
    bins, votes = _count_runs(key, count)
    best = np.argsort(-votes, kind="stable")[:count]
    out = np.zeros(len(best), CANDIDATE)
    out["track"] = bins[best] >> 32
    out["place"] = ((bins[best] & 0xFFFFFFFF) - (1 << 30) + 1) * OFFSET_BIN - 0.5  # the middle of two bins
    out["speed"], out["pitch"], out["votes"] = warp.speed, warp.pitch, votes[best]
    return out


def bend(candidate: Any, frames: int) -> Candidates:
    """The lines that cross a candidate's in the last `frames` query frames at another tempo: where music is stretched, a line at the
    reference's own tempo fits a part of it. Returns CANDIDATE [n]."""
    tempos, crossings = np.meshgrid(BENDS, np.linspace(0.0, -frames, BEND_CROSSINGS))
    out = np.zeros(tempos.size, CANDIDATE)
    out["track"], out["pitch"] = candidate["track"], candidate["pitch"]
    out["speed"] = candidate["speed"] * tempos.ravel()
    out["place"] = candidate["place"] + (candidate["speed"] - out["speed"]) * crossings.ravel()
    return out


@njit(cache=True, nogil=True)
def _places(track, offset):  # type: ignore[no-untyped-def]
    """Track and bin of offsets as one number: int64 [n]."""
    key = np.empty(len(track), np.int64)
    for i in range(len(track)):
        key[i] = (np.int64(track[i]) << 32) | (offset[i] // OFFSET_BIN + (1 << 30))
    return key


@njit(cache=True, nogil=True)
def _count_runs(key, wanted):  # type: ignore[no-untyped-def]
    """Sorted keys -> the keys whose count, with the next key's, is not exceeded by a neighbouring pair, and those counts; of all such
    keys at least the `wanted` with the highest counts."""
    n = len(key)
    bins, counts = np.empty(n, np.int64), np.empty(n, np.int32)
    m = 0
    for i in range(n):
        if m and bins[m - 1] == key[i]:
            counts[m - 1] += 1
        else:
            bins[m], counts[m] = key[i], 1
            m += 1
    most = 0
    pairs = np.empty(m, np.int32)
    for i in range(m):
        follows = i + 1 < m and bins[i + 1] == bins[i] + 1
        pairs[i] = counts[i] + (counts[i + 1] if follows else 0)
        most = max(most, pairs[i])
    kept = 0
    of_count = np.zeros(most + 1, np.int64)
    for i in range(m):
        before = pairs[i - 1] if i and bins[i - 1] == bins[i] - 1 else 0
        after = pairs[i + 1] if i + 1 < m and bins[i + 1] == bins[i] + 1 else 0
        if pairs[i] > before and pairs[i] >= after:
            bins[kept], counts[kept] = bins[i], pairs[i]
            of_count[pairs[i]] += 1
            kept += 1
    least = most
    enough = of_count[least]
    while least > 0 and enough < wanted:
        least -= 1
        enough += of_count[least]
    chosen = np.flatnonzero(counts[:kept] >= least)
    return bins[chosen], counts[chosen]
