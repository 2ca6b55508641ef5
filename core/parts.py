"""What of a file FFmpeg is to read as a file of its own, where it would misread the whole.

A chained Ogg file is several files in a row, whose decoders, rates and channels may differ. A WAV file of more than 4 GiB may give its
sizes modulo 2**32. Zeros behind the last chunk, as of preallocated files, cost FFmpeg a step for every eight bytes. RIFX and free-format
MP3 files FFmpeg takes for something else: they are for libsndfile.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import BinaryIO

SCAN_BYTES = 1 << 20  # of a file that are searched at a time
FIRST_PAGE = re.compile(rb"OggS\0[\x02\x03\x06\x07]", re.DOTALL)  # with the flag of a logical stream's beginning
PAGE_HEAD = 27  # bytes, the last of which says how many sizes of a byte follow
WAV_WRAPS = 1 << 32  # bytes at which the sizes in a RIFF header begin anew
UNKNOWN_SIZE = 0xFFFF_FFFF  # in RF64, where another chunk holds the size; in RIFF, of what was written into a pipe
MOST_CHUNKS = 10_000  # of a WAV file; more is damage
CHUNK = struct.Struct("<4sI")  # name, size
DS64 = struct.Struct("<4sIQQQI")  # name, size; bytes of the file, bytes of the data, samples; entries of a table
LATEST_DATA = 1 << 24  # bytes before the sound of a WAV file that is mended
TRAILING_BYTES = 1 << 16  # behind the last chunk, which FFmpeg may well look through
ID3_HEAD = 10  # bytes
FRAME_SCAN = 1 << 14  # bytes in which two frames of MP3 lie
SAME_KIND = 0xFFFE0C00  # of a frame's head: the bits in which the frames of a file are alike (sync, version, layer, sample rate)
BIT_RATE = 0xF000  # of a frame's head: 0 is free format


class Part(io.RawIOBase):
    """The bytes `start` to `end` of an open file behind some others, `head`, as a file to read."""

    def __init__(self, file: BinaryIO, start: int, end: int, head: bytes = b"") -> None:
        super().__init__()
        self._file, self._start, self._head = file, start, head
        self._size = len(head) + end - start
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(self._size - self._at, 0)
        size = left if size is None or size < 0 else min(size, left)
        data = self._head[self._at : self._at + size]
        if len(data) < size:
            self._file.seek(self._start + max(self._at - len(self._head), 0))
            data += self._file.read(size - len(data))
        self._at += len(data)
        return data


def parts(file: BinaryIO) -> list[Part]:
    """Return the parts that have to be read one by one, or an empty list if FFmpeg reads the file correctly. Raises OSError."""
    begin = _read_at(file, 0, 12)
    if begin[:4] == b"OggS":
        return _links(file)
    if begin[:4] in (b"RIFF", b"RF64") and begin[8:] == b"WAVE":
        return _wav(file, is_rf64=begin[:4] == b"RF64")
    return []


def is_for_sndfile(file: BinaryIO) -> bool:
    """Return whether libsndfile reads this file, and FFmpeg misreads it. Raises OSError."""
    return _read_at(file, 0, 4) == b"RIFX" or _is_free_format(file)


def _read_at(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


# Ogg


def _links(file: BinaryIO) -> list[Part]:
    """Return the links of a chained file. Each begins with the first pages of its logical streams, one behind the other."""
    starts, behind = [], -1
    for at in _first_pages(file):
        if at != behind:
            starts.append(at)
        behind = _page_end(file, at)
    edges = [*starts, file.seek(0, io.SEEK_END)]
    return [Part(file, start, end) for start, end in pairwise(edges)] if len(starts) > 1 else []


def _first_pages(file: BinaryIO) -> Iterator[int]:
    """Yield the positions of pages that begin a logical stream."""
    overlap, at = b"", 0  # what is searched again, and the position of that
    while read := _read_at(file, at + len(overlap), SCAN_BYTES):
        data = overlap + read
        yield from (at + match.start() for match in FIRST_PAGE.finditer(data))
        overlap = data[-5:]  # a byte less than the pattern
        at += len(data) - len(overlap)


def _page_end(file: BinaryIO, at: int) -> int:
    head = _read_at(file, at, PAGE_HEAD + 255)
    sizes = head[PAGE_HEAD : PAGE_HEAD + head[PAGE_HEAD - 1]] if len(head) >= PAGE_HEAD else b""
    return at + PAGE_HEAD + len(sizes) + sum(sizes)


# WAV


def _wav(file: BinaryIO, is_rf64: bool) -> list[Part]:
    """Return a part with corrected sizes and without the bytes behind the last chunk, or an empty list if the file is correct."""
    size = file.seek(0, io.SEEK_END)
    long_size = 0
    for name, at, length in _chunks(file, 12):
        if name == b"ds64":
            long_size = int.from_bytes(_read_at(file, at + 8, 8), "little")
        if name == b"data":
            if length in (0, UNKNOWN_SIZE) and not is_rf64:  # to the end of the file
                return []
            wraps = 0 if is_rf64 else max(size - at - length, 0) // WAV_WRAPS
            length = long_size if is_rf64 and length == UNKNOWN_SIZE else length + wraps * WAV_WRAPS
            end = _end_of_chunks(file, at + length + length % 2, size)
            if wraps and at < LATEST_DATA:
                return [Part(file, at, end, _rf64_head(_read_at(file, 12, at - CHUNK.size - 12), length))]
            return [Part(file, 0, end)] if size - end > TRAILING_BYTES else []
    return []


def _chunks(file: BinaryIO, at: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, position and size of the chunks from the position `at` on."""
    for _ in range(MOST_CHUNKS):
        head = _read_at(file, at, CHUNK.size)
        if len(head) < CHUNK.size:
            return
        name, length = CHUNK.unpack(head)
        yield name, at + CHUNK.size, length
        at += CHUNK.size + length + length % 2


