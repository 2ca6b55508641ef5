"""Constellations of music that does not exist, to grow a library to any size.

A decoy is the constellation of a source (a real track) in one of FORMS: played forward or backwards, longer or shorter,
with its bands turned, and perhaps mirrored. Each form of a source may be used once in a library.

    length    differs between forms by a factor of at least 1.3, more than any tempo or bend that recognition tries
    bands     are turned by their rank among all peaks: the band below which a share x of all peaks lies moves to where
              a share x + turn lies, modulo 1. So the bands of all decoys together are as unevenly filled as those of
              the real music, no peak leaves the range, and a band moves further than any pitch that is tried
    thinning  a shortened source loses its weakest peaks, so that it is as dense as it was

So no two forms of a source, and no form and the source itself, agree on more than chance brings, along any line at any
speed and pitch that is tried. No two forms have the same bands, because a steady beat sounds the same backwards, and at
half the tempo.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import progress
from benchmarks.sound import audio_files
from core.constellation import Peaks
from core.errors import EarprintError
from core.index import Index, NewTrack
from core.ingest import Analysis, Ingest
from core.params import Params

LENGTHS = (1.0, 1 / 1.3, 1.3, 1 / 1.69)  # times the source's; their ratios are beyond any tempo and bend that is tried
TURN = 1 / 9  # of all peaks, by which the turns of two forms of one length and direction differ at least
TURNS = 7  # of bands that are not mirrored: all stay TURN away from 0 and from 1
MIRRORED_TURNS = 9
TIMES = tuple(itertools.product(LENGTHS, (False, True)))  # length, backwards
STEP = 1 / len(TIMES)  # of a TURN, by which turns in different TIMES differ at least; a source's own turn is less
BATCH = 512  # tracks a transaction at most: some 30 million postings, half a gigabyte of memory
MATERIAL_SECONDS = 40.0  # what is shorter is no source
SUFFIX = ".decoy"
SECONDS_PER_HOUR = 3600


class Form(NamedTuple):
    """length: times the source's; turn: by how many TURNs the bands are turned."""

    length: float
    backwards: bool
    mirrored: bool
    turn: float


FORMS = tuple(
    Form(length, backwards, mirrored, turn + STEP * number)
    for number, (length, backwards) in enumerate(TIMES)
    for mirrored, turns in ((False, range(1, TURNS + 1)), (True, range(MIRRORED_TURNS)))
    for turn in turns
)


@dataclass(frozen=True)
class Source:
    """A real track that decoys are made of. peaks: PEAK [k], sorted by frame; duration: seconds."""

    sha256: str
    title: str
    duration: float
    peaks: Peaks


# Where decoys come from


def sources(index: Index, material: Sequence[Source] = ()) -> list[Source]:
    """The index's real tracks, and the sources of `material` that are not among them."""
    real = [track for track in index.tracks(limit=None).tracks if not track.filename.endswith(SUFFIX)]
    known = {track.sha256 for track in real}
    own = [Source(track.sha256, track.title, track.duration, index.constellation(track.id)) for track in real]
    return own + [source for source in material if source.sha256 not in known]


def read_material(music: Path | None, cache: Path, jobs: int, params: Params | None = None) -> list[Source]:
    """Analyse the audio files below `music` (none: no sources), in `jobs` processes, or read the result from `cache`.

    The cache is an .npz file, written anew when the files or the parameters differ from what it was made of.
    """
    if music is None:
        return []
    params = params or Params()
    files = [music / file for file in audio_files(music, MATERIAL_SECONDS)]
    made_of = json.dumps([params.to_json(), [(file.name, file.stat().st_size) for file in files]])
    if not cache.exists() or str(np.load(cache)["made_of"]) != made_of:
        _save(cache, made_of, _analysed(files, params, jobs))
    return _load(cache)


def _analysed(files: Sequence[Path], params: Params, jobs: int) -> Iterator[Source]:
    """Sources of the files that can be analysed, each file once."""
    known: set[str] = set()
    with Ingest(params, jobs=jobs) as ingest:
        for path, analysis in progress(ingest.many(map(str, files)), len(files)):
            if isinstance(analysis, EarprintError):
                print(f"{path} makes no decoys: {analysis}")
            elif analysis.sha256 not in known:
                known.add(analysis.sha256)
                yield _source(analysis)


def _source(analysis: Analysis) -> Source:
    return Source(analysis.sha256, Path(analysis.filename).stem, analysis.duration, analysis.peaks)


