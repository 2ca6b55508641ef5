"""Segments of posting lists in LMDB: how they are added, merged and read, each method within its caller's transaction.

    lines         segment -> whose postings it holds    (`postings.Line`; a removed track's slot is blank)
    segments      segment, part -> its postings         (`postings.Part`, read where LMDB has mapped it)
    about         "next_segment"; "merging": see below

Each segment is sorted by hash. An add writes a new one. Then, as long as there are two of about a size, they are merged: so there are
few, and each posting is written again only as often as the library doubles. Two segments, A and B, become a third one, C, part by part,
in a transaction each: thus the pages that one part leaves behind serve the next ones, and the file stays near the size of what is in it.
Between two parts all is there exactly once, some of it in C, the rest in A and B; "merging" names the three, and whoever adds next goes
on with them.
"""

import struct
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from core import postings
from core.postings import EMPTY, LISTS, MAX_FRAMES, Line, Part, Segment, TrackHashes

SMALL_SEGMENT = 1 << 16  # postings; what is merged to no more is merged by the add itself, to save transactions
OF_A_SIZE = 2  # times the postings of the smaller one that the larger of two segments may have to be merged
LARGE_VALUE = 1 << 15  # bytes; more than a page anywhere
PART_KEY = struct.Struct(">QB")  # segment, part
MERGING = struct.Struct(">QQQ")  # A, B, C


