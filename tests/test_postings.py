"""Posting lists: what is looked up is what a dictionary would say, after any merges and removals."""

from dataclasses import replace

import numpy as np
import pytest
from slow import QUERY_FRAMES, looked_up, slow_lookup, some_hashes

from core import postings
from core.constellation import MAX_FRAME
from core.hashes import HASH, KINDS, PAIRS, TRIPLES
from core.postings import (
    BUILT_FRAMES,
    EMPTY,
    GAP_FRAMES,
    LISTS,
    MAX_FRAMES,
    MAX_GROUP_BITS,
    NARROW,
    NARROW_FRAMES,
    PARTS,
    SLOT,
    WIDE,
    Line,
    add_digests,
    build,
    digest,
    fitting,
    is_sound,
    merge,
    merge_lines,
    merge_parts,
    part_bits,
    read_part,
)

pytestmark = pytest.mark.usefixtures("read_everything")

both_kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
NONE = np.zeros(0, HASH)


def of_both_kinds(count, seed, frames=5000):
    return [some_hashes(kind, count, 10 * seed + kind.number, frames) for kind in KINDS]


@pytest.fixture(scope="module")
def tracks():
    """(track id, HASH [h] of each kind); one is empty."""
    return [(7, of_both_kinds(900, 1)), (3, of_both_kinds(0, 2)), (4_000_000, of_both_kinds(1500, 3, 62_000)), (9, of_both_kinds(400, 4))]


@pytest.fixture(scope="module")
def query():
    """HASH [h] of each kind."""
    return of_both_kinds(120, 5, QUERY_FRAMES)


def found(segments, query):
    """What a query of both kinds hits."""
    return [looked_up(segments, kind, query[kind.number]) for kind in KINDS]


def slowly_found(tracks, query):
    return [slow_lookup(tracks, kind, query[kind.number]) for kind in KINDS]


def room(hashes):
    return max(int(some["frame"].max(initial=-1)) for some in hashes) + 1 + GAP_FRAMES


def without(segment, *ids):
    """The segment with the slots of these tracks blank."""
    for track in ids:
        segment = replace(segment, line=segment.line.without(track))
    return segment


def with_part(segment, number, part):
    return replace(segment, parts=(*segment.parts[:number], part, *segment.parts[number + 1 :]))


def stored(segment, kind):
    """The hashes and the places of all postings of a kind, in the order in which they are stored."""
    hashes, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for number, part in enumerate(segment.parts[kind.number * PARTS :][:PARTS]):
        bits, place_bytes, starts, its_places, low = postings._columns.py_func(part, part_bits(kind))
        groups = np.repeat(np.arange(len(starts) - 1), np.diff(starts.astype(int)))
        lowest = [postings.low_at.py_func(low, k, bits) for k in range(int(part[1]))]
        hashes.append(number << part_bits(kind) | groups << bits | np.array(lowest, np.int64))
        places.append(np.array([postings.place_at.py_func(its_places, k, place_bytes) for k in range(int(part[1]))], np.int64))
    return np.concatenate(hashes), np.concatenate(places)


