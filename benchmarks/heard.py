"""How surely music is told from what is none: python -m benchmarks.heard MUSIC

Conventions
    Every sound is a clip of 5 s, heard as it is (`clean`) and by a microphone in a room with noise (`mic`, see effects.py). Music: clips
    of the tracks of MUSIC. Other sounds: voices of espeak-ng that read this project's README (`apt-get install espeak-ng`), synthetic
    applause, babble and noises, and with `--talk` recordings of voices, such as those of Debian's package 0ad-data.
    A track, a voice, a recording and a seed belong to one half: `--fit` learns the network of core/kinds.py from the tuning half alone, and
    writes it to core/kinds.json. The table is of the reporting half.
"""

import argparse
import io
import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks import common, corpus, degrade, effects, noises, sound
from benchmarks.noises import SAMPLE_RATE, Random, Sound
from core.fingerprinter import Fingerprinter
from core.kinds import MUSIC, NETWORK_FILE, OTHER, KindSums, features, music_odds
from core.params import Params

SECONDS = 5.0
TEXT_CHARACTERS = 500  # that a voice reads
SYNTHETIC: dict[str, Callable[[int, Random], Sound]] = {
    "applause": noises.applause,
    "babble": noises.babble,
    "buzzing speech": noises.speech,
    "white noise": noises.white,
    "pink noise": noises.pink,
    "brown noise": noises.brown,
    "hum": noises.hum,
}
TUNING, REPORTING = corpus.HALVES
HIDDEN = 8  # units of the network
ODDS_OF_OTHER = 2.0  # added to the odds of music, natural log: to call music other is worse than the reverse


@dataclass(frozen=True)
class Task:
    """One clip. source: the file of music or talk, the voice, or the name of a synthetic sound."""

    name: str
    source: str
    half: str
    condition: str
    seed: tuple[int, ...]
    sources: sound.Sources


@dataclass(frozen=True)
class Outcome:
    task: Task
    found: NDArray[np.float64]  # features


# Sounds, in worker processes


def hear(task: Task) -> Outcome:
    rng = np.random.default_rng(task.seed)
    pcm = effects.degrade(clip(task, rng), task.condition, sound.surroundings(task.sources), rng)
    printer = Fingerprinter(Params(), SAMPLE_RATE)
    printer.feed(pcm)
    levels = printer.levels
    printer.finish()
    return Outcome(task, features(KindSums(Params().n_mels).feed(np.concatenate([levels, printer.levels]))))


def clip(task: Task, rng: Random) -> Sound:
    n = round(SECONDS * SAMPLE_RATE)
    if task.name in SYNTHETIC:
        pcm = SYNTHETIC[task.name](n, rng)
        return np.asarray(pcm * (0.5 / np.abs(pcm).max()), np.float32)
    if task.name == "espeak-ng":
        return noises.cut([spoken(task.source, int(rng.integers(110, 220)), int(rng.integers(10, 90)), int(rng.integers(1 << 16)))], n, rng)
    if task.name == "recorded voices":
        return noises.cut([sound.load(Path(task.source))], n, rng)
    return sound.audible_piece(Path(task.source), SECONDS, rng)[1]


def spoken(voice: str, words_a_minute: int, pitch: int, start: int) -> Sound:
    """A voice of espeak-ng that reads from somewhere in the README; pitch: 0 to 99."""
    text = readme()
    text = text[start % (len(text) - TEXT_CHARACTERS) :][:TEXT_CHARACTERS]
    command = ["espeak-ng", "-v", voice, "-s", str(words_a_minute), "-p", str(pitch), "--stdout", text]
    wave = subprocess.run(command, capture_output=True, check=True).stdout
    pcm, rate = soundfile.read(io.BytesIO(wave), dtype="float32")
    return np.asarray(soxr.resample(pcm, rate, SAMPLE_RATE), np.float32)


@cache
def readme() -> str:
    """Its words, without marks."""
    return " ".join(word for word in (common.ROOT / "README.md").read_text().split() if word.isalpha())


