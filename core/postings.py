"""Posting lists: where each hash occurs in a number of tracks. Segments of them are what the index stores.

A segment lays its tracks end to end on one line of frames (`Line`), so that a posting is one number: the place on that line. The
postings are sorted by hash and split into `PARTS` equal ranges of hashes, each of which is stored as one array of numbers (`Part`):

    group bits, postings    u32, u32
    starts                  u32 [groups + 1]    where the postings of each group of neighbouring hashes begin
    places                  u24 [postings]      lowest byte first
    low                     u8 [...]            the lowest `group bits` of each posting's hash, bit after bit; filled up to whole u32

Places of three bytes reach `MAX_FRAMES`, which any one track fits. `low` takes nothing where each hash has a group of its own, as in a
large library. A run of neighbouring hashes is one run of postings in one part: it has one earlier band.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.bits import pack_bits
from core.hashes import BAND_STEP_BITS, HASH_BITS, STEP_BITS, Hashes

PARTS = 64  # a power of two; a merge frees and takes pages part by part, so with fewer the file grows further beyond what is in it
PART_BITS = HASH_BITS - PARTS.bit_length() + 1  # of a hash, that tell it from the others of its part
MAX_GROUP_BITS = 8  # a group's number of hashes, as a power of two: `low` is one byte at most
PLACE_BYTES = 3
MAX_FRAMES = 1 << 8 * PLACE_BYTES  # of a line: 108 hours
POSTINGS_PER_GROUP = 8  # about as many, so that the table of groups stays small beside the postings
MOST_READ = 32  # postings, for one that is expected of a hash, as groups are read as a whole
CELL_BITS = 12  # a cell is 4,096 places (95 s): about as long as a track, so that the cell nearly tells the slot
LINE_HEADER = struct.Struct("<QQ")  # frames, postings

SLOT = np.dtype([("start", "<u4"), ("track", "<u4")])
"""start: place of the track's frame 0; track: its id, 0 once it was removed."""

TRACK_SHIFT = 32
OFFSET_ZERO = 1 << 31
Hits = NDArray[np.int64]
"""A hit is one number, track << TRACK_SHIFT | offset + OFFSET_ZERO, where the offset is the track's frame less the query's."""

Slots = NDArray[np.void]
Part = NDArray[np.uint32]

EMPTY: Part = np.frombuffer(np.array([PART_BITS, 0, 0, 0], np.uint32).tobytes(), np.uint32)
"""No postings: one group of all hashes."""


