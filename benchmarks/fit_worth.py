"""Fit what a look-up may expect of each posting list: python -m benchmarks.fit_worth MUSIC

Conventions
    Only tracks of the tuning half are used. Clips of them are cut from seeds and degraded by synthetic rooms and noises (see
    noises.py), so that nothing is learned of real rooms, noises or talk that are measured on elsewhere.

Method
    Every clip is fingerprinted as a query and hashed, as it is or as one of the warps of core/warps.py has it: the one nearest to
    what was done to the clip, which is off it by up to half a step of the ladder. Of each hash it is known which displacements of it
    the true track has at the true place. The chance of that is taken as a product of factors, one for each trait of the hash (see
    `Kind.of_query`) and one for the displacement, and the factors are fitted by iterative scaling (Deming and Stephan, 1940) to the
    numbers observed. Each condition counts the same, however many hits it has. What was fitted is written to core/worth.json.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import corpus, sound
from benchmarks.common import in_processes, print_run
from benchmarks.degrade import MIN_TRACK_SECONDS
from benchmarks.effects import degrade, shifted
from benchmarks.noises import SAMPLE_RATE, Random, Sound
from core.constellation import Peaks, pack, reference, unpack
from core.fingerprinter import Fingerprinter
from core.hashes import KINDS, STEP_BITS, STEP_MASK, Kind
from core.params import Params
from core.warps import PITCHES, PLAIN, RECORD_SPEEDS, TEMPOS, Warp, warp_peaks
from core.worth import REACH, WORTH_FILE, Worth, dump

PARAMS = Params(triple_fan=4)
SECONDS = 5.0  # of a clip
CLIPS = 6  # of each track and condition
PLACE_SECONDS = 0.3  # by which the true place may be off
HEARD = ("clean", "noise+0", "noise-5", "mic", "mic_noise0")
TURNTABLE = 0.5  # percent by which a record that counts as unwarped is off, at most
ROUNDS = 30  # of scaling
LEAST_SHARE = 0.01  # of the hits of the exact cell, that a displacement has to be worth keeping
PRIOR = 1e-9  # added to weighted numbers, so that a value that was not seen keeps its factor
LEAST_CHANCE = 1e-9
NEIGHBOURS = (-1, 0, 1)


@dataclass(frozen=True)
class Task:
    """A track whose clips are to be looked at, in one situation (a key of `Worth.situation`)."""

    path: Path
    situation: str
    seed: int


@dataclass(frozen=True)
class Observed:
    """The hashes of a clip: their traits, u8 [h, t]; which displacements hit, bool [h, displacements, REACH + 1]; how it was heard."""

    kind: Kind
    condition: str
    traits: NDArray[np.uint8]
    hits: NDArray[np.bool_]


def displacements(kind: Kind) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """(bands of each peak, steps of all earlier peaks but the last) by which a hash may be off: of pairs, each peak by a band; of triples,
    for which that would be too much to try, all three by the same."""
    bands = product(NEIGHBOURS, repeat=2) if kind.peaks == 2 else ((b,) * kind.peaks for b in NEIGHBOURS)
    return [(b, s) for b in bands for s in product(NEIGHBOURS, repeat=kind.peaks - 2)]


# Observing, in worker processes


def observe(task: Task) -> list[Observed]:
    """All clips of one track, of each kind of hash."""
    rng = np.random.default_rng(task.seed)
    whole = sound.load(task.path)
    stored = unpack(pack(reference(fingerprint(whole), PARAMS)))
    found = []
    for condition in HEARD:
        for _ in range(CLIPS):
            start, pcm, speed, warp = clip(whole, condition, task.situation, rng)
            peaks = warp_peaks(fingerprint(pcm), 0, warp, PARAMS)
            expected = start / PARAMS.frame_seconds
            found += [Observed(kind, condition, *_hits(kind, peaks, stored, expected, speed / warp.speed)) for kind in KINDS]
    return found


def clip(whole: Sound, condition: str, situation: str, rng: Random) -> tuple[float, Sound, float, Warp]:
    """(start in seconds, sound, true speed, the nearest warp that is tried) of a clip in a situation."""
    start = rng.uniform(sound.INTRO_SECONDS, max(sound.INTRO_SECONDS, len(whole) / SAMPLE_RATE - SECONDS * sound.MARGIN))
    pcm = whole[round(start * SAMPLE_RATE) : round((start + SECONDS * sound.MARGIN) * SAMPLE_RATE)]
    change, speed, warp = "", 1.0, PLAIN
    if situation == "record":
        near = RECORD_SPEEDS[rng.integers(len(RECORD_SPEEDS))]
        speed, warp = near + rng.uniform(-0.005, 0.005), Warp.record(near)
        change = f"speed{100 * (speed - 1):+.3f}%"
    elif situation == "tempo":
        near = TEMPOS[rng.integers(len(TEMPOS))]
        speed, warp = near + rng.uniform(-0.015, 0.015), Warp(near, 0.0)
        change = f"tempo{100 * (speed - 1):+.3f}%"
    elif situation == "pitch":
        cents = PITCHES[rng.integers(len(PITCHES))]
        warp, change = Warp(1.0, cents), f"pitch{cents + rng.uniform(-25, 25):+.2f}c"
    elif rng.random() < 0.3:
        speed = 1 + rng.uniform(-TURNTABLE, TURNTABLE) / 100
        change = f"speed{100 * (speed - 1):+.3f}%"
    pcm = shifted(pcm, change) if change else pcm
    heard = degrade(pcm[: round(SECONDS * SAMPLE_RATE)], condition, sound.surroundings(sound.Sources()), rng)
    return start, heard, speed, warp


def fingerprint(pcm: Sound) -> Peaks:
    printer = Fingerprinter(PARAMS, SAMPLE_RATE)
    return np.concatenate([printer.feed(pcm), printer.finish()])


def _hits(kind: Kind, peaks: Peaks, stored: Peaks, expected: float, drift: float) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The traits of a query's hashes, and which displacements of each the true track has on the line with most hits near the true
    place. drift: reference frames a query's frame."""
    asked, traits = kind.of_query(peaks, 0, kind.query_fan(PARAMS), PARAMS)
    slack = round(PLACE_SECONDS / PARAMS.frame_seconds)
    first = np.searchsorted(stored["frame"], expected - 2 * slack - 2 * PARAMS.pair_frames)
    last = np.searchsorted(stored["frame"], expected + drift * (peaks["frame"].max(initial=0) + 1) + 2 * slack)
    near = kind.of_reference(stored[first:last], PARAMS)
    near = near[np.argsort(near["hash"], kind="stable")]
    rows, places = [], []
    steps = np.arange(-REACH, REACH + 1)
    moves = [kind.moved(*displacement) for displacement in displacements(kind)]
    step_of = (asked["hash"] & STEP_MASK).astype(np.int64)
    for d, move in enumerate(moves):
        for step in steps:
            inside = (step_of + step >= 0) & (step_of + step <= STEP_MASK)
            wanted = asked["hash"].astype(np.int64) + move + step
            low = np.searchsorted(near["hash"].astype(np.int64), wanted)
            high = np.searchsorted(near["hash"].astype(np.int64), wanted, side="right")
            for i in np.flatnonzero((high > low) & inside):
                for k in range(low[i], high[i]):
                    rows.append((i, d, abs(int(step))))
                    places.append(int(near["frame"][k]) - float(asked["frame"][i]) - expected)
    hits = np.zeros((len(asked), len(moves), REACH + 1), bool)
    place = np.array(places)
    if len(place):
        kept = np.abs(place) <= slack + abs(drift - 1) * peaks["frame"].max()
        counts, edges = np.histogram(place[kept], np.arange(-3 * slack, 3 * slack + 1))
        best = edges[np.argmax(counts[:-1] + counts[1:])] + 1 if len(counts) > 1 else 0.0
        for (i, d, reach), where in zip(rows, place, strict=True):
            if abs(where - best) <= 1.5:
                hits[i, d, reach] = True
    return traits, hits