def voices() -> list[str]:
    """The names of the voices of espeak-ng that speak: some are listed, and need what is not installed."""
    listed = subprocess.run(["espeak-ng", "--voices"], capture_output=True, text=True, check=True).stdout
    names = [line.split()[1] for line in listed.splitlines()[1:]]
    return [name for name in names if not subprocess.run(["espeak-ng", "-q", "-v", name, "a"], capture_output=True).returncode]


def plan(args: argparse.Namespace) -> Iterator[Task]:
    """The clips: of each track and each synthetic sound some, of each voice and each recording one; in each condition."""
    tracks = sound.audio_files(args.music, degrade.MIN_TRACK_SECONDS)
    talk = sorted(path for folder in args.talk for path in folder.rglob("*") if sound.duration(path) > 1)
    sounds = [
        *((MUSIC, str(args.music / file), corpus.half(file)) for file in tracks for _ in range(args.n)),
        *(("espeak-ng", voice, corpus.half(voice)) for voice in voices()),
        *(("recorded voices", str(path), corpus.half(path.name)) for path in talk),
        *((name, name, corpus.HALVES[i % 2]) for name in SYNTHETIC for i in range(args.synthetic)),
    ]
    for i, (name, source, half) in enumerate(sounds):
        for condition in args.conditions:
            yield Task(name, source, half, condition, (args.seed, i), sound.sources(args))


# The network


def fit(outcomes: Sequence[Outcome], seed: int) -> None:
    """Learn to tell music by the features, and write what was learned."""
    from sklearn.neural_network import MLPClassifier

    found = np.array([o.found for o in outcomes])
    is_music = np.array([o.task.name == MUSIC for o in outcomes])
    mean, spread = found.mean(axis=0), found.std(axis=0) + 1e-6
    learner = MLPClassifier((HIDDEN,), alpha=1.0, max_iter=4000, random_state=seed, solver="lbfgs")
    learner.fit((found - mean) / spread, is_music)
    inner = learner.coefs_[0].T / spread
    bias = learner.intercepts_[0] - inner @ mean
    prior = np.log(is_music.mean() / (1 - is_music.mean()))
    rows = {
        "inner": np.column_stack([inner, bias]).round(4).tolist(),
        "outer": learner.coefs_[1][:, 0].round(4).tolist(),
        "bias": round(float(learner.intercepts_[1][0] - prior + ODDS_OF_OTHER), 4),
    }
    NETWORK_FILE.write_text(json.dumps(rows).replace("], [", "],\n[").replace(', "', ',\n"') + "\n")


# The table


def rows(outcomes: Sequence[Outcome]) -> Iterator[list[str]]:
    for condition in dict.fromkeys(o.task.condition for o in outcomes):
        for name in dict.fromkeys(o.task.name for o in outcomes):
            odds = [music_odds(o.found) for o in outcomes if (o.task.name, o.task.condition) == (name, condition)]
            wrong = sum((odd > 0) != (name == MUSIC) for odd in odds)
            yield [f"{name}, {condition}", OTHER if name == MUSIC else MUSIC, common.share(wrong, len(odds))]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("--talk", nargs="+", type=Path, default=[], help="folders of recorded voices")
    parser.add_argument("--fit", action="store_true", help="learn the network from the tuning half first")
    parser.add_argument("--conditions", nargs="+", default=["clean", "mic"])
    parser.add_argument("--n", type=int, default=6, help="clips of each track")
    parser.add_argument("--synthetic", type=int, default=60, help="clips of each synthetic sound")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    sound.add_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse()
    outcomes = list(common.in_processes(hear, list(plan(args)), args.jobs))
    if args.fit:
        fit([o for o in outcomes if o.task.half == TUNING], args.seed)
        print(f"written: {NETWORK_FILE.name}; run again without --fit", flush=True)
        return
    common.print_run()
    print(common.table(["sound", "called", "share"], rows([o for o in outcomes if o.task.half == REPORTING])))


if __name__ == "__main__":
    main()