def _save(cache: Path, made_of: str, found: Iterator[Source]) -> None:
    kept = list(found)
    about = json.dumps([(source.sha256, source.title, source.duration, len(source.peaks)) for source in kept])
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, made_of=made_of, about=about, peaks=np.concatenate([source.peaks for source in kept]))


def _load(cache: Path) -> list[Source]:
    saved = np.load(cache)
    about, peaks = json.loads(str(saved["about"])), saved["peaks"]
    ends = itertools.accumulate(count for *_, count in about)
    return [Source(*told, peaks[end - count : end]) for (*told, count), end in zip(about, ends, strict=True)]


# Forms


class Bands:
    """How the peaks of all sources fill the bands, and where a turn moves each band."""

    def __init__(self, peaks: Sequence[Peaks], params: Params) -> None:
        """peaks: PEAK [k] of each source. Each band is counted once more than it has peaks, so that none is empty."""
        counts = sum((np.bincount(some["band"], minlength=params.n_mels) for some in peaks), np.ones(params.n_mels))
        self._below = np.cumsum(counts) / counts.sum()  # the share of all peaks up to the top of each band
        self._middle = self._below - counts / (2 * counts.sum())

    def turned(self, share: float, mirrored: bool) -> NDArray[np.uint8]:
        """The band that each band moves to, u8 [n_mels], when the bands are turned by this share of all peaks."""
        wanted = (share - self._middle if mirrored else share + self._middle) % 1.0
        return np.searchsorted(self._below, wanted).clip(max=len(self._below) - 1).astype(np.uint8)


def decoy(peaks: Peaks, form: Form, bands: NDArray[np.uint8], params: Params) -> Peaks:
    """Put a source into a form: PEAK [k] -> PEAK [k'], sorted by frame and band. bands: u8 [n_mels], see `Bands.turned`.

    The rank of a peak grows as more of the others come within its half a second.
    """
    moved = peaks[peaks["rank"] < params.reference_rank * form.length]
    frame = np.rint(moved["frame"] * form.length).astype(np.int32)
    moved["frame"] = frame.max(initial=0) - frame if form.backwards else frame
    moved["band"] = bands[moved["band"]]
    moved["rank"] = moved["rank"] / form.length
    cells = (moved["frame"].astype(np.int64) << 8) | moved["band"]
    return moved[np.unique(cells, return_index=True)[1]]


