"""Posting lists: where each hash occurs in a number of tracks. Segments of them are what the index stores.

A segment lays its tracks end to end on one line of frames (`Line`), so that a posting is one number: the place on that line. Behind each
track a gap as long as the longest stretch of sound that votes keeps lines through one track from reaching the next. The postings of each
kind of hash are sorted by hash and split into `PARTS` equal ranges of hashes, each of which is stored as one array of numbers (`Part`):

    layout, postings        u32, u32            layout: group bits, and the bytes of a place << 8
    starts                  u32 [groups + 1]    where the postings of each group of neighbouring hashes begin
    places                  u24 or u32 [postings]      lowest byte first
    low                     [postings]          the lowest `group bits` of each posting's hash, bit after bit; filled up to whole u32

Places of three bytes reach 108 hours; longer lines have places of four. `low` takes nothing where each hash has a group of its own. A run
of neighbouring hashes is one run of postings in one part.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.hashes import KINDS, Hashes, Kind

PARTS = 64  # a power of two; a merge frees and takes pages part by part, so with fewer the file grows further beyond what is in it
PARTS_BITS = PARTS.bit_length() - 1
LISTS = PARTS * len(KINDS)  # parts of a segment: those of each kind, one kind after the other
MAX_GROUP_BITS = 24  # a group's number of hashes, as a power of two: a value of `low` is in four bytes wherever it begins
POSTINGS_PER_GROUP = 8  # about as many, so that the table of groups stays small beside the postings
NARROW, WIDE = 3, 4  # bytes of a place
NARROW_FRAMES = 1 << 8 * NARROW  # of a line whose places have three bytes: 108 hours
MAX_FRAMES = (1 << 8 * WIDE) - 1  # of a line: 27,700 hours
BUILT_FRAMES = 1 << 30  # of a line that `build` makes: a triple and its place are then sorted as one number
GAP_FRAMES = 512  # behind each track: 11.9 s
CELL_BITS = 12  # a cell is 4,096 places (95 s): about as long as a track, so that the cell nearly tells the slot
LINE_HEADER = struct.Struct("<QQ")  # frames, postings
TAIL_BYTES = 4  # behind the last of `low`: as many are read at a time

SLOT = np.dtype([("start", "<u4"), ("track", "<u4")])
"""start: place of the track's frame 0; track: its id, 0 once it was removed."""

Slots = NDArray[np.void]
Part = NDArray[np.uint32]
TrackHashes = tuple[int, Sequence[Hashes]]
"""A track's id, and its HASH [h] of each of `KINDS`."""


def part_bits(kind: Kind) -> int:
    """Bits of a hash that tell it from the others of its part."""
    return kind.bits - PARTS_BITS


def _empty(kind: Kind) -> Part:
    return np.frombuffer(np.array([part_bits(kind) | NARROW << 8, 0, 0, 0, 0], np.uint32).tobytes(), np.uint32)


EMPTY = tuple(part for part in map(_empty, KINDS) for _ in range(PARTS))
"""No postings: in each part one group of all hashes."""


