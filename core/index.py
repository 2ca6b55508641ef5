"""The index: tracks, their constellations, and the posting lists of their hashes, in one LMDB environment and the files beside it.

Nothing else imports lmdb, and nothing of lmdb leaves this file. Each method is one transaction: a track is added or removed as a
whole, several processes may read while one writes, and readers see a change at their next call.

    about         "params", "next_track", "next_segment", "staged": the params of `fresh`
    tracks        id -> the track as JSON               bin: the same, for removed tracks
    sums          SHA-256 -> id
    peaks         id -> packed constellation            (of removed tracks too, so that a removal can be undone)
    slots         segment -> whose postings it holds    (a removed track's slot is blank)
    fresh         id -> packed constellation, made by another front end for the next rebuild

Postings live in segments, each sorted by hash (`postings.Segment`), in a file each (`segments.SegmentFiles`). An add writes a new one and
merges it with older ones of its size: so there are few, and each posting is written again only as often as the library doubles.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
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
from core.segments import SegmentFiles
from core.tracks import Listing, NewTrack, Page, Removed, Track

__all__ = ["Index", "NewTrack", "Page", "Removed", "Track"]

MAP_SIZE = 1 << 40  # bytes of address space; the file grows as needed
MAX_READERS = 512  # threads that read at a time, of all processes
MAX_SEGMENT = 1 << 26  # postings, 330 MB; a merge never writes more than this at once
REBUILD_TRACKS = 256  # whose postings are made at a time
DATABASES = ("about", "tracks", "bin", "sums", "peaks", "slots", "fresh")


class Index:
    """An index in the folder `path`, made if it is not there. Close it, or use it as a context manager; one a process.

    Raises VersionError when it was made with other `Params` (not with `any_version`: then nothing but `rebuild` makes it of use), and
    EarprintError when there is none and `readonly`.
    """

    def __init__(self, path: str | Path, params: Params | None = None, *, readonly: bool = False, any_version: bool = False) -> None:
        self.path = Path(path)
        if readonly and not (self.path / "data.mdb").exists():
            raise EarprintError(f"there is no index in {self.path}: add some music first")
        self.path.mkdir(parents=True, exist_ok=True)
        self._files = SegmentFiles(self.path / "segments")
        self._lock = threading.Lock()
        self._segments: dict[int, Segment] = {}  # as of revision `_segments_of`
        self._segments_of = -1
        self._listing = Listing()
        # Commits wait for the disk, all of them: the files of a transaction that a power cut took back would be gone.
        self._env = lmdb.open(str(self.path), map_size=MAP_SIZE, max_dbs=len(DATABASES), max_readers=MAX_READERS, readonly=readonly)
        try:
            self._env.reader_check()  # entries of processes that were killed would keep old pages from being reused
            if not readonly:
                self._create(params or Params())
            self._db = self._tables()
            self.params = self._stored_params()
            if not any_version and self.params != (params or replace(self.params, **Params.versions())):
                raise self._outdated()
        except BaseException:
            self._env.close()
            raise

    def _tables(self) -> dict[str, Any]:
        try:
            return {name: self._env.open_db(name.encode(), create=False) for name in DATABASES}
        except lmdb.NotFoundError:
            raise self._outdated() from None

    def _outdated(self) -> VersionError:
        return VersionError(
            f"the index in {self.path} was made by another version of the algorithm: "
            "run `earprint rebuild` with this data folder to make it anew"
        )

    def _create(self, params: Params) -> None:
        with self._env.begin(write=True) as txn:
            db = {name: self._env.open_db(name.encode(), txn=txn) for name in DATABASES}
            txn.put(b"params", params.to_json().encode(), db=db["about"], overwrite=False)
            self._files.sweep([_number(key) for key, _ in txn.cursor(db=db["slots"])])

    def _stored_params(self) -> Params:
        with self._env.begin(db=self._db["about"]) as txn:
            return Params.from_json(bytes(txn.get(b"params", b"")).decode())

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
                track, is_new = self._numbered(txn, new)
                if is_new:
                    self._put(txn, track, packed)
                    fresh.append((track.id, hashes))
                result.append((track, is_new))
            self._add_segment(txn, fresh)
        return result

    def remove(self, track_id: int) -> Track:
        """Takes a track out of the library; `restore` undoes it. Raises MissingError."""
        with self._write() as txn:
            track = self._get(txn, track_id)
            txn.delete(_key(track_id), db=self._db["tracks"])
            txn.delete(track.sha256.encode(), db=self._db["sums"])
            txn.put(_key(track_id), Removed(track, _now()).dump(), db=self._db["bin"])
            self._blank_slot(txn, track_id)
        return track

    def restore(self, track_id: int) -> Track:
        """Puts a removed track back under its number. Raises MissingError, or ConflictError when its file was added again since."""
        with self._write() as txn:
            row = txn.pop(_key(track_id), db=self._db["bin"]) if _is_number(track_id) else None
            if row is None:
                raise MissingError(f"there is no track {track_id} to restore")
            track = Removed.load(row).track
            known = txn.get(track.sha256.encode(), db=self._db["sums"])
            if known is not None:
                raise ConflictError(f"track {track_id} was added again as track {_number(known)}: nothing to restore")
            packed = bytes(txn.get(_key(track_id), db=self._db["peaks"]))
            self._put(txn, track, packed)
            self._add_segment(txn, [(track_id, reference_hashes(unpack(packed), self.params))])
        return track

    def removed(self) -> list[Removed]:
        """Tracks that can be restored."""
        with self._env.begin() as txn:
            return [Removed.load(row) for _, row in txn.cursor(db=self._db["bin"])]

    def purge(self, ids: Iterable[int]) -> list[Track]:
        """Forgets removed tracks for good; returns those that were there."""
        with self._write() as txn:
            gone = []
            for track_id in ids:
                row = txn.pop(_key(track_id), db=self._db["bin"])
                if row is not None:
                    txn.delete(_key(track_id), db=self._db["peaks"])
                    gone.append(Removed.load(row).track)
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
        given: dict[str, Any] = {"title": title, "artist": artist, "album": album, "path": path}
        with self._write() as txn:
            track = replace(self._get(txn, track_id), **{name: text for name, text in given.items() if text is not None})
            txn.put(_key(track_id), track.dump(), db=self._db["tracks"])
        return track

    def track(self, track_id: int) -> Track:
        """Raises MissingError."""
        with self._env.begin() as txn:
            return self._get(txn, track_id)

    def find(self, sha256: str) -> Track | None:
        """The track made from the file with this hash, if any."""
        with self._env.begin() as txn:
            known = txn.get(sha256.encode(), db=self._db["sums"])
            return None if known is None else self._get(txn, _number(known))

    def tracks(self, search: str = "", sort: str = "added", limit: int | None = 50, after: str | None = None) -> Page:
        """Tracks in whose title, artist, album or file name each word of `search` occurs, sorted by one of `tracks.SORTS`, from the
        cursor `after` on. Raises EarprintError for a sort or a cursor that does not exist."""
        return self._current_listing().page(search, sort, limit, after)

    def stats(self) -> dict[str, float]:
        """tracks, seconds of sound, postings, bytes on disk, segments."""
        everything, segments = self._current_listing().all(), self._current_segments()
        pages = (self._env.info()["last_pgno"] + 1) * self._env.stat()["psize"]
        return {
            "tracks": len(everything),
            "seconds": sum(t.duration for t in everything),
            "postings": sum(len(s.places) for s in segments),
            "bytes": pages + sum(s.starts.nbytes + s.places.nbytes + s.low.nbytes for s in segments),
            "segments": len(segments),
        }

    @property
    def revision(self) -> int:
        """Grows whenever anything was written, by whichever process."""
        return int(self._env.info()["last_txnid"])

    # Constellations and postings

    def constellation(self, track_id: int, first: int = 0, last: int = MAX_FRAME) -> Peaks:
        """A track's PEAK [k] from frame `first` up to frame `last`; of a track that is no longer there, none."""
        return self.stretches([(track_id, first, last)])[0]

    def stretches(self, wanted: Sequence[tuple[int, int, int]]) -> list[Peaks]:
        """The same for many (track id, first frame, last frame) at once."""
        with self._env.begin(db=self._db["peaks"], buffers=True) as txn:
            return [unpack(txn.get(_key(track_id), b""), first, last) for track_id, first, last in wanted]

    def lookup(self, hashes: Hashes, budget: int) -> Hits:
        """The postings of HASH [h] and their neighbours, rarest first, up to `budget` of them: HIT [n]."""
        return postings.lookup(self._current_segments(), hashes, self.params.band_reach, self.params.step_reach, budget)

    # Rebuilding

    def unanalysed(self, params: Params) -> list[Track]:
        """The tracks, also removed ones, of which there is no constellation as `params` would make it: their audio is needed."""
        with self._env.begin() as txn:
            return [track for track in self._everything(txn) if not self._constellation_for(txn, track.id, params)]

    def stage(self, params: Params, made: Iterable[tuple[int, Peaks]]) -> None:
        """Keeps constellations, (track id, PEAK [k]), that `params` made, for `rebuild`: until then nothing else changes."""
        text = params.to_json().encode()
        with self._write() as txn:
            if txn.get(b"staged", db=self._db["about"]) != text:
                txn.drop(self._db["fresh"], delete=False)
                txn.put(b"staged", text, db=self._db["about"])
            for track_id, peaks in made:
                txn.put(_key(track_id), pack(peaks), db=self._db["fresh"])

    def rebuild(self, params: Params, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Makes all postings anew, in one transaction, after which the index is one of `params`.

        The tracks that are `unanalysed` by then stay listed, but are not found until their file is added again. `progress` is called
        with the tracks done, and all.
        """
        with self._write() as txn:
            for track in self._everything(txn):
                txn.put(_key(track.id), self._constellation_for(txn, track.id, params), db=self._db["peaks"])
            txn.put(b"params", params.to_json().encode(), db=self._db["about"])
            for name in ("slots", "fresh"):
                txn.drop(self._db[name], delete=False)
            ids = [_number(key) for key, _ in txn.cursor(db=self._db["tracks"])]
            for first in range(0, len(ids), REBUILD_TRACKS):
                some = [(i, bytes(txn.get(_key(i), db=self._db["peaks"]))) for i in ids[first : first + REBUILD_TRACKS]]
                self._add_segment(txn, [(i, reference_hashes(unpack(packed), params)) for i, packed in some])
                progress(first + len(some), len(ids))
        self.params = params

    def _everything(self, txn: Any) -> list[Track]:
        tracks = (Track.load(row) for _, row in txn.cursor(db=self._db["tracks"]))
        return [*tracks, *(Removed.load(row).track for _, row in txn.cursor(db=self._db["bin"]))]

    def _constellation_for(self, txn: Any, track_id: int, params: Params) -> bytes:
        """The packed peaks as `params` makes them, b"" when there are none."""
        if txn.get(b"staged", db=self._db["about"]) == params.to_json().encode():
            staged = txn.get(_key(track_id), db=self._db["fresh"])
            if staged is not None:
                return bytes(staged)
        return bytes(txn.get(_key(track_id), b"", db=self._db["peaks"])) if self.params.same_front_end(params) else b""

    # One transaction's parts

    @contextmanager
    def _write(self) -> Iterator[Any]:
        """A transaction for writing; the files of segments that it merged are deleted once it is on the disk."""
        with self._env.begin(write=True) as txn:
            before, first = self._alive(txn), self._next(txn, "next_segment")
            yield txn
            merged = (before | set(range(first, self._next(txn, "next_segment")))) - self._alive(txn)
        self._files.delete(merged)

    def _numbered(self, txn: Any, new: NewTrack) -> tuple[Track, bool]:
        """The track to store, and True; or the one that holds this file, and False."""
        known = txn.get(new.sha256.encode(), db=self._db["sums"])
        if known is None:
            return Track(**asdict(new), id=self._take(txn, "next_track"), added=_now()), True
        track = self._get(txn, _number(known))
        lost = not txn.get(known, db=self._db["peaks"])  # its audio was gone when the index was rebuilt
        return (replace(track, path=new.path) if lost else track), lost

    def _get(self, txn: Any, track_id: int) -> Track:
        row = txn.get(_key(track_id), db=self._db["tracks"]) if _is_number(track_id) else None
        if row is None:
            raise MissingError(f"there is no track {track_id}")
        return Track.load(row)

    def _put(self, txn: Any, track: Track, packed: bytes) -> None:
        txn.put(_key(track.id), track.dump(), db=self._db["tracks"])
        txn.put(track.sha256.encode(), _key(track.id), db=self._db["sums"])
        txn.put(_key(track.id), packed, db=self._db["peaks"])

    def _next(self, txn: Any, counter: str) -> int:
        last = txn.get(counter.encode(), db=self._db["about"])
        return 1 if last is None else _number(last)

    def _take(self, txn: Any, counter: str) -> int:
        number = self._next(txn, counter)
        txn.put(counter.encode(), _key(number + 1), db=self._db["about"])
        return number

    def _current_listing(self) -> Listing:
        with self._env.begin() as txn:
            self._listing.update(txn.id(), lambda: (row for _, row in txn.cursor(db=self._db["tracks"])))
        return self._listing

    # Segments

    def _alive(self, txn: Any) -> set[int]:
        return {_number(key) for key in txn.cursor(db=self._db["slots"]).iternext(values=False)}

    def _current_segments(self) -> list[Segment]:
        """All of them, as of the latest transaction. Raises VersionError when the index was rebuilt with other numbers meanwhile."""
        with self._lock:
            while self._segments_of < self.revision:
                with self._env.begin() as txn:
                    self._refresh_segments(txn)
            return list(self._segments.values())

    def _refresh_segments(self, txn: Any) -> None:
        if Params.from_json(bytes(txn.get(b"params", db=self._db["about"])).decode()) != self.params:
            raise VersionError(f"the index in {self.path} was rebuilt with other numbers: open it again, or start the server again")
        try:
            self._segments = self._read_segments(txn, self._segments)
            self._segments_of = txn.id()
        except FileNotFoundError:
            if txn.id() == self.revision:  # else it was merged since the transaction began
                raise EarprintError(f"the index in {self.path} lacks a file: run `earprint rebuild` with this data folder") from None

    def _read_segments(self, txn: Any, known: dict[int, Segment]) -> dict[int, Segment]:
        """The segments by number, oldest first. Those in `known` are mapped already; only their slots may have changed."""
        segments = {}
        for key, blob in txn.cursor(db=self._db["slots"]):
            number, slots = _number(key), np.frombuffer(bytes(blob), SLOT)
            segments[number] = replace(known[number], slots=slots) if number in known else self._files.read(number, slots)
        return segments

    def _add_segment(self, txn: Any, tracks: Sequence[tuple[int, Hashes]]) -> None:
        """Writes the tracks' postings, merged with newer segments while those are not larger than what they are merged with."""
        if not tracks:
            return
        new = postings.build(tracks)
        older = self._read_segments(txn, {})
        while older:
            number, last = older.popitem()
            size = len(new.places) + len(last.places)
            if len(last.places) > 2 * len(new.places) or size > MAX_SEGMENT:
                break
            new = postings.merge([last, new])
            txn.delete(_key(number), db=self._db["slots"])
        number = self._take(txn, "next_segment")
        self._files.write(number, new)
        txn.put(_key(number), new.slots.tobytes(), db=self._db["slots"])

    def _blank_slot(self, txn: Any, track_id: int) -> None:
        """Makes a track's postings count for nobody; the next merge drops them."""
        for key, blob in txn.cursor(db=self._db["slots"]):
            slots = np.frombuffer(blob, SLOT).copy()
            mine = slots["track"] == track_id
            if mine.any():
                slots["track"][mine] = 0
                txn.put(key, slots.tobytes(), db=self._db["slots"])
                return


def _is_number(track_id: int) -> bool:
    return 0 < track_id < 1 << 63


def _key(number: int) -> bytes:
    return number.to_bytes(8, "big")


def _number(key: bytes | memoryview) -> int:
    return int.from_bytes(key, "big")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
