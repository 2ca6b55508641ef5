"""Commands about tracks: add, identify, list, remove, restore."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.given import end, inputs_of, opened, prepared, resumable
from cli.options import CORES, DATA, AsJson, Data, FilesFrom, Ids, Jobs, Null, Quiet
from cli.said import Record, answer_line, bar, clock, left_out_text, name_of, note, say
from core.errors import EarprintError
from core.folder import is_library

if TYPE_CHECKING:
    from core.index import Index, Track
    from core.ingest import Analysis
    from core.library import Added, Library

UNANSWERED = ("absent", "duration", "from", "to", "others", "heard", "tracks")  # of a file that cannot be read: null
STATUSES = ("added", "updated", "known", "failed")  # in the order of the summary


def add(
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATH", show_default=False)] = None,
    files_from: FilesFrom = None,
    null: Null = False,
    jobs: Jobs = CORES,
    copy: Annotated[bool, typer.Option("--copy", help="Keep the audio in the library's folder too.")] = False,
    retag: Annotated[bool, typer.Option("--retag", help="Read the tags of known files again; without PATH, those of all tracks.")] = False,
    data: Data = DATA,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Learn recordings: files, and in folders all that have the suffix of an audio file."""
    inputs = None if retag and not paths and not files_from else inputs_of(paths, files_from, null)
    report, left_out = _Report(quiet, as_json), Counter[str]()
    try:
        with resumable():
            prepared(quiet=quiet)
        with resumable(), bar("Adding", quiet=quiet) as show:
            for added in _added(data, inputs, copy=copy, retag=retag, jobs=jobs, progress=show, left_out=left_out):
                report.say(added)
    finally:
        report.end(left_out)
    end(len(report.failures))


def _added(data: Path, inputs: list[str] | None, **options: Any) -> "Iterator[Added]":
    """Yield what becomes of each file; without `inputs`, of those of all tracks.

    A library is made only when there is something to put into it.
    """
    failures = None if is_library(data) else _failures_of(inputs or [])
    if failures is not None:
        yield from failures
        return
    with opened(data, make=True) as library:
        yield from library.add(library.audio_paths() if inputs is None else inputs, **options)


def _failures_of(inputs: list[str]) -> "list[Added] | None":
    """Return why no file of these can be added; None as soon as one can."""
    from core.ingest import Analysis, Ingest
    from core.library import Added
    from core.params import Params
    from core.walk import audio_files

    failures = []
    with Ingest(Params(), jobs=1) as ingest:
        for path, result in ingest.many(audio_files(inputs)):
            if isinstance(result, Analysis):
                return None
            failures.append(Added(path, "failed", None, str(result)))
    return failures


class _Report:
    """What is printed while files are added: a line each as they are done, at the end how many of each kind, and the failures last."""

    def __init__(self, quiet: bool, as_json: bool) -> None:
        self.failures: list[Added] = []
        self._quiet, self._as_json = quiet, as_json
        self._count: Counter[str] = Counter()

    def say(self, added: "Added") -> None:
        self._count[added.status] += 1
        if added.status == "failed":
            self.failures.append(added)
        if self._as_json or (added.status != "failed" and not self._quiet):
            track = added.track and added.track.to_json()
            record = {"path": added.path, "status": added.status, "track": track, "error": added.error}
            say(self._as_json, record, f"{added.status:7}  {added.path}")

    def end(self, left_out: Counter[str]) -> None:
        """Sum up. left_out: what is no audio in the folders, by kind."""
        rest = [left_out_text(left_out)] if left_out else []
        if self._as_json:
            if rest and not self._quiet:
                note(rest[0])
            return
        if not self._quiet:
            counts = [f"{self._count[status]:,} {status}" for status in STATUSES if self._count[status]]
            say(False, {}, ", ".join(counts + rest) or "nothing to add")
        for added in self.failures:
            say(False, {}, f"failed  {added.error}")


