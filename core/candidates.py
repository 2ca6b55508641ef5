"""Candidates: which track, at which place, under which warp. A candidate is a line through the reference:

    track frame = place + speed * (query frame - now)
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

BENDS = 1.0 + 0.015 * np.array([k for k in range(-8, 9) if k])  # tempos against a candidate's own
BEND_CROSSINGS = 4  # places where a bent line crosses it

CANDIDATE = np.dtype([("track", "<u4"), ("place", "<f4"), ("speed", "<f4"), ("pitch", "<f4"), ("votes", "<i4")])
"""place: the track's frame heard at the query's frame `now`; speed: heard / reference tempo; pitch: heard less reference, cents."""

Candidates = NDArray[np.void]


def bend(candidate: Any, frames: int) -> Candidates:
    """The lines that cross a candidate's in the last `frames` query frames at another tempo: where music is stretched, a line at the
    reference's own tempo fits a part of it. Returns CANDIDATE [n]."""
    tempos, crossings = np.meshgrid(BENDS, np.linspace(0.0, -frames, BEND_CROSSINGS))
    out = np.zeros(tempos.size, CANDIDATE)
    out["track"], out["pitch"] = candidate["track"], candidate["pitch"]
    out["speed"] = candidate["speed"] * tempos.ravel()
    out["place"] = candidate["place"] + (candidate["speed"] - out["speed"]) * crossings.ravel()
    return out
