"""A library is a data folder: `index/`, and `uploads/` with the audio that was given to it, under content-hash names.

All that is added goes through `ingest`, a file whose SHA-256 is known is not decoded again, and one transaction takes
many tracks: what a crash can lose is the latest of them, whole.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from core.audio import check_file, display_name
from core.constellation import Peaks
from core.errors import AudioError, EarprintError
from core.index import Index, NewTrack, Track
from core.ingest import Analysis, Ingest, file_sha256
from core.params import Params

AUDIO_SUFFIXES = {
    *(".wav", ".w64", ".aif", ".aiff", ".flac", ".mp3", ".ogg", ".oga", ".opus"),
    *(".aac", ".m4a", ".m4b", ".mp4", ".webm", ".mka", ".wma"),
}
BATCH_TRACKS = 32  # a transaction
BATCH_SECONDS = 5.0  # after which a transaction is written with what there is


@dataclass(frozen=True)
class Added:
    """What became of a file. `track` is the new one, or the one that is known."""

    path: str
    status: Literal["added", "known", "failed"]
    track: Track | None
    error: str | None = None


Result = Analysis | Track | EarprintError  # of looking at a file: new, known, or failed
Ready = tuple[NewTrack, Peaks] | Track | EarprintError


class Library:
    """The data folder `folder`, made if it is not there. A context manager.

    Raises EarprintError when there is no index and `readonly`, VersionError when it was made by another version.
    """

    def __init__(self, folder: str | Path, *, params: Params | None = None, readonly: bool = False) -> None:
        self.uploads = Path(folder) / "uploads"
        self.index = Index(Path(folder) / "index", params, readonly=readonly)
        self.ingest = Ingest(self.index.params)

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
        jobs: int = 1,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Iterator[Added]:
        """Learns files, and in folders all that have the suffix of an audio file; says what became of each, in order.

        Files stay where they are; `copy` keeps a copy as well. `progress` is called with the files done, and all.
        """
        files = list(audio_files(paths))
        results = self.ingest.many(files, jobs=jobs, known=self._known)
        for done, added in enumerate(self._write(results, copy), 1):
            progress(done, len(files))
            yield added

    def add_upload(self, temp_path: str | Path, filename: str) -> Added:
        """Learns a file and keeps it; `temp_path` is gone afterwards, whatever happens. `filename` is the sender's."""
        try:
            return self._add_upload(str(temp_path), filename)
        except EarprintError as error:
            return Added(filename, "failed", None, str(error))
        finally:
            Path(temp_path).unlink(missing_ok=True)

    def audio_path(self, track: Track) -> Path | None:
        """Where the track's audio is, if it still is."""
        places = [self._stored(track.sha256, track.filename), Path(track.path)]
        return next((place for place in places if place.is_file()), None)

    def remove(self, track_id: int) -> Track:
        """Takes a track out; its audio stays, so that `restore` can undo it. Raises MissingError."""
        return self.index.remove(track_id)

    def restore(self, track_id: int) -> Track:
        """Raises MissingError, or ConflictError when its file was added again meanwhile."""
        return self.index.restore(track_id)

    def edit(self, track_id: int, *, title: str | None = None, artist: str | None = None, album: str | None = None) -> Track:
        """Changes what is given. Raises MissingError."""
        return self.index.update(track_id, title=title, artist=artist, album=album)

    def rebuild(self, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Makes the postings anew from the constellations. `progress` is called with the tracks done, and all."""
        self.index.rebuild(progress)

    def _known(self, path: str) -> Track | None:
        """The track that was made of this file. Raises AudioError when it cannot be read."""
        check_file(path, display_name(path))
        return self.index.find(file_sha256(path))

    def _write(self, results: Iterable[tuple[str, Result]], copy: bool) -> Iterator[Added]:
        """Gathers results so that tracks share a transaction."""
        batch: list[tuple[str, Result]] = []
        deadline = 0.0
        for result in results:
            deadline = deadline if batch else time.monotonic() + BATCH_SECONDS
            batch.append(result)
            if len(batch) >= BATCH_TRACKS or time.monotonic() > deadline:
                yield from self._settle(batch, copy)
                batch = []
        yield from self._settle(batch, copy)

    def _settle(self, batch: list[tuple[str, Result]], copy: bool) -> list[Added]:
        """Adds the new ones of a batch in one transaction, and says what became of each file."""
        prepared = [(path, self._prepare(path, result, copy)) for path, result in batch]
        tracks = iter(self.index.add([ready for _, ready in prepared if isinstance(ready, tuple)]))
        return [_said(path, next(tracks) if isinstance(ready, tuple) else ready) for path, ready in prepared]

    def _prepare(self, path: str, result: Result, copy: bool) -> Ready:
        """Puts the audio of a file where it will be looked for; a reason why not takes the result's place."""
        try:
            if isinstance(result, Analysis):
                if copy:
                    self._store(path, result.sha256, result.filename, shutil.copy)
                return _new_track(result, str(Path(path).absolute())), result.peaks
            if isinstance(result, Track):
                return self._reunite(path, result, copy)
            return result
        except EarprintError as error:
            return error

    def _reunite(self, path: str, track: Track, copy: bool) -> Track:
        """A known track: its audio may have moved to here."""
        if copy and not self._stored(track.sha256, track.filename).is_file():
            self._store(path, track.sha256, track.filename, shutil.copy)
        elif self.audio_path(track) is None:
            return self.index.update(track.id, path=str(Path(path).absolute()))
        return track

    def _add_upload(self, path: str, filename: str) -> Added:
        known = self._known(path)
        if known:
            if self.audio_path(known) is None:
                self._store(path, known.sha256, known.filename, shutil.move)
            return Added(filename, "known", known)
        analysis = self.ingest.one(path, name=filename)
        stored = self._store(path, analysis.sha256, analysis.filename, shutil.move)
        try:
            return _said(filename, self.index.add([(_new_track(analysis, ""), analysis.peaks)])[0])
        except BaseException:
            stored.unlink(missing_ok=True)
            raise

    def _stored(self, sha256: str, filename: str) -> Path:
        """Where a file is, or would be, in `uploads`."""
        suffix = Path(filename).suffix.lower()
        return self.uploads / (sha256 + (suffix if suffix in AUDIO_SUFFIXES else ""))

    def _store(self, source: str, sha256: str, filename: str, transfer: Callable[[str, str], object]) -> Path:
        """Brings a file into `uploads`: under a passing name first, so that what has its name is always whole."""
        target = self._stored(sha256, filename)
        try:
            self.uploads.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=self.uploads, prefix=".") as passing:
                arrived = Path(passing) / target.name
                transfer(source, str(arrived))
                if file_sha256(arrived) != sha256:
                    raise AudioError(f"{filename}: changed while it was read; add it again")
                _sync(arrived)
                arrived.replace(target)
            _sync(self.uploads)
        except OSError as error:
            raise AudioError(f"{filename}: cannot be kept in {self.uploads} ({error.strerror})") from error
        return target


