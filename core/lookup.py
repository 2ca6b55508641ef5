"""Looking up: the runs of postings that are worth reading, and where they say that a track would be playing.

The unit of reading is a run: the neighbours of a hash, displaced in one way, whose last frame step is off by up to some frames. Its worth
is the chance that it holds a true hit over what it costs to read it (core/worth.py says what chance). Runs are read in the order of worth
until a budget of postings is spent. So a look-up costs about the same however large the library is, and what is read is what most likely
speaks for the truth.

A hit is where on the segment's line the track was at the query's frame 0: place - frame, modulo 2^32. Hits that agree lie on one line
through one track. Whose it is does not matter before it is known which lines have most hits (core/votes.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types  # type: ignore[attr-defined]
from numba.extending import intrinsic
from numpy.typing import NDArray

from core.hashes import STEP_MASK, Hashes, Kind, Traits
from core.postings import PARTS, Segment, low_at, part_bits, place_at
from core.worth import REACH, Worth

RUN_COST = 24.0  # postings that could be read in the time that it takes to find a run in a segment
ENOUGH = 0.75  # of the true hits to be expected: to read the lists of the others costs more than they bring
GROWTH_COST = 0.04  # of what it costs to find a run, that it costs to make it longer
LEAST_CHANCE = -10.0  # log2 of the chance of a true hit below which a run is not read, however short it is
SAMPLED = 8  # hashes, of which one is looked at to guess what can be afforded
SCANNED = 8  # postings that are passed over in the time that it takes to read one
WORTH_STEPS = 8  # steps of worth, by which runs are ordered, an octave
SLACK = 2 * WORTH_STEPS  # of worth, by which what can be afforded may be guessed wrongly
WORTHS = 60 * WORTH_STEPS  # of them; the first is the highest

RUN = np.dtype([("hash", "<i4"), ("room", "<i4"), ("cost", "<f4"), ("chance", "<f4"), ("worth", "<i2"), ("move", "i1"), ("reach", "i1")])
"""hash: its number in the question; room: postings to pass over; cost: in postings; chance: of a true
hit; worth: its number, the best first."""

Hits = NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Question:
    """Hashes to look up: HASH [h] of one kind, their traits, and what is known of their lists."""

    kind: Kind
    hashes: Hashes
    traits: Traits
    worth: Worth


@dataclass(frozen=True, eq=False)
class Answer:
    """hits: u32 [n], those of each segment together; edges: the number of each segment's first, int64 [segments + 1]; runs: how many
    were read; share: of the true hits to be expected in all runs, those to be expected in the runs read."""

    hits: Hits
    edges: NDArray[np.int64]
    runs: int
    share: float


def lookup(segments: Sequence[Segment], questions: Sequence[Question], budget: float) -> Answer:
    """Read the runs that are worth most, of all segments, until reading has cost as much as `budget` postings."""
    runs = [_Runs(question, segments) for question in questions]
    for some in runs:
        some.count(SAMPLED, WORTHS - 1)
    guessed, _ = _last_worth(runs, budget / SAMPLED, SAMPLED)
    for some in runs:
        some.count(1, guessed + SLACK)
    last, left = _last_worth(runs, budget)
    for some in runs:
        left = some.choose(last, left)
    hits, edges = np.empty(sum(some.room for some in runs), np.uint32), np.zeros(len(segments) + 1, np.int64)
    found = 0
    for s in range(len(segments)):
        for some in runs:
            found = some.collect(s, hits, found)
        edges[s + 1] = found
    share = sum(some.chosen for some in runs) / (sum(some.expected for some in runs) or 1.0)
    return Answer(hits[:found].copy(), edges, sum(some.number for some in runs), share)  # a copy, without room that is not used


def _last_worth(runs: Sequence["_Runs"], budget: float, step: int = 1) -> tuple[int, float]:
    """The worth at which the budget runs out or enough is read, and what is left for the runs of that worth.

    step: of how many hashes one was counted; budget: for these.
    """
    costs, hits = sum((some.by_worth for some in runs), np.zeros((2, WORTHS))).cumsum(axis=1)
    enough = ENOUGH * sum(some.expected for some in runs) / step
    last = int(min(np.searchsorted(costs, budget, side="right"), np.searchsorted(hits, enough)))
    return last, budget - (float(costs[last - 1]) if last else 0.0)


class _Runs:
    """The runs of one question. A row is what a longer reach adds to a run: its worth and cost, and then whether it was chosen."""

    def __init__(self, question: Question, segments: Sequence[Segment]) -> None:
        self._bits = part_bits(question.kind)
        self._hashes = question.hashes["hash"].astype(np.int64)
        self._frames = np.ascontiguousarray(question.hashes["frame"])
        self._moves = question.worth.moves
        self._addresses = np.array([s.addresses[question.kind.number] for s in segments], np.int64).reshape(len(segments), PARTS)
        self._chances = question.worth.of_hashes(question.traits), question.worth.chances, question.worth.chances.max(axis=1)
        self._rows = np.empty(len(self._hashes) * self._chances[1].size, RUN)
        self.by_worth = np.zeros((2, WORTHS))  # of all runs of each worth: the cost, and the true hits to be expected
        self.found, self.room, self.number, self.chosen = self._rows[:0], 0, 0, 0.0
        of_hashes, of_moves, _ = self._chances
        self.expected = float(np.exp2(of_hashes).sum() * np.exp2(of_moves).sum())  # true hits in all runs

    def count(self, step: int, last: int) -> None:
        """Find what every `step`-th hash's runs cost and are worth, but for those that are worth less than the number `last` says."""
        self.by_worth[:] = 0
        numbers = self._addresses, self._bits, step, last, RUN_COST * len(self._addresses), self._rows, self.by_worth
        self.found = self._rows[: _count(self._hashes, self._moves, *self._chances, *numbers)]

    def choose(self, last: int, left: float) -> float:
        """Choose all runs of more worth than that numbered `last`, and of these as many as `left` suffices for; returns what is left."""
        left, self.room, self.number, self.chosen = _choose(self.found, last, left)
        self.found = self.found[: self.number]
        return left

    def collect(self, segment: int, hits: Hits, found: int) -> int:
        """Write the hits of one segment to `hits` from number `found` on; returns the number after the last."""
        return int(_collect(self._hashes, self._frames, self._moves, self.found, self._addresses[segment], self._bits, hits, found))


