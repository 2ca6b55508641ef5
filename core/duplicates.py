"""Tracks that hold the same recording, as copies in several formats do."""

from collections.abc import Iterator

import numpy as np

from core.constellation import Peaks
from core.evidence import same_recording
from core.index import Index
from core.params import Params

STRETCH_SECONDS = 20.0  # of a track, from its middle, by whose hashes its copies are found
BUDGET = 300_000  # postings read for a track at most
MOST_COPIES = 30  # of a track that are found
LIKE = 0.1  # of the hits that a track has in itself, which a copy has at least


def copies(index: Index, track_id: int) -> Iterator[int]:
    """The ids of the tracks that hold the same recording as this one, nearly from its beginning to its end, at the same speed."""
    peaks = index.constellation(track_id)
    middle = _middle(peaks, index.params)
    now = int(middle["frame"].max(initial=0))
    candidates = index.nominator().nominate_once(middle, now, MOST_COPIES + 1, BUDGET)
    itself = candidates["track"] == track_id
    enough = LIKE * candidates["votes"][itself].max(initial=0)
    for candidate in candidates[~itself & (candidates["votes"] >= enough)]:
        if _same(peaks, index.constellation(int(candidate["track"])), float(candidate["place"]) - now):
            yield int(candidate["track"])


def _middle(peaks: Peaks, params: Params) -> Peaks:
    """Some seconds of a track: its beginning and its end are where tracks may be alike, or silent."""
    if not len(peaks):
        return peaks
    half = STRETCH_SECONDS / params.frame_seconds / 2
    middle = (int(peaks["frame"][0]) + int(peaks["frame"][-1])) / 2
    first, last = np.searchsorted(peaks["frame"], [middle - half, middle + half])
    return peaks[first:last]


def _same(peaks: Peaks, other: Peaks, shift: float) -> bool:
    """Whether each has the other's peaks: where one is a part of the other it is not."""
    return same_recording(peaks, other, shift) and same_recording(other, peaks, -shift)
