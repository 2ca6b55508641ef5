"""A library is a data folder: `index/`; `uploads/` with the audio that was given to it and `covers/` with the pictures of its tracks, under
content-hash names; `incoming/` with files on their way in; and `lock`, which all who write share (see `audiostore`).

All that is added goes through `ingest`, a file whose SHA-256 is known is not decoded again, and one transaction takes
many tracks: what a crash can lose is the latest of them, whole. What was removed can be restored for a month.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from core.audiostore import AudioStore, alone, delete, shared
from core.check import Problem
from core.constellation import Peaks
from core.covers import CoverStore
from core.disk import check_file, copy_file, display_name, is_missing, is_readable_file, move_file, readable
from core.duplicates import copies, same_music
from core.errors import AudioError, ConflictError, EarprintError, SilentError, StorageError
from core.growth import TRIPLE_FAN, TRIPLES_FROM, needs_triples, rebuild_cost
from core.index import Index, NewTrack, Track
from core.ingest import Analysis, Ingest, Label, file_sha256
from core.params import Params
from core.text import one_line
from core.walk import audio_files

if TYPE_CHECKING:
    from core.tags import Tags

T = TypeVar("T")

BATCH_TRACKS = 32  # a transaction
SAME_FILE_OVERLAP = 0.5  # of the longer of two recordings: where a file is replaced by one with so much of its music, it is still its track
BATCH_SECONDS = 5.0  # after which a transaction is written with what there is
REMOVED_DAYS = 30  # that a removed track can be restored; then it is forgotten


@dataclass(frozen=True)
class Added:
    """What became of a file. `track` is the new one, or the one that was known; updated, when other bytes or tags of it count now."""

    path: str
    status: Literal["added", "known", "updated", "failed"]
    track: Track | None
    error: str | None = None


@dataclass(frozen=True)
class Tagged:
    """A known track, and what its file says about itself."""

    track: Track
    label: Label


@dataclass(frozen=True)
class Updated:
    """A known track after its file, or what is read of it, has changed."""

    track: Track


Result = Analysis | Track | Tagged | EarprintError  # of looking at a file: new bytes, known ones, known ones whose tags count, or failed
Ready = tuple[NewTrack, Peaks] | Track | Updated | EarprintError


class Library:
    """The data folder `folder`, made if it is not there. A context manager.

    Raises EarprintError when there is no index and `readonly`, VersionError when it was made by another version; with `any_version`
    it is opened all the same, to be rebuilt. Files are analysed in `jobs` processes, or as many as there are cores.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        params: Params | None = None,
        readonly: bool = False,
        any_version: bool = False,
        jobs: int | None = None,
    ) -> None:
        self.index = Index(Path(folder) / "index", params, readonly=readonly, any_version=any_version)
        self.ingest = Ingest(self.index.params, jobs=jobs)
        self.uploads = Path(folder) / "uploads"
        self.incoming = Path(folder) / "incoming"
        self.covers = CoverStore(Path(folder) / "covers")
        self._store = AudioStore(self.uploads)
        self._lock = Path(folder) / "lock"
        self._untidy = False  # whether something failed that may have left audio of no track
        self._present = params or Params()  # what `rebuild` makes of the index
        if not readonly:
            self._tidy()

    def close(self) -> None:
        self.ingest.close()
        self.index.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(
        self,
        paths: Iterable[str | Path],
        *,
        copy: bool = False,
        retag: bool = False,
        jobs: int = 1,
        progress: Callable[[int, int], None] = lambda done, total: None,
        left_out: Counter[str] | None = None,
    ) -> Iterator[Added]:
        """Learns files, and in folders all that have the suffix of an audio file; says what became of each, in order.

        Files stay where they are; `copy` keeps a copy as well; `retag` reads the tags of known files again. A file that holds the
        recording of its path's track in other bytes updates that track. `progress` is called with the files done, and all.
        `left_out` counts what is left out of folders.
        """
        files = list(audio_files(paths, left_out))
        with self.writing():
            known: Callable[[str], Track | Tagged | None] = self._tagged if retag else self._known
            results: Iterator[tuple[str, Result]] = self.ingest.many(files, jobs=jobs, known=known)
            for done, added in enumerate(self._write(results, copy), 1):
                progress(done, len(files))
                yield added

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Holds the data folder's lock together with others who write. What a failure left is swept as soon as nobody does."""
        try:
            with shared(self._lock):
                yield
        finally:
            if self._untidy:
                self._untidy = not self._tidy()

    @contextmanager
    def arriving(self) -> Iterator[Path]:
        """A folder for files that somebody sends; what is still in it at the end is deleted, if not by us then after us."""
        with self.writing():
            self.incoming.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=self.incoming) as folder:
                yield Path(folder)

    def add_upload(self, temp_path: str | Path, filename: str, *, max_seconds: float = math.inf) -> Added:
        """Learns a file of up to `max_seconds` of sound and keeps it; `temp_path` is gone afterwards, whatever happens. `filename` is the
        sender's. Returns what is wrong with the file; raises StorageError for what is wrong with the disk."""
        try:
            with self.writing():
                return self._add_upload(str(temp_path), filename, max_seconds)
        except (AudioError, SilentError) as error:
            return Added(filename, "failed", None, str(error))
        finally:
            Path(temp_path).unlink(missing_ok=True)

    def audio_paths(self) -> list[Path]:
        """Return where the audio of all tracks is that have some."""
        paths = map(self.audio_path, self.index.tracks(limit=None).tracks)
        return [path for path in paths if path is not None]

    def gone(self) -> list[Track]:
        """Return the tracks whose audio is neither kept nor at its path any more; not those that only cannot be read."""
        return [track for track in self.index.tracks(limit=None).tracks if all(map(is_missing, self._places(track)))]

    def audio_path(self, track: Track) -> Path | None:
        """Return where the track's audio is, None when it cannot be read there any more."""
        return next((place for place in self._places(track) if is_readable_file(place)), None)

    def _places(self, track: Track) -> list[Path]:
        return [self.kept_audio(track), Path(track.path)]

    def cover_path(self, track: Track) -> Path | None:
        """Return where the track's cover is, None when there is none."""
        path = self.covers.path(track.cover)
        return path if track.cover and is_readable_file(path) else None

    def kept_audio(self, track: Track) -> Path:
        """Where the track's audio is when the library keeps it."""
        return self._store.path(track.sha256, track.filename)

    def remove(self, track_id: int) -> Track:
        """Takes a track out; its audio stays, so that `restore` can undo it. Raises MissingError."""
        with self.writing():
            return self.index.remove(track_id)

    def restore(self, track_id: int) -> Track:
        """Raises MissingError, or ConflictError when its file was added again meanwhile."""
        with self.writing():
            return self.index.restore(track_id)

    def edit(self, track_id: int, *, title: str | None = None, artist: str | None = None, album: str | None = None) -> Track:
        """Changes what is given. Raises MissingError."""
        with self.writing():
            given = {"title": title, "artist": artist, "album": album}
            return self.index.update(track_id, **{name: one_line(text) for name, text in given.items() if text is not None})

    def duplicates(self, progress: Callable[[int, int], None] = lambda done, total: None) -> Iterator[tuple[Track, ...]]:
        """Groups of two and more tracks that hold the same recording, in each the oldest first: copies in other formats or with other
        tags, at the same speed. An excerpt, or another cut, is no copy. `progress` is called with the tracks done, and all."""
        tracks = {track.id: track for track in self.index.tracks(limit=None).tracks}
        grouped: set[int] = set()
        for done, track_id in enumerate(sorted(tracks), 1):
            if track_id not in grouped:
                group = {track_id, *copies(self.index, track_id)} - grouped
                grouped |= group
                if len(group) > 1:
                    yield tuple(tracks[number] for number in sorted(group) if number in tracks)
            progress(done, len(tracks))

    def check(self, *, read_audio: bool = True, progress: Callable[[int, int], None] = lambda done, total: None) -> Iterator[Problem]:
        """What is wrong: postings against constellations against files. Without `read_audio` files only have to be there.

        `progress` is called with the steps done, and all. Raises StorageError when the index cannot be read at all.
        """
        tracks = self.index.tracks(limit=None).tracks
        steps = count(1)
        yield from self.index.check(lambda: progress(min(next(steps), len(tracks)), 2 * len(tracks)))
        for done, track in enumerate(tracks, 1):
            for error in (self._audio_fault(track, read_audio), self._cover_fault(track)):
                if error:
                    yield Problem(track, error)
            progress(len(tracks) + done, 2 * len(tracks))

    def _audio_fault(self, track: Track, read: bool) -> str | None:
        place = self.audio_path(track)
        if place is None:
            where = f" at {track.path}" if track.path else ""
            return f"its audio is gone{where}, so that it is recognised but cannot be played: add its file again"
        if read and _sha256(place) != track.sha256:
            kept = place == self.kept_audio(track)
            return f"its audio in {place} is damaged: delete it, and add its file again" if kept else f"{place} is another file now: add it"
        return None

    @property
    def advice(self) -> str | None:
        """What a rebuild would do for a library that has grown too large for pairs alone; None where it would do nothing."""
        if self.index.params.triple_fan or self.index.stats()["postings"] < TRIPLES_FROM:
            return None
        cost = rebuild_cost(self.index.peaks(), self._made(triples=True))
        return f"a library of this size is searched better after `earprint rebuild`, which takes {cost}"

    def _cover_fault(self, track: Track) -> str | None:
        if not track.cover or self.covers.is_whole(track.cover):
            return None
        return f"its cover {self.covers.path(track.cover)} is gone or damaged: run `earprint add --retag`"

    def rebuild(self, progress: Callable[[int, int], None] = lambda done, total: None, triples: bool | None = None) -> list[Added]:
        """Make the index anew with the present `Params`: from the constellations, or from the audio where the front end has changed.

        triples: whether the index is to have hashes of three peaks; None: if it is so large that pairs alone would find too little.
        Returns the tracks whose audio could not be analysed again, as failed: they stay listed, but are not found until their file is
        added again. What a crash interrupts goes on with the next rebuild. `progress` is called with the steps done, and all.
        """
        self._present = self._made(triples)
        if self.index.params != self._present:
            self.ingest.close()
            self.ingest = Ingest(self._present)
        with self.writing():
            listed = {track.id for track in self.index.tracks(limit=None).tracks}
            waiting = self.index.unanalysed(self._present)
            failed = []
            for batch in _batches(self._analyse_again(waiting, lambda done: progress(done, len(waiting) + len(listed)))):
                self.index.stage(self._present, [(track.id, made.peaks) for track, made in batch if isinstance(made, Analysis)])
                failed += [_failed_again(track, made) for track, made in batch if isinstance(made, EarprintError) and track.id in listed]
            self.index.rebuild(self._present, lambda done, total: progress(len(waiting) + done, len(waiting) + total))
        return failed

    def rebuild_cost(self, triples: bool | None = None) -> str:
        """What `rebuild` takes, in words."""
        return rebuild_cost(self.index.peaks(), self._made(triples))

    def _made(self, triples: bool | None) -> Params:
        """The numbers of a rebuilt index."""
        wanted = needs_triples(self.index.peaks(), self._present) if triples is None else triples
        return replace(self._present, triple_fan=TRIPLE_FAN if wanted else 0)

    def _analyse_again(self, tracks: list[Track], progress: Callable[[int], None]) -> Iterator[tuple[Track, Analysis | EarprintError]]:
        """Tracks whose audio is gone come first."""
        places = [(track, self.audio_path(track)) for track in tracks]
        gone = [track for track, place in places if place is None]
        there = [(track, str(place)) for track, place in places if place is not None]
        yield from ((track, AudioError(f"{track.filename}: its audio is gone; add it again")) for track in gone)
        results = self.ingest.many([place for _, place in there])
        for done, ((track, _), (path, made)) in enumerate(zip(there, results, strict=True), len(gone) + 1):
            same = not isinstance(made, Analysis) or made.sha256 == track.sha256
            yield track, made if same else AudioError(f"{path}: is another file now; add it again")
            progress(done)

    def _tidy(self) -> bool:
        """Forgets tracks that were removed long ago, and deletes what belongs to no track; False, and nothing, when somebody writes."""
        with alone(self._lock) as nobody_writes:
            if nobody_writes:
                first_kept = datetime.now(UTC) - timedelta(days=REMOVED_DAYS)
                old = [gone.track.id for gone in self.index.removed() if datetime.fromisoformat(gone.at) < first_kept]
                if old:
                    self.index.purge(old)
                for path in self.orphans():
                    delete(path)
            return nobody_writes

    def orphans(self) -> Iterator[Path]:
        """What a crash left in `uploads`, `covers` and `incoming`, and what is on its way at this moment."""
        restorable = {gone.track.sha256 for gone in self.index.removed()}
        yield from self._store.orphans(lambda sha256: sha256 in restorable or bool(self.index.find(sha256)))
        yield from self.covers.orphans(self.index.covers)
        yield from self.incoming.iterdir() if self.incoming.is_dir() else ()

    def _known(self, path: str, name: str | None = None) -> Track | None:
        """The track that was made of this file, unless its constellation was lost. Raises AudioError when it cannot be read."""
        name = name or display_name(path)
        check_file(path, name)
        with readable(name):
            track = self.index.find(file_sha256(path))
        return track if track and len(self.index.constellation(track.id)) else None

    def _tagged(self, path: str) -> Tagged | None:
        track = self._known(path)
        return Tagged(track, self.ingest.label(path)) if track else None

    def _write(self, results: Iterable[tuple[str, Result]], copy: bool) -> Iterator[Added]:
        """Gathers results so that tracks share a transaction."""
        for batch in _batches(results):
            yield from self._settle(batch, copy)

    def _settle(self, batch: list[tuple[str, Result]], copy: bool) -> list[Added]:
        """Adds the new ones of a batch in one transaction, and says what became of each file."""
        with self._keeping():
            prepared = [(path, self._prepare(path, result, copy)) for path, result in batch]
            tracks = iter(self.index.add([ready for _, ready in prepared if isinstance(ready, tuple)]))
        return [_said(path, next(tracks) if isinstance(ready, tuple) else ready) for path, ready in prepared]

    def _prepare(self, path: str, result: Result, copy: bool) -> Ready:
        """Puts the audio of a file where it will be looked for; a reason why not takes the result's place."""
        try:
            if isinstance(result, Analysis):
                if copy:
                    self._store.keep(path, result.sha256, result.filename, copy_file)
                return self._renewed(self._new_track(result, str(Path(path).absolute())), result.peaks)
            if isinstance(result, Track):
                return self._reunite(path, result, copy)
            if isinstance(result, Tagged):
                fields = self._fields(result.label.tags, result.label.cover, result.track.filename)
                track = self.index.retag(result.track.id, fields)
                here = self._reunite(path, track, copy)
                return here if track == result.track else Updated(here)
            return result
        except StorageError as error:
            raise StorageError(f"{display_name(path)}: {error}") from error  # the next file would fare no better
        except EarprintError as error:
            return error

    def _new_track(self, analysis: Analysis, path: str) -> NewTrack:
        file: dict[str, Any] = {"duration": analysis.duration, "filename": analysis.filename, "sha256": analysis.sha256, "path": path}
        return NewTrack(**self._fields(analysis.tags, analysis.cover, analysis.filename), **file)

    def _fields(self, tags: Tags, cover: bytes, filename: str) -> dict[str, Any]:
        """Return the fields of a track that its file's tags and cover make. The name of the file stands for a missing title."""
        title = tags.title or one_line(Path(filename).stem)
        return {**asdict(tags), "title": title, "cover": self.covers.keep(cover)}

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """Around keeping audio and committing its tracks. What fails is swept, not deleted here: others may be adding the same."""
        try:
            yield
        except BaseException:
            self._untidy = True
            raise

    def _reunite(self, path: str, track: Track, copy: bool) -> Track:
        """Note what the bytes at `path` say: that the audio of this track has moved there, or that another track's is there no longer."""
        here = str(Path(path).absolute())
        holder = self.index.at(here)
        if copy and not self.kept_audio(track).is_file():
            self._store.keep(path, track.sha256, track.filename, copy_file)
        if track.path != here and not any(_sha256(place) == track.sha256 for place in self._places(track)):
            return self.index.update(track.id, path=here)
        if holder and holder.id != track.id:
            self.index.update(holder.id, path="")
        return track

    def _renewed(self, new: NewTrack, peaks: Peaks) -> Ready:
        """Decide whether unknown bytes are a newer state of the track that its path belongs to, which is then updated, or a new track."""
        holder = self.index.at(new.path)
        if holder and same_music(self.index.constellation(holder.id), peaks, self.index.params, SAME_FILE_OVERLAP):
            with suppress(ConflictError):  # the same bytes were added meanwhile
                return Updated(self.index.renew(holder.id, new, peaks))
        return new, peaks

    def _add_upload(self, path: str, filename: str, max_seconds: float) -> Added:
        known = self._known(path, filename)
        if known:
            if self.audio_path(known) is None:
                self._store.keep(path, known.sha256, known.filename, move_file)
            return Added(filename, "known", known)
        analysis = self.ingest.one(path, name=filename, max_seconds=max_seconds)
        with self._keeping():
            self._store.keep(path, analysis.sha256, analysis.filename, move_file)
            (added,) = self.index.add([(self._new_track(analysis, ""), analysis.peaks)])
        return _said(filename, added)


