"""Hits -> votes -> the best candidates: which track, at which place, under which warp.

A warp is a guess at the speed and pitch at which a record is played. The query's peaks are moved to where the reference has them and
hashed again: no new analysis, only look-ups. A candidate is then a line through the reference:

    track frame = place + speed * (query frame - now)
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.constellation import Peaks
from core.hashes import Hashes, pair
from core.params import Params
from core.postings import Hits
from core.spectrogram import band_hertz

OFFSET_BIN = 2  # frames that offsets are counted in; neighbouring bins are added
CENTS_PER_OCTAVE = 1200.0

CANDIDATE = np.dtype([("track", "<u4"), ("place", "<f4"), ("speed", "<f4"), ("pitch", "<f4"), ("votes", "<i4")])
"""place: the track's frame heard at the query's frame `now`; speed: heard / reference tempo; pitch: heard less reference, cents."""

Candidates = NDArray[np.void]


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
        fan = params.reference_fan
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


def nominate(hits: Hits, count: int, warp: Warp = PLAIN) -> Candidates:
    """The `count` places with most hits, one for each neighbourhood of offsets. hits: HIT [n], frames relative to `now`."""
    key = (hits["track"].astype(np.int64) << 32) | (hits["offset"].astype(np.int64) // OFFSET_BIN + (1 << 30))
    key.sort()
    bins, votes = _count_runs(key)
    best = np.argsort(-votes, kind="stable")[:count]
    out = np.zeros(len(best), CANDIDATE)
    out["track"] = bins[best] >> 32
    out["place"] = ((bins[best] & 0xFFFFFFFF) - (1 << 30) + 1) * OFFSET_BIN - 0.5  # the middle of two bins
    out["speed"], out["pitch"], out["votes"] = warp.speed, warp.pitch, votes[best]
    return out


@njit(cache=True, nogil=True)
def _count_runs(key):  # type: ignore[no-untyped-def]
    """Sorted keys -> the keys whose count, with the next key's, is not exceeded by a neighbouring pair; and those counts."""
    n = len(key)
    bins, counts = np.empty(n, np.int64), np.empty(n, np.int32)
    m = 0
    for i in range(n):
        if m and bins[m - 1] == key[i]:
            counts[m - 1] += 1
        else:
            bins[m], counts[m] = key[i], 1
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