class Maker:
    """Makes decoys of some sources. Each source has a turn of its own, and its forms in an order of its own: so the decoys
    of a small library are as diverse as those of a large one."""

    def __init__(self, made_of: Sequence[Source], params: Params) -> None:
        self._sources, self._params = made_of, params
        self._bands = Bands([source.peaks for source in made_of], params)

    def tracks(self, known: frozenset[str] = frozenset()) -> Iterator[tuple[NewTrack, Peaks]]:
        """Make a decoy of each source, then another of each, until all forms are used. known: SHA-256 of those to leave out."""
        orders = [_random(source).permutation(len(FORMS)) for source in self._sources]
        for number in range(len(FORMS)):
            for source, order in zip(self._sources, orders, strict=True):
                form = FORMS[order[number]]
                new = _new_track(source, _described(form), source.duration * form.length)
                if new.sha256 not in known:
                    yield new, self._made(source, source.peaks, form)

    def stretches(self, seconds: float, seed: int) -> Iterator[tuple[NewTrack, Peaks]]:
        """Make short decoys in a random order: each stretch of `seconds` of the sources, once in each form."""
        length = round(seconds / self._params.frame_seconds)
        starts = [
            (source, first)
            for source in self._sources
            for first in range(0, round(source.duration / self._params.frame_seconds) - length + 1, length)
        ]
        for number in np.random.default_rng(seed).permutation(len(starts) * len(FORMS)):
            (source, first), form = starts[number // len(FORMS)], FORMS[number % len(FORMS)]
            peaks = source.peaks[slice(*np.searchsorted(source.peaks["frame"], [first, first + length]))].copy()
            peaks["frame"] -= first
            yield _new_track(source, f"{_described(form)}, from {first}", seconds * form.length), self._made(source, peaks, form)

    def _made(self, source: Source, peaks: Peaks, form: Form) -> Peaks:
        share = TURN * (form.turn + STEP * _random(source).random())
        return decoy(peaks, form, self._bands.turned(share, form.mirrored), self._params)


def _random(source: Source) -> np.random.Generator:
    return np.random.default_rng(int(source.sha256, 16))


def _described(form: Form) -> str:
    words = ["backwards" if form.backwards else "forward", "mirrored " * form.mirrored + f"turn {form.turn:g}"]
    return ", ".join([*words, f"length {form.length:.2f}"])


def _new_track(source: Source, form: str, duration: float) -> NewTrack:
    name = f"{source.sha256}-{form}{SUFFIX}"
    return NewTrack(f"Decoy of {source.title}: {form}", "", "", duration, name, hashlib.sha256(name.encode()).hexdigest(), name)


def stretches(index: Index, seconds: float, seed: int) -> Iterator[tuple[NewTrack, Peaks]]:
    """Make short decoys of the index's real tracks in a random order, ready to be added; see `Maker.stretches`."""
    return Maker(sources(index), index.params).stretches(seconds, seed)


# Growing


def grow(index: Index, hours: float, material: Sequence[Source] = (), batch: int = BATCH) -> None:
    """Add decoys of the index's real tracks, and of `material`, until the index holds this many hours."""
    grow_until(index, "seconds", hours * SECONDS_PER_HOUR, material, batch)


def grow_until(index: Index, measure: str, wanted: float, material: Sequence[Source] = (), batch: int = BATCH) -> None:
    """Add decoys, up to `batch` a transaction, until that number of `Index.stats` is at least `wanted`.

    An index that has decoys already gets those that it lacks. Raises SystemExit when all forms are used.
    """
    supply = missing(index, material)
    while (stats := index.stats())[measure] < wanted:
        share = stats[measure] / max(stats["tracks"], 1)  # of a track of the mean size
        tracks = np.ceil((wanted - stats[measure]) / max(share, 1))
        if not (new := list(islice(supply, int(min(tracks, batch))))):
            raise SystemExit(_used_up(stats, measure, wanted))
        index.add(new)


def missing(index: Index, material: Sequence[Source]) -> Iterator[tuple[NewTrack, Peaks]]:
    """Decoys that the index does not hold, made as they are taken."""
    known = frozenset(track.sha256 for track in index.tracks(limit=None).tracks)
    yield from Maker(sources(index, material), index.params).tracks(known)


def _used_up(stats: dict[str, float], measure: str, wanted: float) -> str:
    hours = stats["seconds"] / SECONDS_PER_HOUR
    return (
        f"this music makes no more decoys: all {len(FORMS)} forms of each track are used, and the library has "
        f"{stats[measure]:,.0f} of {wanted:,.0f} {measure} ({hours:,.0f} hours); give more music with --material"
    )


# How diverse the hashes are


def effective_number(hashes: NDArray[Any], others: NDArray[Any] | None = None) -> float:
    """The number of equally frequent hashes among which two would be equal as often as two of these: 1 / sum p^2.

    hashes, others: integers [n]. With `others`, one of each is compared: 1 / sum p q. Without, a hash is not compared with
    itself. Infinite when no two are equal.
    """
    values, counts = np.unique(hashes, return_counts=True)
    if others is None:
        equal, pairs = float((counts * (counts - 1.0)).sum()), len(hashes) * (len(hashes) - 1.0)
    else:
        other_values, other_counts = np.unique(others, return_counts=True)
        _, ours, theirs = np.intersect1d(values, other_values, assume_unique=True, return_indices=True)
        equal, pairs = float((counts[ours] * other_counts[theirs].astype(float)).sum()), float(len(hashes)) * len(others)
    return pairs / equal if equal else np.inf


class Diversity(NamedTuple):
    """Effective numbers of hashes: of real tracks among each other, of decoys, and of real tracks against decoys.

    Each compares one half of the sources with the other, so that what a track repeats does not count.
    """

    real: float
    decoys: float
    real_to_decoys: float


def diversity(made_of: Sequence[Source], params: Params, hashes_of: Callable[[Peaks], NDArray[Any]]) -> Diversity:
    """Compare the hashes of the sources with those of as many decoys of them. hashes_of: PEAK [k] -> integers [h]."""
    real = [hashes_of(source.peaks) for source in made_of]
    made = [hashes_of(peaks) for _, peaks in islice(Maker(made_of, params).tracks(), len(made_of))]
    a, b, decoys_a, decoys_b = (np.concatenate(some) for some in (real[::2], real[1::2], made[::2], made[1::2]))
    return Diversity(effective_number(a, b), effective_number(decoys_a, decoys_b), effective_number(a, decoys_b))
