"""Whether an index is whole: each track's postings are those that its constellation gives, and nothing else is there.

Postings are compared by a sum over each track, so that the memory needed is that of a few numbers a track however large the index is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from core import postings
from core.constellation import unpack
from core.hashes import hashed
from core.params import Params
from core.postings import Digest, Segment
from core.segments import key, number
from core.tracks import Removed, Track

REBUILD = "run `earprint rebuild`"


@dataclass(frozen=True)
class Problem:
    """What is wrong with a track, or with the library when `track` is None, and what to do."""

    track: Track | None
    error: str


def faults(txn: Any, db: dict[str, Any], segments: dict[int, Segment], params: Params, done: Callable[[], None]) -> Iterator[Problem]:
    """What is wrong in one state of an index, that of `txn`. `done` is called for each track that was looked at."""
    found: dict[int, Digest] = {}
    for owner, segment in segments.items():
        if postings.is_sound(segment):
            postings.add_digests(segment, found)
        else:
            yield Problem(None, f"segment {owner} of the posting lists is damaged: {REBUILD}")
    for _, row in txn.cursor(db=db["tracks"]):
        track = Track.load(row)
        yield from _faults_of(txn, db, track, params, found.pop(track.id, Digest()))
        done()
    for track_id in found:
        yield Problem(None, f"there are postings of track {track_id}, which is not in the library: {REBUILD}")
    for _, row in txn.cursor(db=db["bin"]):
        gone = Removed.load(row).track
        if not txn.get(key(gone.id), db=db["peaks"]):
            yield Problem(gone, "it was removed, and cannot be restored, for its constellation is missing: add its file again")
    for sha256, row in txn.cursor(db=db["sums"]):
        if not txn.get(row, db=db["tracks"]):
            yield Problem(None, f"the file {bytes(sha256).decode()} counts as known, but its track {number(row)} is missing: {REBUILD}")


def _faults_of(txn: Any, db: dict[str, Any], track: Track, params: Params, found: Digest) -> Iterator[Problem]:
    packed = txn.get(key(track.id), db=db["peaks"])
    if not packed:
        yield Problem(track, "its constellation is missing, so that it is not recognised: add its file again")
    elif postings.digest(hashed(unpack(packed), params)) != found:
        yield Problem(track, f"its postings are not those of its constellation, so that it may not be recognised: {REBUILD}")
    known = txn.get(track.sha256.encode(), db=db["sums"])
    if known is None or number(known) != track.id:
        yield Problem(track, f"its file does not count as known, and would be added twice: {REBUILD}")
