"""What each number of the front end is worth: python -m benchmarks.front_end MUSIC QUERIES --half tuning

Conventions
    Each variant is the shipped `Params` with what VARIANTS says changed: all references are fingerprinted anew, and the same
    queries are asked, those of the HARD conditions that the query set has. Nothing else follows: the engine's own numbers
    and its calibration stay those of the shipped front end. So compare top-1 first; accepted also says how well they still fit.

Metrics, for each variant
    top-1       mean over the conditions of the share of queries whose best guess is right; gain: less that of the first variant,
                with the half width of its 95 % interval, from the differences query by query
    accepted    the same for queries claimed rightly
    postings    of an hour of music, thousands; MB of index an hour
    s           CPU seconds to fingerprint and index an hour of music from PCM; ms: median CPU milliseconds a query, from PCM
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import accuracy, common, corpus, sound
from benchmarks.accuracy import Outcome
from benchmarks.common import decimal, number
from benchmarks.noises import Sound
from core import Index
from core.audio import Tags
from core.constellation import Constellation, Levels, Peaks, reference
from core.index import NewTrack
from core.ingest import Analysis
from core.params import Params
from core.spectrogram import SILENCE_DB, Frames, Spectrogram
from stream import identify

HARD = {("noise+0", 3.0), ("noise-5", 5.0), ("mic", 3.0), ("mic", 5.0), ("clean", 1.0), ("mic_noise0", 5.0)}
SECONDS_PER_HOUR = 3600
MB = 1e6
PCEN_SCALE = 2.0**31  # of magnitudes: librosa's numbers are for PCM in whole 32-bit numbers
PCEN_DB = 10.0  # that a PCEN of 1 counts as

VARIANTS: dict[str, dict[str, Any]] = {
    "shipped": {},
    "PCEN for whitening": {"whiteness": 0.0},
    "whiteness 0": {"whiteness": 0.0},
    "whiteness 1": {"whiteness": 1.0},
    "from 300 Hz": {"fmin": 300.0},
    "up to 4 kHz": {"fmax": 4000.0},
    "window 3,072 samples": {"n_fft": 3072},
    "hop 320 samples": {"hop": 320},
    "hop 192 samples": {"hop": 192},
    "192 bands": {"n_mels": 192},
    "peaks the maximum of 4 bands to either side": {"peak_bands": 4},
    "reference ranks below 16": {"reference_rank": 16},
    "reference ranks below 28": {"reference_rank": 28},
    "means over 90 past frames": {"mean_past": 90},
    "8 kHz, up to 3.9 kHz; window and hop as long": {"sample_rate": 8000, "n_fft": 1500, "hop": 186, "fmax": 3900.0},
    "16 kHz, up to 7.5 kHz; window and hop as long": {"sample_rate": 16000, "n_fft": 3000, "hop": 372, "fmax": 7500.0},
    "window 1,536 samples": {"n_fft": 1536},
    "from 80 Hz": {"fmin": 80.0},
    "peaks the maximum of 9 past frames": {"peak_past": 9},
    "peaks from 4 dB": {"peak_floor": 4.0},
    "query ranks below 22": {"query_rank": 22},
    "query ranks below 50": {"query_rank": 50},
}


def with_pcen(frames: Frames, params: Params) -> Frames:
    """Frames in dB -> per-channel energy normalisation with librosa's numbers, on a scale of dB (Wang et al., ICASSP 2017)."""
    from librosa import pcen  # here: slow to import

    magnitude = np.sqrt(10 ** (frames / 10), dtype=np.float64)
    normalised = pcen(magnitude.T * PCEN_SCALE, sr=params.sample_rate, hop_length=params.hop).T
    return np.asarray(SILENCE_DB + PCEN_DB * normalised, np.float32)


def untouched(frames: Frames, params: Params) -> Frames:
    return frames


@dataclass(frozen=True)
class Variant:
    """A front end: its numbers, and what else is done to its frames."""

    name: str
    params: Params
    prepare: Callable[[Frames, Params], Frames] = untouched

    @classmethod
    def named(cls, name: str) -> "Variant":
        return cls(name, replace(Params(), **VARIANTS[name]), with_pcen if name.startswith("PCEN") else untouched)

    def fingerprint(self, pcm: Sound) -> tuple[Peaks, Levels]:
        """pcm: float32 [n] at the variant's sample rate, whole. Returns all of its PEAK [k], and levels int8 [t, n_mels]."""
        constellation = Constellation(self.params)
        frames = self.prepare(Spectrogram(self.params).feed(pcm), self.params)
        return constellation.feed(frames, last=True), constellation.levels


@dataclass(frozen=True)
class Result:
    """What a variant is worth. An hour: of music."""

    variant: Variant
    outcomes: list[Outcome]
    postings_an_hour: float
    bytes_an_hour: float
    index_seconds_an_hour: float  # CPU
    milliseconds: float  # CPU, median of a query


