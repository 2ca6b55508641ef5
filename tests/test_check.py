"""A check finds each kind of damage, names the track, and says what to do; and what it says helps."""

from itertools import product

import numpy as np
import pytest

from core.hashes import KINDS, hashed
from core.index import Index
from core.params import Params
from core.postings import EMPTY, LISTS, PARTS, WIDE, Digest, Line, Segment, add_digests, build, digest, is_sound, part_bits
from core.segments import key
from tests.test_index import heard, some_peaks, songs

PARAMS = Params()
TRIPLED = Params(triple_fan=4)
REBUILD = "earprint rebuild"
ADD = "add its file again"


@pytest.fixture
def index(tmp_path):
    with Index(tmp_path / "index") as index:
        index.add(songs(1, 2))
        index.add(songs(3))
        index.remove(2)
        index.add(songs(4))
        yield index


def said(index):
    return [(problem.track and problem.track.id, problem.error) for problem in index.check()]


def test_nothing_is_wrong(index):
    looked = []
    assert list(index.check(lambda: looked.append(1))) == []
    assert len(looked) == 3
    index.restore(2)
    assert said(index) == []


@pytest.mark.parametrize("part", [0, 1, 30, 64])
def test_nothing_is_wrong_in_the_middle_of_a_merge(index, monkeypatch, part):
    monkeypatch.setattr("core.segments.SMALL_SEGMENT", 0)
    monkeypatch.setattr(index, "_merge", lambda: None)
    index.add(songs(5))
    for _ in range(part):
        with index._storage.write() as txn:
            index._segments.merge_part(txn)
    assert said(index) == []


def lose_constellation(index, txn, number=1):
    txn.put(key(number), b"", db=index._db["peaks"])


def lose_removed_constellation(index, txn):
    txn.delete(key(2), db=index._db["peaks"])


def another_constellation(index, txn):
    packed = bytearray(bytes(txn.get(key(1), db=index._db["peaks"])))
    packed[-1] ^= 1  # a rank
    packed[-40] ^= 31
    txn.put(key(1), bytes(packed), db=index._db["peaks"])


def lose_part(index, txn):
    cursor = txn.cursor(db=index._db["segments"])
    cursor.first()
    cursor.delete()


def lose_slot(index, txn):
    lines = index._segments._read_lines(txn)
    for number, line in lines.items():
        txn.put(key(number), line.without(3).dump(), db=index._db["lines"])


def damage_part(index, txn):
    cursor = txn.cursor(db=index._db["segments"])
    cursor.first()
    place, part = bytes(cursor.key()), np.frombuffer(bytes(cursor.value()), np.uint32).copy()
    part[1] += 1000
    txn.put(place, part.tobytes(), db=index._db["segments"])


def cut_part(index, txn):
    cursor = txn.cursor(db=index._db["segments"])
    cursor.last()
    txn.put(bytes(cursor.key()), bytes(cursor.value())[:40], db=index._db["segments"])


def cut_line(index, txn):
    cursor = txn.cursor(db=index._db["lines"])
    cursor.first()
    txn.put(bytes(cursor.key()), bytes(cursor.value())[:20], db=index._db["lines"])


def break_part(index, txn):
    cursor = txn.cursor(db=index._db["segments"])
    cursor.last()
    txn.put(bytes(cursor.key()), bytes(cursor.value())[:41], db=index._db["segments"])


def lose_track(index, txn):
    txn.delete(key(4), db=index._db["tracks"])


def lose_sum(index, txn):
    txn.delete(f"{1:064x}".encode(), db=index._db["sums"])


