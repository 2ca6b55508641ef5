"""The speeds and pitches at which a record may be played, tried when the plain look-up finds nothing that is sure."""

from core.candidates import Warp

RECORD_SPEEDS = (1.02, 0.98, 1.04, 0.96, 1.06, 0.94, 1.08, 0.92)  # pitch follows; the likelier come first
TEMPOS = (1.03, 0.97, 1.06, 0.94, 1.09, 0.91)  # pitch is kept
PITCHES = (50.0, -50.0, 100.0, -100.0, 150.0, -150.0, 200.0, -200.0)  # cents; tempo is kept

WARPS = (
    *(Warp.record(speed) for speed in RECORD_SPEEDS),
    *(Warp(tempo, 0.0) for tempo in TEMPOS),
    *(Warp(1.0, cents) for cents in PITCHES),
)

DECOYS = tuple(Warp(1.0, cents) for cents in (-700.0, -600.0, -500.0, 500.0, 600.0, 700.0))
"""Warps under which nothing can be right: what fits under them shows what chance does, where a library is too small to show it."""
