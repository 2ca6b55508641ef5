"""Fit the network that judges cells: python -m benchmarks.fit_presence MUSIC QUERIES

Conventions
    QUERIES is a query set whose truth is known (see corpus.py), best one of `python -m benchmarks.degrade` with other noises, rooms and
    devices than those that are reported on. Only queries of the tuning half are used.

Method
    Each query is identified with the network as it is. The cells at which the right candidate's track has peaks are examples of presence;
    those of the best wrong candidates are examples of chance, the hardest there are. A network of one hidden layer (`--hidden` units)
    learns to tell them apart by the features of core/presence.py. What it learned is written to core/presence.json. Begin with any
    network that recognises most queries, and run it again: the places of the candidates get better with it.
"""

import argparse
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from benchmarks import corpus, effects
from benchmarks.accuracy import Task
from benchmarks.common import in_processes, print_run, progress
from core.evidence import Judged, heard_bands
from core.fingerprinter import Fingerprinter
from core.presence import FEATURES, NETWORK_FILE, Network, features
from stream.matcher import Matcher
from stream.recognizer import FILE_LOOK, FILE_WARPS

RIGHT_CELLS = 200  # of a query's right candidate, at most
WRONG_CELLS = 50  # of each of its wrong ones
WRONG_CANDIDATES = 4
POSITION_SECONDS = 0.3  # by which a right candidate's place may be off
Cells = NDArray[np.float32]
NONE: Cells = np.zeros((0, FEATURES), np.float32)


class Witness(Matcher):
    """A matcher that keeps what it judged at the last look: at which frame, and the levels that it had, from which frame on."""

    judged: Judged | None = None

    def _watch(self, judged: Judged) -> None:
        self.judged, self.looked = judged.copy(), self._now
        self.levels, self.levels_from = self._heard.levels.copy(), self._heard.first
        super()._watch(judged)


def examples(task: Task) -> tuple[Cells, Cells]:
    """The features of cells of the right candidate, and of wrong ones: float32 [n, FEATURES] each."""
    index = corpus.index(task.library)
    pcm, rate = soundfile.read(task.path, dtype="float32")
    heard, matcher = Fingerprinter(index.params, rate), Witness(index, FILE_LOOK, FILE_WARPS)
    matcher.feed(heard.feed(pcm), heard.levels, heard.upto)
    matcher.finish(heard.finish(), heard.levels, heard.upto, len(pcm) / rate)
    if matcher.judged is None:
        return NONE, NONE
    order = matcher.judged[np.argsort(-matcher.judged["fit"], kind="stable")]
    is_right = np.isin(order["track"], list(task.truth))
    rng = np.random.default_rng(zlib.crc32(task.query.name.encode()))
    of_cells = features(matcher.levels)
    placed = [row for row in order[is_right][:1] if _is_placed(row, task.query, matcher)]
    right = [_cells(row, of_cells, matcher, RIGHT_CELLS, rng) for row in placed]
    wrong = [_cells(row, of_cells, matcher, WRONG_CELLS, rng) for row in order[~is_right][:WRONG_CANDIDATES]]
    return np.concatenate([NONE, *right]), np.concatenate([NONE, *wrong])


def _is_placed(row: np.void, query: corpus.Query, matcher: Witness) -> bool:
    """Whether a candidate stands where the query was cut, as far as its speed is known."""
    shift = effects.shift(query.condition)
    start = (row["place"] - row["speed"] * matcher.looked) * matcher.params.frame_seconds
    return shift is None or abs(start - query.start) < POSITION_SECONDS


def _cells(row: np.void, of_cells: Cells, matcher: Witness, count: int, rng: np.random.Generator) -> Cells:
    """Features of at most `count` cells in which a candidate has peaks, as if it stood there."""
    start = matcher.levels_from
    first = int(row["place"] - row["speed"] * (matcher.looked - start))
    peaks = matcher.index.constellation(int(row["track"]), first, int(row["place"]))
    frames = np.floor((peaks["frame"] - row["place"]) / row["speed"] + 0.5).astype(int) + matcher.looked - start
    bands = np.floor(heard_bands(matcher.params, float(row["pitch"]))[peaks["band"]] + 0.5).astype(int)
    inside = np.flatnonzero((frames >= 0) & (frames < len(of_cells)) & (bands >= 0) & (bands < of_cells.shape[2]))
    some = rng.permutation(inside)[:count]
    return of_cells[frames[some], :, bands[some]]


def fit(right: Cells, wrong: Cells, hidden: int) -> Network:
    """Fits a network on examples of both kinds, whose features are brought to mean 0 and deviation 1 for that."""
    given, is_right = np.concatenate([right, wrong]), np.repeat([1, 0], [len(right), len(wrong)])
    mean, deviation = given.mean(axis=0), given.std(axis=0)
    network = MLPClassifier((hidden,), alpha=1e-3, batch_size=512, max_iter=100, early_stopping=True, random_state=0)
    network.fit((given - mean) / deviation, is_right)
    inner = network.coefs_[0].T / deviation
    return Network(inner, network.intercepts_[0] - inner @ mean, network.coefs_[1][:, 0])


def tasks(queries: Iterable[corpus.Query], folder: Path, reference: corpus.Reference) -> list[Task]:
    """All queries of the tuning half for which there is a right answer."""
    return [
        Task(query, folder / "q" / query.name, reference.folder, reference.truth(query.truth))
        for query in queries
        if query.truth and corpus.in_half(query.source, "tuning")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_arguments(parser)
    parser.add_argument("--hidden", type=int, default=16, help="units of the hidden layer")
    args = parser.parse_args()
    with corpus.library(args.music, corpus.read_list(args.queries / "refs.txt"), data=args.data, jobs=args.jobs) as reference:
        asked = tasks(corpus.read_queries(args.queries), args.queries, reference)
        found = list(progress(in_processes(examples, asked, args.jobs), len(asked)))
    right, wrong = (np.concatenate([pair[kind] for pair in found]) for kind in (0, 1))
    network = fit(right, wrong, args.hidden)
    network.dump(NETWORK_FILE)
    print_run()
    print(f"{len(asked)} queries, {len(right)} cells of right candidates, {len(wrong)} of wrong ones -> {NETWORK_FILE}")


if __name__ == "__main__":
    main()
