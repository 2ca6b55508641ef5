"""Tracks that hold the same recording, as copies in several formats do."""

from collections.abc import Iterator

import numpy as np

from core.constellation import Peaks
from core.hashes import PAIRS, Hashes
from core.index import Index
from core.params import Params

STRETCH_SECONDS = 20.0  # of a track, from its middle, by whose hashes its copies are found
BUDGET = 300_000  # postings read for a track at most
MOST_PLACES = 300  # of other tracks at which copies are looked for
LIKE = 0.1  # of the hits that a track has in itself, which a copy has at least
AGREEING = 0.3  # of the hashes that two copies share, at least, lie apart by the same number of frames; sound of 8 kbit/s has .56
COPY_SHARE = 0.55  # of the peaks, at least, that a copy has at the same places; sound of 8 kbit/s has .63
REACH = 1  # frames and bands by which peaks may differ
COPY_OVERLAP = 0.9  # of the longer of two copies, at least, that the other has too: less is an excerpt


def copies(index: Index, track_id: int) -> Iterator[int]:
    """Yield the ids of the tracks that hold the same recording as this one, nearly from its beginning to its end, at the same speed."""
    peaks = index.constellation(track_id)
    middle = _middle(peaks, index.params)
    now = int(middle["frame"].max(initial=0))  # well within the track, however places are rounded
    places = index.nominator().nominate_once(middle, now, MOST_PLACES, BUDGET)
    itself = places["track"] == track_id
    enough = LIKE * places["votes"][itself].max(initial=0)
    for other in np.unique(places["track"][~itself & (places["votes"] >= enough)]).tolist():
        if same_music(peaks, index.constellation(other), index.params):
            yield other


def same_music(peaks: Peaks, other: Peaks, params: Params, overlap: float = COPY_OVERLAP) -> bool:
    """Return whether two whole tracks, PEAK [k] each, are one recording at one speed.

    Codec and level do not matter, nor do cuts that leave at least `overlap` of the longer one to both.
    """
    shift = _shift(PAIRS.of_reference(peaks, params), PAIRS.of_reference(other, params))
    if shift is None:
        return False
    first, last = max(_first(peaks), _first(other) - shift), min(_last(peaks), _last(other) - shift)
    if last - first < overlap * max(_last(peaks) - _first(peaks), _last(other) - _first(other)):
        return False
    mine, theirs = _between(peaks, first, last), _between(other, first + shift, last + shift)
    return min(_share(mine, theirs, shift), _share(theirs, mine, -shift)) >= COPY_SHARE


def _middle(peaks: Peaks, params: Params) -> Peaks:
    """Return some seconds of a track. Tracks that are not copies may be alike, or silent, at their beginnings and ends."""
    if not len(peaks):
        return peaks
    half = STRETCH_SECONDS / params.frame_seconds / 2
    middle = (_first(peaks) + _last(peaks)) / 2
    return _between(peaks, int(middle - half), int(middle + half))


def _shift(hashes: Hashes, other: Hashes) -> int | None:
    """Return the frames by which `other` has the same hashes later, None when they do not agree about it.

    Of a hash that occurs several times the first counts: among thousands, those that are the first in one track alone do not matter.
    """
    mine, first = np.unique(hashes["hash"], return_index=True)
    theirs, other_first = np.unique(other["hash"], return_index=True)
    _, i, k = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
    if not len(i):
        return None
    shifts = other["frame"][other_first[k]].astype(np.int64) - hashes["frame"][first[i]]
    counts = np.convolve(np.bincount(shifts - shifts.min()), [1, 1, 1])[1:-1]  # a copy may lie half a frame off
    best = int(counts.argmax())
    return best + int(shifts.min()) if counts[best] >= AGREEING * len(shifts) else None


def _first(peaks: Peaks) -> int:
    return int(peaks["frame"][0])


def _last(peaks: Peaks) -> int:
    return int(peaks["frame"][-1])


def _between(peaks: Peaks, first: int, last: int) -> Peaks:
    """Return the peaks from frame `first` to frame `last`."""
    start, end = np.searchsorted(peaks["frame"], [first, last + 1])
    return peaks[start:end]


def _share(peaks: Peaks, other: Peaks, shift: int) -> float:
    """Return the share of the peaks that `other` has too, `shift` frames later and within `REACH`."""
    row = 256 + 2 * REACH  # bands a frame, with a margin, so that a neighbouring band is never in another frame
    cells = (peaks["frame"].astype(np.int64) + shift) * row + peaks["band"]
    others = other["frame"].astype(np.int64) * row + other["band"]  # ascending, as peaks are sorted
    found = np.zeros(len(cells), bool)
    for step in range(-REACH, REACH + 1):  # frames
        at = cells + step * row
        found |= np.searchsorted(others, at - REACH) < np.searchsorted(others, at + REACH, side="right")
    return float(found.mean()) if len(found) else 0.0