# Measuring


def measure(variant: Variant, references: Mapping[str, Sound], queries: Mapping[corpus.Query, Sound]) -> Result:
    """References and queries: PCM at the variant's sample rate."""
    hours = sum(map(len, references.values())) / variant.params.sample_rate / SECONDS_PER_HOUR
    with tempfile.TemporaryDirectory() as folder, Index(folder, variant.params) as index:
        started = time.process_time()
        ids = {file: _add(index, variant, file, pcm) for file, pcm in references.items()}
        seconds = time.process_time() - started
        outcomes = [_ask(index, variant, query, pcm, ids) for query, pcm in queries.items()]
        stats = index.stats()
    milliseconds = common.median(o.milliseconds for o in outcomes)
    return Result(variant, outcomes, stats["postings"] / hours, stats["bytes"] / hours, seconds / hours, milliseconds)


def _add(index: Index, variant: Variant, file: str, pcm: Sound) -> int:
    """The id of the track, added by its path: the same bytes under two names are two tracks here."""
    peaks = reference(variant.fingerprint(pcm)[0], variant.params)
    new = NewTrack(file, "", "", len(pcm) / variant.params.sample_rate, Path(file).name, file, file)
    return index.add([(new, peaks)])[0][0].id


def _ask(index: Index, variant: Variant, query: corpus.Query, pcm: Sound, ids: Mapping[str, int]) -> Outcome:
    started = time.process_time()
    peaks, levels = variant.fingerprint(pcm)
    analysis = Analysis("", query.name, "", Tags(), len(pcm) / variant.params.sample_rate, peaks, levels)
    said = identify(index, analysis).to_json()
    milliseconds = 1000 * (time.process_time() - started)
    truth = frozenset(ids[file] for file in query.truth if file in ids)
    return Outcome(query, truth, said["guesses"], said["match"], milliseconds)


def measure_all(names: Sequence[str], music: Path, files: Sequence[str], folder: Path, queries: Sequence[corpus.Query]) -> Iterator[Result]:
    """Variants of the same sample rate share the PCM, which is decoded once for them."""
    for rate, some in groupby(map(Variant.named, names), lambda variant: variant.params.sample_rate):
        references = {file: sound.load(music / file, rate=rate) for file in files}
        asked = {query: sound.load(folder / "q" / query.name, rate=rate) for query in queries}
        for variant in some:
            yield measure(variant, references, asked)


# The table


HEAD = ["variant", "top-1", "gain", "accepted", "gain", "1000 postings/h", "MB/h", "s/h", "ms"]


def row(result: Result, first: Result) -> list[str]:
    return [
        result.variant.name,
        *_against(result, first, lambda o: o.top),
        *_against(result, first, lambda o: o.accepted),
        number(result.postings_an_hour / 1000),
        number(result.bytes_an_hour / MB, 1),
        number(result.index_seconds_an_hour, 1),
        number(result.milliseconds),
    ]


def _against(result: Result, first: Result, of: Callable[[Outcome], bool]) -> tuple[str, str]:
    """The mean over conditions, and how much more that is than the first variant's."""
    groups = accuracy.rows(result.outcomes)
    mean = decimal(accuracy.mean_share(groups.values(), of), 3)
    if result is first:
        return mean, ""
    gain, half_width = common.paired([_differences(group, first, of) for group in groups.values()])
    return mean, f"{1000 * gain:+.0f} ± {1000 * half_width:.0f} ‰"


def _differences(group: Sequence[Outcome], first: Result, of: Callable[[Outcome], bool]) -> list[int]:
    """Of each query: 1 where only this variant succeeds, -1 where only the first does."""
    before = {o.query: of(o) for o in first.outcomes}
    return [of(o) - before[o.query] for o in group]


# Main


def wanted(folder: Path, half: str) -> list[corpus.Query]:
    queries = [q for q in corpus.read_queries(folder) if (q.condition, q.length) in HARD and corpus.in_half(q.source, half)]
    if not queries:
        raise SystemExit(f"{folder}: no queries of the conditions {sorted(HARD)}")
    return queries


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--half", choices=[*corpus.HALVES, "all"], default="tuning", help="which tracks' queries to ask")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME", help="the first is the measure")
    return parser.parse_args()


def main() -> None:
    args = parse()
    queries = wanted(args.queries, args.half)
    files = corpus.read_list(args.queries / "refs.txt")
    common.print_run()
    print(f"{len(files)} references, {len(queries)} queries", flush=True)
    results: list[Result] = []
    for result in measure_all(args.variants, args.music, files, args.queries, queries):
        results.append(result)
        print(common.table(HEAD, [row(result, results[0])]).splitlines()[-1], flush=True)  # each takes minutes
    print("\n" + common.table(HEAD, [row(result, results[0]) for result in results]))


if __name__ == "__main__":
    main()
