"""The look-up done in the obvious way, with a dictionary, for the tests of the one that is fast."""

from collections import defaultdict

import numpy as np

from core.hashes import BAND_STEP_BITS, HASH, STEP_BITS, STEP_MASK
from core.lookup import Question, lookup
from core.worth import REACH, Worth

ALL = 10**9  # a budget for everything
NEVER = -99.0  # log2 of a chance that is too small for anything to be read
QUERY_FRAMES = 200  # of a query's hashes, less than the gap behind each track


def some_hashes(kind, count, seed, frames=5000):
    """HASH [count]: few different bands and steps, so that many are the same or neighbours."""
    rng = np.random.default_rng(seed)
    number = rng.integers(100, 108, count)
    for _ in range(kind.peaks - 1):
        number = number << BAND_STEP_BITS | rng.integers(62, 64, count)
    for nth in range(kind.peaks - 1):
        number = number << STEP_BITS | (rng.integers(0, 64, count) if nth == kind.peaks - 2 else rng.integers(20, 23, count))
    hashes = np.zeros(count, HASH)
    hashes["hash"], hashes["frame"] = number, np.sort(rng.integers(0, frames, count))
    return hashes


def question(kind, query, moves=(0,), reach=REACH, chances=None):
    """A question about HASH [h], all of whose runs up to a reach are worth reading, or whose hashes have these chances (log2)."""
    of_moves = np.where(np.arange(REACH + 1) <= reach, 0.0, NEVER) * np.ones((len(moves), 1))
    table = np.unique([0.0, *(() if chances is None else chances)])
    traits = np.zeros((len(query), 1)) if chances is None else np.searchsorted(table, chances)[:, None]
    return Question(kind, query, np.asarray(traits, np.uint8), Worth.of([table], moves, of_moves))


def looked_up(segments, kind, query, moves=(0,), reach=REACH, budget=ALL):
    """(track, offset) of each hit in tracks that were not removed, sorted."""
    answer = lookup(segments, [question(kind, query, moves, reach)], budget)
    of_segments = np.split(answer.hits, answer.edges[1:-1])[: len(segments)]
    return sorted(hit for segment, hits in zip(segments, of_segments, strict=True) for hit in _on_tracks(segment, hits))


def _on_tracks(segment, hits):
    """Where the line is at the last of the query's frames is where its track is, or in the gap behind it."""
    then = (hits.astype(np.int64) + QUERY_FRAMES) % (1 << 32)
    tracks, starts = segment.line.tracks_at(then)
    offsets = then - QUERY_FRAMES - starts
    return [(track, offset) for track, offset in zip(tracks.tolist(), offsets.tolist(), strict=True) if track]


def slow_hits(tracks, kind, query, moves=(0,), reach=REACH):
    """The (track, offset) that each hash of the query hits, in a dictionary of (track, hashes of each kind)."""
    where = defaultdict(list)
    for track, hashes in tracks:
        for posting in hashes[kind.number].tolist():
            where[posting[0]].append((track, posting[1]))
    found = []
    for hash_, frame in query.tolist():
        keys = [neighbour for move in moves for neighbour in neighbours(kind, hash_ + move, reach)]
        found.append([(track, place - frame) for key in keys for track, place in where[key]])
    return found


def neighbours(kind, hash_, reach):
    """The hashes whose last frame step is off by up to `reach`, as far as its field goes; none of one that has left the bands."""
    step = hash_ & STEP_MASK
    in_field = range(max(step - reach, 0), min(step + reach, STEP_MASK) + 1)
    return [hash_ - step + other for other in in_field] if 0 <= hash_ < 1 << kind.bits else []


def slow_lookup(tracks, kind, query, moves=(0,), reach=REACH):
    return sorted(hit for hits in slow_hits(tracks, kind, query, moves, reach) for hit in hits)
