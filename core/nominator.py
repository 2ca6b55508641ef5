"""Peaks -> candidates, beside the data: hashes are looked up where the posting lists are, and hits never leave this file.

What was looked up is kept and votes for some seconds, so that each hash of a listener is looked up once. Segments come and go as tracks
are added. A segment that was not asked yet is asked about all of the last seconds, and what was found in one that is gone is dropped.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.candidates import CANDIDATE, Candidates
from core.constellation import Peaks
from core.hashes import kinds
from core.lookup import Answer, Hits, Question, lookup
from core.params import Params
from core.postings import GAP_FRAMES, Segment
from core.votes import OFFSET_BIN, Ballot, Lines
from core.warps import PLAIN, Warp, warp_peaks
from core.worth import load, situation

VOTING_FRAMES = 172  # for which a hit can vote: 4.0 s
VOTING_HITS = 400_000  # of a listener in a large library, for which there are buckets
PLACES = 1 << 32  # of a line: places are counted modulo this
REMOVED_TOO = 2  # lines that are looked at for each nominee, as some are of removed tracks


@dataclass
class Usage:
    """What look-ups have taken: postings that were hits, runs, and CPU seconds of this thread, votes included.

    To read that clock can itself take a millisecond, so only benchmarks count.
    """

    postings: int = 0
    runs: int = 0
    seconds: float = 0.0
    _since: float = field(default=0.0, repr=False)

    def __enter__(self) -> None:
        self._since = time.thread_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.thread_time() - self._since


Segments = Mapping[int, Segment]
Reading = Callable[[], AbstractContextManager[Segments]]
"""Gives the segments by number, valid within the context."""


@dataclass(frozen=True, eq=False)
class _LookedUp:
    """One look-up: the frame up to which it went, and the hits in each segment."""

    upto: int
    hits: dict[int, Hits]


class Nominator:
    """Nominates candidates for one listener or file. State: the hits of the last seconds, by segment.

    reading: opens a state of the index; params: its numbers; usage: where to count what look-ups take, if anywhere.
    """

    def __init__(self, reading: Reading, params: Params, usage: Usage | None = None) -> None:
        self._reading, self._params, self._usage = reading, params, usage
        self._ballot = Ballot(VOTING_HITS)
        self._looked_up: deque[_LookedUp] = deque()
        self._asked: dict[int, int] = {}  # segment -> the frame up to which it was asked
        self.least_share = 1.0  # of all look-ups since a caller reset it, the least share of what should be hit that was read

    def nominate(self, peaks: Peaks, now: int, count: int, budget: int) -> Candidates:
        """The `count` best candidates at frame `now` by the hits of the last seconds, after the peaks that are new are looked up.

        peaks: PEAK [k], those of the last seconds and of the seconds before, with which they are paired; budget: postings read for a
        frame of sound at most. Returns CANDIDATE [n].
        """
        with self._usage or nullcontext(), self._reading() as segments:
            for gone in self._asked.keys() - segments.keys():
                self._drop(gone)
            self._look_up_new(segments, peaks, now, budget)
            voting = [block for look in self._looked_up for block in look.hits.items()]
            candidates = _candidates(segments, self._ballot.best(voting, REMOVED_TOO * count), now, count, PLAIN)
            for number, segment in segments.items():
                if not segment.settled:
                    self._drop(number)
        return candidates

    def nominate_once(self, peaks: Peaks, now: int, count: int, budget: int, warp: Warp = PLAIN, fan: int | None = None) -> Candidates:
        """The `count` best candidates by all peaks, as if they were played under `warp`; nothing is kept.

        budget: postings read at most; fan: earlier peaks that each is joined with (default: as many as in `nominate`).
        """
        with self._usage or nullcontext(), self._reading() as segments:
            answer = self._ask(segments, warp_peaks(peaks, now, warp, self._params), 0, warp, budget, fan)
            blocks, ballot = list(_by_segment(segments, answer)), Ballot(len(answer.hits))
            ballot.add(blocks)
            return _candidates(segments, ballot.best(blocks, REMOVED_TOO * count), 0, count, warp)

    def forget(self, before: int) -> None:
        """Drop the hits of the look-ups that went up to a frame before `before`."""
        while self._looked_up and self._looked_up[0].upto < before:
            self._ballot.remove(self._looked_up.popleft().hits.items())

    def _look_up_new(self, segments: Segments, peaks: Peaks, now: int, budget: int) -> None:
        """Ask each segment about the frames that it was not asked about, and let the hits vote."""
        self.forget(now - VOTING_FRAMES + 1)
        begin = now - VOTING_FRAMES
        asked = {number: max(self._asked.get(number, begin), begin) for number in segments}
        everything = sum(segment.line.postings for segment in segments.values()) or 1
        found: dict[int, Hits] = {}
        for before in sorted(set(asked.values())):
            some = {number: segment for number, segment in segments.items() if asked[number] == before}
            share = sum(segment.line.postings for segment in some.values()) / everything
            first, last = np.searchsorted(peaks["frame"], [before, now])
            answer = self._ask(some, peaks[:last], int(first), PLAIN, budget * (now - before) * share)
            found.update(_by_segment(some, answer))
        self._ballot.add(found.items())
        self._looked_up.append(_LookedUp(now, found))
        self._asked = dict.fromkeys(segments, now)

    def _ask(self, segments: Segments, peaks: Peaks, first: int, warp: Warp, budget: float, fan: int | None = None) -> Answer:
        """Look up what the peaks from number `first` on make with earlier ones."""
        questions = []
        for kind in kinds(self._params):
            hashes, traits = kind.of_query(peaks, first, fan or kind.query_fan(self._params), self._params)
            questions.append(Question(kind, hashes, traits, load()[situation(warp), kind]))
        answer = lookup(list(segments.values()), questions, budget)
        self.least_share = min(self.least_share, answer.share)
        if self._usage:
            self._usage.postings += len(answer.hits)
            self._usage.runs += answer.runs
        return answer

    def _drop(self, number: int) -> None:
        """Keep nothing of a segment: it is gone, or it is being merged, so that parts of it come and go and it is asked anew at each
        look."""
        self._asked.pop(number, None)
        for look in self._looked_up:
            hits = look.hits.pop(number, None)
            if hits is not None:
                self._ballot.remove([(number, hits)])


def _by_segment(segments: Segments, answer: Answer) -> Iterator[tuple[int, Hits]]:
    for i, number in enumerate(segments):
        yield number, answer.hits[answer.edges[i] : answer.edges[i + 1]]


def _candidates(segments: Segments, lines: Lines, now: int, count: int, warp: Warp) -> Candidates:
    """The tracks and places of the lines with most votes, CANDIDATE [n]: one for each neighbourhood of places."""
    of_segment, places, votes = lines
    here = (places + now) % PLACES
    tracks, starts = np.zeros(len(here), np.int64), np.zeros(len(here), np.int64)
    for number in np.unique(of_segment):
        mine = of_segment == number
        tracks[mine], starts[mine] = segments[int(number)].line.tracks_at(_on_the_line(here[mine]) + OFFSET_BIN)
    best = np.flatnonzero(tracks)[:count]
    out = np.zeros(len(best), CANDIDATE)
    out["track"], out["votes"] = tracks[best], votes[best]
    out["place"] = _on_the_line(here[best]) - starts[best] + OFFSET_BIN - 0.5  # the middle of two bins
    out["speed"], out["pitch"] = warp.speed, warp.pitch
    return out


def _on_the_line(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places modulo 2^32, of which those just before the line are negative."""
    return np.where(places >= PLACES - GAP_FRAMES, places - PLACES, places)
