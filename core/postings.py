"""Posting lists: where each hash occurs in a number of tracks. Segments of them are what the index stores.

A segment lays its tracks end to end on one line of frames (`slots` says where each begins), so that a posting is one number: the
place on that line. The postings are sorted by hash; `starts` says where the postings of each group of neighbouring hashes begin, and
`low` holds the lowest bits of each posting's hash. That is five bytes a posting, and a run of neighbouring hashes is one run of postings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.hashes import BAND_STEP_BITS, HASH_BITS, STEP_BITS, Hashes

MAX_GROUP_BITS = 8  # a group's number of hashes, as a power of two: `low` is one byte
POSTINGS_PER_GROUP = 4  # about as many, so that the table of groups stays small beside the postings
SLOT_GAP = 64  # frames of nothing between two tracks
CELL_BITS = 12  # a cell is 4,096 places (95 s): about as long as a track, so that the cell nearly tells the slot

SLOT = np.dtype([("start", "<u4"), ("track", "<u4")])
"""start: place of the track's frame 0; track: its id, 0 once it was removed."""

HIT = np.dtype([("track", "<u4"), ("offset", "<i4"), ("frame", "<i4")])
"""offset: track frame less query frame; frame: the query's."""

Hits = NDArray[np.void]
Slots = NDArray[np.void]
Line = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Where each slot starts, and at last where the line ends; each slot's track; the slot that each cell begins in."""


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

    @cached_property
    def line(self) -> Line:
        starts = self.slots["start"].astype(np.int64)
        return np.append(starts, self.frames), self.slots["track"].astype(np.int64), _cells(starts, self.frames)


def build(tracks: Sequence[tuple[int, Hashes]]) -> Segment:
    """(track id, its HASH [h]) of each track -> one segment."""
    slots = np.zeros(len(tracks), SLOT)
    start = SLOT_GAP
    for slot, (track, hashes) in enumerate(tracks):
        slots[slot] = start, track
        start += int(hashes["frame"].max(initial=0)) + 1 + SLOT_GAP
    everything = np.concatenate([np.zeros(0, np.uint32), *(hashes["hash"] for _, hashes in tracks)])
    segment, ends = _unfilled(slots, start, np.bincount(everything, minlength=1 << HASH_BITS))
    for begin, (_, hashes) in zip(slots["start"], tracks, strict=True):
        _fill(hashes["hash"], hashes["frame"], int(begin), ends, segment.places)
    return segment


def merge(segments: Sequence[Segment]) -> Segment:
    """One segment of several, without the postings of removed tracks."""
    counts = np.zeros(1 << HASH_BITS, np.int64)
    for s in segments:
        _tally(s.starts, s.group_bits, s.places, s.low, *s.line, counts)
    bases = np.cumsum([0, *(s.frames for s in segments)])
    slots = np.concatenate([_shifted(s.slots[s.slots["track"] > 0], base) for s, base in zip(segments, bases[:-1], strict=True)])
    merged, ends = _unfilled(slots, int(bases[-1]), counts)
    for s, base in zip(segments, bases[:-1], strict=True):
        _move(s.starts, s.group_bits, s.places, s.low, *s.line, base, ends, merged.places)
    return merged


def lookup(segments: Sequence[Segment], hashes: Hashes, band_reach: int, step_reach: int, budget: int) -> Hits:
    """Finds the postings of each hash and of its neighbours: both bands up to `band_reach`, the frame step up to `step_reach` away.

    hashes: HASH [h]. Reads the rarest first and stops before `budget` postings, because common hashes carry no information and a
    look-up must not cost more as a library grows. Returns HIT [n].
    """
    by_hash = np.argsort(hashes["hash"], kind="stable")  # neighbours in the query then read neighbouring memory
    wanted, frames = hashes["hash"][by_hash].astype(np.int64), hashes["frame"][by_hash]
    counts = np.zeros(len(wanted), np.int64)
    for s in segments:
        _count(wanted, band_reach, step_reach, s.starts, s.group_bits, counts)
    cheap = _affordable(counts[np.argsort(by_hash)], budget)[by_hash]
    out = np.empty((int(counts[cheap].sum()), 3), np.int32)
    found = 0
    for s in segments:
        found = _collect(wanted[cheap], frames[cheap], band_reach, step_reach, s.starts, s.group_bits, s.places, s.low, *s.line, out, found)
    return out[:found].view(HIT)[:, 0]


def _affordable(counts: NDArray[np.int64], budget: int) -> NDArray[np.bool_]:
    """Which hashes are read: the rarest, as many as fit `budget`."""
    rarest_first = np.argsort(counts, kind="stable")
    cheap = np.zeros(len(counts), bool)
    cheap[rarest_first] = np.cumsum(counts[rarest_first]) <= budget
    return cheap


