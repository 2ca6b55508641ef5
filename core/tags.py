"""What a file says about itself, whatever the format and the encoding of its tags."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, cast

from tinytag import TinyTag, TinyTagException

from core.text import BROKEN, from_bytes, one_line, reread

MOST_CHARACTERS = 500  # of a field; more is no title
MOST_NUMBER = 9_999  # of a track, disc or year
MOST_READS = 200_000  # of a file, for its tags
SEPARATOR = "; "  # between several artists
YEAR = re.compile(r"(?<!\d)[12]\d{3}(?!\d)")
ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}")
ID3V1_BYTES = 128  # at the end of a file
APE_FOOTER = struct.Struct("<8sIIII8x")  # "APETAGEX"; version, bytes of items and footer, items, flags
APE_ITEM = struct.Struct("<II")  # bytes of its value, flags
APE_KIND = 6  # the bits of an item's flags that are 0 for text
MOST_APE_BYTES, MOST_APE_ITEMS = 1 << 24, 1_000  # pictures are items, too

Fields = Mapping[str, list[str]]

NAMES = {  # what readers call a field, each in lower case -> what we do
    "title": "title",
    "artist": "artist",
    "album": "album",
    **dict.fromkeys(("album_artist", "albumartist", "album artist"), "album_artist"),
    **dict.fromkeys(("track", "tracknumber"), "track_number"),
    **dict.fromkeys(("disc", "discnumber", "disk"), "disc_number"),
    **dict.fromkeys(("date", "year", "tdrc", "tyer"), "year"),
    **dict.fromkeys(("label", "publisher", "organization"), "label"),
    **dict.fromkeys(("isrc", "tsrc"), "isrc"),
}


@dataclass(frozen=True)
class Tags:
    """'' or None where a file says nothing."""

    title: str = ""
    artist: str = ""
    album: str = ""
    album_artist: str = ""
    track_number: int | None = None
    disc_number: int | None = None
    year: int | None = None
    label: str = ""
    isrc: str = ""


def read(file: BinaryIO, metadata: Mapping[str, str]) -> Tags:
    """Return the tags of a file, which stands at its beginning. metadata: what FFmpeg has read, bytes that are not UTF-8 escaped.

    The first reader that understands a field counts: ID3v2 and what its like is, APEv2, ID3v1, FFmpeg.
    """
    has_id3v2 = file.read(3) == b"ID3"
    mine, ape = _of_tinytag(file), _of_ape(file)
    return merged([*([mine, ape] if has_id3v2 else [ape, mine]), named(_unescaped(metadata))])


def merged(sources: Iterable[Fields]) -> Tags:
    """Return each field as the first source has it whose text is whole."""
    found: dict[str, list[str]] = {}
    for source in sources:
        for name, values in source.items():
            if values and (name not in found or (_is_broken(found[name]) and not _is_broken(values))):
                found[name] = values
    made = {name: make(found[name]) for name, make in FIELDS.items() if name in found}
    return Tags(**made)  # type: ignore[arg-type]


def named(fields: Iterable[tuple[str, str]]) -> Fields:
    """Return a reader's fields under our names."""
    found: dict[str, list[str]] = {}
    for key, value in fields:
        name, text = NAMES.get(key.lower()), one_line(reread(value))
        if name and text and text not in found.setdefault(name, []):
            found[name].append(text)
    return found


def _is_broken(values: list[str]) -> bool:
    return any(BROKEN in value for value in values)


def _unescaped(metadata: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return [(key, from_bytes(value.encode("utf-8", "surrogateescape"))) for key, value in metadata.items()]


def _of_tinytag(file: BinaryIO) -> Fields:
    try:
        tags = tinytag_of(file)
    except TinyTagException:
        return {}
    values = {name: value for name, value in vars(tags).items() if isinstance(value, str | int) and name in NAMES}
    several = [(name, value) for name, more in tags.other.items() for value in more]
    return named([*((name, str(value)) for name, value in values.items()), *several])


def tinytag_of(file: BinaryIO, image: bool = False) -> TinyTag:
    """Return what tinytag reads in a file, with its pictures if so wished. Raises TinyTagException."""
    file.seek(0)
    return TinyTag.get(file_obj=cast(BinaryIO, _Bounded(file)), duration=False, image=image)


class _Bounded:
    """A file that limits the bytes and the read calls spent on tags, because a damaged file may consist of empty parts."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._reads = file, 0
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        self._reads += 1
        if self._reads > MOST_READS:
            raise ValueError("too many parts")
        return self._file.read(size)


def _of_ape(file: BinaryIO) -> Fields:
    """Return the tags in APEv2 at the end of a file, before those in ID3v1."""
    end = file.seek(0, io.SEEK_END)
    for behind in (0, ID3V1_BYTES):
        at = end - behind - APE_FOOTER.size
        if at < 0:
            break
        file.seek(at)
        magic, _, size, count, _ = APE_FOOTER.unpack(file.read(APE_FOOTER.size))
        if magic == b"APETAGEX" and APE_FOOTER.size <= size <= min(at + APE_FOOTER.size, MOST_APE_BYTES):
            file.seek(at + APE_FOOTER.size - size)
            return named(_ape_items(file.read(size - APE_FOOTER.size), min(count, MOST_APE_ITEMS)))
    return {}


def _ape_items(data: bytes, count: int) -> Iterable[tuple[str, str]]:
    at = 0
    for _ in range(count):
        if at + APE_ITEM.size > len(data) or (end := data.find(b"\0", at + APE_ITEM.size)) < 0:
            return
        size, flags = APE_ITEM.unpack_from(data, at)
        if not flags & APE_KIND:
            for value in data[end + 1 : end + 1 + size].split(b"\0"):
                yield data[at + APE_ITEM.size : end].decode("latin-1"), from_bytes(value)
        at = end + 1 + size


def _first(values: list[str]) -> str:
    return values[0][:MOST_CHARACTERS]


def _all(values: list[str]) -> str:
    return SEPARATOR.join(values)[:MOST_CHARACTERS]


def _number(values: list[str]) -> int | None:
    """Return the number of `3/12`, `03` or `3`; none below 1."""
    digits = re.match(r"[0-9]{1,9}", values[0])
    number = int(digits[0]) if digits else 0
    return number if 1 <= number <= MOST_NUMBER else None


def _year(values: list[str]) -> int | None:
    found = YEAR.search(values[0])
    return int(found[0]) if found else None


def _isrc(values: list[str]) -> str:
    code = re.sub(r"[\s-]", "", values[0]).upper()
    return code if ISRC.fullmatch(code) else ""


FIELDS: dict[str, Callable[[list[str]], str | int | None]] = {
    **{"title": _first, "artist": _all, "album": _first, "album_artist": _all},
    **{"track_number": _number, "disc_number": _number, "year": _year, "label": _first, "isrc": _isrc},
}
