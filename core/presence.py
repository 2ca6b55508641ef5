"""What was heard -> where something was: for each cell of the spectrogram, how much more likely it is where a reference has a peak than
where it has none.

Each level is taken against the mean and spread of its band and the mean of its frame, and a sigmoid of that is its loudness: a number
from 0 to 1 that a loud cell saturates. Loudness at a cell, just before, long before, after, and in the bands around it are what a small
network of one hidden layer judges: an onset that goes on sounding is a peak, a long note or a broad noise is not. Its numbers, in
`presence.json`, are fitted by `python -m benchmarks.fit_presence` on peaks of right and of wrong candidates.
"""

import json
from dataclasses import dataclass
from functools import cached_property
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
REACH = 3  # frames to either side that may be asked for
SAMPLED = 4  # one frame in so many tells the mean loudness
SETTLED = 108  # frames of a window, 2.5 s, in which what is usual is known well enough not to be taken anew at each look
OUTDATED = 0.25  # share of a window that is new, from which on what is usual is taken anew

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
    """inner: float32 [hidden, FEATURES]; bias: [hidden]; outer: [hidden], hidden is even.

    Presence = outer @ max(inner @ features + bias, 0).
    """

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
        heard = Heard(levels.shape[1], first)
        heard.feed(levels)
        return heard.field(first + len(levels))

    @property
    def end(self) -> int:
        return self.first + len(self.presence)

    @cached_property
    def sounding(self) -> NDArray[np.bool_]:
        """Whether there is sound in each frame: bool [t]."""
        return np.asarray(self.presence.any(axis=1))

    @cached_property
    def by_band(self) -> NDArray[np.float32]:
        """The presence with bands as rows, and `REACH` frames of nothing at either end: float32 [n_mels, t + 2 * REACH]."""
        frames, bands = self.presence.shape
        out = np.zeros((bands, frames + 2 * REACH), np.float32)
        out[:, REACH : REACH + frames] = self.presence.T
        return out


@dataclass(frozen=True)
class Usual:
    """What is usual in a window. bands: mean level of each, 1/4 dB, float32 [n_mels]; spread: 1 / its standard deviation; level: mean of
    all; loudness: the mean of it."""

    bands: NDArray[np.float32]
    spread: NDArray[np.float32]
    level: float
    loudness: float

    @classmethod
    def of(cls, levels: Levels, sounding: NDArray[np.bool_]) -> "Usual":
        bands, spread, level = _usual(levels, sounding)
        some = np.flatnonzero(sounding)[::SAMPLED]
        _, loudness = _loudness(levels[some], sounding[some], bands, spread, level, 0.0, LOUDNESS)
        return cls(bands, spread, level, float(loudness.mean()))


class Heard:
    """The levels of the last seconds, and the field that they make.

    What is usual changes slowly: in a long window it is taken anew when a share of that is new. While the window grows, all its frames are
    then judged anew; later only those that are new, and those just before, whose surroundings they are.
    """

    def __init__(self, bands: int, first: int = 0) -> None:
        """bands: of each frame; first: the number of the first frame that comes."""
        self.levels: Levels = np.zeros((0, bands), np.int8)
        self.first = first
        self._presence = np.zeros((0, bands), np.float32)  # of as many of the frames as were judged
        self._usual: Usual | None = None
        self._usual_end, self._usual_size = first, 0  # of the window that it is of: the end, and the frames

    def feed(self, levels: Levels) -> None:
        """levels: int8 [t, n_mels] of the next frames."""
        self.levels = np.concatenate([self.levels, levels])

    def forget(self, before: int) -> None:
        """Drops all frames before this one."""
        drop = max(0, before - self.first)
        self.levels, self._presence, self.first = self.levels[drop:], self._presence[drop:], self.first + drop

    def field(self, end: int) -> Field:
        """Of the frames up to `end`, no less than at the last call."""
        levels = self.levels[: end - self.first]
        sounding = np.ascontiguousarray((levels != SILENT_LEVEL).any(axis=1))
        if not sounding.any():
            return Field(np.zeros(levels.shape, np.float32), VARIANCE_FLOOR, self.first)
        if self._usual is None or self._is_outdated(end):
            self._presence = self._presence[: 0 if len(levels) > self._usual_size else None]
            self._usual, self._usual_end, self._usual_size = Usual.of(levels, sounding), end, len(levels)
        known = max(0, len(self._presence) - AROUND)
        self._presence = np.concatenate([self._presence[:known], _judged(levels, sounding, self._usual, known)])
        presence, variance = _centred(self._presence, sounding)
        return Field(presence, variance + VARIANCE_FLOOR, self.first)

    def _is_outdated(self, end: int) -> bool:
        size, new = end - self.first, end - self._usual_end
        return size < SETTLED or new >= OUTDATED * size


def _judged(levels: Levels, sounding: NDArray[np.bool_], usual: Usual, known: int) -> NDArray[np.float32]:
    """The presence of the frames from number `known` on, which those before surround."""
    start = max(0, known - AROUND)
    deviation, loudness = _loud(levels[start:], sounding[start:], usual)
    return np.asarray(_presence(deviation, loudness, sounding[start:], known - start, NETWORK.inner, NETWORK.bias, NETWORK.outer))


