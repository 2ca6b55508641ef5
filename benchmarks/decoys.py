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
TEMPOS = (1.0, 0.8, 1.25, 0.64, 1.5625)  # lengths against the real one's; further apart than any tempo that is looked for
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
    real, variant = _real(index), 0
    while real:
        for track in real:
            yield _new_track(track, f"{variant}", track.duration), decoy(index.constellation(track.id), index.params, variant)
        variant += 1


def stretches(index: Index, seconds: float, seed: int) -> Iterator[tuple[NewTrack, Peaks]]:
    """Short decoys in a random order: each stretch of so many seconds of the real tracks, at each shift and tempo. No two hold the
    same in the same form: if they did, the best wrong candidate would have a rival that is as good."""
    length, frame_seconds = round(seconds / index.params.frame_seconds), index.params.frame_seconds
    starts = [(track, first) for track in _real(index) for first in range(0, round(track.duration / frame_seconds) - length + 1, length)]
    forms = [(start, variant, tempo) for start in starts for variant in range(len(SHIFTS)) for tempo in TEMPOS]
    for number in np.random.default_rng(seed).permutation(len(forms)):
        (track, first), variant, tempo = forms[number]
        peaks = _at_tempo(index.constellation(track.id, first, first + length), first, tempo, index.params)
        yield _new_track(track, f"{variant} at {first}, {tempo}", seconds * tempo), decoy(peaks, index.params, variant)


def _real(index: Index) -> list[Track]:
    return [track for track in index.tracks(limit=None).tracks if not track.filename.endswith(".decoy")]


def _at_tempo(peaks: Peaks, first: int, tempo: float, params: Params) -> Peaks:
    """From frame `first` on, so many times as long; of what is shortened fewer peaks, so that it is as dense."""
    kept = peaks[peaks["rank"] < params.reference_rank * tempo].copy()
    kept["frame"] = np.rint((kept["frame"] - first) * tempo)
    return kept


def _new_track(track: Track, form: str, duration: float) -> NewTrack:
    name = f"{track.sha256}-{form}.decoy"
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return NewTrack(f"Decoy {form} of {track.title}", "", "", duration, name, sha256, name)


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