class Segments:
    """The segments of an index. `db` are the handles of its databases."""

    def __init__(self, db: dict[str, Any]) -> None:
        self._about, self._lines, self._parts = db["about"], db["lines"], db["segments"]

    def read(self, txn: Any, known: dict[int, Segment]) -> dict[int, Segment]:
        """The segments by number, valid as long as the transaction, or until it writes.

        known: what an earlier transaction read that only reads, as all this may: what still is as it was is taken from there. For to
        fetch a value is to touch each of its pages, and the index may be larger than the memory.
        """
        merging = self.merging(txn)
        return {
            owner: self._known_or_read(txn, owner, line, None if owner in merging else known.get(owner), owner not in merging)
            for owner, line in self._read_lines(txn).items()
        }

    def _known_or_read(self, txn: Any, owner: int, line: Line, known: Segment | None, settled: bool) -> Segment:
        """A segment keeps its number, and its parts, until it is merged; and LMDB leaves values of several pages where they are."""
        if known is not None and known.stays:
            return known if known.line.dump() == line.dump() else replace(known, line=line)
        parts = self._read_parts(txn, owner)
        stays = settled and all(part is EMPTY[number] or part.nbytes >= LARGE_VALUE for number, part in enumerate(parts))
        return Segment(line, parts, settled, stays)

    def _read_parts(self, txn: Any, owner: int) -> tuple[Part, ...]:
        parts = list(EMPTY)
        cursor = txn.cursor(db=self._parts)
        found = cursor.set_range(PART_KEY.pack(owner, 0))
        while found:
            next_owner, part = PART_KEY.unpack(cursor.key())
            if next_owner != owner:
                break
            parts[part] = postings.read_part(cursor.value())
            found = cursor.next()
        return tuple(parts)

    def add(self, txn: Any, tracks: Sequence[TrackHashes]) -> None:
        """Writes the tracks' postings, merged with small segments while those are of about their size."""
        for piece in postings.fitting(tracks):
            self._add(txn, postings.build(piece))

    def _add(self, txn: Any, new: Segment) -> None:
        merged = []
        for owner, line in self._settled(txn):
            if line.postings > OF_A_SIZE * new.size or line.postings + new.size > SMALL_SEGMENT or not _fit(line, new.line):
                break
            new = postings.merge([Segment(line, self._read_parts(txn, owner)), new])
            merged.append(owner)
        for owner in merged:
            self._delete(txn, owner)
        self._put(txn, new)

    def blank(self, txn: Any, track_id: int) -> None:
        """Makes a track's postings count for nobody; the next merge drops them."""
        for owner, line in self._read_lines(txn).items():
            if track_id in line.slots["track"]:
                txn.put(key(owner), line.without(track_id).dump(), db=self._lines)

    def clear(self, txn: Any) -> None:
        """Deletes all of them."""
        for db in (self._lines, self._parts):
            txn.drop(db, delete=False)
        txn.delete(b"merging", db=self._about)

    def merging(self, txn: Any) -> tuple[int, ...]:
        """The numbers of A, B and C while there is a merge, else none."""
        row = txn.get(b"merging", db=self._about)
        return () if row is None else MERGING.unpack(row)

    def merge_part(self, txn: Any) -> bool:
        """Merges the next part of two segments, first of those that somebody has begun with; False when there is nothing to merge."""
        numbers = self.merging(txn) or self._begin_merge(txn)
        if not numbers:
            return False
        *old, new = numbers
        part = min(self._first_part(txn, owner) for owner in old)
        if part < LISTS:
            self._merge_into(txn, new, part, old)
        else:
            self._end_merge(txn, old, new)
        return True

    def _end_merge(self, txn: Any, old: Sequence[int], new: int) -> None:
        line = Line.load(bytes(txn.get(key(new), db=self._lines)))
        size = Segment(line, self._read_parts(txn, new)).size  # without those of removed tracks
        txn.put(key(new), replace(line, postings=size).dump(), db=self._lines)
        for owner in old:
            txn.delete(key(owner), db=self._lines)
        txn.delete(b"merging", db=self._about)

    def _begin_merge(self, txn: Any) -> tuple[int, ...]:
        """Chooses the smallest two segments that are of a size."""
        for (smaller, a), (larger, b) in pairwise(self._settled(txn)):
            if b.postings <= OF_A_SIZE * a.postings and _fit(a, b):
                line = postings.merge_lines([a, b])
                numbers = smaller, larger, take(txn, "next_segment", self._about)
                txn.put(key(numbers[2]), line.dump(), db=self._lines)
                txn.put(b"merging", MERGING.pack(*numbers), db=self._about)
                return numbers
        return ()

    def _merge_into(self, txn: Any, new: int, part: int, old: Sequence[int]) -> None:
        lines = [Line.load(bytes(txn.get(key(owner), db=self._lines))) for owner in old]
        keys = [PART_KEY.pack(owner, part) for owner in old]
        parts = [postings.read_part(txn.get(row_key, EMPTY[part], db=self._parts)) for row_key in keys]
        merged = Line.load(bytes(txn.get(key(new), db=self._lines)))
        self._put_part(txn, new, part, postings.merge_parts(part, lines, parts, merged))
        for row_key in keys:
            txn.delete(row_key, db=self._parts)

    def _first_part(self, txn: Any, owner: int) -> int:
        """The first part that a segment has; `LISTS` when it has none."""
        cursor = txn.cursor(db=self._parts)
        found = cursor.set_range(PART_KEY.pack(owner, 0))
        next_owner, part = PART_KEY.unpack(cursor.key()) if found else (None, LISTS)
        return part if next_owner == owner else LISTS

    def _settled(self, txn: Any) -> list[tuple[int, Line]]:
        """The lines of those that are not being merged, with their numbers, smallest first."""
        merging = self.merging(txn)
        lines = self._read_lines(txn).items()
        return sorted((item for item in lines if item[0] not in merging), key=lambda item: item[1].postings)

    def _read_lines(self, txn: Any) -> dict[int, Line]:
        return {number(row_key): Line.load(bytes(row)) for row_key, row in txn.cursor(db=self._lines)}

    def _put(self, txn: Any, segment: Segment) -> None:
        owner = take(txn, "next_segment", self._about)
        txn.put(key(owner), segment.line.dump(), db=self._lines)
        for part, numbers in enumerate(segment.parts):
            self._put_part(txn, owner, part, numbers)

    def _put_part(self, txn: Any, owner: int, part: int, numbers: Part) -> None:
        if numbers is not EMPTY[part]:
            txn.put(PART_KEY.pack(owner, part), numbers.data, db=self._parts)

    def _delete(self, txn: Any, owner: int) -> None:
        txn.delete(key(owner), db=self._lines)
        for part in range(LISTS):
            txn.delete(PART_KEY.pack(owner, part), db=self._parts)


def _fit(a: Line, b: Line) -> bool:
    """Whether they may be merged."""
    return postings.merge_lines([a, b]).frames <= MAX_FRAMES


def key(number: int) -> bytes:
    """A number as a key of LMDB: keys then come in the order of the numbers."""
    return number.to_bytes(8, "big")


def number(row_key: bytes | memoryview) -> int:
    return int.from_bytes(row_key, "big")


def take(txn: Any, counter: str, about: Any) -> int:
    """The next number of a counter in the database `about`: 1, 2, ..."""
    last = txn.get(counter.encode(), db=about)
    taken = 1 if last is None else number(last)
    txn.put(counter.encode(), key(taken + 1), db=about)
    return taken
