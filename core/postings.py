"""Posting lists: where each hash occurs in a number of tracks. Segments of them are what the index stores.

A segment lays its tracks end to end on one line of frames (`slots` says where each begins), so that a posting is one number: the
place on that line. The postings are sorted by hash; `starts` says where the postings of each group of neighbouring hashes begin, and
`low` holds the lowest bits of each posting's hash. That is five bytes a posting, and a run of neighbouring hashes is one run of postings.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.hashes import BAND_STEP_BITS, HASH_BITS, STEP_BITS, Hashes

MAX_GROUP_BITS = 8  # a group's number of hashes, as a power of two: `low` is one byte
POSTINGS_PER_GROUP = 4  # about as many, so that the table of groups stays small beside the postings
SLOT_GAP = 64  # frames of nothing between two tracks

SLOT = np.dtype([("start", "<u4"), ("track", "<u4")])
"""start: place of the track's frame 0; track: its id, 0 once it was removed."""

HIT = np.dtype([("track", "<u4"), ("offset", "<i4"), ("frame", "<i4")])
"""offset: track frame less query frame; frame: the query's."""

Hits = NDArray[np.void]
Slots = NDArray[np.void]


@dataclass(frozen=True)
class Segment:
    """Some tracks' postings. places: u32 [n]; low: u8 [n]; starts: u32 [groups + 1]; slots: SLOT [m]; frames: length of the line."""

    slots: Slots
    frames: int
    starts: NDArray[np.uint32]
    places: NDArray[np.uint32]
    low: NDArray[np.uint8]

    @property
    def group_bits(self) -> int:
        return HASH_BITS - (len(self.starts) - 1).bit_length() + 1

    def hashes(self) -> NDArray[np.uint32]:
        """The hash of each posting, u32 [n]."""
        groups = np.repeat(np.arange(len(self.starts) - 1, dtype=np.uint32), np.diff(self.starts.astype(np.int64)))
        return (groups << np.uint32(self.group_bits)) | self.low


def build(tracks: Sequence[tuple[int, Hashes]]) -> Segment:
    """(track id, its HASH [h]) of each track -> one segment."""
    slots = np.zeros(len(tracks), SLOT)
    start = SLOT_GAP
    places = []
    for slot, (track, hashes) in enumerate(tracks):
        slots[slot] = start, track
        places.append(hashes["frame"].astype(np.uint32) + np.uint32(start))
        start += int(hashes["frame"].max(initial=0)) + 1 + SLOT_GAP
    return _sorted_segment(slots, start, _concatenate([h["hash"] for _, h in tracks]), _concatenate(places))


def merge(segments: Sequence[Segment]) -> Segment:
    """One segment of several, without the postings of removed tracks."""
    slots, hashes, places = [], [], []
    base = 0
    for s in segments:
        alive = s.slots["track"] > 0
        owner = np.searchsorted(s.slots["start"], s.places, side="right") - 1
        kept = alive[owner] if len(alive) else np.zeros(0, bool)
        slots.append(s.slots[alive].copy())
        slots[-1]["start"] += np.uint32(base)
        hashes.append(s.hashes()[kept])
        places.append(s.places[kept] + np.uint32(base))
        base += s.frames
    return _sorted_segment(np.concatenate(slots), base, _concatenate(hashes), _concatenate(places))


def lookup(segments: Sequence[Segment], hashes: Hashes, band_reach: int, step_reach: int, budget: int) -> Hits:
    """Finds the postings of each hash and of its neighbours: both bands up to `band_reach`, the frame step up to `step_reach` away.

    hashes: HASH [h]. Reads the rarest first and stops before `budget` postings, because common hashes carry no information and a
    look-up must not cost more as a library grows. Returns HIT [n].
    """
    wanted, frames = np.ascontiguousarray(hashes["hash"]), np.ascontiguousarray(hashes["frame"])
    counts = np.zeros(len(wanted), np.int64)
    for s in segments:
        _count(wanted, band_reach, step_reach, s.starts, s.group_bits, counts)
    rarest_first = np.argsort(counts, kind="stable")
    affordable = rarest_first[np.cumsum(counts[rarest_first]) <= budget]
    out = np.empty(int(counts[affordable].sum()), HIT)
    found = 0
    for s in segments:
        found = _collect(
            wanted[affordable],
            frames[affordable],
            band_reach,
            step_reach,
            s.starts,
            s.group_bits,
            s.places,
            s.low,
            s.slots["start"].copy(),
            s.slots["track"].copy(),
            out["track"],
            out["offset"],
            out["frame"],
            found,
        )
    return out[:found]


