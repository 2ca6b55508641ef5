"""The command line: it parses, calls the layers below, and prints.

What a command finds goes to stdout, a readable line each, or with --json one JSON object a line for other programs;
progress and errors go to stderr. Heavy libraries are imported inside of the commands, so that `earprint --help` answers
at once.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import EarprintError

if TYPE_CHECKING:
    from core.check import Problem
    from core.index import Index, Track
    from core.ingest import Analysis
    from core.library import Library

Record = dict[str, Any]  # what --json prints: one object a line

DATA = Path("data")
CORES = os.cpu_count() or 1
PIPE_BLOCK = 1 << 15  # bytes read from stdin at once, at most; less when less is there

app = typer.Typer(
    help="Earprint listens and names what is playing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Data = Annotated[Path, typer.Option("--data", envvar="EARPRINT_DATA", metavar="DIR", help="The library's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
FilesFrom = Annotated[str | None, typer.Option(metavar="LIST", help="A file that names a path a line; - is stdin.")]
Ids = Annotated[list[int], typer.Argument(metavar="ID...", help="The numbers that `earprint tracks` shows.")]


def main() -> None:
    """Run the console script: a fault of the input is one line on stderr, a bug of ours keeps its traceback."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a file name need not be text
    try:
        app(prog_name="earprint")
    except EarprintError as error:
        sys.exit(f"earprint: {error}")


# --- commands ---------------------------------------------------------------------------------------------------------