def assert_same(one, two):
    for a, b in zip(one.parts, two.parts, strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.line.dump() == two.line.dump()


# Building


@pytest.mark.parametrize("count", [0, 1, 50, 5000])
@both_kinds
def test_a_segment_is_sorted_by_hash(count, kind):
    hashes = of_both_kinds(count, 6)
    segment = build([(1, hashes)])
    wanted = hashes[kind.number]
    order = np.argsort(wanted["hash"], kind="stable")
    found, places = stored(segment, kind)
    np.testing.assert_array_equal(found, wanted["hash"][order])
    np.testing.assert_array_equal(places, wanted["frame"][order] + segment.line.slots["start"][0])
    assert (segment.count(kind), segment.size, segment.line.postings) == (count, 2 * count, 2 * count)


def test_behind_each_track_is_a_gap(tracks):
    """Also behind the last one: another follows it after a merge."""
    line = build(tracks).line
    ends = np.append(line.slots["start"][1:], line.frames)
    assert (ends - line.slots["start"]).tolist() == [room(hashes) for _, hashes in tracks]
    assert line.slots["track"].tolist() == [track for track, _ in tracks]


def test_a_place_is_on_the_track_before_it(tracks):
    line = build(tracks).line
    for (track, hashes), start in zip(tracks, line.slots["start"].tolist(), strict=True):
        places = np.array([start, start + room(hashes) - 1])
        assert [column.tolist() for column in line.tracks_at(places)] == [[track] * 2, [start] * 2]
        assert line.without(track).tracks_at(places)[0].tolist() == [0, 0]
    assert line.tracks_at(np.array([-1]))[0].tolist() == [0]
    assert build([]).line.tracks_at(np.zeros(0, np.int64))[0].tolist() == []


@pytest.mark.parametrize(("kind", "most"), [(PAIRS, 4.8), (TRIPLES, 6.2)], ids=["pairs", "triples"])
def test_few_bytes_a_posting(kind, most):
    """Hashes of all bands, as many as 400 tracks have."""
    rng = np.random.default_rng(7)
    hashes = [NONE, NONE]
    hashes[kind.number] = np.zeros(1_000_000, HASH)
    hashes[kind.number]["hash"] = rng.integers(0, 1 << kind.bits, 1_000_000)
    segment = build([(1, hashes)])
    assert sum(part.nbytes for part in segment.parts) < most * segment.size


def test_tracks_that_do_not_fit_one_segment_take_several(tracks, query, monkeypatch):
    monkeypatch.setattr(postings, "BUILT_FRAMES", 1 << 16)
    pieces = list(fitting(tracks))
    assert [[track for track, _ in piece] for piece in pieces] == [[7, 3], [4_000_000], [9]]
    assert found([build(piece) for piece in pieces], query) == slowly_found(tracks, query)
    assert list(fitting([])) == []
    with pytest.raises(ValueError, match="has room for 65536"):
        build(tracks)


@both_kinds
def test_the_longest_track_there_can_be_fits(kind):
    hashes = [NONE, NONE]
    hashes[kind.number] = np.array([((1 << kind.bits) - 1, MAX_FRAME - 1)], HASH)
    assert room(hashes) <= BUILT_FRAMES
    (place,) = stored(build([(1, hashes)]), kind)[1]
    assert place == MAX_FRAME - 1


# Merging


def test_merged_segments_hold_the_same(tracks, query):
    pieces = [build([track]) for track in tracks]
    once, twice = merge(pieces), merge([merge(pieces[:2]), merge(pieces[2:])])
    assert found([once], query) == found(pieces, query) == slowly_found(tracks, query)
    assert_same(once, twice)
    assert_same(once, build(tracks))
    assert once.line.frames == sum(piece.line.frames for piece in pieces)


def test_between_two_parts_of_a_merge_all_is_there_once(tracks, query):
    a, b = build(tracks[:2]), build(tracks[2:])
    lines = [a.line, b.line]
    c = replace(build([]), line=merge_lines(lines))
    everything = slowly_found(tracks, query)
    for number in range(LISTS):
        assert found([a, b, c], query) == everything
        c = with_part(c, number, merge_parts(number, lines, [a.parts[number], b.parts[number]], c.line))
        a, b = with_part(a, number, EMPTY[number]), with_part(b, number, EMPTY[number])
    assert (a.size, b.size) == (0, 0)
    assert found([c], query) == everything


def test_removed_tracks_are_not_found_and_leave_with_a_merge(tracks, query):
    others = [track for track in tracks if track[0] not in (7, 9)]
    expected = slowly_found(others, query)
    blanked = without(build(tracks), 7, 9)
    assert found([blanked], query) == expected
    merged = merge([blanked, build([])])
    assert found([merged], query) == expected
    assert merged.size == merged.line.postings == sum(len(some) for _, hashes in others for some in hashes)
    assert_same(merged, build(others))  # or the line would be full one day


def test_a_track_that_is_removed_while_its_segment_is_merged_is_gone(tracks, query):
    a, b = build(tracks[:2]), build(tracks[2:])
    c = replace(build([]), line=merge_lines([a.line, b.line]))
    gone = tracks[0][0]
    for number in range(LISTS):
        if number == PARTS + PARTS // 2:  # some of the triples, and all pairs, are merged
            a, c = without(a, gone), without(c, gone)
        c = with_part(c, number, merge_parts(number, [a.line, b.line], [a.parts[number], b.parts[number]], c.line))
    assert found([c], query) == slowly_found([track for track in tracks if track[0] != gone], query)


def test_when_all_are_removed_nothing_is_left(tracks, query):
    merged = merge([without(build(tracks), 3, 7, 9, 4_000_000)])
    assert (merged.size, len(merged.line.slots)) == (0, 0)
    assert all(part is EMPTY[number] for number, part in enumerate(merged.parts))
    assert found([merged], query) == [[], []]
    assert found([merge([merged, build(tracks)])], query) == slowly_found(tracks, query)


# Layout


def test_a_part_is_read_where_it_lies_if_it_can_be():
    part = max(build([(1, of_both_kinds(50, 8))]).parts, key=len)
    there, between = read_part(part.data), read_part(memoryview(b"12" + part.tobytes())[2:])
    assert there.ctypes.data == part.ctypes.data
    assert between.flags.aligned
    np.testing.assert_array_equal(there, part)
    np.testing.assert_array_equal(between, part)


def test_a_line_comes_back():
    line = build([(3, of_both_kinds(10, 1)), (5, of_both_kinds(10, 2))]).line
    again = Line.load(line.dump())
    np.testing.assert_array_equal(again.slots, line.slots)
    assert (again.frames, again.postings) == (line.frames, line.postings)
    assert again.without(3).slots["track"].tolist() == [0, 5]
    assert again.slots["track"].tolist() == [3, 5]


def test_every_place_finds_its_slot():
    starts = np.array([64, 70, 5000, 5001, 90_000])
    slots = np.zeros(len(starts), SLOT)
    slots["start"] = starts
    ends, _, cells = Line(slots, 100_000).columns
    for place in [*starts, 69, 71, 4095, 4096, 89_999, 99_999]:
        assert postings._slot_of(place, ends, cells) == np.searchsorted(starts, place, side="right") - 1


@pytest.mark.parametrize("place_bytes", [NARROW, WIDE])
@pytest.mark.parametrize("bits", range(MAX_GROUP_BITS + 1))
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 100])
def test_places_and_lowest_bits_come_back(bits, count, place_bytes):
    rng = np.random.default_rng(count)
    places = rng.integers(0, MAX_FRAMES if place_bytes == WIDE else NARROW_FRAMES, count).astype(np.uint32)
    values = rng.integers(0, 1 << bits, count).astype(np.uint32)
    places[-1], values[-1] = (MAX_FRAMES if place_bytes == WIDE else NARROW_FRAMES) - 1, (1 << bits) - 1
    packed = postings._packed(places, values, bits, place_bytes)
    assert len(packed) == postings._words(count, bits, place_bytes)
    first, rest = np.split(packed.view(np.uint8), [place_bytes * count])
    assert [postings.place_at.py_func(first, k, place_bytes) for k in range(count)] == places.tolist()
    assert postings._widened(first, place_bytes).tolist() == places.tolist()
    assert [postings.low_at.py_func(rest, k, bits) for k in range(count)] == values.tolist()


