"""The index: tracks, their constellations, and the posting lists of their hashes, in one LMDB environment.

Nothing else imports lmdb, and nothing of lmdb leaves this file. Each method is one transaction: a track is added or removed as a
whole, several processes may read while one writes, and readers see a change at their next call.

    about         "params", "next_track", "next_segment"
    tracks        id -> the track as JSON               bin: the same, for removed tracks
    sums          SHA-256 -> id
    peaks         id -> packed constellation            (of removed tracks too, so that a removal can be undone)
    segments      number -> starts, places, low         slots: number -> which tracks those are

Postings live in segments, each sorted by hash (`postings.Segment`); an add writes a new one and merges it with older ones of its size,
so that there are few, and each posting is written again only as often as the library doubles. Look-ups read them where LMDB has mapped them.
"""

import bisect
import json
import struct
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lmdb
import numpy as np

from core import postings
from core.constellation import MAX_FRAME, Peaks, pack, unpack
from core.errors import ConflictError, EarprintError, MissingError, VersionError
from core.hashes import Hashes, reference_hashes
from core.params import Params
from core.postings import SLOT, Hits, Segment

MAP_SIZE = 1 << 40  # bytes of address space; the file grows as needed
MAX_SEGMENT = 1 << 26  # postings; a merge never writes more than this at once
DATABASES = ("about", "tracks", "bin", "sums", "peaks", "segments", "slots")
HEADER = struct.Struct("<IIQ")  # groups + 1, frames, postings of a segment


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