def _concatenate(arrays: list[NDArray[np.uint32]]) -> NDArray[np.uint32]:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.uint32)


def _sorted_segment(slots: Slots, frames: int, hashes: NDArray[np.uint32], places: NDArray[np.uint32]) -> Segment:
    order = np.argsort(hashes, kind="stable")
    hashes, places = hashes[order], places[order]
    groups = max(len(hashes) // POSTINGS_PER_GROUP, 1).bit_length()
    group_bits = min(max(HASH_BITS - groups, 0), MAX_GROUP_BITS)
    edges = np.arange((1 << (HASH_BITS - group_bits)) + 1, dtype=np.uint32) << np.uint32(group_bits)
    starts = np.searchsorted(hashes, edges).astype(np.uint32)
    return Segment(slots, frames, starts, places, (hashes & np.uint32((1 << group_bits) - 1)).astype(np.uint8))


@njit(cache=True, nogil=True, inline="always")
def _neighbour(hash_, d1, d2, reach, step_reach):  # type: ignore[no-untyped-def]
    """The first and last hash of the run of neighbours whose earlier band is `d1`, later band `d2` away; last < first: there is none."""
    step_mask, band_mask = (1 << STEP_BITS) - 1, (1 << BAND_STEP_BITS) - 1
    band = (hash_ >> (STEP_BITS + BAND_STEP_BITS)) + d1
    band_step = ((hash_ >> STEP_BITS) & band_mask) + d2 - d1
    if band < 0 or band > 255 or band_step < 0 or band_step > band_mask:
        return 1, 0
    base = (band << (STEP_BITS + BAND_STEP_BITS)) | (band_step << STEP_BITS)
    step = hash_ & step_mask
    return base | max(step - step_reach, 1), base | min(step + step_reach, step_mask)


@njit(cache=True, nogil=True)
def _count(hashes, reach, step_reach, starts, group_bits, counts):  # type: ignore[no-untyped-def]
    """Adds to `counts` how many postings stand in the groups that each hash's neighbours touch: at least as many as will be found."""
    for i in range(len(hashes)):
        for d1 in range(-reach, reach + 1):
            for d2 in range(-reach, reach + 1):
                first, last = _neighbour(np.int64(hashes[i]), d1, d2, reach, step_reach)
                if last >= first:
                    counts[i] += np.int64(starts[(last >> group_bits) + 1]) - np.int64(starts[first >> group_bits])


@njit(cache=True, nogil=True)
def _collect(  # type: ignore[no-untyped-def]
    hashes,
    frames,
    reach,
    step_reach,
    starts,
    group_bits,
    places,
    low,
    slot_starts,
    slot_tracks,
    out_track,
    out_offset,
    out_frame,
    found,
):
    """Writes the hits of one segment to `out_*` from number `found` on; returns the new number."""
    mask = (1 << group_bits) - 1
    for i in range(len(hashes)):
        for d1 in range(-reach, reach + 1):
            for d2 in range(-reach, reach + 1):
                first, last = _neighbour(np.int64(hashes[i]), d1, d2, reach, step_reach)
                if last < first:
                    continue
                for group in range(first >> group_bits, (last >> group_bits) + 1):
                    lowest = max(first - (group << group_bits), 0)
                    highest = min(last - (group << group_bits), mask)
                    for k in range(starts[group], starts[group + 1]):
                        if low[k] < lowest or low[k] > highest:
                            continue
                        slot = np.searchsorted(slot_starts, places[k], side="right") - 1
                        if slot_tracks[slot] == 0:
                            continue
                        out_track[found] = slot_tracks[slot]
                        out_offset[found] = np.int64(places[k]) - np.int64(slot_starts[slot]) - frames[i]
                        out_frame[found] = frames[i]
                        found += 1
    return found
