"""Commands about the library as a whole: how much there is, whether it is whole, copies, and making it anew."""

from pathlib import Path
from typing import Annotated

import typer

from cli.given import end, opened, prepared, resumable
from cli.options import DATA, AsJson, Data, Quiet
from cli.said import bar, say, say_problem


def stats(data: Data = DATA, as_json: AsJson = False) -> None:
    """Say how much the library holds."""
    with opened(data, readonly=True) as library:
        held, advice = library.index.stats(), library.advice
    line = "{tracks:,} tracks, {hours:,.1f} hours, {postings:,} postings, {megabytes:,.1f} MB"
    said = line.format(**held, hours=held["seconds"] / 3600, megabytes=held["bytes"] / 1e6)
    say(as_json, {**held, "advice": advice}, said if advice is None else f"{said}\n{advice}")


def prepare(as_json: AsJson = False, data: Data = DATA) -> None:
    """Compile the engine for this computer, so that no later command has to."""
    prepared()
    say(as_json, {"prepared": True}, "prepared")


def rebuild(
    triples: Annotated[
        bool | None,
        typer.Option("--triples/--no-triples", help="Whether to make hashes of three peaks. [default: if the library needs them]"),
    ] = None,
    data: Data = DATA,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make the index anew, as after an update of Earprint."""
    with resumable(), opened(data, any_version=True) as library:
        prepared(quiet=quiet)
        if not quiet:
            typer.echo(f"Rebuilding takes {library.rebuild_cost(triples)}; the library can be used meanwhile.", err=True)
        with bar("Rebuilding", quiet=quiet) as show:
            failed = library.rebuild(show, triples)
        count = int(library.index.stats()["tracks"])
    for added in failed:
        track = added.track and added.track.to_json()
        record = {"path": added.path, "status": added.status, "track": track, "error": added.error}
        say(as_json, record, f"{added.status:7}  {added.error}")
    if not quiet:
        say(as_json, {"tracks": count}, f"rebuilt  {count:,} tracks")
    end(len(failed))


def check(
    quick: Annotated[bool, typer.Option("--quick", help="Do not read the audio, only check that the files exist.")] = False,
    data: Data = DATA,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Verify the library: the index in itself, and the audio against it."""
    problems = 0
    with opened(data, readonly=True) as library:
        prepared(quiet=quiet)
        with bar("Checking", quiet=quiet) as show:
            for problem in library.check(read_audio=not quick, progress=show):
                say_problem(problem, as_json)
                problems += 1
        tracks, orphans = int(library.index.stats()["tracks"]), len(list(library.orphans()))
    line = f"checked  {tracks:,} tracks, {problems:,} problems"
    on_the_way = f"; {orphans:,} files are being uploaded or were left by a crash; leftovers are deleted the next time music is added"
    if not quiet:
        say(as_json, {"tracks": tracks, "problems": problems, "orphans": orphans}, line + (on_the_way if orphans else ""))
    end(problems)


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    data: Data = DATA,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Copy the library, also while it is served; audio that was added in place stays where it is."""
    from core.backup import back_up

    with resumable(), opened(data, readonly=True, any_version=True) as library, bar("Copying", quiet=quiet) as show:
        problems = back_up(library, folder, show)
    for problem in problems:
        say_problem(problem, as_json)
    if not quiet:
        said = f"copied  {data} to {folder.absolute()}; use it with --data {folder.absolute()}"
        say(as_json, {"folder": str(folder), "problems": len(problems)}, said)
    end(len(problems))
