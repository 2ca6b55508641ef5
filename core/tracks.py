"""Tracks as data: what is known of a recording, how it is stored, and how lists of tracks are searched, sorted and cut into pages."""

import bisect
import json
import math
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import KW_ONLY, asdict, dataclass, replace
from functools import lru_cache
from typing import Any, Self

from core.errors import EarprintError
from core.text import BROKEN, folded, sort_key

MORE = ("album_artist", "track_number", "disc_number", "year", "label", "isrc")
EDITABLE = ("title", "artist", "album")

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
    _: KW_ONLY
    album_artist: str = ""
    track_number: int | None = None
    disc_number: int | None = None
    year: int | None = None
    label: str = ""
    isrc: str = ""
    cover: str = ""  # SHA-256 of the picture that the library keeps, hex


@dataclass(frozen=True)
class Track(NewTrack):
    id: int  # positive, never reused
    added: str  # ISO 8601, UTC
    _: KW_ONLY
    edited: tuple[str, ...] | None = None  # the fields that were edited by hand; None in rows of versions that did not note it

    def with_edits(self, edits: Mapping[str, Any]) -> Self:
        """Return the track as a user has edited it: what its file says of these fields no longer matters."""
        noted = EDITABLE if self.edited is None else self.edited
        return replace(self, **edits, edited=tuple(sorted({*noted, *edits})))

    def with_tags(self, tags: Mapping[str, Any]) -> Self:
        """Return the track with what the same bytes say of it. Edits stay; so does text that may be one, unless it is empty or broken."""
        may_be = () if self.edited is not None else [name for name in EDITABLE if _is_sound(getattr(self, name))]
        return replace(self, **_without(tags, {*(self.edited or ()), *may_be}))

    def renewed(self, new: NewTrack) -> Self:
        """Return the track with all that other bytes of the same recording say. Edits stay."""
        return replace(self, **_without(asdict(new), self.edited or ()))

    def to_json(self) -> dict[str, Any]:
        """Return what the interfaces say of a track; the `MORE` where they hold something."""
        names = ("id", "title", "artist", "album", "duration", "filename", "added")
        more = {name: value for name in MORE if (value := getattr(self, name))}
        return {name: getattr(self, name) for name in names} | more | ({"cover": True} if self.cover else {})

    def dump(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def load(row: bytes | memoryview) -> "Track":
        return _track(bytes(row))


@lru_cache(maxsize=1024)
def _track(row: bytes) -> Track:
    """Those that are guessed are read again and again."""
    return _track_of(json.loads(row))


def _track_of(stored: dict[str, Any]) -> Track:
    edited = stored.pop("edited", None)
    return Track(**stored, edited=None if edited is None else tuple(edited))


def _is_sound(text: str) -> bool:
    return bool(text) and BROKEN not in text


def _without(fields: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


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
        return cls(_track_of(stored["track"]), stored["at"])


@dataclass(frozen=True)
class Page:
    """Some of the tracks that were asked for; `next` continues after them, `total` counts all."""

    tracks: list[Track]
    next: str | None
    total: int


SORTS: dict[str, Callable[[Track], tuple[Any, ...]]] = {
    "added": lambda t: (-t.id,),  # newest first
    "title": lambda t: (sort_key(t.title), t.id),
    "artist": lambda t: (sort_key(t.artist), sort_key(t.album), t.disc_number or 0, t.track_number or 0, sort_key(t.title), t.id),
    "album": lambda t: (sort_key(t.album), t.disc_number or 0, t.track_number or 0, sort_key(t.title), t.id),
    "duration": lambda t: (t.duration, t.id),
}


Entry = tuple[str, Track]  # the text that is searched, and its track
Rows = Iterable[bytes | memoryview]
ChangedRows = dict[int, bytes | memoryview | None]  # track id -> its row, None when it is gone

WORTH_MOVING = 1000  # changes at most that are put into their places one by one; more are sorted anew


class Listing:
    """All tracks, sorted, as of one revision of the index. Threads may share it.

    State: the entries by id, and in each order that was asked for. An order is never altered, a new one takes its place: whoever reads
    the old one is not disturbed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revision: int | None = None
        self._entries: dict[int, Entry] = {}
        self._orders: dict[str, list[Entry]] = {}
        self._seconds = 0.0  # of sound

    def update(self, revision: int, rows: Callable[[], Rows], changed: Callable[[int], ChangedRows | None]) -> None:
        """Catches up with `revision`: by the rows that changed since the one it has, or by all rows when those are not known."""
        with self._lock:
            if self._revision is not None and revision <= self._revision:
                return
            changes = None if self._revision is None else changed(self._revision)
            if changes is None:
                self._load(rows())
            elif changes:
                self._apply(changes)
            self._revision = revision

    def _load(self, rows: Rows) -> None:
        self._entries = {track.id: (_searched(track), track) for track in (Track.load(row) for row in rows)}
        self._orders, self._seconds = {}, _seconds(self._entries.values())

    def _apply(self, changes: ChangedRows) -> None:
        old = [self._entries.pop(track_id) for track_id in changes if track_id in self._entries]
        new = [(_searched(track), track) for track in (Track.load(row) for row in changes.values() if row)]
        self._entries |= {track.id: (text, track) for text, track in new}
        few = len(changes) <= WORTH_MOVING
        self._orders = {sort: _moved(order, sort, old, new) for sort, order in self._orders.items()} if few else {}
        self._seconds += _seconds(new) - _seconds(old)

    def size(self) -> tuple[int, float]:
        """Tracks, and seconds of sound."""
        with self._lock:
            return len(self._entries), round(self._seconds, 3)  # what is added and taken away leaves traces further down

    def page(self, search: str, sort: str, limit: int | None, after: str | None) -> Page:
        """As `Index.tracks`."""
        if sort not in SORTS:
            raise EarprintError(f"sort {sort!r}: give one of {', '.join(SORTS)}")
        found = self._in_order(sort)
        for word in sorted(set(folded(search).split()), key=len, reverse=True):  # a long word leaves little to the next
            found = [entry for entry in found if word in entry[0]]
        first = 0 if after is None else _position(found, after, sort)
        last = len(found) if limit is None else min(first + limit, len(found))
        following = _cursor(sort, found[last - 1][1]) if 0 < last < len(found) else None
        return Page([track for _, track in found[first:last]], following, len(found))

    def _in_order(self, sort: str) -> list[Entry]:
        with self._lock:
            if sort not in self._orders:
                self._orders[sort] = sorted(self._entries.values(), key=_key(sort))
            return self._orders[sort]


def _seconds(entries: Iterable[Entry]) -> float:
    return math.fsum(track.duration for _, track in entries)


def _searched(track: Track) -> str:
    return folded("\n".join((track.title, track.artist, track.album, track.album_artist, track.filename)))


def _key(sort: str) -> Callable[[Entry], tuple[Any, ...]]:
    key = SORTS[sort]
    return lambda entry: key(entry[1])


def _moved(order: list[Entry], sort: str, old: list[Entry], new: list[Entry]) -> list[Entry]:
    """A copy of the order without `old` and with `new`, each in its place."""
    order, key = order.copy(), _key(sort)
    for entry in old:
        del order[bisect.bisect_left(order, key(entry), key=key)]
    for entry in new:
        bisect.insort(order, entry, key=key)
    return order


def _position(found: list[Entry], after: str, sort: str) -> int:
    """How many tracks stand before the cursor `after`. Raises EarprintError when it is not of this sort."""
    try:
        made_for, *key = json.loads(urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        if made_for == sort:
            return bisect.bisect_right(found, tuple(key), key=_key(sort))
    except (ValueError, TypeError, RecursionError):  # not JSON, or not what is compared here
        pass
    raise EarprintError(f"cursor {after!r}: give the `next` of the page before, with the same sort")


def _cursor(sort: str, last: Track) -> str:
    return urlsafe_b64encode(json.dumps([sort, *SORTS[sort](last)]).encode()).decode().rstrip("=")
