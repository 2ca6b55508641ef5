"""Log-mel frames -> whitened levels -> peaks: the constellation. And packing peaks to bytes and back.

Every decision is local and made in integers, so any split of the frames gives the same peaks. The three stages each keep the frames
that the next block needs, look `*_ahead` frames ahead, and treat what is before the start or after the end as absent.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.bits import pack_bits, unpack_bits
from core.params import Params
from core.spectrogram import SILENCE_DB, Frames

UNITS_PER_DB = 32  # the whitener works in 1/32 dB: sums of integers are exact in any order
LEVELS_PER_DB = 4  # levels and strengths are kept in 1/4 dB
LOWEST_WHITE = -(1 << 15)  # 1/32 dB
HIGHEST_WHITE = 32_000.0  # 1/32 dB; a whitened cell stands within this of its mean
SILENT_LEVEL = -128  # the level of a cell in which there is no sound at all
MAX_STRENGTH = MAX_RANK = 255
MAX_FRAME = (1 << 24) - 1  # a packed peak is before it: 108 hours
CELL_BITS, RANK_BITS = 32, 5  # of a packed peak
MAX_PACKED_RANK = (1 << RANK_BITS) - 1  # what is weaker counts as this; a reference's peaks are not

PEAK = np.dtype([("frame", "<i4"), ("band", "u1"), ("strength", "u1"), ("rank", "u1")])
"""frame: since the start of the sound; band: mel band; strength: 1/4 dB above the mean; rank: stronger peaks around it (0: none)."""

Peaks = NDArray[np.void]
Cells = NDArray[np.uint32]
Levels = NDArray[np.int8]


class Constellation:
    """Turns frames into levels and peaks. State: the tails of the three stages."""

    def __init__(self, params: Params) -> None:
        self.params = params
        p = params
        self._mean = Tail(p.mean_past + 1, p.mean_ahead, np.int32, p.n_mels)
        self._max = Tail(p.peak_past, p.peak_ahead, np.int16, p.n_mels)
        self._waiting = np.zeros((0, 3), np.int32)  # local maxima (frame, band, strength) that a rank may still depend on
        self._ranked = 0  # frames whose peaks have been given out
        self.levels: Levels = np.zeros((0, p.n_mels), np.int8)

    def feed(self, frames: Frames, last: bool = False) -> Peaks:
        """frames: float32 [t, n_mels], dB. Returns PEAK [k], sorted by frame; `levels` are then the int8 [t', n_mels] of the frames
        decided by this call. `last` decides all that is left."""
        p = self.params
        start, block, now, until = self._mean.feed(_units(frames), last)
        white = _whiten(block, start, now, until, p.mean_past, p.mean_ahead, p.whiteness)
        self.levels = _levels(white, block[now - start :])

        start, block, now, until = self._max.feed(white, last)
        floor = int(p.peak_floor * UNITS_PER_DB)
        found = _local_maxima(block, start, now, until, p.peak_past, p.peak_ahead, p.peak_bands, floor)
        found[:, 2] = np.minimum(found[:, 2] * LEVELS_PER_DB // UNITS_PER_DB, MAX_STRENGTH)
        self._waiting = np.concatenate([self._waiting, found])
        return self._rank(until, last)

    def nothing(self) -> Peaks:
        """As `feed` with no frames: no peaks, and no levels."""
        self.levels = self.levels[:0]
        return np.zeros(0, PEAK)

    def _rank(self, until: int, last: bool) -> Peaks:
        p = self.params
        decided = until if last else max(self._ranked, until - p.rank_ahead)
        peaks = np.empty(len(self._waiting), PEAK)
        count, kept = _ranked(self._waiting, self._ranked, decided, p.rank_past, p.rank_ahead, p.query_rank, peaks)
        self._ranked = decided
        self._waiting = self._waiting[kept:]
        return peaks[:count]

    @property
    def upto(self) -> int:
        """Frames whose peaks have been given out."""
        return self._ranked


class Tail:
    """The frames that a stage with a neighbourhood of `past` and `ahead` frames keeps from block to block."""

    def __init__(self, past: int, ahead: int, dtype: type, bands: int) -> None:
        self.past, self.ahead = past, ahead
        self._rows: NDArray[Any] = np.zeros((0, bands), dtype)
        self._start = 0  # the frame of the first row kept
        self._decided = 0  # frames decided so far

    def feed(self, rows: NDArray[Any], last: bool) -> tuple[int, NDArray[Any], int, int]:
        """Returns (start, block, now, until): `block[0]` is frame `start`; frames `now` to `until` can be decided from it."""
        block = np.concatenate([self._rows, rows])
        start, now = self._start, self._decided
        end = start + len(block)
        until = end if last else max(now, end - self.ahead)
        self._start = max(start, until - self.past)
        self._rows = block[self._start - start :].copy()
        self._decided = until
        return start, block, now, until


def reference(peaks: Peaks, params: Params) -> Peaks:
    """The peaks that a reference keeps: fewer than a query's, because noise will add to the query's."""
    return peaks[peaks["rank"] < params.reference_rank]


def sounding_seconds(peaks: Peaks, params: Params) -> float:
    """Seconds in which there is something to recognise: frames within a tenth of a second of a peak."""
    if len(peaks) == 0:
        return 0.0
    reach = round(0.1 / params.frame_seconds)
    gaps = np.minimum(np.diff(np.unique(peaks["frame"])), 2 * reach + 1)
    return float((gaps.sum() + 1) * params.frame_seconds)


def pack(peaks: Peaks) -> bytes:
    """PEAK [k] sorted by frame and band -> bytes, 37 bits a peak: the cells (frame << 8 | band, u32 [k]), and ranks of 5 bits each.

    The cells are not compressed, so that a few seconds can be read out of the middle of a track where they lie. Strengths are not kept:
    nothing is asked of a stored peak but where it is, and its rank when hashes are made anew.
    """
    cells: Cells = (peaks["frame"].astype("<u4") << 8) | peaks["band"]
    return cells.tobytes() + pack_bits(np.minimum(peaks["rank"], MAX_PACKED_RANK), RANK_BITS).tobytes()


def packed_count(packed: bytes | memoryview) -> int:
    """How many peaks were packed."""
    return 8 * len(packed) // (CELL_BITS + RANK_BITS)


def unpack(packed: bytes | memoryview, first: int = 0, last: int = MAX_FRAME) -> Peaks:
    """The inverse of `pack`, but for the strengths, which are 0: the PEAK [k] from frame `first` up to, not including, frame `last`."""
    cells, some = _between(packed, first, last)
    peaks = np.zeros(some.stop - some.start, PEAK)
    peaks["frame"], peaks["band"] = cells[some] >> 8, cells[some] & 0xFF
    peaks["rank"] = _ranks_between(np.frombuffer(packed, np.uint8)[cells.nbytes :], some)
    return peaks


def unpack_cells(packed: bytes | memoryview, first: int, last: int) -> Cells:
    """The cells alone, from frame `first` up to frame `last`: u32 [k], where they lie."""
    cells, some = _between(packed, first, last)
    return cells[some]


def _between(packed: bytes | memoryview, first: int, last: int) -> tuple[Cells, slice]:
    """All cells, and which of them are from frame `first` up to frame `last`."""
    cells = np.frombuffer(packed, "<u4", packed_count(packed))
    edges = np.array([max(first, 0), max(first, last, 0)], "<u4") << np.uint32(8)
    return cells, slice(*cells.searchsorted(edges).tolist())


def _ranks_between(packed: NDArray[np.uint8], some: slice) -> NDArray[np.uint8]:
    """The ranks of some peaks. Eight of them begin and end with whole bytes."""
    eights = some.start // 8
    return unpack_bits(packed[eights * RANK_BITS :], some.stop - 8 * eights, RANK_BITS)[some.start - 8 * eights :]


def _units(frames: Frames) -> NDArray[np.int32]:
    """dB -> 1/32 dB over silence."""
    units = frames - np.float32(SILENCE_DB)
    units *= np.float32(UNITS_PER_DB)
    out: NDArray[np.int32] = np.rint(units, out=units).astype(np.int32)
    return out


@njit(cache=True, nogil=True)
def _whiten(block, start, now, until, past, ahead, whiteness):  # type: ignore[no-untyped-def]
    """Each cell less the mean of its band from `past` frames before to `ahead` after, 1/32 dB, int16 [until - now, n_mels]."""
    bands = block.shape[1]
    end = start + block.shape[0]
    out = np.empty((until - now, bands), np.int16)
    total = np.zeros(bands, np.int64)
    low, high = max(now - past, 0), max(now - past, 0)  # frames now in `total`: [low, high)
    for t in range(now, until):
        while high < min(t + ahead + 1, end):
            for b in range(bands):
                total[b] += block[high - start, b]
            high += 1
        while low < t - past:
            for b in range(bands):
                total[b] -= block[low - start, b]
            low += 1
        everything = 0
        for b in range(bands):
            everything += total[b]
        own = whiteness / (high - low)
        common = (1.0 - whiteness) / (high - low) * everything / bands
        for b in range(bands):
            white = min(max(block[t - start, b] - own * total[b] - common, -HIGHEST_WHITE), HIGHEST_WHITE)
            out[t - now, b] = white
    return out


@njit(cache=True, nogil=True)
def _levels(white, units):  # type: ignore[no-untyped-def]
    """1/32 dB -> 1/4 dB, int8 [t, n_mels]. units: of the same frames, and perhaps of more."""
    out = np.empty(white.shape, np.int8)
    for t in range(white.shape[0]):
        for b in range(white.shape[1]):
            level = min(max(white[t, b] >> 3, SILENT_LEVEL + 1), 127)
            out[t, b] = level if units[t, b] else SILENT_LEVEL
    return out


@njit(cache=True, nogil=True)
def _local_maxima(block, start, now, until, past, ahead, reach, floor):  # type: ignore[no-untyped-def]
    """Cells of at least `floor` that no cell of their neighbourhood exceeds (of equals, the first): int32 [k, 3] of frame, band, value."""
    bands = block.shape[1]
    found = np.empty(((until - now) * (bands // (reach + 1) + 1), 3), np.int32)
    count = 0
    beside = _row_maxima(block, reach)
    for t in range(now, until):
        row = t - start
        before = _column_maxima(beside, max(row - past, 0), row)
        after = _column_maxima(beside, row + 1, min(row + 1 + ahead, len(block)))
        for b in range(bands):
            value = block[row, b]
            highest = value >= floor and value == beside[row, b] and value > before[b] and value >= after[b]
            if highest and value not in block[row, max(b - reach, 0) : b]:
                found[count, 0], found[count, 1], found[count, 2] = t, b, value
                count += 1
    return found[:count]


@njit(cache=True, nogil=True)
def _row_maxima(block, reach):  # type: ignore[no-untyped-def]
    """The maximum over each cell and `reach` bands to either side: int16 [t, bands]."""
    bands = block.shape[1]
    out = block.copy()
    for row in range(len(block)):
        for step in range(1, reach + 1):  # of slices, whose loops are compiled to vector instructions
            _raise_to(out[row, : bands - step], block[row, step:])
            _raise_to(out[row, step:], block[row, : bands - step])
    return out


@njit(cache=True, nogil=True)
def _raise_to(row, other):  # type: ignore[no-untyped-def]
    for b in range(len(row)):
        row[b] = max(row[b], other[b])


@njit(cache=True, nogil=True)
def _column_maxima(block, first, last):  # type: ignore[no-untyped-def]
    """The maximum of each band over the rows from `first` up to `last`: int16 [bands]."""
    out = np.full(block.shape[1], LOWEST_WHITE, np.int16)
    for row in range(first, last):
        _raise_to(out, block[row])
    return out


@njit(cache=True, nogil=True)
def _ranked(waiting, now, until, past, ahead, worst, out):  # type: ignore[no-untyped-def]
    """waiting: int32 [k, 3] of frame, band, strength, by frame. Writes those from frame `now` up to `until` that have a rank below `worst`
    into `out`, PEAK [k]: how many from `past` frames before to `ahead` after are stronger (or as strong, and earlier). Returns how many
    were written, and the first on whom the ranks of later ones depend."""
    n, count, low, kept = len(waiting), 0, 0, 0
    for i in range(n):
        frame, strength = waiting[i, 0], waiting[i, 2]
        kept += frame < until - past
        if not now <= frame < until:
            continue
        while waiting[low, 0] < frame - past:
            low += 1
        rank, j = 0, low
        while j < n and waiting[j, 0] <= frame + ahead:
            rank += waiting[j, 2] > strength or (waiting[j, 2] == strength and j < i)
            j += 1
        if min(rank, MAX_RANK) < worst:
            peak = out[count]
            peak.frame, peak.band, peak.strength, peak.rank = frame, waiting[i, 1], strength, min(rank, MAX_RANK)
            count += 1
    return count, kept
