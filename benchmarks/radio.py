"""How soon and how surely a radio's tracks are named: python -m benchmarks.radio MUSIC QUERIES

Conventions
    Half-hour programmes are one stream each: tracks with fades, talk over music, talk, silence, tracks that pause and
    go on, and loops of a few seconds (see programme.py). The metrics are in claims.py.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import common, corpus, effects, listening, sound
from benchmarks.claims import Score, Span, score, spans, together
from benchmarks.common import number, share
from benchmarks.noises import Sound
from benchmarks.programme import Draw, Segment, render


@dataclass(frozen=True)
class Task:
    """One programme. `talk`: recordings of voices, none for synthetic ones."""

    music: Path
    library: Path
    segments: tuple[Segment, ...]
    condition: str
    seed: tuple[int, ...]
    talk: tuple[Path, ...]
    sources: sound.Sources


@dataclass(frozen=True)
class Outcome:
    """One programme, and all that was claimed."""

    condition: str
    segments: tuple[Segment, ...]
    claims: list[Span]


def play(task: Task) -> Outcome:
    """Play one programme to the engine, in a worker process."""
    events = listening.listen(corpus.index(task.library), sounds(task))
    return Outcome(task.condition, task.segments, list(spans(events)))


def sounds(task: Task) -> Iterator[Sound]:
    """The sound of each segment as the condition makes it, made when it is needed."""
    rng, heard_in = np.random.default_rng(task.seed), sound.surroundings(task.sources)
    for segment in task.segments:
        pcm = render(segment, task.music, task.talk, rng)
        yield effects.degrade(pcm, task.condition, heard_in, rng)


# Printing


def report(total: Score) -> list[tuple[str, str]]:
    claimed = [max(0.0, visit.claims[0].start - visit.start) for visit in total.visits if visit.claims]
    lost = [visit.claims[-1].end - visit.end for visit in total.visits if visit.lost_late]
    return [
        ("hours of known music, of other sound", f"{total.known_hours:.2f}, {total.other_hours:.2f}"),
        ("known segments claimed", share(len(claimed), len(total.visits))),
        ("seconds to claim, median, 90 %", quantiles(claimed)),
        ("seconds to lost, median, 90 %", quantiles(lost)),
        ("flaps", str(sum(max(0, len(visit.claims) - 1) for visit in total.visits))),
        ("wrong claims, an hour of known music", per_hour(len(total.wrong), total.known_hours)),
        ("false claims, an hour of other sound", per_hour(len(total.false), total.other_hours)),
        ("seconds labelled rightly", share(sum(total.labels), len(total.labels))),
    ]


def quantiles(seconds: Sequence[float]) -> str:
    return ", ".join(number(float(q), 2) for q in np.quantile(seconds, [0.5, 0.9])) if seconds else ""


def per_hour(count: int, hours: float) -> str:
    return f"{count}, {count / hours:.2f}" if hours else str(count)


def print_result(outcomes: Sequence[Outcome]) -> None:
    columns = {}
    for condition in dict.fromkeys(outcome.condition for outcome in outcomes):
        scores = [score(o.claims, o.segments) for o in outcomes if o.condition == condition]
        columns[condition] = together(scores)
    names = [name for name, _ in report(next(iter(columns.values())))]
    cells = [[value for _, value in report(total)] for total in columns.values()]
    print(common.table(["", *columns], list(zip(names, *cells, strict=True))), end="\n\n")
    for condition, total in columns.items():
        for span in total.wrong + total.false:
            print(f"wrong: {span.title}, {condition}, {span.start:.1f} s to {span.end:.1f} s of its programme")


# Main


def plan(args: argparse.Namespace, reference: corpus.Reference) -> list[Task]:
    """`args.n` programmes, each played in every condition."""
    known, unknown = (corpus.read_list(args.queries / name) for name in ("refs.txt", "unknown.txt"))
    same = corpus.same_recordings(args.queries)
    tasks = []
    for i in range(args.n):
        draw = Draw(
            known=known,
            unknown=unknown,
            duration=lambda file: sound.duration(args.music / file),
            truth=lambda file: reference.truth(same.get(file, {file})),
            rng=np.random.default_rng([args.seed, i]),
        )
        segments = draw.programme(args.minutes * 60)
        rest = (args.music, reference.folder, segments)
        tasks += [Task(*rest, c, (args.seed, i), tuple(args.talk), sound.sources(args)) for c in args.conditions]
    return tasks


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_arguments(parser)
    sound.add_arguments(parser)
    parser.add_argument("--talk", nargs="+", type=Path, default=[], help="recordings of voices, for synthetic ones")
    parser.add_argument("--conditions", nargs="+", default=["clean", "mic"], help="such as clean mic noise+5 opus_12k")
    parser.add_argument("--n", type=int, default=4, help="programmes")
    parser.add_argument("--minutes", type=float, default=30.0, help="of a programme")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    args = parse()
    files = corpus.read_list(args.queries / "refs.txt")
    with corpus.library(args.music, files, data=args.data, jobs=args.jobs) as reference:
        outcomes = list(common.in_processes(play, plan(args, reference), args.jobs))
    common.print_run()
    print_result(outcomes)


if __name__ == "__main__":
    main()