@pytest.mark.parametrize(
    ("kind", "count", "parts", "bits"),
    [
        (PAIRS, 1, 1, 14),
        (PAIRS, 2_000, PARTS, 13),
        (PAIRS, 100_000, PARTS, 7),
        (PAIRS, 30_000, 1, 3),
        (PAIRS, 300_000, 1, 0),
        (TRIPLES, 1, 1, 24),
        (TRIPLES, 100_000, PARTS, 20),
        (TRIPLES, 300_000, 1, 12),
    ],
)
def test_postings_are_found_whatever_the_width_of_their_lowest_bits(kind, count, parts, bits):
    """Few postings have many hashes a group, many have one."""
    rng = np.random.default_rng(count)
    hashes = [NONE, NONE]
    some = hashes[kind.number] = np.zeros(count, HASH)
    some["hash"] = (rng.integers(0, parts, count) << part_bits(kind)) | rng.integers(0, min(1 << part_bits(kind), 1 << 20), count)
    some["frame"] = rng.integers(0, 5_000, count)
    segment = build([(7, hashes)])
    assert bits in {int(part[0] & 0xFF) for part in segment.parts[kind.number * PARTS :][:parts]}
    assert is_sound(segment)
    query = np.zeros(min(count, 500), HASH)
    query["hash"] = rng.choice(some["hash"], len(query), replace=False)
    query = np.unique(query)
    offsets = [offset for _, offset in looked_up([segment], kind, query, reach=0)]
    np.testing.assert_array_equal(np.sort(offsets), np.sort(some["frame"][np.isin(some["hash"], query["hash"])]))


