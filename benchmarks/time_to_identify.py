"""How soon a stream is named: python -m benchmarks.time_to_identify MUSIC QUERIES

Conventions
    A stream starts at a random place of a track, degraded by its condition, and is fed in blocks of 50 ms. Times are
    seconds of audio that had to be heard (`elapsed` of the events). Streams of unknown music are whole tracks.

Metrics, for each condition
    P(t)       the share of streams whose first right match came at t or before
    median     of the time of the first right match, over all streams (none: never)
    wrong      matches of something else, however soon they were withdrawn
    position   median |position - true position| of right matches, ms; the truth is start + speed * elapsed
    an hour    false claims an hour of unknown music
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import common, corpus, effects, listening, sound
from benchmarks.common import decimal, number
from benchmarks.noises import SAMPLE_RATE

TIMES = (1, 2, 3, 5, 10)  # seconds
KNOWN = ["clean", "noise+5", "noise+0", "mic", "mic_noise0", "mic_speed", "opus_12k"]
KNOWN += ["speed+4%", "tempo-5%", "pitch+50c"]
UNKNOWN = ["unknown_clean", "unknown_mic"]


@dataclass(frozen=True)
class Task:
    """One stream. `url` is the server's, if it is to go over one."""

    path: Path
    condition: str
    seconds: float
    seed: tuple[int, ...]
    library: Path
    truth: frozenset[int]
    url: str | None
    sources: sound.Sources


@dataclass(frozen=True)
class Claim:
    """A match that was made."""

    elapsed: float  # seconds of audio heard
    right: bool
    position_error: float  # seconds, NaN where the truth is not known
    title: str


@dataclass(frozen=True)
class Outcome:
    """One stream and its claims."""

    condition: str
    file: str
    seconds: float
    claims: list[Claim]

    @property
    def identified(self) -> float:
        """Seconds until the first right match; infinite without one."""
        return min((claim.elapsed for claim in self.claims if claim.right), default=math.inf)


def stream(task: Task) -> Outcome:
    """Play one stream to the engine or a server, in a worker process."""
    rng = np.random.default_rng(task.seed)
    start, pcm = sound.heard_piece(task.path, task.seconds, task.condition, task.sources, rng)
    heard = listening.listen_over(task.url, pcm) if task.url else listening.listen(corpus.index(task.library), [pcm])
    claims = [claim(event, start, task) for event in heard if listening.is_claim(event)]
    return Outcome(task.condition, task.path.name, len(pcm) / SAMPLE_RATE, claims)


def claim(event: listening.Event, start: float, task: Task) -> Claim:
    guess, shift = event["guess"], effects.shift(task.condition)
    truth = start + shift.speed * event["elapsed"] if shift else math.nan
    right = corpus.is_right(guess, task.truth)
    return Claim(event["elapsed"], right, abs(guess["position"] - truth), guess["track"]["title"])


# Metrics


def identified_by(outcomes: Sequence[Outcome], seconds: float) -> float:
    """The share of the streams that were rightly matched by then."""
    return sum(outcome.identified <= seconds for outcome in outcomes) / len(outcomes)


def median_time(outcomes: Sequence[Outcome]) -> str:
    """The median over all streams, those never identified included."""
    middle = float(np.quantile([outcome.identified for outcome in outcomes], 0.5, method="higher"))
    return "never" if math.isinf(middle) else number(middle, 2)


def known_row(condition: str, outcomes: Sequence[Outcome]) -> list[str]:
    claims = [claim for outcome in outcomes for claim in outcome.claims]
    errors = [c.position_error for c in claims if c.right and not math.isnan(c.position_error)]
    shares = [decimal(identified_by(outcomes, t)) for t in TIMES]
    wrong = str(sum(not c.right for c in claims))
    return [condition, str(len(outcomes)), *shares, median_time(outcomes), wrong, number(1000 * common.median(errors))]


def unknown_row(condition: str, outcomes: Sequence[Outcome]) -> list[str]:
    hours = sum(outcome.seconds for outcome in outcomes) / 3600
    claims = sum(len(outcome.claims) for outcome in outcomes)
    return [condition, str(len(outcomes)), number(hours, 2), str(claims), number(claims / hours, 2)]


def print_result(outcomes: Sequence[Outcome]) -> None:
    names = dict.fromkeys(o.condition for o in outcomes)
    groups = {name: [o for o in outcomes if o.condition == name] for name in names}
    known = [known_row(name, group) for name, group in groups.items() if not name.startswith("unknown")]
    unknown = [unknown_row(name, group) for name, group in groups.items() if name.startswith("unknown")]
    if known:
        head = ["condition", "n", *(f"P({t} s)" for t in TIMES), "median s", "wrong", "position ms"]
        print(common.table(head, known), end="\n\n")
    if unknown:
        print(common.table(["condition", "n", "hours", "claims", "an hour"], unknown), end="\n\n")
    for o in outcomes:
        wrong = [f"{c.title} after {c.elapsed:.2f} s" for c in o.claims if not c.right]
        print("".join(f"wrong: {o.file}, {o.condition}: {what}\n" for what in wrong), end="")


# Main


def plan(args: argparse.Namespace, reference: corpus.Reference, url: str | None) -> list[Task]:
    """`args.n` streams of each known condition from tracks taken at random, and every unknown track for the others."""
    known = corpus.read_list(args.queries / "refs.txt")
    unknown = corpus.read_list(args.queries / "unknown.txt")
    same = corpus.same_recordings(args.queries)
    tasks, sources = [], sound.sources(args)
    for c, condition in enumerate(args.conditions or KNOWN + UNKNOWN):
        strange = condition.startswith("unknown")
        files = unknown if strange else np.random.default_rng([args.seed, c]).choice(known, args.n)
        for i, file in enumerate(map(str, files)):
            path = args.music / file
            seconds = sound.duration(path) if strange else args.seconds
            truth = frozenset() if strange else reference.truth(same.get(file, {file}))
            tasks.append(Task(path, condition, seconds, (args.seed, c, i), reference.folder, truth, url, sources))
    return tasks


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_arguments(parser)
    sound.add_arguments(parser)
    parser.add_argument("--conditions", nargs="+", default=[], help="such as clean mic speed+4%% unknown_mic")
    parser.add_argument("--n", type=int, default=40, help="streams a condition")
    parser.add_argument("--seconds", type=float, default=15.0, help="of a stream of known music")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", action="store_true", help="start a server, and stream to its WebSocket")
    return parser.parse_args()


def main() -> None:
    args = parse()
    files = corpus.read_list(args.queries / "refs.txt")
    with corpus.library(args.music, files, data=args.data, jobs=args.jobs) as reference:
        outcomes = run(args, reference)
    common.print_run()
    print_result(outcomes)


def run(args: argparse.Namespace, reference: corpus.Reference) -> list[Outcome]:
    if not args.server:
        return list(common.in_processes(stream, plan(args, reference, None), args.jobs))
    with listening.server(reference.folder) as url:
        return list(common.in_processes(stream, plan(args, reference, url), args.jobs))


if __name__ == "__main__":
    main()