@dataclass(frozen=True, eq=False)
class Line:
    """Whose frames lie where. slots: SLOT [m], by start; frames: the length of the line; postings: how many there are on it."""

    slots: Slots
    frames: int
    postings: int = 0

    @cached_property
    def columns(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Where each slot starts, and at last where the line ends; each slot's track; the slot that each cell begins in."""
        starts = self.slots["start"].astype(np.int64)
        return np.append(starts, self.frames), self.slots["track"].astype(np.int64), _cells(starts, self.frames)

    def without(self, track: int) -> "Line":
        """The postings of this track then count for nobody, and the next merge drops them."""
        slots = self.slots.copy()
        slots["track"][slots["track"] == track] = 0
        return replace(self, slots=slots)

    def dump(self) -> bytes:
        return LINE_HEADER.pack(self.frames, self.postings) + self.slots.tobytes()

    @classmethod
    def load(cls, row: bytes) -> "Line":
        return cls(np.frombuffer(row, SLOT, offset=LINE_HEADER.size), *LINE_HEADER.unpack_from(row))


@dataclass(frozen=True, eq=False)
class Segment:
    """Some tracks' postings: `PARTS` parts. stays: whether these lie where they are for as long as the segment is there."""

    line: Line
    parts: tuple[Part, ...]
    stays: bool = False

    @property
    def size(self) -> int:
        """Number of postings."""
        return sum(int(part[1]) for part in self.parts)


def build(tracks: Sequence[tuple[int, Hashes]]) -> Segment:
    """(track id, its HASH [h]) of each track -> one segment, which they have to fit (`fitting`); else raises ValueError."""
    slots = np.zeros(len(tracks), SLOT)
    start = 0
    for slot, (track, hashes) in enumerate(tracks):
        slots[slot] = start, track
        start += _frames(hashes)
    if start > MAX_FRAMES:
        raise ValueError(f"{start} frames: a segment has room for {MAX_FRAMES}")
    everything = np.concatenate([np.zeros(0, np.uint32), *(hashes["hash"] for _, hashes in tracks)])
    counts = np.bincount(everything, minlength=1 << HASH_BITS).reshape(PARTS, -1)
    ends, places = _room(counts.ravel())
    for begin, (_, hashes) in zip(slots["start"], tracks, strict=True):
        _fill(hashes["hash"], hashes["frame"], int(begin), ends, places)
    borders = np.cumsum(counts.sum(axis=1))[:-1]
    return Segment(Line(slots, start, len(places)), tuple(_part(*part) for part in zip(counts, np.split(places, borders), strict=True)))


def fitting(tracks: Sequence[tuple[int, Hashes]]) -> Iterator[list[tuple[int, Hashes]]]:
    """The tracks in their order, in as few pieces as fit a segment each."""
    piece: list[tuple[int, Hashes]] = []
    room = MAX_FRAMES
    for track, hashes in tracks:
        if piece and _frames(hashes) > room:
            yield piece
            piece, room = [], MAX_FRAMES
        piece.append((track, hashes))
        room -= _frames(hashes)
    if piece:
        yield piece


def merge(segments: Sequence[Segment]) -> Segment:
    """One segment of several, without the postings of removed tracks."""
    lines = [s.line for s in segments]
    line = merge_lines(lines)
    parts = tuple(merge_parts(lines, parts, line) for parts in zip(*(s.parts for s in segments), strict=True))
    return Segment(replace(line, postings=sum(int(part[1]) for part in parts)), parts)


def merge_lines(lines: Sequence[Line]) -> Line:
    """The tracks that are still there, end to end, with as many postings as there were."""
    slots = np.concatenate([line.slots for line in lines])
    lengths = np.concatenate([np.diff(line.columns[0]) for line in lines])
    stays = slots["track"] > 0
    slots, lengths = slots[stays], lengths[stays]
    slots["start"] = np.cumsum(lengths) - lengths
    return Line(slots, int(lengths.sum()), sum(line.postings for line in lines))


def merge_parts(lines: Sequence[Line], parts: Sequence[Part], merged: Line) -> Part:
    """One part of the merged segment: of the same part of each segment, on its line `merge_lines`, tracks of which may be gone by now."""
    moves = [_moves(line, merged) for line in lines]
    counts = np.zeros(1 << PART_BITS, np.int64)
    for line, part, to in zip(lines, parts, moves, strict=True):
        _tally(part, *line.columns, to, counts)
    ends, places = _room(counts)
    for line, part, to in zip(lines, parts, moves, strict=True):
        _move(part, *line.columns, to, ends, places)
    return _part(counts, places)


def read_part(row: bytes | memoryview) -> Part:
    """A part where it lies; a copy where that is not at a whole number of u32, as small values in a page may."""
    part = np.frombuffer(row, np.uint32)
    return part if part.flags.aligned else np.frombuffer(bytes(row), np.uint32)


def lookup(segments: Sequence[Segment], hashes: Hashes, band_reach: int, step_reach: int, budget: int) -> Hits:
    """Finds the postings of each hash and of its neighbours: both bands up to `band_reach`, the frame step up to `step_reach` away.

    hashes: HASH [h]. Reads the rarest first, as many as `budget` postings are expected of, because common hashes carry no information
    and a look-up must not cost more as a library grows: never are more than `MOST_READ` times as many read. Returns int64 [n].
    """
    by_hash = np.argsort(hashes["hash"], kind="stable")  # neighbours in the query then read neighbouring memory
    wanted, frames = hashes["hash"][by_hash].astype(np.int64), hashes["frame"][by_hash]
    most, expected = np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.float64)
    for s in segments:
        _count(wanted, band_reach, step_reach, s.parts, most, expected)
    cheap = _affordable(np.maximum(expected, most / MOST_READ)[np.argsort(by_hash)], budget)[by_hash]
    out = np.empty(int(most[cheap].sum()), np.int64)
    found = 0
    for s in segments:
        found = _collect(wanted[cheap], frames[cheap], band_reach, step_reach, s.parts, *s.line.columns, out, found)
    return out[:found].copy()  # who keeps hits shall not keep room that is not used