def widths(segment):
    """Bytes of a place in the parts that have postings."""
    return {int(part[0]) >> 8 for part in segment.parts if part[1]}


def test_long_lines_have_places_of_four_bytes(tracks, query, monkeypatch):
    monkeypatch.setattr(postings, "NARROW_FRAMES", build(tracks[2:3]).line.frames)
    pieces = [build([track]) for track in tracks]
    assert [widths(piece) for piece in pieces] == [{NARROW}, set(), {NARROW}, {NARROW}]
    built, merged = build(tracks), merge(pieces)
    assert widths(built) == {WIDE}
    assert_same(merged, built)
    assert found([built], query) == found(pieces, query) == slowly_found(tracks, query)
    again = merge([without(built, 7, 3, 9)])
    assert widths(again) == {NARROW}
    assert_same(again, build(tracks[2:3]))


def test_places_beyond_three_bytes_are_found(query):
    """A line of more than 108 hours."""
    tracks = [(1, of_both_kinds(300, 1, 2 * NARROW_FRAMES)), (2, of_both_kinds(300, 2))]
    segment = build(tracks)
    assert segment.line.frames > NARROW_FRAMES
    assert widths(segment) == {WIDE}
    assert is_sound(segment)
    assert found([segment], query) == slowly_found(tracks, query)
    one = merge([without(segment, 1), build([])])
    assert widths(one) == {NARROW}
    assert_same(one, build(tracks[1:]))


# Digests and soundness


def test_digests_are_those_of_the_hashes_of_both_kinds(tracks):
    segments = [build(tracks[:1]), without(build(tracks[1:]), 9)]
    digests = {}
    for segment in segments:
        add_digests(segment, digests)
    assert digests == {track: digest(hashes) for track, hashes in tracks if track != 9}
    pairs, triples = tracks[0][1]
    assert digest([pairs, NONE]) != digest([NONE, pairs])
    assert digest([pairs, NONE]) != digest([pairs, triples])


def test_every_segment_that_is_built_or_merged_is_sound(tracks):
    built = build(tracks)
    for segment in (built, build([]), build(tracks[1:2]), without(built, 7), merge([build(tracks[:2]), build(tracks[2:])])):
        assert is_sound(segment)
    lines = [built.line]
    merging = replace(build([]), line=merge_lines(lines))
    assert is_sound(with_part(merging, PARTS + 25, merge_parts(PARTS + 25, lines, [built.parts[PARTS + 25]], merging.line)))
