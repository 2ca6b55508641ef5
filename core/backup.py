"""A copy of a library that another process may be serving and adding to: of the index as it is at one moment, and the audio it knows of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from core.audiostore import AudioStore, delete
from core.check import Problem
from core.covers import CoverStore
from core.disk import copy_file, sync
from core.errors import AudioError, EarprintError
from core.index import Index, Track
from core.library import Library

UNFINISHED = "index.unfinished"  # the index's name until all audio is there: what was interrupted is no library


def back_up(library: Library, folder: str | Path, progress: Callable[[int, int], None] = lambda done, total: None) -> list[Problem]:
    """Copies a library into `folder`, new or empty; one where this was interrupted is completed. Returns the tracks without sound audio.

    The index is copied first, and no audio that it knows of is swept meanwhile. `progress` is called with the files copied, and all.
    Raises EarprintError when there is something else in the folder, StorageError when there is no room.
    """
    target = Path(folder)
    _prepare(target)
    with library.writing():
        library.index.copy(target / UNFINISHED)
        tracks = _tracks(target / UNFINISHED)
        problems = list(_copy_audio(library, AudioStore(target / "uploads"), tracks, progress))
        problems += _copy_covers(library.covers, CoverStore(target / "covers"), tracks)
    (target / UNFINISHED).rename(target / "index")
    sync(target)
    return problems


def _prepare(target: Path) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
        if {path.name for path in target.iterdir()} - {UNFINISHED, "uploads", "covers"}:
            raise EarprintError(f"{target} is not empty: name a new folder for the backup")
        if (target / UNFINISHED).exists():
            delete(target / UNFINISHED)
        (target / UNFINISHED).mkdir()
    except OSError as error:
        raise EarprintError(f"{target} cannot hold the backup: {error.strerror}") from error


def _tracks(index: Path) -> list[Track]:
    """Those that are listed, and those that can be restored."""
    with Index(index, readonly=True, any_version=True) as copied:
        return [*copied.tracks(limit=None).tracks, *(gone.track for gone in copied.removed())]


def _copy_audio(library: Library, store: AudioStore, tracks: list[Track], progress: Callable[[int, int], None]) -> Iterator[Problem]:
    kept = [(track, path) for track in tracks if (path := library.kept_audio(track)).is_file()]
    for done, (track, path) in enumerate(kept, 1):
        try:
            if not store.path(track.sha256, track.filename).exists():
                store.keep(str(path), track.sha256, track.filename, copy_file)
        except AudioError as error:
            yield Problem(track, str(error))
        progress(done, len(kept))


def _copy_covers(source: CoverStore, target: CoverStore, tracks: list[Track]) -> Iterator[Problem]:
    for track in tracks:
        if track.cover and source.is_whole(track.cover):
            target.keep(source.path(track.cover).read_bytes())
        elif track.cover:
            yield Problem(track, f"its cover {source.path(track.cover)} is gone or damaged: run `earprint add --retag`")