def unpack_hits(hits: Hits) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The tracks and the offsets, [n] each."""
    return (hits >> TRACK_SHIFT).astype(np.uint32), (hits & ((1 << TRACK_SHIFT) - 1)) - OFFSET_ZERO


@dataclass(frozen=True)
class Digest:
    """How many postings there are, and a sum over them that no other set of as many is likely to have."""

    count: int = 0
    total: int = 0  # modulo 2^64


def digest(hashes: Hashes) -> Digest:
    """Of a track's HASH [h]."""
    return Digest(len(hashes), int(_sum(hashes["hash"].astype(np.uint64), hashes["frame"].astype(np.uint64))))


def add_digests(segment: Segment, digests: dict[int, Digest]) -> None:
    """Adds what a segment holds of each track that is still there to the track's digest."""
    columns = segment.line.columns
    counts, totals = np.zeros(len(segment.line.slots), np.int64), np.zeros(len(segment.line.slots), np.uint64)
    for number, part in enumerate(segment.parts):
        _sum_slots(part, number, *columns, counts, totals)
    for track, count, total in zip(segment.line.slots["track"].tolist(), counts.tolist(), totals.tolist(), strict=True):
        if track:
            before = digests.get(track, Digest())
            digests[track] = Digest(before.count + count, (before.total + total) % (1 << 64))


def is_sound(segment: Segment) -> bool:
    """Whether a segment can be read without leaving the room that it has."""
    starts, frames = segment.line.slots["start"], segment.line.frames
    first, last, end = (int(starts[0]), int(starts[-1]), frames) if len(starts) else (0, -1, 0)  # without tracks there is room for none
    in_order = bool(np.all(starts[1:] > starts[:-1])) and last < frames <= MAX_FRAMES
    return in_order and all(_is_sound_part(part, first, end) for part in segment.parts)


def _is_sound_part(part: Part, first: int, frames: int) -> bool:
    if len(part) < len(EMPTY) or part[0] > PART_BITS or (part[1] and part[0] > MAX_GROUP_BITS):
        return False
    size, borders = int(part[1]), (1 << (PART_BITS - int(part[0]))) + 1
    if len(part) != 2 + borders + _words(size, int(part[0])):
        return False
    starts, places = part[2 : 2 + borders], _widened(part[2 + borders :].view(np.uint8)[: PLACE_BYTES * size])
    in_order = starts[0] == 0 and starts[-1] == size and bool(np.all(starts[1:] >= starts[:-1]))
    return in_order and (not size or (first <= int(places.min()) and int(places.max()) < frames))


def _frames(hashes: Hashes) -> int:
    """That a track takes on a line."""
    return int(hashes["frame"].max(initial=0)) + 1


def _affordable(counts: NDArray[np.float64], budget: int) -> NDArray[np.bool_]:
    """Which hashes are read: the rarest, as many as fit `budget`."""
    rarest_first = np.argsort(counts, kind="stable")
    cheap = np.zeros(len(counts), bool)
    cheap[rarest_first] = np.cumsum(counts[rarest_first]) <= budget
    return cheap


def _moves(line: Line, merged: Line) -> NDArray[np.int64]:
    """Where each of a line's tracks begins on the merged line; -1 for those that are gone."""
    order = np.argsort(merged.slots["track"])
    there = np.append(merged.slots[order], np.zeros(1, SLOT))
    found = there[np.searchsorted(there["track"][:-1], line.slots["track"])]
    is_there = (line.slots["track"] > 0) & (found["track"] == line.slots["track"])
    return np.where(is_there, found["start"].astype(np.int64), -1)