def audio_files(paths: Iterable[str | Path]) -> Iterator[str]:
    """The files named, whatever they are, and those with the suffix of an audio file in the folders named, sorted."""
    for path in paths:
        if Path(path).is_dir():
            yield from _audio_files_in(Path(path), frozenset())
        else:
            yield str(path)


def _audio_files_in(folder: Path, above: frozenset[Path]) -> Iterator[str]:
    """`above` are the folders that this one is in: a link to one of them would never end."""
    here = folder.resolve()
    try:
        entries = sorted(folder.iterdir()) if here not in above else []
    except OSError:
        yield str(folder)  # fails as a file would, and the rest goes on
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _audio_files_in(entry, above | {here})
        elif entry.suffix.lower() in AUDIO_SUFFIXES:
            yield str(entry)


def _new_track(analysis: Analysis, path: str) -> NewTrack:
    tags = analysis.tags
    title = tags.title or Path(analysis.filename).stem
    return NewTrack(title, tags.artist, tags.album, analysis.duration, analysis.filename, analysis.sha256, path)


def _said(path: str, result: tuple[Track, bool] | Track | EarprintError) -> Added:
    if isinstance(result, EarprintError):
        return Added(path, "failed", None, str(result))
    track, new = result if isinstance(result, tuple) else (result, False)
    return Added(path, "added" if new else "known", track)


def _sync(path: Path) -> None:
    """Waits until a file, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
