"""Constellations of music that does not exist, to grow a library to any size.

A decoy is a real track's constellation, each block of ten seconds played backwards, the blocks in another order, and
all of it moved by five semitones or more. It is as dense, as rhythmic and as tonal as music, but nothing that is played
can be it.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.constellation import Peaks
from core.index import Index, NewTrack, Track
from core.params import Params
from core.spectrogram import band_hertz

BLOCK_SECONDS = 10.0
SHIFTS = (5, -5, 6, -6, 7, -7, 8, -8, 9, -9)  # semitones
BATCH = 16  # tracks a transaction
SECONDS_PER_HOUR = 3600


def grow(index: Index, hours: float) -> None:
    """Add decoys of the index's real tracks, again and again in other forms, until it holds this many hours."""
    decoys = endless(index)
    while index.stats()["seconds"] < hours * SECONDS_PER_HOUR:
        index.add([next(decoys) for _ in range(BATCH)])


def decoy(peaks: Peaks, params: Params, variant: int) -> Peaks:
    """PEAK [k] -> PEAK [k'], sorted by frame; another for each variant. Peaks moved out of the bands are left out."""
    shuffled = _reverse_blocks(peaks, round(BLOCK_SECONDS / params.frame_seconds), variant)
    band = _moved_bands(params, SHIFTS[variant % len(SHIFTS)])[shuffled["band"]]
    inside = band >= 0
    moved = shuffled[inside]
    moved["band"] = band[inside]
    return moved[np.lexsort((moved["band"], moved["frame"]))]


def endless(index: Index) -> Iterator[tuple[NewTrack, Peaks]]:
    """Decoys of the index's real tracks, ready to be added: of each one, then of each another, without end."""
    real = [track for track in index.tracks(limit=None).tracks if not track.filename.endswith(".decoy")]
    variant = 0
    while real:
        for track in real:
            yield _new_track(track, variant), decoy(index.constellation(track.id), index.params, variant)
        variant += 1


def _new_track(track: Track, variant: int) -> NewTrack:
    name = f"{track.sha256}-{variant}.decoy"
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return NewTrack(f"Decoy {variant} of {track.title}", "", "", track.duration, name, sha256, name)


def _reverse_blocks(peaks: Peaks, block: int, variant: int) -> Peaks:
    """Reverse time within each block of so many frames, and put the blocks into an order of the variant's."""
    number, frame = np.divmod(peaks["frame"], block)
    order = np.random.default_rng(variant).permutation(int(number[-1]) + 1 if len(number) else 0).astype(np.int32)
    reversed_peaks = peaks.copy()
    reversed_peaks["frame"] = order[number] * block + (block - 1 - frame)
    return reversed_peaks


def _moved_bands(params: Params, semitones: int) -> NDArray[np.int64]:
    """For each band the one whose centre is nearest so many semitones away, -1 where there is none."""
    centres = band_hertz(params)
    wanted = centres * 2 ** (semitones / 12)
    bands = np.abs(wanted[:, None] - centres[None, :]).argmin(axis=1)
    return np.where((wanted < centres[0]) | (wanted > centres[-1]), -1, bands)