# Fitting


def fit(kind: Kind, observed: Sequence[Observed]) -> Worth:
    """Scales the factors of all traits until the hits expected of each of their values are those observed; then the displacements."""
    traits = np.concatenate([o.traits for o in observed])
    hits = np.concatenate([o.hits.sum(axis=(1, 2)) for o in observed]).astype(np.float64)
    of_condition = {c: sum(int(o.hits.sum()) for o in observed if o.condition == c) for c in HEARD}
    weight = {c: 1.0 / max(total, 1) for c, total in of_condition.items()}
    weights = np.concatenate([np.full(len(o.traits), weight[o.condition]) for o in observed])
    factors = [np.ones(int(values.max()) + 1) for values in traits.T]
    for _ in range(ROUNDS):
        for factor, values in zip(factors, traits.T, strict=True):
            expected = np.bincount(values, weights * _product(factors, traits), len(factor))
            seen = np.bincount(values, weights * hits, len(factor))
            factor *= np.where(expected > 0, (seen + PRIOR) / (expected + PRIOR), 1.0)
    base = _product(factors, traits)
    displaced = sum(weight[o.condition] * o.hits.sum(axis=0) for o in observed) / (weights * base).sum()
    kept = np.flatnonzero(displaced.max(axis=1) >= LEAST_SHARE * displaced.max())
    moves = [kind.moved(*displacements(kind)[d]) for d in kept]
    return Worth.of([np.log2(factor) for factor in factors], moves, np.log2(np.maximum(displaced[kept], LEAST_CHANCE)))


def _product(factors: Sequence[NDArray[np.float64]], traits: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The product of each hash's factors, float64 [h]."""
    return np.prod([factor[values] for factor, values in zip(factors, traits.T, strict=True)], axis=0)


def plan(args: argparse.Namespace) -> Iterator[Task]:
    files = [f for f in sound.audio_files(args.music, MIN_TRACK_SECONDS) if corpus.half(f) == "tuning"]
    for s, situation in enumerate(("plain", "record", "tempo", "pitch")):
        for n, file in enumerate(files):
            yield Task(args.music / file, situation, 1000 * s + n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    tasks = list(plan(args))
    observed: dict[tuple[str, int], list[Observed]] = {}
    for task, found in zip(tasks, in_processes(observe, tasks, args.jobs), strict=True):
        for one in found:
            observed.setdefault((task.situation, one.kind.number), []).append(one)
    dump({key: fit(KINDS[key[1]], found) for key, found in observed.items()}, WORTH_FILE)
    print_run()
    print(f"{len(tasks)} tracks and situations, {STEP_BITS} bits of step -> {WORTH_FILE}")


if __name__ == "__main__":
    main()