class Index:
    """An index in the folder `path`, made if it is not there. Close it, or use it as a context manager; one a process.

    Raises VersionError when it was made with other `Params`, EarprintError when there is none and `readonly`.
    """

    def __init__(self, path: str | Path, params: Params | None = None, *, readonly: bool = False) -> None:
        self.path = Path(path)
        if readonly and not (self.path / "data.mdb").exists():
            raise EarprintError(f"there is no index in {self.path}: add some music first")
        self.path.mkdir(parents=True, exist_ok=True)
        self._env = lmdb.open(str(self.path), map_size=MAP_SIZE, max_dbs=len(DATABASES), max_readers=512, readonly=readonly, metasync=False)
        try:
            self._env.reader_check()  # entries of processes that were killed would keep old pages from being reused
            if not readonly:
                self._create(params or Params())
            self._db = {name: self._env.open_db(name.encode(), create=False) for name in DATABASES}
            self.params = self._read_params(params)
        except BaseException:
            self._env.close()
            raise
        self._cache = _TrackCache()

    def _create(self, params: Params) -> None:
        with self._env.begin(write=True) as txn:
            for name in DATABASES:
                self._env.open_db(name.encode(), txn=txn)
            about = self._env.open_db(b"about", txn=txn)
            txn.put(b"params", params.to_json().encode(), db=about, overwrite=False)

    def _read_params(self, wanted: Params | None) -> Params:
        with self._env.begin(db=self._db["about"]) as txn:
            stored = Params.from_json(bytes(txn.get(b"params")).decode())
        if stored != (wanted or replace(stored, **Params.versions())):
            raise VersionError(
                f"the index in {self.path} was made by another version of the algorithm: "
                "run `earprint rebuild` with this data folder to make it anew"
            )
        return stored

    def close(self) -> None:
        self._env.close()

    def __enter__(self) -> "Index":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Tracks

    def add(self, tracks: Iterable[tuple[NewTrack, Peaks]]) -> list[tuple[Track, bool]]:
        """Adds all of them in one transaction, or none. Returns (track, True), or (the track that holds this file, False) when its
        SHA-256 is known. peaks: PEAK [k], those of a reference (`constellation.reference`)."""
        hashed = [(new, packed := pack(peaks), reference_hashes(unpack(packed), self.params)) for new, peaks in tracks]
        with self._write() as txn:
            result, fresh = [], []
            for new, packed, hashes in hashed:
                known = txn.get(new.sha256.encode(), db=self._db["sums"])
                if known is not None:
                    result.append((self._get(txn, "tracks", _number(known)), False))
                    continue
                track = Track(**asdict(new), id=self._next(txn, "next_track"), added=_now())
                self._put(txn, track, packed)
                fresh.append((track.id, hashes))
                result.append((track, True))
            self._add_segment(txn, fresh)
        return result

    def remove(self, track_id: int) -> Track:
        """Takes a track out of the library; `restore` undoes it. Raises MissingError."""
        with self._write() as txn:
            track = self._get(txn, "tracks", track_id)
            txn.delete(_key(track_id), db=self._db["tracks"])
            txn.delete(track.sha256.encode(), db=self._db["sums"])
            txn.put(_key(track_id), _dump(track), db=self._db["bin"])
            self._blank_slot(txn, track_id)
        return track

    def restore(self, track_id: int) -> Track:
        """Puts a removed track back under its number. Raises MissingError, or ConflictError when its file was added again since."""
        with self._write() as txn:
            track = self._get(txn, "bin", track_id)
            known = txn.get(track.sha256.encode(), db=self._db["sums"])
            if known is not None:
                raise ConflictError(f"track {track_id} was added again as track {_number(known)}: nothing to restore")
            packed = bytes(txn.get(_key(track_id), db=self._db["peaks"]))
            txn.delete(_key(track_id), db=self._db["bin"])
            self._put(txn, track, packed)
            self._add_segment(txn, [(track_id, reference_hashes(unpack(packed), self.params))])
        return track

    def purge(self, ids: Iterable[int]) -> list[Track]:
        """Forgets removed tracks for good; returns those that were there."""
        with self._write() as txn:
            gone = []
            for track_id in ids:
                row = txn.pop(_key(track_id), db=self._db["bin"])
                if row is not None:
                    txn.delete(_key(track_id), db=self._db["peaks"])
                    gone.append(_load(row))
        return gone

    def update(
        self,
        track_id: int,
        *,
        title: str | None = None,
        artist: str | None = None,
        album: str | None = None,
        path: str | None = None,
    ) -> Track:
        """Changes what is given. Raises MissingError."""
        given = {"title": title, "artist": artist, "album": album, "path": path}
        with self._write() as txn:
            track = replace(self._get(txn, "tracks", track_id), **{name: text for name, text in given.items() if text is not None})
            txn.put(_key(track_id), _dump(track), db=self._db["tracks"])
        return track

    def track(self, track_id: int) -> Track:
        """Raises MissingError."""
        with self._env.begin() as txn:
            return self._get(txn, "tracks", track_id)

    def find(self, sha256: str) -> Track | None:
        """The track made from the file with this hash, if any."""
        with self._env.begin() as txn:
            known = txn.get(sha256.encode(), db=self._db["sums"])
            return None if known is None else self._get(txn, "tracks", _number(known))

    def removed(self) -> list[Track]:
        """Tracks that can be restored."""
        with self._env.begin() as txn:
            return [_load(row) for _, row in txn.cursor(db=self._db["bin"])]

    def tracks(self, search: str = "", sort: str = "added", limit: int | None = 50, after: str | None = None) -> Page:
        """Tracks in whose title, artist, album or file name each word of `search` occurs, sorted by one of `SORTS`, from the cursor
        `after` on. Raises EarprintError for a sort or a cursor that does not exist."""
        if sort not in SORTS:
            raise EarprintError(f"sort {sort!r}: give one of {', '.join(SORTS)}")
        with self._env.begin() as txn:
            found = self._cache.tracks(txn, self._db["tracks"], sort)
        words = search.casefold().split()
        if words:
            found = [t for t in found if all(word in self._cache.text(t) for word in words)]
        first = 0 if after is None else bisect.bisect_right(found, _cursor_key(after), key=lambda t: list(SORTS[sort](t)))
        last = len(found) if limit is None else min(first + limit, len(found))
        more = last < len(found)
        return Page(found[first:last], _cursor(SORTS[sort](found[last - 1])) if more and last else None, len(found))

    def constellation(self, track_id: int, first: int = 0, last: int = MAX_FRAME) -> Peaks:
        """A track's PEAK [k] from frame `first` up to frame `last`; of a track that is no longer there, none."""
        with self._env.begin(db=self._db["peaks"], buffers=True) as txn:
            return unpack(txn.get(_key(track_id)) or b"", first, last)

    def stretches(self, wanted: Sequence[tuple[int, int, int]]) -> list[Peaks]:
        """The same for many (track id, first frame, last frame) at once."""
        with self._env.begin(db=self._db["peaks"], buffers=True) as txn:
            return [unpack(txn.get(_key(track_id)) or b"", first, last) for track_id, first, last in wanted]

    def stats(self) -> dict[str, float]:
        """tracks, seconds of sound, postings, bytes on disk, segments."""
        with self._env.begin(buffers=True) as txn:
            everything = self._cache.tracks(txn, self._db["tracks"], "added")
            headers = [HEADER.unpack_from(blob) for _, blob in txn.cursor(db=self._db["segments"])]
            info = self._env.info()
        return {
            "tracks": len(everything),
            "seconds": sum(t.duration for t in everything),
            "postings": sum(count for _, _, count in headers),
            "bytes": (info["last_pgno"] + 1) * self._env.stat()["psize"],
            "segments": len(headers),
        }

    @property
    def revision(self) -> int:
        """Changes whenever anything was written, by whichever process."""
        return int(self._env.info()["last_txnid"])

    # Postings

    def lookup(self, hashes: Hashes, budget: int) -> Hits:
        """The postings of HASH [h] and their neighbours, rarest first, up to `budget` of them: HIT [n]."""
        with self._env.begin(buffers=True) as txn:
            return postings.lookup(list(self._segments(txn).values()), hashes, self.params.band_reach, self.params.step_reach, budget)

    def rebuild(self, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Makes all postings anew from the constellations, in one transaction. progress: called with tracks done, and all."""
        with self._write() as txn:
            ids = [_number(key) for key, _ in txn.cursor(db=self._db["tracks"])]
            for name in ("segments", "slots"):
                txn.drop(self._db[name], delete=False)
            for done, some in _batches(ids, 256):
                rows = [(i, bytes(txn.get(_key(i), db=self._db["peaks"]))) for i in some]
                self._add_segment(txn, [(i, reference_hashes(unpack(packed), self.params)) for i, packed in rows])
                progress(done, len(ids))

    # One transaction's parts

    @contextmanager
    def _write(self) -> Iterator[Any]:
        with self._env.begin(write=True) as txn:
            yield txn

    def _get(self, txn: Any, table: str, track_id: int) -> Track:
        row = txn.get(_key(track_id), db=self._db[table]) if 0 < track_id < 1 << 63 else None
        if row is None:
            raise MissingError(f"there is no track {track_id}" + (" to restore" if table == "bin" else ""))
        return _load(row)

    def _put(self, txn: Any, track: Track, packed: bytes) -> None:
        txn.put(_key(track.id), _dump(track), db=self._db["tracks"])
        txn.put(track.sha256.encode(), _key(track.id), db=self._db["sums"])
        txn.put(_key(track.id), packed, db=self._db["peaks"])

    def _next(self, txn: Any, counter: str) -> int:
        last = txn.get(counter.encode(), db=self._db["about"])
        number = 1 if last is None else _number(last)
        txn.put(counter.encode(), _key(number + 1), db=self._db["about"])
        return number

    def _segments(self, txn: Any) -> dict[int, Segment]:
        """The segments by number, oldest first, read in place: they are valid as long as the transaction."""
        slots = {_number(key): np.frombuffer(blob, SLOT) for key, blob in txn.cursor(db=self._db["slots"])}
        return {_number(key): _read_segment(blob, slots[_number(key)]) for key, blob in txn.cursor(db=self._db["segments"])}

    def _add_segment(self, txn: Any, tracks: Sequence[tuple[int, Hashes]]) -> None:
        """Writes the tracks' postings, merged with newer segments while those are not larger than what they are merged with."""
        if not tracks:
            return
        new = postings.build(tracks)
        older = self._segments(txn)
        while older:
            number, last = older.popitem()
            size = len(new.places) + len(last.places)
            if len(last.places) > 2 * len(new.places) or size > MAX_SEGMENT:
                break
            new = postings.merge([last, new])
            txn.delete(_key(number), db=self._db["segments"])
            txn.delete(_key(number), db=self._db["slots"])
        key = _key(self._next(txn, "next_segment"))
        txn.put(key, new.slots.tobytes(), db=self._db["slots"])
        txn.put(key, _write_segment(new), db=self._db["segments"])

    def _blank_slot(self, txn: Any, track_id: int) -> None:
        """Makes a track's postings count for nobody; the next merge drops them."""
        for key, blob in txn.cursor(db=self._db["slots"]):
            slots = np.frombuffer(blob, SLOT).copy()
            mine = slots["track"] == track_id
            if mine.any():
                slots["track"][mine] = 0
                txn.put(key, slots.tobytes(), db=self._db["slots"])
                return


class _TrackCache:
    """All tracks, sorted, as of one transaction: made again when the environment has changed, by whichever process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revision = -1
        self._by_id: dict[int, tuple[bytes, Track, str]] = {}  # row, track, its text in lower case
        self._sorted: dict[str, list[Track]] = {}

    def tracks(self, txn: Any, table: Any, sort: str) -> list[Track]:
        with self._lock:
            if txn.id() != self._revision:
                self._by_id = {_number(key): self._entry(bytes(row), _number(key)) for key, row in txn.cursor(db=table)}
                self._sorted = {}
                self._revision = txn.id()
            if sort not in self._sorted:
                self._sorted[sort] = sorted((t for _, t, _ in self._by_id.values()), key=SORTS[sort])
            return self._sorted[sort]

    def text(self, track: Track) -> str:
        entry = self._by_id.get(track.id)
        return entry[2] if entry else ""

    def _entry(self, row: bytes, track_id: int) -> tuple[bytes, Track, str]:
        old = self._by_id.get(track_id)
        if old and old[0] == row:
            return old
        track = _load(row)
        return row, track, "\n".join((track.title, track.artist, track.album, track.filename)).casefold()


def _read_segment(blob: memoryview, slots: postings.Slots) -> Segment:
    edges, frames, count = HEADER.unpack_from(blob)
    starts = np.frombuffer(blob, "<u4", edges, HEADER.size)
    places = np.frombuffer(blob, "<u4", count, HEADER.size + 4 * edges)
    low = np.frombuffer(blob, "u1", count, HEADER.size + 4 * (edges + count))
    return Segment(slots, frames, _aligned(starts), _aligned(places), low)


def _aligned(array: Any) -> Any:
    return array if array.flags.aligned else array.copy()  # small values may lie anywhere in a page


def _write_segment(segment: Segment) -> bytes:
    header = HEADER.pack(len(segment.starts), segment.frames, len(segment.places))
    return b"".join((header, segment.starts.tobytes(), segment.places.tobytes(), segment.low.tobytes()))


def _batches(ids: list[int], size: int) -> Iterator[tuple[int, list[int]]]:
    for i in range(0, len(ids), size):
        yield min(i + size, len(ids)), ids[i : i + size]


def _key(number: int) -> bytes:
    return number.to_bytes(8, "big")


def _number(key: bytes | memoryview) -> int:
    return int.from_bytes(key, "big")


def _dump(track: Track) -> bytes:
    return json.dumps(asdict(track)).encode()


def _load(row: bytes | memoryview) -> Track:
    return Track(**json.loads(bytes(row)))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _cursor(key: tuple[Any, ...]) -> str:
    return urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def _cursor_key(cursor: str) -> list[Any]:
    try:
        key = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        assert isinstance(key, list)
        return key
    except (ValueError, AssertionError):
        raise EarprintError(f"cursor {cursor!r}: give the `next` of the page before, with the same sort") from None
