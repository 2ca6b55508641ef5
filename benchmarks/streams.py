"""How often a listener is told a name while unknown music plays: python -m benchmarks.streams MUSIC --hours 2

Conventions
    One half of the tracks is known. A session is a stream of one sound that none of them is, heard from its start as by a
    microphone, in blocks of 50 ms. Kinds of sound: `unknown`, tracks of the other half; `made`, tracks of either half played
    backwards and as a record that turns 26 to 41 % faster or slower (four to six semitones): music that nobody has.
    The bits of a look are those that the listener is told, less what is asked for the many looks; a claim needs `threshold` bits.

Metrics, for each kind and condition
    claims      false claims, with the exact (Garwood) 95 % interval of the rate in 100 hours
    bound       claims that are expected in these sessions at most, if the bits of each look follow their law (see `expected`)
    over x      the share of sessions in which some look had more than x bits, Wilson 95 % interval; below the bound of that
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import chi2

from benchmarks import common, corpus, degrade, effects, listening, sound
from benchmarks.common import decimal, number
from benchmarks.noises import SAMPLE_RATE, Sound
from core.evidence import CLAIM_BITS
from core.params import Params
from stream.claims import DOUBLING_BITS, FIRST_LOOK_BITS
from stream.jury import WINDOW_SECONDS
from stream.matcher import LIVE_LOOK, PACES

KINDS = ("unknown", "made")
SEMITONES = (4, -4, 5, -5, 6, -6)  # of made music
TABLE_BITS = (0, 2, 4, 6)
KNOWN, UNKNOWN = corpus.HALVES
SECONDS_PER_HOUR = 3600
HUNDRED_HOURS = 100.0
SESSIONS = (60, 600, 3600, 100 * SECONDS_PER_HOUR)  # seconds, for which the bound is printed


@dataclass(frozen=True)
class Task:
    """One session."""

    path: Path
    kind: str
    condition: str
    semitones: int
    seconds: float
    seed: tuple[int, ...]
    library: Path
    sources: sound.Sources


@dataclass(frozen=True)
class Outcome:
    """What a listener was told in a session. bits: the most of any look."""

    task: Task
    seconds: float
    bits: float
    claims: list[str]


# The bound


def expected(seconds: float, bits: float = CLAIM_BITS, params: Params | None = None) -> float:
    """Looks of a session of unknown music that are expected to have more than so many bits, were each of them chance by its law.

    A look `t` seconds after the start is charged FIRST + DOUBLING log2(1 + t) bits, so its chance is 2^-(bits + FIRST) (1 + t)^-DOUBLING;
    the last look is charged DOUBLING log2(t / WINDOW), if that is more than nothing. The sum over all looks is also a bound (Boole) of
    the chance that any of them has more, however much they depend on each other.
    """
    frame = (params or Params()).frame_seconds
    starts = [LIVE_LOOK * frame, *(start for start, _ in PACES)]
    spans = zip(starts, starts[1:], (times * LIVE_LOOK * frame for _, times in PACES), strict=False)
    times = np.concatenate([np.arange(start, min(end, seconds), step) for start, end, step in spans])
    live = 2.0**-FIRST_LOOK_BITS * float(((1.0 + times) ** -DOUBLING_BITS).sum())
    last = max(seconds / WINDOW_SECONDS, 1.0) ** -DOUBLING_BITS
    return float(2.0**-bits * (live + last))


def rate_interval(claims: int, hours: float) -> tuple[float, float]:
    """The exact 95 % interval of the claims in 100 hours, given those in so many (Garwood 1936)."""
    low = float(chi2.ppf(0.025, 2 * claims)) / 2 if claims else 0.0
    high = float(chi2.ppf(0.975, 2 * claims + 2)) / 2
    return HUNDRED_HOURS * low / hours, HUNDRED_HOURS * high / hours


# Listening, in worker processes


def listen(task: Task) -> Outcome:
    pcm = heard(task, np.random.default_rng(task.seed))
    events = list(listening.listen(corpus.index(task.library), [pcm]))
    bits = [event["guesses"][0]["bits"] for event in events if event["type"] == "guesses" and event["guesses"]]
    claims = [event["guess"]["track"]["filename"] for event in events if listening.is_claim(event)]
    return Outcome(task, len(pcm) / SAMPLE_RATE, max(bits, default=-np.inf), claims)


def heard(task: Task, rng: np.random.Generator) -> Sound:
    """The sound of a session: a random part of the track, so long, or to the track's end."""
    speed = 2.0 ** (task.semitones / 12)
    _, pcm = sound.audible_piece(task.path, task.seconds * speed, rng)
    if task.kind == "made":
        pcm = effects.at_speed(pcm[::-1], speed)
    return effects.degrade(pcm, task.condition, sound.surroundings(task.sources), rng)


