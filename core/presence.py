"""What was heard -> where something was: for each cell of the spectrogram, how much more likely it is where a reference has a peak than
where it has none.

Each level is taken against the mean and spread of its band and the mean of its frame, and a sigmoid of that is its loudness: a number
from 0 to 1 that a loud cell saturates. Loudness at a cell, just before, long before, after, and in the bands around it are what a small
network of one hidden layer judges: an onset that goes on sounding is a peak, a long note or a broad noise is not. Its numbers, in
`presence.json`, are fitted by `python -m benchmarks.fit_presence` on peaks of right and of wrong candidates.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.constellation import SILENT_LEVEL, Levels

QUIETEST = -60  # 1/4 dB; levels below count as this, so that silence does not widen a band's spread
SPREAD_FLOOR = 2.0  # 1/4 dB, added to a band's standard deviation
LOUDNESS_MIDDLE = 1.0  # standard deviations over the mean at which a cell's loudness is one half
LOUDNESS_SLOPE = 3.0  # per standard deviation
MOST_PRESENCE = 4.0  # natural log odds to either side, which no cell says more than
VARIANCE_FLOOR = 1e-3  # added to the presences' variance

AROUND = 12  # frames to either side, and
BESIDE = 5  # bands, that matter to a cell
SURROUNDINGS = (  # frames (from, to), bands (from, to on either side), over which loudness is averaged, without the cell itself
    ((0, 0), (0, 0)),
    ((-1, 1), (0, 0)),
    ((-2, -2), (0, 0)),
    ((2, 2), (0, 0)),
    ((-5, -3), (0, 0)),
    ((-12, -6), (0, 0)),
    ((3, 5), (0, 0)),
    ((6, 12), (0, 0)),
    ((-1, 1), (1, 1)),
    ((-1, 2), (2, 2)),
    ((-1, 1), (3, 5)),
    ((-5, -2), (1, 1)),
)
FEATURES = len(SURROUNDINGS) + 1  # the last is the level itself, in standard deviations

LOUDNESS_STEPS = 64  # a standard deviation
LOUDNESS_ZERO = 512  # the step of a cell as loud as usual
LOUDNESS = (
    1.0 / (1.0 + np.exp(LOUDNESS_SLOPE * (LOUDNESS_MIDDLE - (np.arange(2 * LOUDNESS_ZERO) - LOUDNESS_ZERO) / LOUDNESS_STEPS)))
).astype(np.float32)
"""The loudness of a cell by its level, in a table: exponentials of all cells would cost more than all else."""


@dataclass(frozen=True)
class Network:
    """inner: float32 [hidden, FEATURES]; bias: [hidden]; outer: [hidden]. Presence = outer @ max(inner @ features + bias, 0)."""

    inner: NDArray[np.float32]
    bias: NDArray[np.float32]
    outer: NDArray[np.float32]

    @classmethod
    def load(cls, path: Path) -> "Network":
        rows = json.loads(path.read_text())
        return cls(*(np.array(rows[name], np.float32) for name in ("inner", "bias", "outer")))

    def dump(self, path: Path) -> None:
        rows = {name: np.round(getattr(self, name).astype(float), 4).tolist() for name in ("inner", "bias", "outer")}
        path.write_text(json.dumps(rows, indent=None).replace("], [", "],\n[").replace(', "', ',\n"') + "\n")


NETWORK_FILE = Path(__file__).with_name("presence.json")
NETWORK = Network.load(NETWORK_FILE)


@dataclass(frozen=True)
class Field:
    """What was heard in a window: presence float32 [t, n_mels] less its mean, its variance, and the frame of the first row."""

    presence: NDArray[np.float32]
    variance: float
    first: int

    @classmethod
    def of(cls, levels: Levels, first: int) -> "Field":
        """levels: int8 [t, n_mels], frame `first` and on. Frames without sound have no presence, and say nothing of the others."""
        sounding = np.ascontiguousarray((levels != SILENT_LEVEL).any(axis=1))
        if not sounding.any():
            return cls(np.zeros(levels.shape, np.float32), VARIANCE_FLOOR, first)
        deviation, loudness = _loudness(np.maximum(levels, np.int8(QUIETEST)), sounding, LOUDNESS)
        presence, variance = _presence(deviation, loudness, sounding, NETWORK.inner, NETWORK.bias, NETWORK.outer)
        return cls(presence, variance + VARIANCE_FLOOR, first)

    @property
    def end(self) -> int:
        return self.first + len(self.presence)


def features(levels: Levels) -> NDArray[np.float32]:
    """What the network is given of each cell: float32 [t, FEATURES, n_mels]. levels: int8 [t, n_mels]."""
    sounding = np.ascontiguousarray((levels != SILENT_LEVEL).any(axis=1))
    deviation, loudness = _loudness(np.maximum(levels, np.int8(QUIETEST)), sounding, LOUDNESS)
    return np.asarray(_features(deviation, loudness, sounding))


@njit(cache=True, nogil=True)
def _loudness(levels, sounding, table):  # type: ignore[no-untyped-def]
    """int8 [t, n_mels] -> each cell against its band's mean and spread and its frame's mean, standard deviations, and its loudness less
    the mean of all: float32 [t, n_mels] each, 0 in frames without sound."""
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
    mean, spread = np.zeros(bands, np.float32), np.zeros(bands, np.float32)
    for b in range(bands):
        mean[b] = sums[b] / max(count, 1)
        spread[b] = 1.0 / (np.sqrt(squares[b] / max(count, 1) - (sums[b] / max(count, 1)) ** 2) + SPREAD_FLOOR)
    mean_of_all = sums.sum() / max(count, 1)
    deviation, loudness = np.zeros((frames, bands), np.float32), np.zeros((frames, bands), np.float32)
    totals = np.zeros(bands, np.float32)
    last = len(table) - 1
    for t in range(frames):
        if not sounding[t]:
            continue
        of_frame = np.int32(0)
        for b in range(bands):
            of_frame += np.int32(levels[t, b])
        above = np.float32((of_frame - mean_of_all) / bands)
        for b in range(bands):
            z = (np.float32(levels[t, b]) - mean[b] - above) * spread[b]
            deviation[t, b] = z
            loudness[t, b] = table[min(max(np.int32(z * LOUDNESS_STEPS) + LOUDNESS_ZERO, 0), last)]
        for b in range(bands):
            totals[b] += loudness[t, b]
    level = np.float32(totals.sum() / (max(count, 1) * bands))
    for t in range(frames):
        if sounding[t]:
            for b in range(bands):
                loudness[t, b] -= level
    return deviation, loudness


@njit(cache=True, nogil=True)
def _add_surroundings(t, deviation, loudness, upto, rows, out):  # type: ignore[no-untyped-def]
    """Writes the features of the cells of a frame to `out` [FEATURES, bands].

    upto: [frames + 1, bands], sums of the loudness of all frames before; rows: room for a frame's sums, `BESIDE` zeros at either end.
    """
    frames, bands = loudness.shape
    f = 0
    for (first, last), (near, far) in SURROUNDINGS:
        low, high = min(max(t + first, 0), frames), min(max(t + last + 1, 0), frames)
        size = (last - first + 1) * (2 * (far - near + 1) if near else 1)
        if first < 0 < last and not near:
            size -= 1
        share = np.float32(1.0 / size)
        for b in range(bands):
            rows[BESIDE + b] = upto[high, b] - upto[low, b]
        if near == 0:
            own = np.float32(1.0 if first < 0 < last else 0.0)
            for b in range(bands):
                out[f, b] = (rows[BESIDE + b] - own * loudness[t, b]) * share
        else:
            for b in range(bands):
                out[f, b] = 0.0
            for away in range(near, far + 1):
                for b in range(bands):
                    out[f, b] += (rows[BESIDE + b - away] + rows[BESIDE + b + away]) * share
        f += 1
    for b in range(bands):
        out[f, b] = deviation[t, b]


@njit(cache=True, nogil=True)
def _sums(loudness):  # type: ignore[no-untyped-def]
    frames, bands = loudness.shape
    upto = np.zeros((frames + 1, bands), np.float32)
    for t in range(frames):
        for b in range(bands):
            upto[t + 1, b] = upto[t, b] + loudness[t, b]
    return upto


@njit(cache=True, nogil=True)
def _features(deviation, loudness, sounding):  # type: ignore[no-untyped-def]
    frames, bands = loudness.shape
    out = np.zeros((frames, FEATURES, bands), np.float32)
    upto, rows = _sums(loudness), np.zeros(bands + 2 * BESIDE, np.float32)
    for t in range(frames):
        if sounding[t]:
            _add_surroundings(t, deviation, loudness, upto, rows, out[t])
    return out


@njit(cache=True, nogil=True, fastmath=True)
def _presence(deviation, loudness, sounding, inner, bias, outer):  # type: ignore[no-untyped-def]
    """The network's answer for each cell less the mean of all, and the variance; 0 in frames without sound."""
    frames, bands = loudness.shape
    out = np.zeros((frames, bands), np.float32)
    upto, rows = _sums(loudness), np.zeros(bands + 2 * BESIDE, np.float32)
    given, hidden = np.zeros((FEATURES, bands), np.float32), np.empty(bands, np.float32)
    sums, squares = np.zeros(bands, np.float32), np.zeros(bands, np.float32)
    count = 0
    for t in range(frames):
        if not sounding[t]:
            continue
        _add_surroundings(t, deviation, loudness, upto, rows, given)
        for h in range(len(bias)):
            for b in range(bands):
                hidden[b] = bias[h]
            for f in range(FEATURES):
                weight = inner[h, f]
                for b in range(bands):
                    hidden[b] += weight * given[f, b]
            weight = outer[h]
            for b in range(bands):
                out[t, b] += weight * max(hidden[b], np.float32(0.0))
        for b in range(bands):
            x = min(max(out[t, b], np.float32(-MOST_PRESENCE)), np.float32(MOST_PRESENCE))
            out[t, b] = x
            sums[b] += x
            squares[b] += x * x
        count += bands
    mean = np.float32(sums.sum() / count)
    for t in range(frames):
        if sounding[t]:
            for b in range(bands):
                out[t, b] -= mean
    return out, squares.sum() / count - mean * mean
