"""What was heard -> where something was: each cell of the spectrogram against what is usual for its band and its moment."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.constellation import SILENT_LEVEL, Levels

QUIETEST = -60  # 1/4 dB; levels below count as this, so that silence does not widen a band's spread
SPREAD_FLOOR = 2.0  # 1/4 dB, added to a band's standard deviation
PRESENCE_MIDDLE = 1.0  # standard deviations over the mean at which a cell is half present
PRESENCE_SLOPE = 3.0  # per standard deviation
VARIANCE_FLOOR = 1e-4  # added to the presences' variance
CONTRAST = 0.5  # share of the mean presence around a cell that is taken from it, in time and again in frequency
CONTRAST_FRAMES = 12  # frames to either side that are around
CONTRAST_BANDS = 5  # bands to either side; the very next ones hold the same peak

SIGMOID_STEPS = 64  # a standard deviation
SIGMOID_ZERO = 512  # the step of a cell as loud as usual
SIGMOID = (1.0 / (1.0 + np.exp(-PRESENCE_SLOPE * ((np.arange(2 * SIGMOID_ZERO) - SIGMOID_ZERO) / SIGMOID_STEPS - PRESENCE_MIDDLE)))).astype(
    np.float32
)
"""The presence of a cell by its level, in a table: exponentials of all cells would cost more than all else."""


@dataclass(frozen=True)
class Field:
    """What was heard in a window: presence float32 [t, n_mels] less its mean, its variance, and the frame of the first row."""

    presence: NDArray[np.float32]
    variance: float
    first: int

    @classmethod
    def of(cls, levels: Levels, first: int) -> "Field":
        """levels: int8 [t, n_mels], frame `first` and on."""
        sounding = np.ascontiguousarray((levels != SILENT_LEVEL).any(axis=1))
        if not sounding.any():
            return cls(np.zeros(levels.shape, np.float32), VARIANCE_FLOOR, first)
        presence, variance = _presence(np.maximum(levels, np.int8(QUIETEST)), sounding, SIGMOID)
        return cls(presence, variance + VARIANCE_FLOOR, first)

    @property
    def end(self) -> int:
        return self.first + len(self.presence)


@njit(cache=True, nogil=True)
def _presence(levels, sounding, sigmoid):  # type: ignore[no-untyped-def]
    """int8 [t, n_mels] -> float32 [t, n_mels], and the variance: each cell against its band's mean and spread and its frame's mean, through
    a sigmoid, less what is around it; 0 in frames without sound, which say nothing of the others."""
    frames, bands = levels.shape
    sums, squares = np.zeros(bands, np.int32), np.zeros(bands, np.int32)
    count = 0
    for t in range(frames):
        if sounding[t]:
            count += 1
            for b in range(bands):
                x = np.int32(levels[t, b])
                sums[b] += x
                squares[b] += x * x
    mean, spread = np.empty(bands, np.float32), np.empty(bands, np.float32)
    for b in range(bands):
        mean[b] = sums[b] / count
        spread[b] = SIGMOID_STEPS / (np.sqrt(squares[b] / count - (sums[b] / count) ** 2) + SPREAD_FLOOR)
    mean_of_all = sums.sum() / count
    raw = np.zeros((frames, bands), np.float32)
    totals = np.zeros(bands, np.float32)
    last = len(sigmoid) - 1
    for t in range(frames):
        if not sounding[t]:
            continue
        of_frame = np.int32(0)
        for b in range(bands):
            of_frame += np.int32(levels[t, b])
        above = np.float32((of_frame - mean_of_all) / bands)
        for b in range(bands):
            z = (np.float32(levels[t, b]) - mean[b] - above) * spread[b]
            raw[t, b] = sigmoid[min(max(np.int32(z) + SIGMOID_ZERO, 0), last)]
        for b in range(bands):
            totals[b] += raw[t, b]
    level = np.float32(totals.sum() / (count * bands))
    for t in range(frames):
        if sounding[t]:
            for b in range(bands):
                raw[t, b] -= level
    return _contrast(raw, sounding)


@njit(cache=True, nogil=True)
def _contrast(raw, sounding):  # type: ignore[no-untyped-def]
    """Takes from each cell a share of the mean of those around it; also gives the variance of what is left. What is off the edges is 0."""
    frames, bands = raw.shape
    out = np.zeros((frames, bands), np.float32)
    over_time = np.zeros(bands, np.float32)
    share_frames = np.float32(CONTRAST / (2 * CONTRAST_FRAMES))
    share_bands = np.float32(CONTRAST / (2 * (CONTRAST_BANDS - 1)))
    row = np.zeros(bands + 2 * CONTRAST_BANDS, np.float32)
    around = np.empty(bands, np.float32)
    sums, squares = np.zeros(bands, np.float32), np.zeros(bands, np.float32)
    count = 0
    for t in range(-CONTRAST_FRAMES, frames):
        if t + CONTRAST_FRAMES < frames:
            for b in range(bands):
                over_time[b] += raw[t + CONTRAST_FRAMES, b]
        if t > CONTRAST_FRAMES:
            for b in range(bands):
                over_time[b] -= raw[t - CONTRAST_FRAMES - 1, b]
        if t < 0 or not sounding[t]:
            continue
        row[CONTRAST_BANDS : CONTRAST_BANDS + bands] = raw[t]
        around[:] = 0.0
        for d in range(2, CONTRAST_BANDS + 1):
            for b in range(bands):
                around[b] += row[b + CONTRAST_BANDS - d] + row[b + CONTRAST_BANDS + d]
        for b in range(bands):
            x = raw[t, b] - share_frames * (over_time[b] - raw[t, b]) - share_bands * around[b]
            out[t, b] = x
            sums[b] += x
            squares[b] += x * x
        count += bands
    mean = sums.sum() / count
    for t in range(frames):
        if sounding[t]:
            for b in range(bands):
                out[t, b] -= np.float32(mean)
    return out, squares.sum() / count - mean * mean