def identify(
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE", show_default=False)] = None,
    files_from: FilesFrom = None,
    null: Null = False,
    effort: Annotated[
        float | None,
        typer.Option(
            min=1, envvar="EARPRINT_FILE_EFFORT", help="Times the usual work that may go into a file that is not recognised. [default: 8]"
        ),
    ] = None,
    jobs: Jobs = CORES,
    data: Data = DATA,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Name the recording that each file was taken from; in folders, of all that have the suffix of an audio file."""
    from core.ingest import start_ahead
    from core.loading import load_kernels

    inputs = inputs_of(files, files_from, null)
    prepared(quiet=quiet)
    start_ahead(min(jobs, len(inputs)))
    load_kernels()
    failures = 0
    with opened(data, readonly=True) as library, bar("Listening", quiet=quiet) as show:
        from core.walk import audio_files

        queries = list(audio_files(inputs))
        for done, record in enumerate(_answers(library, queries, jobs, effort), 1):
            say(as_json, record, answer_line(record))
            failures += record["error"] is not None
            show(done, len(queries))
    end(failures)


def _answers(library: "Library", inputs: list[str], jobs: int, effort: float | None) -> Iterator[Record]:
    """Yield the contract's answer for each input, in their order; files are analysed side by side."""
    loading = Thread(target=_load, args=(library.index,))  # while the first file is analysed
    loading.start()
    for query, (_, analysis) in zip(inputs, library.ingest.many(inputs, jobs=jobs, query=True), strict=True):
        loading.join()
        yield {"query": query} | _answer(library.index, analysis, effort)


def _load(index: "Index") -> None:
    from stream import warm

    warm(index)


def _answer(index: "Index", analysis: "Analysis | EarprintError", effort: float | None) -> Record:
    from stream import identify
    from stream.recognizer import FILE_EFFORT

    if isinstance(analysis, EarprintError):
        return {"match": None, "guesses": [], **dict.fromkeys(UNANSWERED), "error": str(analysis)}
    return identify(index, analysis, effort or FILE_EFFORT).to_json() | {"error": None}


def tracks(
    search: Annotated[str, typer.Option(metavar="TEXT", help="Only tracks with these words.")] = "",
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """List the tracks, newest first."""
    with opened(data, readonly=True) as library:
        for track in library.index.tracks(search=search, limit=None).tracks:
            say(as_json, track.to_json(), f"{track.id:6}  {clock(track.duration):>6}  {name_of(track.to_json())}")


def remove(ids: Ids, data: Data = DATA, as_json: AsJson = False) -> None:
    """Remove tracks; `restore` brings them back."""
    with opened(data) as library:
        _each(ids, library.remove, "removed", as_json)


def restore(ids: Ids, data: Data = DATA, as_json: AsJson = False) -> None:
    """Bring removed tracks back."""
    with opened(data) as library:
        _each(ids, library.restore, "restored", as_json)


def prune(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Remove the tracks whose file is gone, after asking; `restore` brings them back."""
    with opened(data) as library:
        gone = library.gone()
        for track in gone:
            line = f"{track.id:6}  gone  {name_of(track.to_json())}  {track.path}"
            say(as_json, {"id": track.id, "status": "gone", "track": track.to_json(), "error": None}, line.rstrip())
        if not gone:
            note("the file of each track is there; nothing to remove")
        elif yes or typer.confirm(f"Remove these {len(gone):,} of {library.index.count():,} tracks?", err=True):
            _each([track.id for track in gone], library.remove, "removed", as_json)


def _each(ids: list[int], change: Callable[[int], "Track"], status: str, as_json: bool) -> None:
    """Change tracks one by one; one that cannot be changed does not keep the others from it."""
    failures = 0
    for id in ids:
        try:
            track = change(id).to_json()
        except EarprintError as error:
            failures += 1
            say(as_json, {"id": id, "status": "failed", "track": None, "error": str(error)}, f"failed  {error}")
        else:
            say(as_json, {"id": id, "status": status, "track": track, "error": None}, f"{status}  {name_of(track)}")
    end(failures)
