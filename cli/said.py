"""What is printed: records for programs, lines for people, and a bar where somebody is watching."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from core.text import printable

if TYPE_CHECKING:
    from core.check import Problem

MOST_KINDS = 8  # that are named of what was left out
Record = dict[str, Any]  # what --json prints: one object a line
REMARKABLE_SPEED, REMARKABLE_CENTS = 0.005, 10.0  # from which on a speed (a ratio) or a pitch is mentioned

WHOLE_SECONDS = 1.0  # of a file, at either end, in which a match may go unheard and still be all of it


def say(as_json: bool, record: Record, line: str) -> None:
    print(json.dumps(record) if as_json else printable(line), flush=True)


def left_out_text(counts: Counter[str]) -> str:
    """Return `5 left out (3 .jpg, 2 .txt)`, which folders hold besides music."""
    kinds = [f"{count:,} {kind}" for kind, count in counts.most_common(MOST_KINDS)]
    return f"{counts.total():,} left out ({', '.join(kinds + ['and others'] * (len(counts) > MOST_KINDS))})"


def say_problem(problem: "Problem", as_json: bool) -> None:
    track = problem.track and problem.track.to_json()
    name = f"track {problem.track.id} ({problem.track.title}): " if problem.track else ""
    say(as_json, {"track": track, "error": problem.error}, f"wrong  {name}{problem.error}")


def note(line: str) -> None:
    """Print what is neither a result nor progress."""
    print(f"earprint: {printable(line)}", file=sys.stderr, flush=True)


@contextmanager
def bar(label: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Yield `show(done, total)`, which moves a bar on stderr if that is a terminal, and estimates the time left. quiet: show nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("left")
    unwatched = quiet or not sys.stderr.isatty()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty(), disable=unwatched) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def name_of(track: Record) -> str:
    return f"{track['title']} - {track['artist']}" if track["artist"] else str(track["title"])


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(abs(seconds)), 60)
    return f"{'-' if round(seconds) < 0 else ''}{minutes}:{rest:02}"


def _percent(confidence: float) -> str:
    return f"{min(confidence, 0.999):.1%}".replace("%", " %")  # never 100: it is a probability


def answer_line(answer: Record) -> str:
    """`song.wav  ->  Title - Artist  at 1:23, from 0:10 to 3:05  (99.9 %, 45 bits); 2 other tracks are heard in it`"""
    if answer["error"]:
        return str(answer["error"])
    match = answer["match"]
    if match is None:
        return f"{answer['query']}  ->  {no_match(answer, 'offset')}"
    start, end = answer["from"], answer["to"]
    place = clock(max(0.0, match["offset"] + match["speed"] * start))
    part = f", from {clock(start)} to {clock(end)}" if start > WHOLE_SECONDS or answer["duration"] - end > WHOLE_SECONDS else ""
    others = answer["others"]
    rest = f"; {others} other track{'s are' if others > 1 else ' is'} heard in it" if others else ""
    return f"{answer['query']}  ->  {_guess_text(match, place + part)}{rest}"


def no_match(answer: Record, where: str) -> str:
    """Return why nothing was claimed, and what came closest. `where` is the guess's time to name: its offset or its position."""
    if answer.get("tracks") == 0:  # older servers do not say
        return "the library is empty: add music with `earprint add`"
    if answer.get("heard") == "silence":
        return "no match: it is silent"
    reason = "no match" if answer.get("heard", "music") == "music" else "no match: no music is heard in it"
    guesses = answer["guesses"]
    return f"{reason}  (closest: {guess_text(guesses[0], where)})" if guesses else reason


def guess_text(guess: Record, where: str, *, settled: bool = True) -> str:
    """Return `Title - Artist  at 1:23  (99.9 %, 45 bits, +2.0 % speed)`. settled: whether speed and pitch are known well enough to say."""
    return _guess_text(guess, clock(guess[where]), settled=settled)


def _guess_text(guess: Record, place: str, *, settled: bool = True) -> str:
    facts = [_percent(guess["confidence"]), f"{guess['bits']:.0f} bits"]
    if settled and abs(guess["speed"] - 1) >= REMARKABLE_SPEED:
        facts.append(f"{100 * (guess['speed'] - 1):+.1f} % speed")
    if settled and abs(guess["pitch_cents"]) >= REMARKABLE_CENTS:
        facts.append(f"{guess['pitch_cents']:+.0f} cents")
    return f"{name_of(guess['track'])}  at {place}  ({', '.join(facts)})"