def _loud(levels: Levels, sounding: NDArray[np.bool_], usual: Usual) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    deviation, loudness = _loudness(levels, sounding, usual.bands, usual.spread, usual.level, usual.loudness, LOUDNESS)
    return deviation, loudness


def features(levels: Levels) -> NDArray[np.float32]:
    """What the network is given of each cell: float32 [t, FEATURES, n_mels]. levels: int8 [t, n_mels]."""
    sounding = np.ascontiguousarray((levels != SILENT_LEVEL).any(axis=1))
    return np.asarray(_features(*_loud(levels, sounding, Usual.of(levels, sounding)), sounding))


@njit(cache=True, nogil=True)
def _usual(levels, sounding):  # type: ignore[no-untyped-def]
    """Of the frames with sound: each band's mean and 1 / its standard deviation, float32 [n_mels], and the mean of all."""
    frames, bands = levels.shape
    quietest = np.int32(QUIETEST)
    sums, squares = np.zeros(bands, np.int32), np.zeros(bands, np.int32)
    count = 0
    for t in range(frames):
        if sounding[t]:
            count += 1
            for b in range(bands):
                x = max(np.int32(levels[t, b]), quietest)
                sums[b] += x
                squares[b] += x * x
    mean, spread = np.zeros(bands, np.float32), np.zeros(bands, np.float32)
    for b in range(bands):
        mean[b] = sums[b] / count
        spread[b] = 1.0 / (np.sqrt(squares[b] / count - (sums[b] / count) ** 2) + SPREAD_FLOOR)
    return mean, spread, sums.sum() / (count * bands)


@njit(cache=True, nogil=True)
def _loudness(levels, sounding, mean, spread, level, usual, table):  # type: ignore[no-untyped-def]
    """int8 [t, n_mels] -> each cell against its band's mean and spread and its frame's mean, standard deviations, and its loudness less
    what is usual: float32 [t, n_mels] each, 0 in frames without sound."""
    frames, bands = levels.shape
    deviation, loudness = np.zeros((frames, bands), np.float32), np.zeros((frames, bands), np.float32)
    last, less, quietest = len(table) - 1, np.float32(usual), np.int32(QUIETEST)
    for t in range(frames):
        if not sounding[t]:
            continue
        of_frame = np.int32(0)
        for b in range(bands):
            of_frame += max(np.int32(levels[t, b]), quietest)
        above = np.float32(of_frame / bands - level)
        for b in range(bands):
            z = (np.float32(max(np.int32(levels[t, b]), quietest)) - mean[b] - above) * spread[b]
            deviation[t, b] = z
            loudness[t, b] = table[min(max(np.int32(z * LOUDNESS_STEPS) + LOUDNESS_ZERO, 0), last)] - less
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
def _presence(deviation, loudness, sounding, first, inner, bias, outer):  # type: ignore[no-untyped-def]
    """The network's answer for each cell from row `first` on: float32 [t - first, n_mels]; 0 in frames without sound."""
    frames, bands = loudness.shape
    out = np.zeros((frames - first, bands), np.float32)
    upto, rows = _sums(loudness), np.zeros(bands + 2 * BESIDE, np.float32)
    given = np.zeros((FEATURES, bands), np.float32)
    for t in range(first, frames):
        if sounding[t]:
            _add_surroundings(t, deviation, loudness, upto, rows, given)
            _ask(given, inner, bias, outer, out[t - first])
    return out


@njit(cache=True, nogil=True, fastmath=True)
def _ask(given, inner, bias, outer, out):  # type: ignore[no-untyped-def]
    """Adds what the network says of the cells of a frame; two units at a time, which share what is read."""
    for h in range(0, len(bias), 2):
        one, two = inner[h], inner[h + 1]
        for b in range(len(out)):
            x, y = bias[h], bias[h + 1]
            for f in range(FEATURES):
                x += one[f] * given[f, b]
                y += two[f] * given[f, b]
            out[b] += outer[h] * max(x, np.float32(0.0)) + outer[h + 1] * max(y, np.float32(0.0))
    for b in range(len(out)):
        out[b] = min(max(out[b], np.float32(-MOST_PRESENCE)), np.float32(MOST_PRESENCE))


@njit(cache=True, nogil=True, fastmath=True)
def _centred(presence, sounding):  # type: ignore[no-untyped-def]
    """The presence of frames with sound less its mean, and its variance."""
    frames, bands = presence.shape
    sums, squares = np.zeros(bands, np.float32), np.zeros(bands, np.float32)
    count = 0
    for t in range(frames):
        if sounding[t]:
            count += bands
            for b in range(bands):
                sums[b] += presence[t, b]
                squares[b] += presence[t, b] * presence[t, b]
    mean = np.float32(sums.sum() / count)
    out = np.zeros((frames, bands), np.float32)
    for t in range(frames):
        if sounding[t]:
            for b in range(bands):
                out[t, b] = presence[t, b] - mean
    return out, squares.sum() / count - mean * mean