def _shifted(slots: Slots, base: int) -> Slots:
    slots["start"] += np.uint32(base)
    return slots


def _unfilled(slots: Slots, frames: int, counts: NDArray[np.int64]) -> tuple[Segment, NDArray[np.int64]]:
    """A segment with room for `counts[hash]` postings of each hash, and the number of each hash's first one."""
    ends = np.concatenate([[0], np.cumsum(counts)])
    groups = max(int(ends[-1]) // POSTINGS_PER_GROUP, 1).bit_length()
    group_bits = min(max(HASH_BITS - groups, 0), MAX_GROUP_BITS)
    lowest = (np.arange(len(counts)) & ((1 << group_bits) - 1)).astype(np.uint8)
    starts = ends[:: 1 << group_bits].astype(np.uint32)
    return Segment(slots, frames, starts, np.empty(ends[-1], np.uint32), np.repeat(lowest, counts)), ends


@njit(cache=True, nogil=True)
def _cells(slot_starts, frames):  # type: ignore[no-untyped-def]
    """The slot that the first place of each cell is in (or the first slot): int64 [cells]."""
    cells = np.empty((frames >> CELL_BITS) + 1, np.int64)
    slot = 0
    for cell in range(len(cells)):
        while slot + 1 < len(slot_starts) and slot_starts[slot + 1] <= cell << CELL_BITS:
            slot += 1
        cells[cell] = slot
    return cells


@njit(cache=True, nogil=True, inline="always")
def _slot_of(place, slot_starts, cells):  # type: ignore[no-untyped-def]
    slot = cells[place >> CELL_BITS]
    while slot_starts[slot + 1] <= place:
        slot += 1
    return slot


@njit(cache=True, nogil=True)
def _fill(hashes, frames, start, ends, out):  # type: ignore[no-untyped-def]
    """Writes a track's places where `ends` has them begin, and moves `ends` on."""
    for i in range(len(hashes)):
        out[ends[hashes[i]]] = start + frames[i]
        ends[hashes[i]] += 1


@njit(cache=True, nogil=True)
def _tally(starts, group_bits, places, low, slot_starts, slot_tracks, cells, counts):  # type: ignore[no-untyped-def]
    """Adds to `counts` how many postings of tracks that are still there each hash has."""
    for group in range(len(starts) - 1):
        for k in range(starts[group], starts[group + 1]):
            if slot_tracks[_slot_of(places[k], slot_starts, cells)]:
                counts[(group << group_bits) | low[k]] += 1


@njit(cache=True, nogil=True)
def _move(starts, group_bits, places, low, slot_starts, slot_tracks, cells, base, ends, out):  # type: ignore[no-untyped-def]
    """Writes those postings, `base` further along the line, where `ends` has them begin, and moves `ends` on."""
    for group in range(len(starts) - 1):
        for k in range(starts[group], starts[group + 1]):
            if slot_tracks[_slot_of(places[k], slot_starts, cells)]:
                hash_ = (group << group_bits) | low[k]
                out[ends[hash_]] = places[k] + base
                ends[hash_] += 1


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
                first, last = _neighbour(hashes[i], d1, d2, reach, step_reach)
                if last >= first:
                    counts[i] += np.int64(starts[(last >> group_bits) + 1]) - np.int64(starts[first >> group_bits])


@njit(cache=True, nogil=True)
def _collect(  # type: ignore[no-untyped-def]
    hashes, frames, reach, step_reach, starts, group_bits, places, low, slot_starts, slot_tracks, cells, out, found
):
    """Writes the hits of one segment to `out` (track, offset, frame: int32 [n, 3]) from number `found` on; returns the new number."""
    for i in range(len(hashes)):
        for d1 in range(-reach, reach + 1):
            for d2 in range(-reach, reach + 1):
                first, last = _neighbour(hashes[i], d1, d2, reach, step_reach)
                if last < first:
                    continue
                group, last_group = first >> group_bits, last >> group_bits
                for k in range(starts[group], starts[last_group + 1]):
                    while k >= starts[group + 1]:
                        group += 1
                    hash_ = (group << group_bits) | low[k]
                    if hash_ < first or hash_ > last:
                        continue
                    slot = _slot_of(places[k], slot_starts, cells)
                    if slot_tracks[slot]:
                        out[found, 0] = slot_tracks[slot]
                        out[found, 1] = np.int64(places[k]) - slot_starts[slot] - frames[i]
                        out[found, 2] = frames[i]
                        found += 1
    return found
