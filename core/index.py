"""The index: tracks, their constellations, and the posting lists of their hashes, in one LMDB environment.

Each method is one transaction: a track is added or removed as a whole, several processes may read while one writes, and readers see a
change at their next call.

    about         "params", "layout", "next_track"; "staged": the params of `fresh`; and what `segments` notes
    tracks        id -> the track as JSON               bin: the same, for removed tracks
    sums          SHA-256 -> id
    peaks         id -> packed constellation            (of removed tracks too, so that a removal can be undone)
    fresh         id -> packed constellation, made by another front end for the next rebuild
    changes       (revision, id), see `changes`         lines, segments: the posting lists, see `segments`
    paths         where the audio lies -> id, see `paths`
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.changes import Changes
from core.check import Problem, faults
from core.constellation import MAX_FRAME, Cells, Peaks, pack, packed_count, unpack, unpack_cells
from core.errors import ConflictError, EarprintError, MissingError, StorageError, VersionError
from core.hashes import KINDS, PAIRS, TRIPLES, hashed
from core.nominator import Nominator, Usage
from core.params import Params
from core.paths import Paths
from core.postings import Segment
from core.segments import Segments, key, number, take
from core.storage import Storage
from core.tracks import ChangedRows, Listing, NewTrack, Page, Removed, Track

__all__ = ["Index", "NewTrack", "Page", "Removed", "Track"]

COVER = re.compile(rb'"cover": "([0-9a-f]{64})"')  # in a row; what a title holds of the kind has other quotes
REBUILD_TRACKS = 512  # whose postings are made at a time
NO_CELLS: Cells = np.zeros(0, np.uint32)
LAYOUT = b"6"  # raise when postings are stored otherwise
DATABASES = ("about", "tracks", "bin", "sums", "peaks", "lines", "segments", "fresh", "changes", "paths")
NEW_DATABASES = {"paths"}  # which an older index of this layout lacks until it is opened to be written


class Index:
    """An index in the folder `path`, made if it is not there. Close it, or use it as a context manager; one a process.

    Raises VersionError when it was made with other `Params` (not with `any_version`: then nothing but `rebuild` makes it of use), and
    EarprintError when there is none and `readonly`.
    """

    def __init__(self, path: str | Path, params: Params | None = None, *, readonly: bool = False, any_version: bool = False) -> None:
        self.path = Path(path)
        file = self.path / "data.mdb"
        if readonly and not (file.exists() and file.stat().st_size):
            raise self._missing()
        self._lock = threading.Lock()
        self._read: dict[int, Segment] = {}  # the segments as of revision `_read_at`, where they lie
        self._read_at = -1
        self.usage: Usage | None = None  # where to count what look-ups take
        self._listing = Listing()
        self._storage = Storage(self.path, DATABASES, readonly=readonly)
        self._db = self._storage.db
        try:
            if not self._db.keys() >= set(DATABASES) - NEW_DATABASES:
                raise self._outdated()
            self._segments = Segments(self._db)
            self._changes = Changes(self._db["changes"])
            self._paths = Paths(self._db.get("paths"))
            if not readonly:
                self._create(params or Params())
            self.params = self._stored_params()
            if not any_version and not self._is_current(params or replace(self.params, **Params.versions())):
                raise self._outdated()
        except BaseException:
            self._storage.close()
            raise

    def _missing(self) -> EarprintError:
        return EarprintError(f"there is no index in {self.path}: add some music first")

    def _outdated(self) -> VersionError:
        return VersionError(
            f"the index in {self.path} was made by another version of the algorithm: "
            "run `earprint rebuild` with this data folder to make it anew"
        )

    def _create(self, params: Params) -> None:
        with self._storage.write() as txn:
            if txn.put(b"params", params.to_json().encode(), db=self._db["about"], overwrite=False):
                txn.put(b"layout", LAYOUT, db=self._db["about"])
            if txn.put(b"paths", b"", db=self._db["about"], overwrite=False):
                self._put_paths(txn)

    def _is_current(self, params: Params) -> bool:
        with self._storage.read() as txn:
            return self.params == params and self._has_our_layout(txn)

    def _has_our_layout(self, txn: Any) -> bool:
        return bytes(txn.get(b"layout", b"", db=self._db["about"])) == LAYOUT

    def _refuse_other_kinds(self, txn: Any) -> None:
        """Raises VersionError when somebody has rebuilt the index with other numbers, or as another version of the program, since we
        opened it: what we read and write would be wrong."""
        if _params(txn, self._db["about"]) != self.params or not self._has_our_layout(txn):
            raise VersionError(f"the index in {self.path} was rebuilt with other numbers: open it again, or start the server again")

    @contextmanager
    def _write(self) -> Iterator[Any]:
        """A transaction for writing, of which all happens or nothing. Raises VersionError."""
        with self._storage.write() as txn:
            self._refuse_other_kinds(txn)
            yield txn

    def _stored_params(self) -> Params:
        with self._storage.read() as txn:
            if txn.get(b"params", db=self._db["about"]) is None:  # whoever makes it has only just begun
                raise self._missing()
            return _params(txn, self._db["about"])

    def close(self) -> None:
        self._storage.close()

    def __enter__(self) -> "Index":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Tracks

    def add(self, tracks: Iterable[tuple[NewTrack, Peaks]]) -> list[tuple[Track, bool]]:
        """Adds all of them in one transaction, or none. As all that writes, raises VersionError when the index is by now one of another
        version or of other numbers, and StorageError. Returns (track, True), or (the track that holds this file, False) when its
        SHA-256 is known. peaks: PEAK [k], those of a reference (`constellation.reference`)."""
        prepared = [(new, packed := pack(peaks), hashed(unpack(packed), self.params)) for new, peaks in tracks]
        with self._write() as txn:
            result, fresh = [], []
            for new, packed, hashes in prepared:
                track, is_new = self._numbered(txn, new)
                if is_new:
                    self._put(txn, track, packed)
                    fresh.append((track.id, hashes))
                result.append((track, is_new))
            self._segments.add(txn, fresh)
        self._merge()
        return result

    def remove(self, track_id: int) -> Track:
        """Takes a track out of the library; `restore` undoes it. Raises MissingError."""
        with self._write() as txn:
            track = self._get(txn, track_id)
            txn.delete(key(track_id), db=self._db["tracks"])
            txn.delete(track.sha256.encode(), db=self._db["sums"])
            self._paths.release(txn, track.path, track_id)
            txn.put(key(track_id), Removed(track, _now()).dump(), db=self._db["bin"])
            self._segments.blank(txn, track_id)
            self._changes.note(txn, track_id)
        return track

    def restore(self, track_id: int) -> Track:
        """Puts a removed track back under its number, without its path when that is another track's by now.

        Raises MissingError, or ConflictError when its file was added again since.
        """
        with self._write() as txn:
            track = self._take_from_bin(txn, track_id)
            if track is None:
                raise MissingError(f"there is no track {track_id} to restore")
            known = txn.get(track.sha256.encode(), db=self._db["sums"])
            if known is not None:
                raise ConflictError(f"track {track_id} was added again as track {number(known)}: nothing to restore")
            packed = bytes(txn.get(key(track_id), db=self._db["peaks"]))
            if self._paths.holder(txn, track.path) is not None:
                track = replace(track, path="")
            self._put(txn, track, packed)
            self._segments.add(txn, [(track_id, hashed(unpack(packed), self.params))])
        self._merge()
        return track

    def removed(self) -> list[Removed]:
        """Tracks that can be restored."""
        with self._storage.read() as txn:
            return [Removed.load(row) for _, row in txn.cursor(db=self._db["bin"])]

    def purge(self, ids: Iterable[int]) -> list[Track]:
        """Forgets removed tracks for good; returns those that were there."""
        with self._storage.write() as txn:
            gone = []
            for track_id in ids:
                track = self._take_from_bin(txn, track_id)
                if track is not None:
                    txn.delete(key(track_id), db=self._db["peaks"])
                    gone.append(track)
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
        """Change what is given: tags, which then count as edited by hand, and where the audio lies. Raises MissingError."""
        given = {"title": title, "artist": artist, "album": album}
        edits = {name: text for name, text in given.items() if text is not None}
        with self._write() as txn:
            old = self._get(txn, track_id)
            track = old.with_edits(edits) if edits else old
            if path is not None:
                self._paths.release(txn, old.path, track_id)
                track = replace(track, path=path)
            self._put_row(txn, track)
        return track

    def retag(self, track_id: int, tags: Mapping[str, Any]) -> Track:
        """Take over what a track's file says of it, as far as nothing was edited by hand. Raises MissingError."""
        with self._write() as txn:
            old = self._get(txn, track_id)
            track = old.with_tags(tags)
            if track != old:
                self._put_row(txn, track)
        return track

    def renew(self, track_id: int, new: NewTrack, peaks: Peaks) -> Track:
        """Give a track the bytes, tags, path and peaks (as `add`) of a newer state of its file. Tags edited by hand stay.

        Raises MissingError, or ConflictError when another track holds this file.
        """
        packed = pack(peaks)
        with self._write() as txn:
            old = self._get(txn, track_id)
            known = txn.get(new.sha256.encode(), db=self._db["sums"])
            if known is not None and number(known) != track_id:
                raise ConflictError(f"track {number(known)} holds this file already")
            other_peaks = txn.get(key(track_id), db=self._db["peaks"]) != packed
            txn.delete(old.sha256.encode(), db=self._db["sums"])
            self._paths.release(txn, old.path, track_id)
            track = old.renewed(new)
            self._put(txn, track, packed)
            if other_peaks:
                self._segments.blank(txn, track_id)
                self._segments.add(txn, [(track_id, hashed(unpack(packed), self.params))])
        self._merge()
        return track

    def at(self, path: str) -> Track | None:
        """Return the track whose audio lies at this path, if any."""
        with self._storage.read() as txn:
            holder = self._paths.holder(txn, path)
            row = None if holder is None else txn.get(key(holder), db=self._db["tracks"])
            return None if row is None else Track.load(row)

    def track(self, track_id: int) -> Track:
        """Raises MissingError."""
        with self._storage.read() as txn:
            return self._get(txn, track_id)

    def find(self, sha256: str) -> Track | None:
        """The track made from the file with this hash, if any."""
        with self._storage.read() as txn:
            known = txn.get(sha256.encode(), db=self._db["sums"])
            return None if known is None else self._get(txn, number(known))

    def covers(self) -> set[str]:
        """Return the hashes of the covers of all tracks, also of removed ones. Reads no more of a row than that."""
        with self._storage.read() as txn:
            rows = (bytes(row) for name in ("tracks", "bin") for _, row in txn.cursor(db=self._db[name]))
            return {found[1].decode() for row in rows if (found := COVER.search(row))}

    def tracks(self, search: str = "", sort: str = "added", limit: int | None = 50, after: str | None = None) -> Page:
        """Return a page of the tracks in whose title, artist, album, album artist or file name each word of `search` occurs.

        They are sorted by one of `tracks.SORTS`, from the cursor `after` on. Raises EarprintError for a sort or cursor that does not exist.
        """
        return self._current_listing().page(search, sort, limit, after)

    def stats(self) -> dict[str, float]:
        """tracks, seconds of sound, postings (of pairs), triples (the same of triples), bytes on disk, segments."""
        tracks, seconds = self._current_listing().size()
        with self._storage.read() as txn:
            segments = self._current_segments(txn).values()
            counts = {kind: sum(segment.count(kind) for segment in segments) for kind in KINDS}
        return {
            "tracks": tracks,
            "seconds": seconds,
            "postings": counts[PAIRS],
            "triples": counts[TRIPLES],
            "bytes": self._storage.bytes,
            "segments": len(segments),
        }

    def peaks(self) -> int:
        """Peaks of all constellations, also of removed tracks; reads none of them, whatever layout the index has."""
        with self._storage.read() as txn:
            return sum(packed_count(row) for _, row in txn.cursor(db=self._db["peaks"]))

    def count(self) -> int:
        """Tracks; costs next to nothing, however many there are."""
        with self._storage.read() as txn:
            return int(txn.stat(self._db["tracks"])["entries"])

    @property
    def revision(self) -> int:
        """Grows whenever anything was written, by whichever process."""
        return self._storage.revision

    # Constellations and postings

    def constellation(self, track_id: int, first: int = 0, last: int = MAX_FRAME) -> Peaks:
        """A track's PEAK [k] from frame `first` up to frame `last`, also a removed one's that can be restored; else none."""
        with self._storage.read() as txn:
            return unpack(txn.get(key(track_id), b"", db=self._db["peaks"]), first, last)

    def cells(self, wanted: Sequence[tuple[int, int, int]]) -> tuple[Cells, NDArray[np.int64]]:
        """The cells of many (track id, first frame, last frame), in one row, u32 [k], frame << 8 | band; and the number of each one's
        first, int64 [n + 1]. Of removed tracks there are none: they are no rivals."""
        tracks, peaks = self._db["tracks"], self._db["peaks"]
        with self._storage.read() as txn:
            found = []
            for track_id, first, last in wanted:
                there = txn.get(key(track_id), db=tracks) is not None
                found.append(unpack_cells(txn.get(key(track_id), b"", db=peaks) if there else b"", first, last))
            edges = np.zeros(len(found) + 1, np.int64)
            np.cumsum([len(cells) for cells in found], out=edges[1:])
            return np.concatenate([NO_CELLS, *found]), edges

    def nominator(self) -> Nominator:
        """Nominates candidates for one listener or one file, and keeps the hits of its last seconds."""
        return Nominator(self._reading, self.params, self.usage)

    @contextmanager
    def _reading(self) -> Iterator[dict[int, Segment]]:
        """The segments by number, valid within the context. Raises VersionError when the index was rebuilt with other numbers."""
        with self._storage.read() as txn:
            yield self._current_segments(txn)

    # Checking and copying

    def check(self, done: Callable[[], None] = lambda: None) -> Iterator[Problem]:
        """What is wrong with the index, all in one state of it, whoever writes meanwhile. `done` is called for each track looked at."""
        with self._storage.read() as txn:
            self._refuse_other_kinds(txn)
            try:
                segments = self._segments.read(txn, {})
            except ValueError as error:
                yield Problem(None, f"the posting lists are damaged ({error}): run `earprint rebuild`")
                segments = {}
            yield from faults(txn, self._db, segments, self.params, done)

    def copy(self, folder: Path) -> None:
        """Writes a copy of one state of the index into an empty folder, whoever writes meanwhile."""
        self._storage.copy(folder)

    # Rebuilding

    def unanalysed(self, params: Params) -> list[Track]:
        """The tracks, also removed ones, of which there is no constellation as `params` would make it: their audio is needed."""
        with self._storage.read() as txn:
            return [track for track in self._everything(txn) if not self._constellation_for(txn, track.id, params)]

    def stage(self, params: Params, made: Iterable[tuple[int, Peaks]]) -> None:
        """Keeps constellations, (track id, PEAK [k]), that `params` made, for `rebuild`: until then nothing else changes."""
        text = params.to_json().encode()
        with self._storage.write() as txn:
            if txn.get(b"staged", db=self._db["about"]) != text:
                txn.drop(self._db["fresh"], delete=False)
                txn.put(b"staged", text, db=self._db["about"])
            for track_id, peaks in made:
                txn.put(key(track_id), pack(peaks), db=self._db["fresh"])

    def rebuild(self, params: Params, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Makes all postings anew, in one transaction, after which the index is one of `params`.

        The tracks that are `unanalysed` by then stay listed, but are not found until their file is added again. `progress` is called
        with the tracks done, and all.
        """
        with self._storage.write() as txn:
            for track in self._everything(txn):
                packed = self._constellation_for(txn, track.id, params)
                if packed != txn.get(key(track.id), db=self._db["peaks"]):
                    txn.put(key(track.id), packed, db=self._db["peaks"])
            for name, value in (("params", params.to_json().encode()), ("layout", LAYOUT)):
                txn.put(name.encode(), value, db=self._db["about"])
            for name in ("fresh", "sums", "paths"):
                txn.drop(self._db[name], delete=False)
            self._segments.clear(txn)
            self._put_paths(txn)
            ids = self._put_sums(txn)
            for first in range(0, len(ids), REBUILD_TRACKS):
                some = [(i, bytes(txn.get(key(i), db=self._db["peaks"]))) for i in ids[first : first + REBUILD_TRACKS]]
                self._segments.add(txn, [(i, hashed(unpack(packed), params)) for i, packed in some])
                progress(first + len(some), len(ids))
        self.params = params
        self._merge()

    def _put_sums(self, txn: Any) -> list[int]:
        """Makes `sums` of the tracks; returns their ids."""
        sums = {track.id: track.sha256 for track in (Track.load(row) for _, row in txn.cursor(db=self._db["tracks"]))}
        for track_id, sha256 in sums.items():
            txn.put(sha256.encode(), key(track_id), db=self._db["sums"])
        return list(sums)

    def _put_paths(self, txn: Any) -> None:
        """Make `paths` of the tracks. Where older versions gave several the same path, the latest has it."""
        for track in [Track.load(row) for _, row in txn.cursor(db=self._db["tracks"])]:
            self._claim_path(txn, track)

    def _everything(self, txn: Any) -> list[Track]:
        tracks = (Track.load(row) for _, row in txn.cursor(db=self._db["tracks"]))
        return [*tracks, *(Removed.load(row).track for _, row in txn.cursor(db=self._db["bin"]))]

    def _constellation_for(self, txn: Any, track_id: int, params: Params) -> bytes:
        """The packed peaks as `params` makes them, b"" when there are none."""
        if txn.get(b"staged", db=self._db["about"]) == params.to_json().encode():
            staged = txn.get(key(track_id), db=self._db["fresh"])
            if staged is not None:
                return bytes(staged)
        return bytes(txn.get(key(track_id), b"", db=self._db["peaks"])) if self.params.same_front_end(params) else b""

    # One transaction's parts

    def _numbered(self, txn: Any, new: NewTrack) -> tuple[Track, bool]:
        """The track to store, and True; or the one that holds this file, and False."""
        known = txn.get(new.sha256.encode(), db=self._db["sums"])
        if known is None:
            return Track(**asdict(new), id=take(txn, "next_track", self._db["about"]), added=_now(), edited=()), True
        track = self._get(txn, number(known))
        lost = not txn.get(known, db=self._db["peaks"])  # its audio was gone when the index was rebuilt
        if lost:
            self._segments.blank(txn, track.id)  # there should be none, but an index may be damaged
            self._paths.release(txn, track.path, track.id)
        return (replace(track, path=new.path) if lost else track), lost

    def _get(self, txn: Any, track_id: int) -> Track:
        row = txn.get(key(track_id), db=self._db["tracks"]) if _is_number(track_id) else None
        if row is None:
            raise MissingError(f"there is no track {track_id}")
        return Track.load(row)

    def _put(self, txn: Any, track: Track, packed: bytes) -> None:
        self._put_row(txn, track)
        txn.put(track.sha256.encode(), key(track.id), db=self._db["sums"])
        txn.put(key(track.id), packed, db=self._db["peaks"])

    def _put_row(self, txn: Any, track: Track) -> None:
        txn.put(key(track.id), track.dump(), db=self._db["tracks"])
        self._changes.note(txn, track.id)
        self._claim_path(txn, track)

    def _claim_path(self, txn: Any, track: Track) -> None:
        """Take the track's path from the track that had it until now, whose file is no longer there."""
        holder = self._paths.claim(txn, track.path, track.id)
        row = None if holder is None else txn.get(key(holder), db=self._db["tracks"])
        if row is not None:
            other = replace(Track.load(row), path="")
            txn.put(key(other.id), other.dump(), db=self._db["tracks"])
            self._changes.note(txn, other.id)

    def _take_from_bin(self, txn: Any, track_id: int) -> Track | None:
        row = txn.get(key(track_id), db=self._db["bin"]) if _is_number(track_id) else None
        if row is None:
            return None
        track = Removed.load(row).track
        txn.delete(key(track_id), db=self._db["bin"])
        return track

    def _current_listing(self) -> Listing:
        with self._storage.read() as txn:
            rows = lambda: (row for _, row in txn.cursor(db=self._db["tracks"]))  # noqa: E731
            self._listing.update(txn.id(), rows, lambda revision: self._rows_since(txn, revision))
        return self._listing

    def _rows_since(self, txn: Any, revision: int) -> ChangedRows | None:
        """The rows of the tracks that changed after `revision`, None for those that are gone."""
        changed = self._changes.since(txn, revision)
        return None if changed is None else {id_: txn.get(key(id_), db=self._db["tracks"]) for id_ in changed}

    def _current_segments(self, txn: Any) -> dict[int, Segment]:
        """All of them by number, valid as long as `txn`, which only reads. Raises VersionError when it was rebuilt with other numbers.

        What was read is kept for other transactions of the same revision, which see the same pages at the same addresses.
        """
        with self._lock:
            if self._read_at != txn.id():
                self._refuse_other_kinds(txn)
                self._read = self._segments.read(txn, self._read)
                self._read_at = txn.id()
            return dict(self._read)

    def _merge(self) -> None:
        """Merges segments while two of them are of a size; where the disk is full, another time; what was rebuilt since is merged."""
        more = True
        with suppress(StorageError, VersionError):
            while more:
                with self._write() as txn:
                    more = self._segments.merge_part(txn)


def _params(txn: Any, about: Any) -> Params:
    return Params.from_json(bytes(txn.get(b"params", db=about)).decode())


def _is_number(track_id: int) -> bool:
    return 0 < track_id < 1 << 63


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