def _sha256(path: Path) -> str:
    """Of a file's bytes, or "" when it cannot be read."""
    try:
        return file_sha256(path)
    except OSError:
        return ""


def _said(path: str, result: tuple[Track, bool] | Track | Updated | EarprintError) -> Added:
    if isinstance(result, EarprintError):
        return Added(path, "failed", None, str(result))
    if isinstance(result, Updated):
        return Added(path, "updated", result.track)
    track, new = result if isinstance(result, tuple) else (result, False)
    return Added(path, "added" if new else "known", track)


def _failed_again(track: Track, error: EarprintError) -> Added:
    return Added(track.path or track.filename, "failed", track, str(error))


def _batches(results: Iterable[T]) -> Iterator[list[T]]:
    """Gather results that share a transaction. Where `results` fails, what it gave until then still comes first."""
    batch: list[T] = []
    deadline = 0.0
    waiting = iter(results)
    while True:
        try:
            result = next(waiting)
        except StopIteration:
            break
        except Exception:
            if batch:
                yield batch
            raise
        deadline = deadline if batch else time.monotonic() + BATCH_SECONDS
        batch.append(result)
        if len(batch) >= BATCH_TRACKS or time.monotonic() > deadline:
            yield batch
            batch = []
    if batch:
        yield batch