@dataclass(frozen=True, eq=False)
class Line:
    """Which track's frames lie where. slots: SLOT [m], by start; frames: the length of the line; postings: how many are on it."""

    slots: Slots
    frames: int
    postings: int = 0

    @cached_property
    def columns(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Where each slot starts, and at last where the line ends; each slot's track; the slot that each cell begins in."""
        starts = self.slots["start"].astype(np.int64)
        return np.append(starts, self.frames), self.slots["track"].astype(np.int64), _cells(starts, self.frames)

    @property
    def place_bytes(self) -> int:
        return NARROW if self.frames <= NARROW_FRAMES else WIDE

    def tracks_at(self, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The tracks whose slots hold these places, int64 [n] (0 for removed ones and for places before the first track), and the place
        of each one's frame 0."""
        slot = np.searchsorted(self.slots["start"], places, side="right") - 1
        known = slot >= 0
        found = self.slots[np.where(known, slot, 0)]
        return np.where(known, found["track"], 0).astype(np.int64), found["start"].astype(np.int64)

    def without(self, track: int) -> "Line":
        """The line with the slot of `track` blank: its postings no longer count, and the next merge drops them."""
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
    """Some tracks' postings: `LISTS` parts.

    settled: False while the segment is merged, so that parts of it come and go; stays: True if the memory of the parts remains valid for
    as long as the segment exists.
    """

    line: Line
    parts: tuple[Part, ...]
    settled: bool = True
    stays: bool = False

    @property
    def size(self) -> int:
        """Number of postings."""
        return sum(int(part[1]) for part in self.parts)

    def count(self, kind: Kind) -> int:
        """Number of postings of one kind of hash."""
        return sum(int(part[1]) for part in self.parts[kind.number * PARTS :][:PARTS])

    @cached_property
    def addresses(self) -> NDArray[np.int64]:
        """Where each part lies in memory: int64 [kinds, PARTS]. They are valid as long as the parts."""
        return np.array([part.ctypes.data for part in self.parts], np.int64).reshape(len(KINDS), PARTS)


def build(tracks: Sequence[TrackHashes]) -> Segment:
    """Make one segment of tracks that fit one (`fitting`); raises ValueError when they do not."""
    slots = np.zeros(len(tracks), SLOT)
    start = 0
    for slot, (track, hashes) in enumerate(tracks):
        slots[slot] = start, track
        start += _room(hashes)
    if start > BUILT_FRAMES:
        raise ValueError(f"{start} frames: a new segment has room for {BUILT_FRAMES}")
    line = Line(slots, start)
    parts = tuple(part for kind in KINDS for part in _sorted_parts(kind, [hashes[kind.number] for _, hashes in tracks], line))
    return Segment(replace(line, postings=sum(int(part[1]) for part in parts)), parts)


def _sorted_parts(kind: Kind, of_tracks: Sequence[Hashes], line: Line) -> Iterator[Part]:
    """The parts of one kind: of each track on the line its HASH [h]."""
    place_bits = np.uint64(BUILT_FRAMES.bit_length() - 1)
    numbers = [
        (hashes["hash"] << place_bits) | (hashes["frame"] + np.int64(start)).astype(np.uint64)
        for hashes, start in zip(of_tracks, line.slots["start"], strict=True)
    ]
    everything = np.sort(np.concatenate([np.zeros(0, np.uint64), *numbers]))
    hashes, places = everything >> place_bits, (everything & np.uint64(BUILT_FRAMES - 1)).astype(np.uint32)
    borders = np.searchsorted(hashes, np.arange(1, PARTS, dtype=np.uint64) << np.uint64(part_bits(kind)))
    within = (hashes & np.uint64((1 << part_bits(kind)) - 1)).astype(np.uint32)
    for some, theirs in zip(np.split(within, borders), np.split(places, borders), strict=True):
        yield _part(kind, some, theirs, line.place_bytes)


def fitting(tracks: Sequence[TrackHashes]) -> Iterator[list[TrackHashes]]:
    """The tracks in their order, in as few pieces as fit a new segment each."""
    piece: list[TrackHashes] = []
    room = BUILT_FRAMES
    for track, hashes in tracks:
        if piece and _room(hashes) > room:
            yield piece
            piece, room = [], BUILT_FRAMES
        piece.append((track, hashes))
        room -= _room(hashes)
    if piece:
        yield piece


def _room(hashes: Sequence[Hashes]) -> int:
    """Frames that a track takes on a line."""
    return max(int(some["frame"].max(initial=-1)) for some in hashes) + 1 + GAP_FRAMES


def merge(segments: Sequence[Segment]) -> Segment:
    """Make one segment of several, without the postings of removed tracks."""
    lines = [s.line for s in segments]
    line = merge_lines(lines)
    parts = tuple(merge_parts(number, lines, parts, line) for number, parts in enumerate(zip(*(s.parts for s in segments), strict=True)))
    return Segment(replace(line, postings=sum(int(part[1]) for part in parts)), parts)


def merge_lines(lines: Sequence[Line]) -> Line:
    """The tracks that were not removed, end to end, with as many postings as there were."""
    slots = np.concatenate([line.slots for line in lines])
    lengths = np.concatenate([np.diff(line.columns[0]) for line in lines])
    stays = slots["track"] > 0
    slots, lengths = slots[stays], lengths[stays]
    slots["start"] = np.cumsum(lengths) - lengths
    return Line(slots, int(lengths.sum()), sum(line.postings for line in lines))


def merge_parts(number: int, lines: Sequence[Line], parts: Sequence[Part], merged: Line) -> Part:
    """Part `number` of the merged segment, from the same part of each segment.

    merged: the line that `merge_lines` made of theirs, or that line after more tracks were removed.
    """
    kind = KINDS[number // PARTS]
    hashes, places = np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    for line, part in zip(lines, parts, strict=True):
        some, theirs = np.empty(int(part[1]), np.uint32), np.empty(int(part[1]), np.uint32)
        kept = _moved(part, part_bits(kind), *line.columns, _moves(line, merged), some, theirs)
        hashes, places = _merged(hashes, places, some[:kept], theirs[:kept])
    return _part(kind, hashes, places, merged.place_bytes)


def read_part(row: bytes | memoryview) -> Part:
    """A view of a stored part; copied only if LMDB returned it unaligned, as it may for small values."""
    part = np.frombuffer(row, np.uint32)
    return part if part.flags.aligned else np.frombuffer(bytes(row), np.uint32)


@dataclass(frozen=True)
class Digest:
    """How many postings there are, and a sum over them that no other set of as many is likely to have."""

    count: int = 0
    total: int = 0  # modulo 2^64


def digest(hashes: Sequence[Hashes]) -> Digest:
    """hashes: a track's HASH [h] of each of `KINDS`."""
    total = sum(int(_sum(some["hash"].astype(np.uint64), some["frame"].astype(np.uint64), kind)) for kind, some in enumerate(hashes))
    return Digest(sum(map(len, hashes)), total % (1 << 64))


def add_digests(segment: Segment, digests: dict[int, Digest]) -> None:
    """Add what a segment holds of each track that was not removed to the track's digest."""
    columns = segment.line.columns
    counts, totals = np.zeros(len(segment.line.slots), np.int64), np.zeros(len(segment.line.slots), np.uint64)
    for number, part in enumerate(segment.parts):
        kind = KINDS[number // PARTS]
        _sum_slots(part, kind.number, number % PARTS, part_bits(kind), *columns, counts, totals)
    for track, count, total in zip(segment.line.slots["track"].tolist(), counts.tolist(), totals.tolist(), strict=True):
        if track:
            before = digests.get(track, Digest())
            digests[track] = Digest(before.count + count, (before.total + total) % (1 << 64))


def is_sound(segment: Segment) -> bool:
    """Whether a segment can be read without leaving the room that it has."""
    starts, frames = segment.line.slots["start"], segment.line.frames
    first, last, end = (int(starts[0]), int(starts[-1]), frames) if len(starts) else (0, -1, 0)  # without tracks there is room for none
    in_order = bool(np.all(starts[1:] > starts[:-1])) and last < frames <= MAX_FRAMES
    parts = enumerate(segment.parts)
    return in_order and all(_is_sound_part(KINDS[n // PARTS], part, segment.line.place_bytes, first, end) for n, part in parts)


def _is_sound_part(kind: Kind, part: Part, place_bytes: int, first: int, frames: int) -> bool:
    if len(part) < len(EMPTY[0]):
        return False
    bits, width, size = int(part[0]) & 0xFF, int(part[0]) >> 8, int(part[1])
    if bits > part_bits(kind) or (size and (bits > MAX_GROUP_BITS or width != place_bytes)):
        return False
    borders = (1 << (part_bits(kind) - bits)) + 1
    if len(part) != 2 + borders + _words(size, bits if size else 0, width):
        return False
    starts, places = part[2 : 2 + borders], _widened(part[2 + borders :].view(np.uint8)[: width * size], width)
    in_order = starts[0] == 0 and starts[-1] == size and bool(np.all(starts[1:] >= starts[:-1]))
    return in_order and (not size or (first <= int(places.min()) and int(places.max()) < frames))


# Writing parts


def _moves(line: Line, merged: Line) -> NDArray[np.int64]:
    """Where each of a line's tracks begins on the merged line; -1 for those that are gone."""
    order = np.argsort(merged.slots["track"])
    there = np.append(merged.slots[order], np.zeros(1, SLOT))
    found = there[np.searchsorted(there["track"][:-1], line.slots["track"])]
    is_there = (line.slots["track"] > 0) & (found["track"] == line.slots["track"])
    return np.where(is_there, found["start"].astype(np.int64), -1)


def _part(kind: Kind, hashes: NDArray[np.uint32], places: NDArray[np.uint32], place_bytes: int) -> Part:
    """hashes: the lowest `part_bits` of each posting's hash, sorted; places: theirs, u32 [n] both."""
    if not len(places):
        return EMPTY[kind.number * PARTS]
    groups = max(len(places) // POSTINGS_PER_GROUP, 1).bit_length()
    bits = min(max(part_bits(kind) - groups, 0), MAX_GROUP_BITS)
    starts = np.zeros((1 << (part_bits(kind) - bits)) + 1, np.uint32)
    np.cumsum(np.bincount(hashes >> np.uint32(bits), minlength=len(starts) - 1), out=starts[1:])
    packed = _packed(places, hashes & np.uint32((1 << bits) - 1), bits, place_bytes)
    part = np.concatenate([np.array([bits | place_bytes << 8, len(places)], np.uint32), starts, packed])
    return read_part(part.tobytes())  # read-only as those that are stored, which is another type to numba


def _packed(places: NDArray[np.uint32], low: NDArray[np.uint32], bits: int, place_bytes: int) -> Part:
    """[n] of both, `low` below 1 << bits -> u32 [m]; the inverses are `place_at` and `low_at`."""
    room = np.zeros(_words(len(places), bits, place_bytes) * 4, np.uint8)
    narrowed = np.ascontiguousarray(places, "<u4").view(np.uint8).reshape(-1, 4)[:, :place_bytes].ravel()
    room[: len(narrowed)] = narrowed
    _pack_low(low, bits, room[len(narrowed) :])
    return room.view(np.uint32)


def _words(count: int, bits: int, place_bytes: int) -> int:
    """The u32 that `count` postings take."""
    bits_taken = count * (8 * place_bytes + bits) + (8 * TAIL_BYTES if count and bits else 0)
    return -(-bits_taken // 32) if count else 1


def _widened(places: NDArray[np.uint8], place_bytes: int) -> NDArray[np.uint32]:
    """Places as bytes -> u32 [n]."""
    room = np.zeros((len(places) // place_bytes, 4), np.uint8)
    room[:, :place_bytes] = places.reshape(-1, place_bytes)
    return room.view("<u4")[:, 0]


@njit(cache=True, nogil=True)
def _pack_low(low, bits, out):  # type: ignore[no-untyped-def]
    for k in range(len(low) if bits else 0):
        at = np.int64(k) * bits
        value = np.uint64(low[k]) << np.uint64(at & 7)
        for byte in range(TAIL_BYTES):
            out[(at >> 3) + byte] |= (value >> np.uint64(8 * byte)) & np.uint64(0xFF)


# Reading parts


@njit(cache=True, nogil=True, inline="always")
def place_at(places, k, place_bytes):  # type: ignore[no-untyped-def]
    """The k-th place, of `place_bytes` each."""
    at = place_bytes * np.int64(k)
    place = np.int64(places[at]) | np.int64(places[at + 1]) << 8 | np.int64(places[at + 2]) << 16
    return place | np.int64(places[at + 3]) << 24 if place_bytes == WIDE else place


@njit(cache=True, nogil=True, inline="always")
def low_at(low, k, bits):  # type: ignore[no-untyped-def]
    """The k-th value of `low`, of `bits` each."""
    if bits == 0:
        return np.int64(0)
    at = np.int64(k) * bits
    byte = at >> 3
    four = np.int64(low[byte]) | np.int64(low[byte + 1]) << 8 | np.int64(low[byte + 2]) << 16 | np.int64(low[byte + 3]) << 24
    return (four >> (at & 7)) & ((1 << bits) - 1)


@njit(cache=True, nogil=True)
def _columns(part, part_bits_):  # type: ignore[no-untyped-def]
    """group bits, bytes of a place, starts, places, low"""
    bits, place_bytes, count = np.int64(part[0] & 0xFF), np.int64(part[0] >> 8), np.int64(part[1])
    groups = 1 << (part_bits_ - bits)
    rest = part[groups + 3 :].view(np.uint8)
    return bits, place_bytes, part[2 : groups + 3], rest[: place_bytes * count], rest[place_bytes * count :]


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
def _moved(part, part_bits_, slot_starts, slot_tracks, cells, moves, hashes, places):  # type: ignore[no-untyped-def]
    """Writes the hash and the place on the merged line of each posting whose track is still there; returns how many there are."""
    bits, place_bytes, starts, old_places, low = _columns(part, part_bits_)
    kept = 0
    for group in range(len(starts) - 1):
        for k in range(starts[group], starts[group + 1]):
            place = place_at(old_places, k, place_bytes)
            slot = _slot_of(place, slot_starts, cells)
            if moves[slot] >= 0:
                hashes[kept] = (group << bits) | low_at(low, k, bits)
                places[kept] = place - slot_starts[slot] + moves[slot]
                kept += 1
    return kept


@njit(cache=True, nogil=True)
def _merged(hashes, places, more_hashes, more_places):  # type: ignore[no-untyped-def]
    """Two sorted rows of postings -> one; of equal hashes those of the first come first."""
    n, m = len(hashes), len(more_hashes)
    out, out_places = np.empty(n + m, np.uint32), np.empty(n + m, np.uint32)
    i, j = 0, 0
    for k in range(n + m):
        if j == m or (i < n and hashes[i] <= more_hashes[j]):
            out[k], out_places[k] = hashes[i], places[i]
            i += 1
        else:
            out[k], out_places[k] = more_hashes[j], more_places[j]
            j += 1
    return out, out_places


@njit(cache=True, nogil=True, inline="always")
def _mixed(hash_, frame, kind):  # type: ignore[no-untyped-def]
    """A posting as a number that looks random: the finaliser of splitmix64."""
    z = np.uint64(hash_) * np.uint64(0x9E3779B97F4A7C15) + (np.uint64(frame) << np.uint64(1) | np.uint64(kind))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def _sum(hashes, frames, kind):  # type: ignore[no-untyped-def]
    total = np.uint64(0)
    for i in range(len(hashes)):
        total += _mixed(hashes[i], frames[i], kind)
    return total


@njit(cache=True, nogil=True)
def _sum_slots(part, kind, number, part_bits_, slot_starts, slot_tracks, cells, counts, totals):  # type: ignore[no-untyped-def]
    """Adds the postings of a part to the counts and sums of their slots."""
    bits, place_bytes, starts, places, low = _columns(part, part_bits_)
    for group in range(len(starts) - 1):
        for k in range(starts[group], starts[group + 1]):
            place = place_at(places, k, place_bytes)
            slot = _slot_of(place, slot_starts, cells)
            hash_ = (np.int64(number) << part_bits_) | (np.int64(group) << bits) | low_at(low, k, bits)
            counts[slot] += 1
            totals[slot] += _mixed(hash_, place - slot_starts[slot], kind)
