"""Segments of posting lists as files that never change: the index says which of them are alive.

A file is written and on the disk before the transaction that names it, and deleted after the one that no longer does; its number is
not used again. So a crash leaves at worst a file that nobody names, which the next `sweep` deletes, and who has a file mapped
keeps it for as long as needed. In LMDB the same bytes would leave as many free pages behind at each merge.
"""

import mmap
import os
import struct
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

from core.postings import Segment, Slots

HEADER = struct.Struct("<IIQ")  # entries of `starts`, frames, postings
SUFFIX = ".postings"


class SegmentFiles:
    """The segments in a folder, by number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, number: int, segment: Segment) -> None:
        self._folder.mkdir(exist_ok=True)
        self.delete([number])  # what a transaction that failed may have left there
        with self._path(number).open("wb") as file:
            file.write(HEADER.pack(len(segment.starts), segment.frames, len(segment.places)))
            for column in (segment.starts, segment.places, segment.low):
                file.write(column.data)
            file.flush()
            os.fsync(file.fileno())
        self._sync_names()

    def read(self, number: int, slots: Slots) -> Segment:
        """Maps a file into memory. Raises FileNotFoundError when it was deleted."""
        with self._path(number).open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        edges, frames, count = HEADER.unpack_from(content)
        starts = np.frombuffer(content, "<u4", edges, HEADER.size)
        places = np.frombuffer(content, "<u4", count, HEADER.size + 4 * edges)
        low = np.frombuffer(content, "u1", count, HEADER.size + 4 * (edges + count))
        return Segment(slots, frames, starts, places, low)

    def delete(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._path(number).unlink(missing_ok=True)

    def sweep(self, alive: Collection[int]) -> None:
        """Deletes the files of all other numbers. Nobody else may be writing."""
        names = {self._path(number).name for number in alive}
        for path in self._folder.glob(f"*{SUFFIX}"):
            if path.name not in names:
                path.unlink()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}{SUFFIX}"

    def _sync_names(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