def _room(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """The number of each hash's first posting, and room for all their places."""
    ends = np.cumsum(counts)
    return ends - counts, np.empty(ends[-1], np.uint32)


def _part(counts: NDArray[np.int64], places: NDArray[np.uint32]) -> Part:
    """counts: how many postings each hash of the part has; places: theirs, in the order of the hashes."""
    if not len(places):
        return EMPTY
    groups = max(len(places) // POSTINGS_PER_GROUP, 1).bit_length()
    group_bits = min(max(PART_BITS - groups, 0), MAX_GROUP_BITS)
    starts = np.append(0, np.cumsum(counts))[:: 1 << group_bits]
    low = np.repeat((np.arange(len(counts)) & ((1 << group_bits) - 1)).astype(np.uint8), counts)
    part = np.concatenate([[group_bits, len(places)], starts, _packed(places, low, group_bits)], dtype=np.uint32, casting="unsafe")
    return read_part(part.tobytes())  # read-only as those that are stored, which is another type to numba


def _packed(places: NDArray[np.uint32], low: NDArray[np.uint8], bits: int) -> Part:
    """[n] of both, `low` below 1 << bits -> u32 [m]; the inverses are `_place` and `_low`."""
    narrowed = np.ascontiguousarray(places, "<u4").view(np.uint8).reshape(-1, 4)[:, :PLACE_BYTES].ravel()
    packed = np.concatenate([narrowed, pack_bits(low, bits)])
    room = np.zeros(_words(len(places), bits) * 4, np.uint8)
    room[: len(packed)] = packed
    return room.view(np.uint32)


def _words(count: int, bits: int) -> int:
    """The u32 that so many postings take: a byte follows the last of `low`, for two are read at a time."""
    bits_taken = count * (8 * PLACE_BYTES + bits) + (8 if count and bits else 0)
    return -(-bits_taken // 32)


def _widened(places: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """u24 [n] as bytes -> u32 [n]."""
    room = np.zeros((len(places) // PLACE_BYTES, 4), np.uint8)
    room[:, :PLACE_BYTES] = places.reshape(-1, PLACE_BYTES)
    return room.view("<u4")[:, 0]


@njit(cache=True, nogil=True, inline="always")
def _place(places, k):  # type: ignore[no-untyped-def]
    """The k-th value of `places`."""
    at = PLACE_BYTES * np.int64(k)
    return np.int64(places[at]) | np.int64(places[at + 1]) << 8 | np.int64(places[at + 2]) << 16


@njit(cache=True, nogil=True, inline="always")
def _low(low, k, bits):  # type: ignore[no-untyped-def]
    """The k-th value of `low`."""
    if bits == 0:
        return np.int64(0)
    at = np.int64(k) * bits
    two_bytes = np.int64(low[at >> 3]) | (np.int64(low[(at >> 3) + 1]) << 8)
    return (two_bytes >> (at & 7)) & ((1 << bits) - 1)


@njit(cache=True, nogil=True)
def _columns(part):  # type: ignore[no-untyped-def]
    """group bits, starts, places, low"""
    groups = 1 << (PART_BITS - part[0])
    rest = part[groups + 3 :].view(np.uint8)
    return np.int64(part[0]), part[2 : groups + 3], rest[: PLACE_BYTES * np.int64(part[1])], rest[PLACE_BYTES * np.int64(part[1]) :]


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


@njit(cache=True, nogil=True, inline="always")
def _mixed(hash_, frame):  # type: ignore[no-untyped-def]
    """A posting as a number that looks random: the finaliser of splitmix64."""
    z = (np.uint64(hash_) << np.uint64(32)) ^ np.uint64(frame)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def _sum(hashes, frames):  # type: ignore[no-untyped-def]
    total = np.uint64(0)
    for i in range(len(hashes)):
        total += _mixed(hashes[i], frames[i])
    return total


@njit(cache=True, nogil=True)
def _sum_slots(part, number, slot_starts, slot_tracks, cells, counts, totals):  # type: ignore[no-untyped-def]
    """Adds the postings of a part to the counts and sums of their slots."""
    group_bits, starts, places, low = _columns(part)
    for group in range(len(starts) - 1):
        for k in range(starts[group], starts[group + 1]):
            place = _place(places, k)
            slot = _slot_of(place, slot_starts, cells)
            hash_ = (number << PART_BITS) | (group << group_bits) | _low(low, k, group_bits)
            counts[slot] += 1
            totals[slot] += _mixed(hash_, place - slot_starts[slot])


@njit(cache=True, nogil=True)
def _tally(part, slot_starts, slot_tracks, cells, moves, counts):  # type: ignore[no-untyped-def]
    """Adds to `counts` how many postings of tracks that are still there each hash has."""
    group_bits, starts, places, low = _columns(part)
    for group in range(len(starts) - 1):
        for k in range(starts[group], starts[group + 1]):
            if moves[_slot_of(_place(places, k), slot_starts, cells)] >= 0:
                counts[(group << group_bits) | _low(low, k, group_bits)] += 1


@njit(cache=True, nogil=True)
def _move(part, slot_starts, slot_tracks, cells, moves, ends, out):  # type: ignore[no-untyped-def]
    """Writes those postings, on the merged line, where `ends` has them begin, and moves `ends` on."""
    group_bits, starts, places, low = _columns(part)
    for group in range(len(starts) - 1):
        for k in range(starts[group], starts[group + 1]):
            place = _place(places, k)
            slot = _slot_of(place, slot_starts, cells)
            if moves[slot] >= 0:
                hash_ = (group << group_bits) | _low(low, k, group_bits)
                out[ends[hash_]] = place - slot_starts[slot] + moves[slot]
                ends[hash_] += 1


@njit(cache=True, nogil=True, inline="always")
def _neighbours(hash_, d1, d2, step_reach, part):  # type: ignore[no-untyped-def]
    """The run of neighbours whose earlier band is `d1`, later band `d2` away, as the first and last hash within the part; last < first
    when there is none, or it is in another part."""
    step_mask, band_mask = (1 << STEP_BITS) - 1, (1 << BAND_STEP_BITS) - 1
    band = (hash_ >> (STEP_BITS + BAND_STEP_BITS)) + d1 - (part << (PART_BITS - STEP_BITS - BAND_STEP_BITS))
    band_step = ((hash_ >> STEP_BITS) & band_mask) + d2 - d1
    if band < 0 or band >= 1 << (PART_BITS - STEP_BITS - BAND_STEP_BITS) or band_step < 0 or band_step > band_mask:
        return 1, 0
    base = (band << (STEP_BITS + BAND_STEP_BITS)) | (band_step << STEP_BITS)
    step = hash_ & step_mask
    return base | max(step - step_reach, 1), base | min(step + step_reach, step_mask)


@njit(cache=True, nogil=True)
def _asking(hashes, part, reach):  # type: ignore[no-untyped-def]
    """The first of the sorted hashes that may have neighbours in a part, and the first one after them."""
    first, last = part << PART_BITS, (part + 1) << PART_BITS
    away = reach << (BAND_STEP_BITS + STEP_BITS)
    return np.searchsorted(hashes, first - away), np.searchsorted(hashes, last + away)


@njit(cache=True, nogil=True)
def _count(hashes, reach, step_reach, parts, most, expected):  # type: ignore[no-untyped-def]
    """Adds to `most` how many postings stand in the groups that each hash's neighbours touch, and to `expected` how many of these are
    theirs if a group's postings are spread evenly: the more segments there are, the larger are the groups."""
    for part in range(len(parts)):
        group_bits, starts, _, _ = _columns(parts[part])
        begin, end = _asking(hashes, part, reach)
        for i in range(begin, end):
            for d1 in range(-reach, reach + 1):
                for d2 in range(-reach, reach + 1):
                    first, last = _neighbours(hashes[i], d1, d2, step_reach, part)
                    if last >= first:
                        group, end = first >> group_bits, (last >> group_bits) + 1
                        there = np.int64(starts[end]) - np.int64(starts[group])
                        most[i] += there
                        expected[i] += there * (last - first + 1) / ((end - group) << group_bits)


@njit(cache=True, nogil=True)
def _collect(hashes, frames, reach, step_reach, parts, slot_starts, slot_tracks, cells, out, found):  # type: ignore[no-untyped-def]
    """Writes the hits of one segment to `out` from number `found` on; returns the new number."""
    for part in range(len(parts)):
        group_bits, starts, places, low = _columns(parts[part])
        begin, end = _asking(hashes, part, reach)
        for i in range(begin, end):
            for d1 in range(-reach, reach + 1):
                for d2 in range(-reach, reach + 1):
                    first, last = _neighbours(hashes[i], d1, d2, step_reach, part)
                    if last < first:
                        continue
                    group, last_group = first >> group_bits, last >> group_bits
                    for k in range(starts[group], starts[last_group + 1]):
                        while k >= starts[group + 1]:
                            group += 1
                        hash_ = (group << group_bits) | _low(low, k, group_bits)
                        if hash_ < first or hash_ > last:
                            continue
                        place = _place(places, k)
                        slot = _slot_of(place, slot_starts, cells)
                        if slot_tracks[slot]:
                            offset = place - slot_starts[slot] - frames[i]
                            out[found] = (slot_tracks[slot] << TRACK_SHIFT) + offset + OFFSET_ZERO
                            found += 1
    return found
