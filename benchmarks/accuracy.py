"""How many queries are named, accepted and named wrongly: python -m benchmarks.accuracy MUSIC QUERIES

Conventions
    MUSIC is the folder of the references, QUERIES a query set (see corpus.py). A guess is right when it names the track
    or a twin of it. Times and positions are seconds, pitch is cents, shares are 0..1.

Metrics, for each condition and length
    top-1      the best guess is right, whatever its confidence
    accepted   there is a match, and it is right
    wrong      there is a match, and it is not right: for music that is not in the library, any match
    position   median |position - true position| of right best guesses, ms; the truth is start + speed * length
    speed      median |speed - true speed|, percent of the tempo; pitch: median |pitch - true pitch|, cents
    ms         median milliseconds of the engine a query, from PCM to answer, in one process
"""

import argparse
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import soundfile

from benchmarks import common, corpus, effects
from benchmarks.common import decimal, median, number, share
from stream import recognize

CERTAIN = 0.99  # the confidence at which a guess is claimed


@dataclass(frozen=True)
class Task:
    """One query to identify."""

    query: corpus.Query
    path: Path
    library: Path
    truth: frozenset[int]


@dataclass(frozen=True)
class Outcome:
    """One query and what the engine said: guesses and match as in the JSON contract."""

    query: corpus.Query
    truth: frozenset[int]
    guesses: list[dict[str, Any]]
    match: dict[str, Any] | None
    milliseconds: float

    @property
    def known(self) -> bool:
        return bool(self.query.truth)

    @property
    def top(self) -> bool:
        return bool(self.guesses) and corpus.is_right(self.guesses[0], self.truth)

    @property
    def accepted(self) -> bool:
        return self.match is not None and corpus.is_right(self.match, self.truth)

    @property
    def wrong(self) -> bool:
        return self.match is not None and not corpus.is_right(self.match, self.truth)


def identify(task: Task) -> Outcome:
    """Ask the engine, in a worker process."""
    index = corpus.index(task.library)
    pcm, rate = soundfile.read(task.path, dtype="float32")
    started = time.perf_counter()
    answer = recognize(index, pcm, rate)
    milliseconds = (time.perf_counter() - started) * 1000
    said = answer.to_json()
    return Outcome(task.query, task.truth, said["guesses"], said["match"], milliseconds)


# Metrics


def count(outcomes: Iterable[Outcome], of: Callable[[Outcome], bool]) -> int:
    return sum(map(of, outcomes))


def position_error(outcome: Outcome) -> float:
    """|position - true position| of the best guess, seconds; NaN where the query's speed is not known."""
    shift = effects.shift(outcome.query.condition)
    if shift is None:
        return math.nan
    return abs(float(outcome.guesses[0]["position"]) - (outcome.query.start + shift.speed * outcome.query.length))


def speed_error(outcome: Outcome) -> float:
    """|speed - true speed| / true speed of the best guess; NaN where it is not known."""
    shift = effects.shift(outcome.query.condition)
    return math.nan if shift is None else abs(outcome.guesses[0]["speed"] / shift.speed - 1)


def pitch_error(outcome: Outcome) -> float:
    """|pitch - true pitch| of the best guess, cents; NaN where it is not known."""
    shift = effects.shift(outcome.query.condition)
    return math.nan if shift is None else abs(outcome.guesses[0]["pitch_cents"] - shift.pitch_cents)


def median_of(outcomes: Iterable[Outcome], error: Callable[[Outcome], float]) -> float:
    """The median error of the right best guesses."""
    return median(value for outcome in outcomes if outcome.top and not math.isnan(value := error(outcome)))


def calibration_error(outcomes: Iterable[Outcome]) -> float:
    """Over all guesses of all queries, not only the best."""
    judged = [(g["confidence"], corpus.is_right(g, outcome.truth)) for outcome in outcomes for g in outcome.guesses]
    return common.calibration_error([confidence for confidence, _ in judged], [right for _, right in judged])


# The table


def rows(outcomes: Sequence[Outcome]) -> dict[tuple[str, float], list[Outcome]]:
    """The outcomes of each condition and length, in the manifest's order."""
    groups: dict[tuple[str, float], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.query.condition, outcome.query.length), []).append(outcome)
    return groups


HEAD = ["condition", "s", "n", "top-1", "accepted", "95 %", "wrong", "position ms", "speed %", "pitch c", "ms"]