@app.command()
def serve(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes that serve.")] = 1,
    token_file: Annotated[
        Path | None, typer.Option(envvar="EARPRINT_TOKEN_FILE", metavar="FILE", help="Holds the token that changes need.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Let others on the network change the library without a token.")] = False,
    ssl_keyfile: Annotated[Path | None, typer.Option(metavar="FILE", help="Serve https, with this private key.")] = None,
    ssl_certfile: Annotated[Path | None, typer.Option(metavar="FILE", help="And this certificate.")] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Serve the page, the HTTP API and the WebSocket."""
    from web import serving

    given = {"EARPRINT_DATA": str(data), "EARPRINT_WORKERS": str(workers), "EARPRINT_TOKEN_FILE": str(token_file or "")}
    settings = serving.checked_settings(host, open_, given)
    _open(data).close()
    tls = serving.Tls.checked(ssl_keyfile, ssl_certfile)
    listeners = serving.listeners(host, port, workers)
    url = serving.url_of(host, listeners[0], tls)
    _say(as_json, {"url": url, "data": str(data)}, f"Earprint is at {url} with the library in {data}; Ctrl-C stops it.")
    serving.run(listeners, settings, tls)


@app.command()
def add(
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATH", show_default=False)] = None,
    files_from: FilesFrom = None,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Files analysed at a time.")] = CORES,
    copy: Annotated[bool, typer.Option("--copy", help="Keep the audio in the library's folder too.")] = False,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Learn recordings: files, and in folders all that have the suffix of an audio file."""
    inputs = _inputs(paths, files_from)
    failures = 0
    with _resumable(), _open(data) as library, _bar("Adding") as show:
        for added in library.add(inputs, copy=copy, jobs=jobs, progress=show):
            track = added.track and added.track.to_json()
            record = {"path": added.path, "status": added.status, "track": track, "error": added.error}
            _say(as_json, record, f"{added.status:6}  {added.error or added.path}")
            failures += added.status == "failed"
    _exit(failures)


@app.command()
def identify(
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE", show_default=False)] = None,
    files_from: FilesFrom = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Name the recording that each file was taken from."""
    inputs = _inputs(files, files_from)
    failures = 0
    with _open(data, readonly=True) as library, _bar("Listening") as show:
        for done, record in enumerate(_answers(library, inputs), 1):
            _say(as_json, record, _answer_line(record))
            failures += record["error"] is not None
            show(done, len(inputs))
    _exit(failures)


@app.command()
def listen(
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="- is raw s16le mono sound from stdin.")] = "-",
    url: Annotated[str, typer.Option(help="The server's WebSocket.")] = "ws://127.0.0.1:8000/listen",
    realtime: Annotated[bool, typer.Option("--realtime", help="Send no faster than the sound would play.")] = False,
    rate: Annotated[int, typer.Option(min=8000, max=192_000, metavar="N", help="Hertz of what stdin brings.")] = 44_100,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Stream sound to a server, and print what it hears as it hears it."""
    if file == "-" and sys.stdin.isatty():
        raise typer.BadParameter("name a file, or pipe raw sound in, as from: arecord -f S16_LE -r 44100 -t raw")
    asyncio.run(_listen(file, url, realtime, rate, as_json))


@app.command()
def tracks(
    search: Annotated[str, typer.Option(metavar="TEXT", help="Only tracks with these words.")] = "",
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """List the tracks, newest first."""
    with _open(data, readonly=True) as library:
        for track in library.index.tracks(search=search, limit=None).tracks:
            _say(as_json, track.to_json(), f"{track.id:6}  {_clock(track.duration):>6}  {_name(track.to_json())}")


@app.command()
def remove(ids: Ids, data: Data = DATA, as_json: AsJson = False) -> None:
    """Remove tracks; `restore` brings them back."""
    with _open(data) as library:
        _each(ids, library.remove, "removed", as_json)


@app.command()
def restore(ids: Ids, data: Data = DATA, as_json: AsJson = False) -> None:
    """Bring removed tracks back."""
    with _open(data) as library:
        _each(ids, library.restore, "restored", as_json)


@app.command()
def stats(data: Data = DATA, as_json: AsJson = False) -> None:
    """Say how much the library holds."""
    with _open(data, readonly=True) as library:
        held = library.index.stats()
    line = "{tracks:,} tracks, {hours:,.1f} hours, {postings:,} postings, {megabytes:,.1f} MB"
    _say(as_json, held, line.format(**held, hours=held["seconds"] / 3600, megabytes=held["bytes"] / 1e6))


@app.command()
def rebuild(data: Data = DATA, as_json: AsJson = False) -> None:
    """Make the index anew, as after an update of Earprint."""
    with _resumable(), _open(data, any_version=True) as library:
        with _bar("Rebuilding") as show:
            failed = library.rebuild(show)
        count = int(library.index.stats()["tracks"])
    for added in failed:
        track = added.track and added.track.to_json()
        record = {"path": added.path, "status": added.status, "track": track, "error": added.error}
        _say(as_json, record, f"{added.status:7}  {added.error}")
    _say(as_json, {"tracks": count}, f"rebuilt  {count:,} tracks")
    _exit(len(failed))


@app.command()
def check(
    quick: Annotated[bool, typer.Option("--quick", help="Do not read the audio, only see that it is there.")] = False,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Verify the library: the index in itself, and the audio against it."""
    problems = 0
    with _open(data, readonly=True) as library:
        with _bar("Checking") as show:
            for problem in library.check(read_audio=not quick, progress=show):
                _say_problem(problem, as_json)
                problems += 1
        tracks, orphans = int(library.index.stats()["tracks"]), len(list(library.orphans()))
    line = f"checked  {tracks:,} tracks, {problems:,} problems"
    on_the_way = f"; {orphans:,} files are on their way in, or were left by a crash and are deleted when the library is next added to"
    _say(as_json, {"tracks": tracks, "problems": problems, "orphans": orphans}, line + (on_the_way if orphans else ""))
    _exit(problems)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Copy the library, also while it is served; audio that was added in place stays where it is."""
    from core.backup import back_up

    with _resumable(), _open(data, readonly=True, any_version=True) as library, _bar("Copying") as show:
        problems = back_up(library, folder, show)
    for problem in problems:
        _say_problem(problem, as_json)
    _say(as_json, {"folder": str(folder), "problems": len(problems)}, f"copied  {data} to {folder}; use it with --data {folder}")
    _exit(len(problems))


# --- input ------------------------------------------------------------------------------------------------------------


def _open(data: Path, *, readonly: bool = False, any_version: bool = False) -> "Library":
    from core.library import Library

    try:
        return Library(data, readonly=readonly, any_version=any_version)
    except OSError as error:
        raise EarprintError(f"{data} cannot be the library's folder: {error.strerror}") from error


def _inputs(paths: list[str] | None, files_from: str | None) -> list[str]:
    """Return what the command line names, then what the list names. Raises EarprintError for an unreadable list."""
    inputs = (paths or []) + (_lines(files_from) if files_from else [])
    if not inputs and not files_from:
        raise typer.BadParameter("name at least one path, or a list of them with --files-from")
    return inputs


def _lines(path: str) -> list[str]:
    try:
        text = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise EarprintError(f"{path}: cannot be read as a list of files: {error.strerror}") from error
    return [os.fsdecode(line) for line in text.splitlines() if line]


# --- work -------------------------------------------------------------------------------------------------------------


def _answers(library: "Library", inputs: list[str]) -> Iterator[Record]:
    """Yield the contract's answer for each input, in their order; files are analysed side by side."""
    for query, (_, analysis) in zip(inputs, library.ingest.many(inputs, query=True), strict=True):
        yield {"query": query} | _answer(library.index, analysis)


def _answer(index: "Index", analysis: "Analysis | EarprintError") -> Record:
    from stream import identify

    if isinstance(analysis, EarprintError):
        return {"match": None, "guesses": [], "absent": None, "duration": None, "error": str(analysis)}
    return identify(index, analysis).to_json() | {"error": None}


async def _listen(file: str, url: str, realtime: bool, rate: int, as_json: bool) -> None:
    from web.client import listen

    with _sound(file, rate) as (blocks, sample_rate):
        best = None
        token = os.environ.get("EARPRINT_TOKEN")
        async for event in listen(url, blocks, sample_rate, realtime=realtime, token=token):
            if as_json or best != (best := _best(event)):
                _say(as_json, event, _event_line(event))


@contextmanager
def _sound(file: str, rate: int) -> Iterator[tuple[Iterable[bytes], int]]:
    """Yield s16le mono blocks and their sample rate in hertz."""
    from core.audio import AudioFile
    from web.client import s16le

    if file == "-":
        yield iter(lambda: os.read(sys.stdin.fileno(), PIPE_BLOCK), b""), rate
        return
    with AudioFile(file) as audio:
        yield map(s16le, audio.blocks()), audio.sample_rate


def _each(ids: list[int], change: Callable[[int], "Track"], status: str, as_json: bool) -> None:
    """Change tracks one by one; one that cannot be changed does not keep the others from it."""
    failures = 0
    for id in ids:
        try:
            track = change(id).to_json()
        except EarprintError as error:
            failures += 1
            _say(as_json, {"id": id, "status": "failed", "track": None, "error": str(error)}, f"failed  {error}")
        else:
            _say(as_json, {"id": id, "status": status, "track": track, "error": None}, f"{status}  {_name(track)}")
    _exit(failures)


@contextmanager
def _resumable() -> Iterator[None]:
    """Around what takes long: Ctrl-C is no failure of it."""
    try:
        yield
    except KeyboardInterrupt:
        print("earprint: stopped; what is done stays done. Run the same command again to go on from here.", file=sys.stderr)
        raise typer.Exit(130) from None


def _exit(failures: int) -> None:
    if failures:
        raise typer.Exit(1)


# --- output -----------------------------------------------------------------------------------------------------------


def _say(as_json: bool, record: Record, line: str) -> None:
    print(json.dumps(record) if as_json else line, flush=True)


def _say_problem(problem: "Problem", as_json: bool) -> None:
    track = problem.track and problem.track.to_json()
    name = f"track {problem.track.id} ({problem.track.title}): " if problem.track else ""
    _say(as_json, {"track": track, "error": problem.error}, f"wrong  {name}{problem.error}")


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yield `show(done, total)`, which moves a bar on stderr where somebody is watching, and estimates the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("left")
    unwatched = not sys.stderr.isatty()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty(), disable=unwatched) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _name(track: Record) -> str:
    return f"{track['title']} - {track['artist']}" if track["artist"] else str(track["title"])


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(abs(seconds)), 60)
    return f"{'-' if round(seconds) < 0 else ''}{minutes}:{rest:02}"


def _percent(confidence: float) -> str:
    return f"{min(confidence, 0.999):.1%}".replace("%", " %")  # never 100: it is a probability


def _answer_line(answer: Record) -> str:
    """`song.wav  ->  Title - Artist  at 1:23  (99.9 %, 45 bits, +2.0 % speed)`"""
    if answer["error"]:
        return str(answer["error"])
    return f"{answer['query']}  ->  {_result(answer['match'], answer['guesses'], 'offset')}"


def _best(event: Record) -> object:
    """Return what a reader takes notice of: each event, but of guesses only those with another best track."""
    return event if event["type"] != "guesses" else [guess["track"]["id"] for guess in event["guesses"][:1]]


def _event_line(event: Record) -> str:
    """`0:07  match    Title - Artist  at 1:23  (99.9 %, 45 bits)`"""
    match event["type"]:
        case "ready":
            text = f"{event['tracks']:,} tracks"
        case "match":
            text = _guess(event["guess"], "position")
        case "lost":
            text = f"track {event['track']}"
        case "guesses":
            text = _guess(event["guesses"][0], "position") if event["guesses"] else "nothing yet"
        case _:
            text = _result(event["match"], event["guesses"], "position")
    return f"{_clock(event.get('elapsed', 0.0))}  {event['type']:7}  {text}"


def _result(match: Record | None, guesses: list[Record], where: str) -> str:
    """Say what was claimed; else what came closest. `where` is the guess's time to name: its offset or its position."""
    if match:
        return _guess(match, where)
    return f"no match  (closest: {_guess(guesses[0], where)})" if guesses else "no match"


def _guess(guess: Record, where: str) -> str:
    facts = [_percent(guess["confidence"]), f"{guess['bits']:.0f} bits"]
    if abs(guess["speed"] - 1) >= 0.005:
        facts.append(f"{100 * (guess['speed'] - 1):+.1f} % speed")
    if abs(guess["pitch_cents"]) >= 10:
        facts.append(f"{guess['pitch_cents']:+.0f} cents")
    return f"{_name(guess['track'])}  at {_clock(guess[where])}  ({', '.join(facts)})"


if __name__ == "__main__":
    main()