def _end_of_chunks(file: BinaryIO, at: int, size: int) -> int:
    """Return where the chunks from the position `at` on end: at the first that cannot be one."""
    for name, begin, length in _chunks(file, at):
        if not (name.isascii() and name.decode().isprintable()) or begin + length > size:
            break
        at = begin + length + length % 2
    return min(at, size)


def _rf64_head(chunks: bytes, data_bytes: int) -> bytes:
    """Return the beginning of an RF64 file up to its data. chunks: those before the data."""
    file_bytes = len(b"WAVE") + DS64.size + len(chunks) + CHUNK.size + data_bytes
    riff = CHUNK.pack(b"RF64", UNKNOWN_SIZE) + b"WAVE"
    return riff + DS64.pack(b"ds64", DS64.size - CHUNK.size, file_bytes, data_bytes, 0, 0) + chunks + CHUNK.pack(b"data", UNKNOWN_SIZE)


# MP3


def _is_free_format(file: BinaryIO) -> bool:
    """Return whether this is MP3 whose frames do not say their bit rate: the next frames are found only by their heads being alike."""
    at = 0
    while (tag := _read_at(file, at, ID3_HEAD))[:3] == b"ID3" and len(tag) == ID3_HEAD:
        at += ID3_HEAD + sum((byte & 127) << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
    data = _read_at(file, at, FRAME_SCAN)
    head = int.from_bytes(data[:4], "big")
    is_layer_3 = head >> 21 == 0x7FF and head >> 17 & 3 == 1 and head >> 19 & 3 != 1 and head >> 10 & 3 != 3
    if not is_layer_3 or head & BIT_RATE:
        return False
    alike = re.finditer(re.escape(data[:1]), data[4:])
    followers = (4 + match.start() for match in islice(alike, FRAME_SCAN))
    return any((int.from_bytes(data[k : k + 4], "big") ^ head) & (SAME_KIND | BIT_RATE) == 0 for k in followers)
