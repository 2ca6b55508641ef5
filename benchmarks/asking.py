"""Ask a library one query in every way that `benchmarks.scale` reports, in a worker process.

Conventions
    The section "The look-up" is the only place that knows how candidates are nominated and what counts postings.
    Emulation: a library of `times` the postings has lists `times` as long, so this one's budgets are divided by `times`:
    exact for what is read, as all lists grow alike. It understates chance matches, because there are no more tracks.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks import corpus, effects
from benchmarks.noises import Sound
from core import lookup
from core.constellation import Peaks
from core.hashes import kinds
from core.index import Index
from core.ingest import analyse
from core.nominator import Usage
from core.params import Params
from core.warps import WARPS
from stream import Recognizer, recognize, search

NOMINEES = 60  # candidates, among which the truth should be
WARP_NOMINEES = 6  # of each warp, for sound that is shifted
LOOK_FRAMES = 10  # from a look of a listener to the next: 0.23 s
NOMINATED_SECONDS = 4.0  # of sound, after which the truth should be nominated
BLOCK_SECONDS = 0.05  # of sound, that a listener sends at a time
LISTENED = (("mic", 10.0), ("unknown_mic", 10.0))  # what is heard as a listener, too


@dataclass(frozen=True)
class Task:
    """One query for a library. times: emulate a library with this many times the postings; truth: ids of the right tracks."""

    query: corpus.Query
    path: Path
    library: Path
    truth: frozenset[int]
    times: float = 1.0


@dataclass(frozen=True)
class Asked:
    """What one query brought and took.

    nominated: None for music that is not in the library. postings, runs, look_up_ms, query_ms: of the whole query, CPU.
    second_ms: CPU of a second of a listener, None where nobody listened. own, mapped: bytes of the process, and of the
    index that it has in memory.
    """

    query: corpus.Query
    nominated: bool | None
    accepted: bool
    wrong: bool
    postings: int
    runs: int
    look_up_ms: float
    query_ms: float
    second_ms: float | None
    own: int
    mapped: int


def ask(task: Task) -> Asked:
    index, (pcm, rate) = corpus.index(task.library), read(task.path)
    if task.library not in _warm:
        recognize(index, pcm, rate)
        _warm.add(task.library)
    with emulated(index, task.times) as usage:
        answer, query_ms = cpu_ms(lambda: recognize(index, pcm, rate))
        postings, runs, look_up_ms = usage.postings, usage.runs, 1000 * usage.seconds
        second_ms = listener_ms(index, pcm, rate) if (task.query.condition, task.query.length) in LISTENED else None
        found = is_nominated(index, task) if task.truth else None
    match = answer.to_json()["match"]
    right = match is not None and corpus.is_right(match, task.truth)
    said = task.query, found, right, match is not None and not right
    return Asked(*said, postings, runs, look_up_ms, query_ms, second_ms, *memory())


_warm: set[Path] = set()  # libraries that this process has asked once, so that all compiled code is loaded


def cpu_ms(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work returns, and the CPU milliseconds of this process that it took."""
    started = time.process_time()
    result = work()
    return result, 1000 * (time.process_time() - started)


def read(path: Path) -> tuple[Sound, int]:
    pcm, rate = soundfile.read(path, dtype="float32")
    return pcm, rate


def memory() -> tuple[int, int]:
    """Resident bytes of this process: its own, and mapped from files."""
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    own, mapped = (1024 * int(fields[name].split()[0]) for name in ("RssAnon", "RssFile"))
    return own, mapped


def listener_ms(index: Index, pcm: Sound, rate: int) -> float:
    """Return the CPU milliseconds that one second of listening to `pcm` takes."""
    recognizer, block = Recognizer(index, rate), round(BLOCK_SECONDS * rate)
    _, milliseconds = cpu_ms(lambda: [recognizer.feed(pcm[start : start + block]) for start in range(0, len(pcm), block)])
    return milliseconds / (len(pcm) / rate)


# The look-up


class CutBudgets:
    """A nominator that reads 1 / `times` of the postings that it is asked to read."""

    def __init__(self, nominator: Any, times: float) -> None:
        self._nominator, self._times = nominator, times
        self.forget = nominator.forget

    @property
    def least_share(self) -> float:
        return float(self._nominator.least_share)

    @least_share.setter
    def least_share(self, share: float) -> None:
        self._nominator.least_share = share

    def nominate(self, peaks: Any, now: int, count: int, budget: float, *options: Any) -> Any:
        return self._nominator.nominate(peaks, now, count, budget / self._times, *options)

    def nominate_once(self, peaks: Any, now: int, count: int, budget: float, *options: Any) -> Any:
        return self._nominator.nominate_once(peaks, now, count, budget / self._times, *options)


@contextmanager
def emulated(index: Any, times: float) -> Iterator[Any]:
    """Let the index count what look-ups take, and cut their budgets as a library of `times` the postings would.

    What finding a run costs is cut likewise, because it is paid from the same budget and is the same in a larger library.
    """
    nominator, usage, run_cost = index.nominator, Usage(), lookup.RUN_COST
    index.usage, index.nominator = usage, lambda: CutBudgets(nominator(), times)
    lookup.RUN_COST = run_cost / times
    try:
        yield usage
    finally:
        del index.nominator
        index.usage = None
        lookup.RUN_COST = run_cost


def opening_ms(library: Path) -> float:
    """Milliseconds of wall time to open the index and to look up nothing, once the code for it is loaded."""
    for _ in range(2):
        started = time.perf_counter()
        with Index(library / "index", readonly=True) as index:
            looks: Any = search.Search(index)
            looks.nominees(LOOK_FRAMES, NOMINEES)
        milliseconds = 1000 * (time.perf_counter() - started)
    return milliseconds


def hashes_of_kinds(params: Params) -> dict[str, Callable[[Peaks], NDArray[Any]]]:
    """What makes a reference's hashes of each kind that an index with these numbers has: PEAK [k] -> integers [h]."""
    return {kind.name: lambda peaks, kind=kind: kind.of_reference(peaks, params)["hash"] for kind in kinds(params)}


def is_nominated(index: Any, task: Task) -> bool:
    """Whether a listener's look-ups nominate the truth after NOMINATED_SECONDS, or after all of a shorter query."""
    analysis = analyse(task.path, index.params, query=True)
    frames = min(len(analysis.levels), round(NOMINATED_SECONDS / index.params.frame_seconds))
    looks: Any = search.Search(index)
    for first in range(0, frames, LOOK_FRAMES):
        now = min(first + LOOK_FRAMES, frames)
        looks.feed(analysis.peaks[slice(*np.searchsorted(analysis.peaks["frame"], [first, now]))])
        nominees = looks.nominees(now, NOMINEES)
    warped = [looks.warped(frames, warp, WARP_NOMINEES) for warp in WARPS] if is_shifted(task.query) else []
    return not task.truth.isdisjoint(np.concatenate([nominees, *warped])["track"].tolist())


def is_shifted(query: corpus.Query) -> bool:
    """Whether the query is played at another speed or pitch, so that it may be nominated under a warp."""
    return effects.shift(query.condition) != effects.Shift()
