"""The speeds and pitches at which a record may be played, and where its peaks would be then.

A warp is a guess. The query's peaks are moved to where the reference has them under it and hashed again: no new analysis, only look-ups.
Warps are tried when the plain look-up finds nothing that is sure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.constellation import Peaks
from core.params import Params
from core.spectrogram import band_hertz

CENTS_PER_OCTAVE = 1200.0


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

RECORD_SPEEDS = tuple(1 + sign * percent / 100 for percent in range(1, 9) for sign in (1, -1))  # pitch follows; the likelier come first
TEMPOS = (1.03, 0.97, 1.06, 0.94, 1.09, 0.91)  # pitch is kept
PITCHES = (50.0, -50.0, 100.0, -100.0, 150.0, -150.0, 200.0, -200.0)  # cents; tempo is kept

WARPS = (
    *(Warp.record(speed) for speed in RECORD_SPEEDS),
    *(Warp(tempo, 0.0) for tempo in TEMPOS),
    *(Warp(1.0, cents) for cents in PITCHES),
)

DECOYS = tuple(Warp(1.0, cents) for cents in (-750.0, -700.0, -650.0, -600.0, -550.0, -500.0, 500.0, 550.0, 600.0, 650.0, 700.0, 750.0))
"""Warps under which nothing can be right: what fits under them shows what chance does, where a library is too small to show it."""


def warp_peaks(peaks: Peaks, now: int, warp: Warp, params: Params) -> Peaks:
    """Move a query's peaks to where the reference has them under `warp`.

    peaks: PEAK [k]. Returns PEAK [k'], their frames counted from the frame `now`, without the peaks that leave the bands.
    """
    moved = peaks.copy()
    moved["frame"] -= np.int32(now)
    if warp == PLAIN:
        return moved
    band = move_bands(peaks["band"], -warp.pitch, params)
    inside = (band >= 0) & (band <= params.n_mels - 1)
    moved = moved[inside]
    moved["frame"] = np.rint(moved["frame"] * warp.speed)
    moved["band"] = np.rint(band[inside])
    return moved


def move_bands(band: NDArray[np.uint8], cents: float, params: Params) -> NDArray[np.float64]:
    """Where a band's centre lies after a shift in pitch: float64 [k], bands; off the ends for what leaves the range."""
    hertz = band_hertz(params)
    table = np.interp(hertz * 2.0 ** (cents / CENTS_PER_OCTAVE), hertz, np.arange(params.n_mels), left=-1.0, right=params.n_mels)
    return np.asarray(table[band])