def row(condition: str, length: float, group: Sequence[Outcome]) -> list[str]:
    n, accepted = len(group), count(group, lambda o: o.accepted)
    low, high = common.wilson(accepted, n)
    known = group[0].known
    return [
        condition,
        number(length),
        str(n),
        decimal(count(group, lambda o: o.top) / n) if known else "",
        decimal(accepted / n) if known else "",
        f"{decimal(low)}-{decimal(high)}" if known else "",
        str(count(group, lambda o: o.wrong)),
        number(1000 * median_of(group, position_error)),
        number(100 * median_of(group, speed_error), 2),
        number(median_of(group, pitch_error)),
        number(median(o.milliseconds for o in group)),
    ]


def mean_share(groups: Iterable[Sequence[Outcome]], of: Callable[[Outcome], bool]) -> float:
    """The mean over the rows of known conditions: each counts alike, however many queries it has."""
    shares = [count(group, of) / len(group) for group in groups if group[0].known]
    return sum(shares) / len(shares) if shares else math.nan


def totals(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """What is said below the table."""
    known, unknown = [o for o in outcomes if o.known], [o for o in outcomes if not o.known]
    certain = [o for o in outcomes if o.guesses and o.guesses[0]["confidence"] >= CERTAIN]
    groups = rows(outcomes).values()
    return {
        "mean top-1": decimal(mean_share(groups, lambda o: o.top), 3),
        "mean accepted": decimal(mean_share(groups, lambda o: o.accepted), 3),
        "known queries named": share(count(known, lambda o: o.top), len(known)),
        "known queries accepted": share(count(known, lambda o: o.accepted), len(known)),
        "wrong claims on known queries": share(count(known, lambda o: o.wrong), len(known)),
        "unknown queries claimed": share(count(unknown, lambda o: o.wrong), len(unknown)),
        f"right where confidence >= {CERTAIN}": share(count(certain, lambda o: o.top), len(certain)),
        "expected calibration error": decimal(calibration_error(outcomes), 4),
        "median position error, ms": number(1000 * median_of(known, position_error)),
        "median ms a query": number(median(o.milliseconds for o in outcomes)),
    }


def print_result(outcomes: Sequence[Outcome]) -> None:
    print(common.table(HEAD, [row(*key, group) for key, group in rows(outcomes).items()]), end="\n\n")
    print("\n".join(f"{name}: {value}" for name, value in totals(outcomes).items()))


def save(path: Path, outcomes: Sequence[Outcome]) -> None:
    """The table, and everything that was said to every query."""
    cells = [dict(zip(HEAD, row(*key, group), strict=True)) for key, group in rows(outcomes).items()]
    said = [{**asdict(o), "truth": sorted(o.truth), "top": o.top, "accepted": o.accepted} for o in outcomes]
    common.save_json(path, {"totals": totals(outcomes), "rows": cells, "queries": said})


# Main


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_arguments(parser)
    parser.add_argument("--half", choices=[*corpus.HALVES, "all"], default="all", help="which tracks' queries to ask")
    parser.add_argument("--conditions", nargs="+", default=[], help="only these, such as clean mic speed+4%%")
    parser.add_argument("--decoys", type=float, default=0, metavar="HOURS", help="grow the library to this many hours")
    corpus.add_material(parser)
    parser.add_argument("--json", type=Path, metavar="OUT", help="save every answer")
    return parser.parse_args()


def wanted(args: argparse.Namespace) -> list[corpus.Query]:
    queries = [query for query in corpus.read_queries(args.queries) if corpus.in_half(query.source, args.half)]
    return [query for query in queries if not args.conditions or query.condition in args.conditions]


def main() -> None:
    args = parse()
    queries, files = wanted(args), corpus.read_list(args.queries / "refs.txt")
    options = {"data": args.data, "jobs": args.jobs, "decoy_hours": args.decoys, "material": args.material}
    with corpus.library(args.music, files, **options) as reference:
        tasks = [Task(q, args.queries / "q" / q.name, reference.folder, reference.truth(q.truth)) for q in queries]
        outcomes = list(common.in_processes(identify, tasks, args.jobs))
    common.print_run()
    print_result(outcomes)
    if args.json:
        save(args.json, outcomes)


if __name__ == "__main__":
    main()