DAMAGE = [
    (lose_constellation, {1}, "its constellation is missing", ADD),
    (lose_removed_constellation, {2}, "cannot be restored", ADD),
    (another_constellation, {1}, "its postings are not those of its constellation", REBUILD),
    (lose_part, {1, 3, 4}, "its postings are not those of its constellation", REBUILD),
    (lose_slot, {3}, "its postings are not those of its constellation", REBUILD),
    (damage_part, {None, 1, 3, 4}, "of the posting lists is damaged", REBUILD),
    (cut_part, {None, 1, 3, 4}, "of the posting lists is damaged", REBUILD),
    (cut_line, {None, 1, 3, 4}, "the posting lists are damaged", REBUILD),
    (break_part, {None, 1, 3, 4}, "the posting lists are damaged", REBUILD),
    (lose_track, {None}, "postings of track 4, which is not in the library", REBUILD),
    (lose_sum, {1}, "would be added twice", REBUILD),
]


@pytest.mark.parametrize(("damage", "tracks", "what", "remedy"), DAMAGE, ids=lambda value: getattr(value, "__name__", None))
def test_damage_is_found_and_what_is_advised_helps(index, damage, tracks, what, remedy):
    with index._storage.write() as txn:
        damage(index, txn)
    problems = said(index)
    assert {track for track, _ in problems} <= tracks
    assert problems
    assert all(remedy in error for _, error in problems)
    assert any(what in error for _, error in problems)
    if remedy == REBUILD:
        index.rebuild(PARAMS)
    else:
        index.add(songs(1, 2))
    if damage is lose_removed_constellation:
        index.purge([2])
    assert said(index) == []


def test_a_track_that_is_only_half_there_is_found_again_after_a_rebuild(index):
    with index._storage.write() as txn:
        lose_part(index, txn)
    index.rebuild(PARAMS)
    assert [heard(index, seed) for seed in (1, 3, 4)] == [[1], [3], [4]]


# Sums


def test_the_sum_over_segments_is_that_over_the_hashes():
    tracks = [(seed, hashed(some_peaks(seed), TRIPLED)) for seed in (1, 2, 3)]
    found = {3: Digest(1, 2**64 - 1)}
    add_digests(build(tracks[:2]), found)
    add_digests(build(tracks[2:]), found)
    expected = {number: digest(hashes) for number, hashes in tracks}
    assert (found[1], found[2]) == (expected[1], expected[2])
    assert found[3] == Digest(expected[3].count + 1, (expected[3].total - 1) % 2**64)


def test_any_change_of_a_posting_changes_the_sum():
    hashes = hashed(some_peaks(1), TRIPLED)
    seen = {digest(hashes), digest(hashes[::-1])}
    for kind, field, step in product(range(len(hashes)), ("hash", "frame"), (1, 2, 256)):
        other = [some.copy() for some in hashes]
        other[kind][field][7] += step
        seen.add(digest(other))
    assert len(seen) == 14
    assert digest([some[::-1] for some in hashes]) in seen  # the order does not matter


def changed(segment, part, place, value):
    other = segment.parts[part].copy()
    other[place] = value
    return Segment(segment.line, (*segment.parts[:part], other, *segment.parts[part + 1 :]))


def test_what_would_be_read_beyond_its_end_is_unsound():
    segment = build([(1, hashed(some_peaks(1), TRIPLED))])
    assert is_sound(segment)
    for kind in KINDS:
        where = next(k for k in range(kind.number * PARTS, LISTS) if segment.parts[k] is not EMPTY[k])
        layout = int(segment.parts[where][0])
        bits, wide = layout & 0xFF, layout & 0xFF | WIDE << 8
        first_place = 2 + (1 << (part_bits(kind) - bits)) + 1
        heads = [layout + 1, layout - 1, layout - bits, layout - bits + 31, wide, 31, 0]
        for place, value in (*((0, head) for head in heads), (1, 10**6), (1, 0), (2, 1), (3, 10**9), (first_place, 2**32 - 1)):
            assert not is_sound(changed(segment, where, place, value)), (kind.name, place, value)
    assert not is_sound(Segment(Line(segment.line.slots, 10), segment.parts))
    assert not is_sound(Segment(Line(segment.line.slots, 1 << 62), segment.parts))
    assert not is_sound(Segment(Line(segment.line.slots[:0], segment.line.frames), segment.parts))
    assert not is_sound(Segment(segment.line, (segment.parts[0][:3], *segment.parts[1:])))
