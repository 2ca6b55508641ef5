"""Levels -> what the sound is: music, something else such as talk, applause or noise, or silence.

Music holds its notes and its loudness: lines along time stand in its spectrogram for a tenth of a second and longer. Voices glide and pause
several times a second, noise has no lines at all. Sums over frames tell how much of each there is, and a small network of one hidden layer
weighs them. Its numbers, in `kinds.json`, are fitted by `python -m benchmarks.heard --fit`.
"""

import json
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.constellation import LEVELS_PER_DB, SILENT_LEVEL, Levels

MUSIC, OTHER, SILENCE = "music", "other", "silence"

AROUND = 6  # bands to either side, over whose mean a cell has to stand to be part of a line
LAGS = (2, 4, 8, 16, 32)  # frames, after which a line may still be there: 46 to 743 ms
SUBBANDS = 4  # equal parts of the bands, whose loudness is followed apart
LOUDNESS_LAGS = (1, 4, 8)  # frames from a loudness to the one that it is compared with
QUIET_DB = 4.0  # below the mean, from which a frame counts as a pause
PAST = max(*LAGS, *LOUDNESS_LAGS)  # frames that are kept
SUMS = 6 + len(LAGS) + len(LOUDNESS_LAGS) + 2 * SUBBANDS
FEATURES = 5 + len(LAGS) + len(LOUDNESS_LAGS) + SUBBANDS
SOUNDING_SHARE = 0.1  # of the frames, below which all is silence
BLOCK = 215  # frames that are judged together: 5.0 s

Sums = NDArray[np.float64]

NETWORK_FILE = Path(__file__).with_name("kinds.json")


def _network() -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """inner: [hidden, FEATURES + 1], of which the last are biases; the bias of the answer; outer: [hidden]."""
    rows = json.loads(NETWORK_FILE.read_text())
    return np.array(rows["inner"]), float(rows["bias"]), np.array(rows["outer"])


NETWORK = _network()


class KindSums:
    """Frame by frame, what the kind of sound is judged by. State: the last `PAST` frames."""

    def __init__(self, bands: int) -> None:
        self._past = np.zeros((0, bands), np.int8)

    def feed(self, levels: Levels) -> Sums:
        """levels: int8 [t, n_mels] of the next frames. Returns float64 [t, SUMS]; frames of silence have zeros."""
        rows = np.concatenate([self._past, levels])
        found = np.asarray(_frame_sums(rows, len(self._past)))
        self._past = rows[-PAST:].copy()
        return found


class Kinds:
    """What the sound is lately, and what most of it was. State: the sums of the last `BLOCK` frames, and how many were of each kind."""

    def __init__(self, bands: int) -> None:
        self.upto = 0  # frames judged
        self._reader = KindSums(bands)
        self._last: Sums = np.zeros((0, SUMS))
        self._frames: dict[str, int] = dict.fromkeys((MUSIC, OTHER, SILENCE), 0)  # of whole blocks

    def feed(self, levels: Levels) -> None:
        """levels: int8 [t, n_mels] of the next frames."""
        for sums in np.split(self._reader.feed(levels), range(BLOCK - self.upto % BLOCK, len(levels), BLOCK)):
            self._last = np.concatenate([self._last, sums])[-BLOCK:]
            self.upto += len(sums)
            if len(sums) and self.upto % BLOCK == 0:
                self._frames[kind_of(self._last)] += BLOCK

    @property
    def lately(self) -> str:
        """The kind of the last `BLOCK` frames."""
        return kind_of(self._last)

    @property
    def mostly(self) -> str:
        """The kind of most frames."""
        rest = self.upto % BLOCK
        frames = dict(self._frames)
        if rest:
            frames[kind_of(self._last[-rest:])] += rest
        return max(frames, key=lambda kind: frames[kind]) if self.upto else SILENCE


def kind_of(sums: Sums) -> str:
    """music, other or silence, by the sums of some frames: float64 [t, SUMS]."""
    if not len(sums) or sums[:, 0].mean() < SOUNDING_SHARE:
        return SILENCE
    return MUSIC if music_odds(features(sums)) > 0.0 else OTHER


def music_odds(found: NDArray[np.float64]) -> float:
    """Natural log odds of music, by the `features`."""
    inner, bias, outer = NETWORK
    return float(outer @ np.maximum(inner @ np.append(found, 1.0), 0.0) + bias)


def features(sums: Sums) -> NDArray[np.float64]:
    """What the network is given of some frames, float64 [FEATURES], by their sums [t, SUMS], of which some are not silent."""
    _, loudness, squares, lines, skew, pauses, *rest = sums.sum(axis=0) / sums[:, 0].sum()
    after, rest = rest[: len(LAGS)], rest[len(LAGS) :]
    changes, rest = rest[: len(LOUDNESS_LAGS)], rest[len(LOUDNESS_LAGS) :]
    subbands = np.sqrt(np.maximum(np.array(rest[SUBBANDS:]) - np.array(rest[:SUBBANDS]) ** 2, 0.0))
    spread = np.sqrt(max(squares - loudness**2, 0.0))
    height = np.sqrt(lines)
    own = [spread, height, skew / max(height, 0.1) ** 3, pauses, float((sums[:, 0] > 0).mean())]
    return np.array([*own, *(np.array(after) / max(lines, 0.01)), *changes, *subbands])


@njit(cache=True, nogil=True)
def _frame_sums(rows, first):  # type: ignore[no-untyped-def]
    """Of each row from number `first` on, in dB: [sounds, loudness, its square, lines squared, cubed, is a pause, lines times those
    of each lag before, changes of loudness, loudness and its square of each part of the bands]."""
    frames, bands = rows.shape
    out = np.zeros((frames - first, SUMS))
    lines, loud = np.zeros((frames, bands), np.float32), np.zeros(frames, np.float32)
    sounds = np.zeros(frames, np.bool_)
    upto = np.zeros(bands + 1, np.float32)
    part = bands // SUBBANDS
    for t in range(frames):
        for b in range(bands):
            sounds[t] |= rows[t, b] != SILENT_LEVEL
            upto[b + 1] = upto[b] + np.float32(rows[t, b]) / np.float32(LEVELS_PER_DB)
        if not sounds[t]:
            continue
        loud[t] = upto[bands] / bands
        for b in range(bands):
            low, high = max(b - AROUND, 0), min(b + AROUND + 1, bands)
            lines[t, b] = upto[b + 1] - upto[b] - (upto[high] - upto[low]) / (high - low)
        if t < first:
            continue
        row = out[t - first]
        row[0], row[1], row[2], row[5] = 1.0, loud[t], loud[t] * loud[t], loud[t] < -QUIET_DB
        for b in range(bands):
            row[3] += lines[t, b] ** 2 / bands
            row[4] += lines[t, b] ** 3 / bands
        at = 6
        for lag in LAGS:
            if t >= lag:
                for b in range(bands):
                    row[at] += lines[t, b] * lines[t - lag, b] / bands
            at += 1
        for lag in LOUDNESS_LAGS:
            if t >= lag and sounds[t - lag]:
                row[at] = abs(loud[t] - loud[t - lag])
            at += 1
        for k in range(SUBBANDS):
            mean = (upto[(k + 1) * part] - upto[k * part]) / part - loud[t]
            row[at + k], row[at + SUBBANDS + k] = mean, mean * mean
    return out
