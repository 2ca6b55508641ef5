"""Peaks -> hashes of two peaks or of three, and the geometry of a hash's neighbourhood.

A peak is joined with the strongest earlier ones within reach. A hash is a whole number whose fields are, highest bits first,

    pair      band of the later peak (8) | band step + 64 (7) | frame step (6)
    triple    band of the latest peak (8) | band step from the first peak, + 64 (7) | from the second (7) |
              frame step from the first peak (6) | from the second (6)

A hash belongs to the frame of its latest peak: it exists the moment that peak does. A frame step is in the lowest bits, so that hashes
whose last step differs by a few frames are a run of neighbouring numbers. Everything else that may be off moves a hash by a fixed number
(`Kind.moved`). The topmost field is a band: a hash that moves out of the bands leaves the range of its kind.

Two peaks: Wang, "An industrial-strength audio search algorithm", ISMIR 2003. Three: Six and Leman, "Panako", ISMIR 2014.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.constellation import Peaks
from core.params import Params

STEP_BITS = 6
BAND_STEP_BITS = 7
BAND_BITS = 8
BAND_STEP_ZERO = 64
STEP_MASK = (1 << STEP_BITS) - 1

HASH = np.dtype([("hash", "<u8"), ("frame", "<i4")])
"""frame: of the latest peak."""

Hashes = NDArray[np.void]
Traits = NDArray[np.uint8]
Partners = NDArray[np.int32]


@dataclass(frozen=True)
class Kind:
    """A kind of hash. number: tells it from other kinds in an index; bits: of a hash; peaks: that it joins."""

    number: int
    name: str
    bits: int
    peaks: int

    def fan(self, params: Params) -> int:
        """Earlier peaks that a reference's peak is joined with; 0 where an index has no hashes of this kind."""
        return params.reference_fan if self.peaks == 2 else params.triple_fan

    def query_fan(self, params: Params) -> int:
        """Earlier peaks that a query's peak is joined with."""
        return params.query_fan if self.peaks == 2 else params.query_triple_fan

    def of_reference(self, peaks: Peaks, params: Params) -> Hashes:
        """peaks: PEAK [k] of a whole track, as they come back from packing. Returns HASH [h]."""
        return self.of_query(peaks, 0, self.fan(params), params)[0]

    def of_query(self, peaks: Peaks, first: int, fan: int, params: Params) -> tuple[Hashes, Traits]:
        """Join each peak from number `first` on with pairs, or single ones, of its `fan` strongest earlier peaks.

        peaks: PEAK [k], sorted by frame. Returns HASH [h] in the order of the latest peak, and the traits of each hash, u8 [h, t]:
        the rank of each peak, latest first; then, for each earlier peak, how many of the peaks it was chosen from are stronger.
        """
        return self.joined(peaks, first, partners(peaks, first, fan, params))

    def joined(self, peaks: Peaks, first: int, chosen: Partners) -> tuple[Hashes, Traits]:
        """The hashes of the peaks from number `first` on with their partners, int32 [k - first, fan]; see `of_query`."""
        ways = np.array(list(combinations(range(chosen.shape[1]), self.peaks - 1)), np.int32).reshape(-1, self.peaks - 1)
        earlier = chosen[:, ways]  # [k - first, ways, peaks - 1]
        by_time = np.argsort(earlier, axis=-1)
        earlier = np.take_along_axis(earlier, by_time, axis=-1)
        order = np.take_along_axis(np.broadcast_to(ways, earlier.shape), by_time, axis=-1)
        latest, way = np.nonzero(earlier[..., 0] >= 0)
        numbers = np.column_stack([latest + first, earlier[latest, way]])
        band, frame, rank = (peaks[name][numbers].astype(np.int64) for name in ("band", "frame", "rank"))
        out = np.empty(len(numbers), HASH)
        out["hash"], out["frame"] = _numbered(band, frame), frame[:, 0]
        return out, np.column_stack([rank, order[latest, way]]).astype(np.uint8)

    def moved(self, bands: Sequence[int], steps: Sequence[int] = ()) -> int:
        """What is added to a hash if each of its peaks, the latest first, is some `bands` higher, and each earlier one but the last
        comes some `steps` (frames) sooner."""
        sooner = [0, *steps, *(0 for _ in range(self.peaks - 1 - len(steps)))]
        zero = np.full((1, self.peaks), 128)
        moved = _numbered(zero + np.array([bands]), zero - np.array([sooner]))
        return int((moved - _numbered(zero, zero))[0])


def _numbered(band: NDArray[np.int64], frame: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hashes as whole numbers, int64 [h]. band, frame: int64 [h, peaks], the latest peak first, then the others by time."""
    number = band[:, 0]
    for earlier in band[:, 1:].T:
        number = (number << BAND_STEP_BITS) + (band[:, 0] - earlier + BAND_STEP_ZERO)
    for sooner in frame[:, 1:].T:
        number = (number << STEP_BITS) + (frame[:, 0] - sooner)
    return number


PAIRS = Kind(0, "pairs", BAND_BITS + BAND_STEP_BITS + STEP_BITS, 2)
TRIPLES = Kind(1, "triples", BAND_BITS + 2 * (BAND_STEP_BITS + STEP_BITS), 3)
KINDS = (PAIRS, TRIPLES)


def kinds(params: Params) -> tuple[Kind, ...]:
    """The kinds of hashes that an index with these numbers has."""
    return tuple(kind for kind in KINDS if kind.fan(params))


def hashed(peaks: Peaks, params: Params) -> list[Hashes]:
    """A reference's HASH [h] of each of `KINDS`. peaks: PEAK [k] of a whole track, as they come back from packing."""
    return [kind.of_reference(peaks, params) for kind in KINDS]


def partners(peaks: Peaks, first: int, fan: int, params: Params) -> Partners:
    """The `fan` strongest (lowest rank) earlier peaks within reach of each peak from number `first` on, the nearest first among equals.

    peaks: PEAK [k], sorted by frame. Returns their numbers, strongest first, int32 [k - first, fan]; -1 where there are fewer.
    """
    frame, band, rank = (np.ascontiguousarray(peaks[name]) for name in ("frame", "band", "rank"))
    return _partners(frame, band, rank, first, fan, params.pair_frames, params.pair_bands)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def _partners(frame, band, rank, first, fan, reach_frames, reach_bands):  # type: ignore[no-untyped-def]
    n = len(frame)
    out = np.full((max(n - first, 0), fan), -1, np.int32)
    low = 0
    for i in range(first, n):
        chosen = out[i - first]
        while frame[low] < frame[i] - reach_frames:
            low += 1
        kept = 0
        for j in range(i - 1, low - 1, -1):
            if frame[j] == frame[i] or abs(np.int32(band[i]) - np.int32(band[j])) > reach_bands:
                continue
            k = kept  # insertion into the best `fan`
            while k > 0 and rank[chosen[k - 1]] > rank[j]:
                k -= 1
            if k >= fan:
                continue
            kept = min(kept + 1, fan)
            for m in range(kept - 1, k, -1):
                chosen[m] = chosen[m - 1]
            chosen[k] = j
    return out