# The tables


HEAD = ["sound", "sessions", "hours", "claims", "in 100 h", "bound", *(f"over {bits} bits" for bits in TABLE_BITS)]


def rows(outcomes: Sequence[Outcome]) -> Iterator[list[str]]:
    for name in dict.fromkeys(_name(o) for o in outcomes):
        group = [o for o in outcomes if _name(o) == name]
        claims, hours = sum(len(o.claims) for o in group), sum(o.seconds for o in group) / SECONDS_PER_HOUR
        low, high = rate_interval(claims, hours)
        yield [
            *(name, str(len(group)), number(hours, 2), str(claims), f"{number(low, 1)} to {number(high, 1)}"),
            number(sum(expected(o.seconds) for o in group), 2),
            *(_share([o.bits > bits for o in group]) for bits in TABLE_BITS),
        ]
    mean = [np.mean([min(1.0, expected(o.seconds, bits)) for o in outcomes]) for bits in TABLE_BITS]
    yield ["bound", "", "", "", "", "", *(decimal(float(chance), 3) for chance in mean)]


def _name(outcome: Outcome) -> str:
    return f"{outcome.task.kind}, {outcome.task.condition}"


def _share(hits: Sequence[bool]) -> str:
    low, high = common.wilson(sum(hits), len(hits))
    return f"{decimal(float(np.mean(hits)), 3)} [{decimal(low, 3)}, {decimal(high, 3)}]"


def bound_rows() -> Iterator[list[str]]:
    for seconds in SESSIONS:
        one = expected(seconds)
        yield [number(seconds), number(one, 4), number(one * HUNDRED_HOURS * SECONDS_PER_HOUR / seconds, 3)]


def print_result(outcomes: Sequence[Outcome]) -> None:
    print(common.table(HEAD, rows(outcomes)), end="\n\n")
    print(common.table(["sessions of s", "claims in one, at most", "in 100 hours of them"], bound_rows()), end="\n\n")
    for o in (o for o in outcomes if o.claims):
        print(f"claimed: {o.task.path.name}, {_name(o)}, {o.task.semitones:+d} semitones: {', '.join(o.claims)}")


# Main


def plan(args: argparse.Namespace, library: Path) -> list[Task]:
    """As many hours of each kind, half of them in each condition, the tracks taken in turn."""
    files = sound.audio_files(args.music, degrade.MIN_TRACK_SECONDS)
    of_kind = {"unknown": [file for file in files if corpus.half(file) == UNKNOWN], "made": files}
    count = round(args.hours * SECONDS_PER_HOUR / args.seconds / len(KINDS))
    sources, tasks = sound.sources(args), []
    for k, kind in enumerate(KINDS):
        for i, choice in enumerate(np.random.default_rng([args.seed, k]).permutation(max(count, len(of_kind[kind])))[:count]):
            file, condition = of_kind[kind][choice % len(of_kind[kind])], args.conditions[i % len(args.conditions)]
            semitones = SEMITONES[i // len(args.conditions) % len(SEMITONES)] if kind == "made" else 0
            tasks.append(Task(args.music / file, kind, condition, semitones, args.seconds, (args.seed, k, i), library, sources))
    return tasks


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("--hours", type=float, default=2.0, help="of sound to hear")
    parser.add_argument("--seconds", type=float, default=120.0, help="of a session")
    parser.add_argument("--conditions", nargs="+", default=["clean", "mic"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    sound.add_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse()
    known = [file for file in sound.audio_files(args.music, degrade.MIN_TRACK_SECONDS) if corpus.half(file) == KNOWN]
    with corpus.library(args.music, known, jobs=args.jobs) as reference:
        outcomes = list(common.in_processes(listen, plan(args, reference.folder), args.jobs))
    common.print_run()
    print_result(outcomes)


if __name__ == "__main__":
    main()
