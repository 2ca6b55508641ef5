"""Commands about tracks: add, identify, list, remove, restore."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cli.given import end, inputs_of, opened, resumable
from cli.options import DATA, AsJson, Data, FilesFrom, Ids
from cli.said import Record, answer_line, bar, clock, name_of, say
from core.errors import EarprintError

if TYPE_CHECKING:
    from core.index import Index, Track
    from core.ingest import Analysis
    from core.library import Library

CORES = os.cpu_count() or 1


def add(
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATH", show_default=False)] = None,
    files_from: FilesFrom = None,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Files analysed at a time.")] = CORES,
    copy: Annotated[bool, typer.Option("--copy", help="Keep the audio in the library's folder too.")] = False,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Learn recordings: files, and in folders all that have the suffix of an audio file."""
    inputs = inputs_of(paths, files_from)
    failures = 0
    with resumable(), opened(data) as library, bar("Adding") as show:
        for added in library.add(inputs, copy=copy, jobs=jobs, progress=show):
            track = added.track and added.track.to_json()
            record = {"path": added.path, "status": added.status, "track": track, "error": added.error}
            say(as_json, record, f"{added.status:6}  {added.error or added.path}")
            failures += added.status == "failed"
    end(failures)


def identify(
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE", show_default=False)] = None,
    files_from: FilesFrom = None,
    effort: Annotated[
        float | None,
        typer.Option(
            min=1, envvar="EARPRINT_FILE_EFFORT", help="Times the usual work that may go into a file that is not recognised. [default: 8]"
        ),
    ] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Name the recording that each file was taken from."""
    inputs = inputs_of(files, files_from)
    failures = 0
    with opened(data, readonly=True) as library, bar("Listening") as show:
        for done, record in enumerate(_answers(library, inputs, effort), 1):
            say(as_json, record, answer_line(record))
            failures += record["error"] is not None
            show(done, len(inputs))
    end(failures)


def _answers(library: "Library", inputs: list[str], effort: float | None) -> Iterator[Record]:
    """Yield the contract's answer for each input, in their order; files are analysed side by side."""
    for query, (_, analysis) in zip(inputs, library.ingest.many(inputs, query=True), strict=True):
        yield {"query": query} | _answer(library.index, analysis, effort)


def _answer(index: "Index", analysis: "Analysis | EarprintError", effort: float | None) -> Record:
    from stream import identify
    from stream.recognizer import FILE_EFFORT

    if isinstance(analysis, EarprintError):
        return {"match": None, "guesses": [], "absent": None, "duration": None, "error": str(analysis)}
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
