"""Peaks -> hashes: two peaks that stand near each other make one, of the first's band, the step in bands and the step in frames.

    hash = band of the earlier peak (8 bits) | band step + 64 (7 bits) | frame step (6 bits)

The frame step stands in the lowest bits, so that neighbours in time are neighbours in the index; neighbours in frequency are eight
other ranges. A hash belongs to the frame of its later peak: it exists the moment that peak does.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.constellation import Peaks
from core.params import Params

STEP_BITS = 6
BAND_STEP_BITS = 7
BAND_STEP_ZERO = 64
HASH_BITS = 8 + BAND_STEP_BITS + STEP_BITS

HASH = np.dtype([("hash", "<u4"), ("frame", "<i4")])
"""frame: of the later peak."""

Hashes = NDArray[np.void]


def reference_hashes(peaks: Peaks, params: Params) -> Hashes:
    """peaks: PEAK [k] of a whole track, as they come back from packing. Returns HASH [h]."""
    return pair(peaks["frame"], peaks["band"], peaks["rank"], 0, params.reference_fan, params)


def pair(frame: NDArray[np.int32], band: NDArray[np.uint8], rank: NDArray[np.uint8], first: int, fan: int, params: Params) -> Hashes:
    """Pairs each peak from number `first` on with the `fan` strongest (lowest rank) of the earlier peaks within reach.

    frame, band, rank: [k], sorted by frame. Returns HASH [h] in the order of the later peak.
    """
    hashes, frames = _pair(
        np.ascontiguousarray(frame),
        np.ascontiguousarray(band),
        np.ascontiguousarray(rank),
        first,
        fan,
        params.pair_frames,
        params.pair_bands,
    )
    out = np.empty(len(hashes), HASH)
    out["hash"], out["frame"] = hashes, frames
    return out


@njit(cache=True, nogil=True)
def _pair(frame, band, rank, first, fan, reach_frames, reach_bands):  # type: ignore[no-untyped-def]
    n = len(frame)
    hashes = np.empty(max(n - first, 0) * fan, np.uint32)
    frames = np.empty(max(n - first, 0) * fan, np.int32)
    chosen = np.empty(fan, np.int64)
    count = 0
    low = 0
    for i in range(first, n):
        while frame[low] < frame[i] - reach_frames:
            low += 1
        kept = 0
        for j in range(i - 1, low - 1, -1):
            if frame[j] == frame[i] or abs(np.int32(band[i]) - np.int32(band[j])) > reach_bands:
                continue
            k = kept  # insertion into the best `fan`, nearest first among equals
            while k > 0 and rank[chosen[k - 1]] > rank[j]:
                k -= 1
            if k >= fan:
                continue
            kept = min(kept + 1, fan)
            for m in range(kept - 1, k, -1):
                chosen[m] = chosen[m - 1]
            chosen[k] = j
        for k in range(kept):
            j = chosen[k]
            step = np.int32(band[i]) - np.int32(band[j]) + BAND_STEP_ZERO
            hashes[count] = (np.uint32(band[j]) << 13) | (np.uint32(step) << 6) | np.uint32(frame[i] - frame[j])
            frames[count] = frame[i]
            count += 1
    return hashes[:count], frames[:count]
