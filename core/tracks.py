"""Tracks as data: what is known of a recording, how it is stored, and how lists of tracks are searched, sorted and cut into pages."""

import bisect
import json
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import EarprintError


@dataclass(frozen=True)
class NewTrack:
    """What is known of a recording before the index gives it a number."""

    title: str
    artist: str
    album: str
    duration: float  # seconds
    filename: str
    sha256: str  # of the file, hex
    path: str  # where the audio lies


@dataclass(frozen=True)
class Track(NewTrack):
    id: int  # positive, never reused
    added: str  # ISO 8601, UTC

    def to_json(self) -> dict[str, Any]:
        names = ("id", "title", "artist", "album", "duration", "filename", "added")
        return {name: getattr(self, name) for name in names}

    def dump(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def load(cls, row: bytes | memoryview) -> "Track":
        return cls(**json.loads(bytes(row)))


@dataclass(frozen=True)
class Removed:
    """A track that can be restored."""

    track: Track
    at: str  # when it was removed: ISO 8601, UTC

    def dump(self) -> bytes:
        return json.dumps({"track": asdict(self.track), "at": self.at}).encode()

    @classmethod
    def load(cls, row: bytes | memoryview) -> "Removed":
        stored = json.loads(bytes(row))
        return cls(Track(**stored["track"]), stored["at"])


@dataclass(frozen=True)
class Page:
    """Some of the tracks that were asked for; `next` continues after them, `total` counts all."""

    tracks: list[Track]
    next: str | None
    total: int


SORTS: dict[str, Callable[[Track], tuple[Any, ...]]] = {
    "added": lambda t: (-t.id,),  # newest first
    "title": lambda t: (t.title.casefold(), t.id),
    "artist": lambda t: (t.artist.casefold(), t.album.casefold(), t.title.casefold(), t.id),
    "album": lambda t: (t.album.casefold(), t.title.casefold(), t.id),
    "duration": lambda t: (t.duration, t.id),
}


class Listing:
    """All tracks, sorted, as of one revision of the index: made again when there is another. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revision = -1
        self._rows: dict[bytes, tuple[Track, str]] = {}  # a row, its track, the text that is searched
        self._sorted: dict[str, list[tuple[Track, str]]] = {}

    def update(self, revision: int, rows: Callable[[], Iterable[bytes]]) -> None:
        with self._lock:
            if revision > self._revision:
                self._rows = {row: self._rows.get(row) or _searchable(Track.load(row)) for row in rows()}
                self._sorted = {}
                self._revision = revision

    def all(self) -> list[Track]:
        return [track for track, _ in self._in_order("added")]

    def page(self, search: str, sort: str, limit: int | None, after: str | None) -> Page:
        """As `Index.tracks`."""
        if sort not in SORTS:
            raise EarprintError(f"sort {sort!r}: give one of {', '.join(SORTS)}")
        words = search.casefold().split()
        found = [track for track, text in self._in_order(sort) if all(word in text for word in words)]
        key = SORTS[sort]
        first = 0 if after is None else _position(found, after, sort)
        last = len(found) if limit is None else min(first + limit, len(found))
        return Page(found[first:last], _cursor(sort, key(found[last - 1])) if 0 < last < len(found) else None, len(found))

    def _in_order(self, sort: str) -> list[tuple[Track, str]]:
        with self._lock:
            if sort not in self._sorted:
                self._sorted[sort] = sorted(self._rows.values(), key=lambda entry: SORTS[sort](entry[0]))
            return self._sorted[sort]


def _searchable(track: Track) -> tuple[Track, str]:
    return track, "\n".join((track.title, track.artist, track.album, track.filename)).casefold()


def _position(found: list[Track], after: str, sort: str) -> int:
    """How many tracks stand before the cursor `after`. Raises EarprintError when it is not of this sort."""
    try:
        made_for, *key = json.loads(urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        if made_for == sort:
            return bisect.bisect_right(found, tuple(key), key=SORTS[sort])
    except (ValueError, TypeError):  # not JSON, or not what is compared here
        pass
    raise EarprintError(f"cursor {after!r}: give the `next` of the page before, with the same sort")


def _cursor(sort: str, key: tuple[Any, ...]) -> str:
    return urlsafe_b64encode(json.dumps([sort, *key]).encode()).decode().rstrip("=")