@intrinsic
def _pointer(typingctx: Any, address: Any) -> Any:
    """An address as a pointer, so that one call reads parts of many segments; to pass each as an array would cost more than to read it."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), codegen


@njit(cache=True, nogil=True, inline="always")
def _numbers(address):  # type: ignore[no-untyped-def]
    """The u32 at an address."""
    return carray(_pointer(address), (1 << 40,), np.uint32)  # type: ignore[call-arg]


@njit(cache=True, nogil=True, inline="always")
def _bytes(address):  # type: ignore[no-untyped-def]
    """The bytes at an address."""
    return carray(_pointer(address), (1 << 40,), np.uint8)  # type: ignore[call-arg]


@njit(cache=True, nogil=True, inline="always")
def _run(hash_, reach):  # type: ignore[no-untyped-def]
    """The first and the last hash of a run: the last frame step is off by up to `reach`, as far as its field goes."""
    step = hash_ & STEP_MASK
    return hash_ - min(reach, step), hash_ + min(reach, STEP_MASK - step)


@njit(cache=True, nogil=True, inline="always")
def _worth(chance, cost):  # type: ignore[no-untyped-def]
    """The number of a worth, the best first; chance: log2."""
    return min(max(np.int64((np.log2(cost) - chance) * WORTH_STEPS), 0), WORTHS - 1)


@njit(cache=True, nogil=True)
def _count(hashes, moves, of_hashes, of_moves, best_of_moves, addresses, bits, step, last_worth, run_cost, rows, by_worth):  # type: ignore[no-untyped-def]
    """Writes a row for each run and reach, and adds its cost to that of its worth; returns how many rows there are. A longer reach is
    never worth more than a shorter one, so that runs grow from their middle."""
    segments, parts = addresses.shape
    mask, n = (1 << bits) - 1, 0
    for i in range(0, len(hashes), step):
        for m in range(len(moves)):
            chance = of_hashes[i] + best_of_moves[m]
            moved = hashes[i] + moves[m]
            if chance < LEAST_CHANCE or _worth(chance, run_cost) > last_worth or moved < 0 or moved >> bits >= parts:
                continue
            part, before, passed, lowest = moved >> bits, 0.0, 0, 0
            for reach in range(REACH + 1):
                chance = of_hashes[i] + of_moves[m, reach]
                if reach and chance < LEAST_CHANCE:
                    break
                first, last = _run(moved, reach)
                expected, scanned = 0.0, 0
                for s in range(segments):
                    numbers = _numbers(addresses[s, part])
                    group_bits = np.int64(numbers[0] & 0xFF)
                    group, end = (first & mask) >> group_bits, ((last & mask) >> group_bits) + 1
                    there = np.int64(numbers[2 + end]) - np.int64(numbers[2 + group])
                    scanned += there  # type: ignore[assignment]
                    expected += there * (last - first + 1) / ((end - group) << group_bits)
                expected = max(expected, scanned / SCANNED)
                cost = max(expected - before, 0.0) + (run_cost if reach == 0 else run_cost * GROWTH_COST)
                lowest = max(_worth(chance, cost), lowest)
                if lowest > last_worth:
                    break
                row = rows[n]
                row.hash, row.move, row.reach, row.worth, row.cost, row.room = i, m, reach, lowest, cost, scanned - passed
                row.chance = np.exp2(chance)
                by_worth[0, lowest] += cost
                by_worth[1, lowest] += row.chance
                before, passed, n = expected, scanned, n + 1
    return n


@njit(cache=True, nogil=True, inline="always")
def _follows(row, other):  # type: ignore[no-untyped-def]
    """Whether a row is the next longer reach of the same run."""
    return row.hash == other.hash and row.move == other.move and row.reach == other.reach + 1


@njit(cache=True, nogil=True)
def _choose(rows, last, left):  # type: ignore[no-untyped-def]
    """Moves the longest reach of each run that can be afforded to the front; returns what is left, the postings to pass over, how many
    runs were chosen, and how many true hits they should hold."""
    room, kept, chosen = 0, 0, 0.0
    for n in range(len(rows)):
        row = rows[n]
        grows = row.reach > 0
        if grows and (kept == 0 or not _follows(row, rows[kept - 1])):
            continue  # what it would add to was not affordable
        if row.worth > last or (row.worth == last and row.cost > left):
            continue
        if row.worth == last:
            left -= row.cost
        room += row.room
        chosen += row.chance
        kept += not grows
        rows[kept - 1] = row
    return left, room, kept, chosen


@njit(cache=True, nogil=True)
def _collect(hashes, frames, moves, rows, addresses, bits, hits, found):  # type: ignore[no-untyped-def]
    """Writes the hits of the chosen runs in one segment to `hits` from number `found` on; returns the new number."""
    mask = (1 << bits) - 1
    for n in range(len(rows)):
        i = rows[n].hash
        first, last = _run(hashes[i] + moves[rows[n].move], np.int64(rows[n].reach))
        address = addresses[first >> bits]
        numbers = _numbers(address)
        group_bits, place_bytes, count = np.int64(numbers[0] & 0xFF), np.int64(numbers[0] >> 8), np.int64(numbers[1])
        first, last = first & mask, last & mask
        group, last_group = first >> group_bits, last >> group_bits
        begin, end = np.int64(numbers[2 + group]), np.int64(numbers[3 + last_group])
        if begin == end:
            continue
        behind = address + 4 * (3 + (1 << (bits - group_bits)))
        places, low, frame = _bytes(behind), _bytes(behind + place_bytes * count), np.int64(frames[i])
        for k in range(begin, end):
            if group_bits:
                while k >= numbers[3 + group]:
                    group += 1
                hash_ = (group << group_bits) | low_at(low, k, group_bits)
                if hash_ < first or hash_ > last:
                    continue
            hits[found] = np.uint32(place_at(places, k, place_bytes) - frame)
            found += 1
    return found
