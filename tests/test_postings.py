"""Posting lists: what is looked up is what a dictionary would say, after any merges and removals."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from core import postings
from core.constellation import MAX_FRAME
from core.hashes import BAND_STEP_BITS, HASH, STEP_BITS
from core.postings import (
    EMPTY,
    MAX_FRAMES,
    PART_BITS,
    PARTS,
    PLACE_BYTES,
    SLOT,
    Line,
    build,
    fitting,
    merge,
    merge_lines,
    merge_parts,
    read_part,
    unpack_hits,
)

ALL = 10**9  # a budget for everything


def some_hashes(count, seed, frames=5000):
    """HASH [count]: few different bands, so that many are the same or neighbours."""
    rng = np.random.default_rng(seed)
    hashes = np.zeros(count, HASH)
    hashes["hash"] = rng.integers(0, 6, count) << 13 | rng.integers(60, 68, count) << 6 | rng.integers(1, 64, count)
    hashes["frame"] = np.sort(rng.integers(0, frames, count))
    return hashes


@pytest.fixture(scope="module")
def tracks():
    """(track id, HASH [h]); one is empty."""
    return [(7, some_hashes(900, 1)), (3, some_hashes(0, 2)), (4_000_000, some_hashes(1500, 3, 40_000)), (9, some_hashes(400, 4))]


@pytest.fixture(scope="module")
def query():
    return some_hashes(120, 5, 200)


def tupled(hash_):
    """(band of the earlier peak, band of the later one, frame step)"""
    band = hash_ >> (STEP_BITS + BAND_STEP_BITS)
    return band, band + (hash_ >> STEP_BITS & (1 << BAND_STEP_BITS) - 1), hash_ & (1 << STEP_BITS) - 1


def slow_lookup(tracks, query, band_reach, step_reach):
    """{index in the query: its (track, offset)} by a dictionary."""
    where = defaultdict(list)
    for track, hashes in tracks:
        for posting in hashes:
            where[tupled(int(posting["hash"]))].append((track, int(posting["frame"])))
    bands, steps = range(-band_reach, band_reach + 1), range(-step_reach, step_reach + 1)
    found = {}
    for i, wanted in enumerate(query):
        earlier, later, step = tupled(int(wanted["hash"]))
        frame = int(wanted["frame"])
        keys = [(earlier + a, later + b, step + c) for a in bands for b in bands for c in steps if step + c > 0]
        found[i] = [(track, place - frame) for key in keys for track, place in where[key]]
    return found


def flat(found):
    return sorted(hit for hits in found.values() for hit in hits)


def lookup(segments, query, budget=ALL, band_reach=1, step_reach=1):
    found, offsets = unpack_hits(postings.lookup(segments, query, band_reach, step_reach, budget))
    return sorted(zip(found.tolist(), offsets.tolist(), strict=True))


def without(segment, *ids):
    """The segment with the slots of these tracks blank."""
    for track in ids:
        segment = replace(segment, line=segment.line.without(track))
    return segment


def stored(segment):
    """The hashes and the places of all postings, in the order in which they are stored."""
    hashes, places = [np.zeros(0, np.int64)], [np.zeros(0, np.uint32)]
    for number, part in enumerate(segment.parts):
        group_bits, starts, its_places, low = postings._columns(part)
        groups = np.repeat(np.arange(len(starts) - 1), np.diff(starts.astype(int)))
        lowest = [postings._low.py_func(low, k, group_bits) for k in range(int(part[1]))]
        hashes.append(number << PART_BITS | groups << group_bits | np.array(lowest, np.int64))
        places.append(np.array([postings._place.py_func(its_places, k) for k in range(int(part[1]))], np.int64))
    return np.concatenate(hashes), np.concatenate(places)


@pytest.mark.parametrize("reaches", [(0, 0), (1, 1), (2, 1), (0, 3)], ids=str)
def test_lookup_is_that_of_a_dictionary(tracks, query, reaches):
    expected = flat(slow_lookup(tracks, query, *reaches))
    assert len(expected) > 20
    assert lookup([build(tracks)], query, ALL, *reaches) == expected


def test_the_order_of_the_query_does_not_matter(tracks, query):
    assert lookup([build(tracks)], query[::-1]) == lookup([build(tracks)], query)


def test_a_track_in_any_segment_is_found(tracks, query):
    assert lookup([build(tracks[:1]), build(tracks[1:3]), build(tracks[3:])], query) == lookup([build(tracks)], query)


def test_merged_segments_hold_the_same(tracks, query):
    pieces = [build([track]) for track in tracks]
    once, twice = merge(pieces), merge([merge(pieces[:2]), merge(pieces[2:])])
    assert lookup([once], query) == lookup(pieces, query)
    for one, two in zip(once.parts, twice.parts, strict=True):
        np.testing.assert_array_equal(one, two)
    assert once.line.dump() == twice.line.dump()
    assert once.line.frames == sum(piece.line.frames for piece in pieces)


def test_tracks_that_do_not_fit_one_segment_take_several(tracks, query, monkeypatch):
    lengths = [int(hashes["frame"].max(initial=0)) + 1 for _, hashes in tracks]
    monkeypatch.setattr(postings, "MAX_FRAMES", max(lengths))
    pieces = list(fitting(tracks))
    assert [track for piece in pieces for track, _ in piece] == [track for track, _ in tracks]
    assert len(pieces) > 1
    assert all(build(piece).line.frames <= postings.MAX_FRAMES for piece in pieces)
    assert lookup([build(piece) for piece in pieces], query) == flat(slow_lookup(tracks, query, 1, 1))
    assert list(fitting([])) == []


def test_the_longest_track_there_can_be_fits():
    last = np.array([(5 << 13 | 64 << 6 | 10, MAX_FRAME - 1)], HASH)
    assert lookup([build([(1, last)])], last) == [(1, 0)]


def test_between_two_parts_of_a_merge_all_is_there_once(tracks, query):
    a, b = build(tracks[:2]), build(tracks[2:])
    lines = [a.line, b.line]
    c = replace(build([]), line=merge_lines(lines))
    for number in range(PARTS):
        assert lookup([a, b, c], query) == lookup([build(tracks)], query)
        c = with_part(c, number, merge_parts(lines, [a.parts[number], b.parts[number]], c.line))
        a, b = with_part(a, number, EMPTY), with_part(b, number, EMPTY)
    assert (a.size, b.size) == (0, 0)
    assert lookup([c], query) == lookup([build(tracks)], query)


def with_part(segment, number, part):
    return replace(segment, parts=(*segment.parts[:number], part, *segment.parts[number + 1 :]))


def test_removed_tracks_are_not_found_and_leave_with_a_merge(tracks, query):
    others = [track for track in tracks if track[0] not in (7, 9)]
    expected = flat(slow_lookup(others, query, 1, 1))
    blanked = without(build(tracks), 7, 9)
    assert lookup([blanked], query) == expected
    merged = merge([blanked, build([])])
    assert lookup([merged], query) == expected
    assert merged.size == sum(len(hashes) for _, hashes in others)
    assert set(merged.line.slots["track"]) == {3, 4_000_000}
    assert merged.line.frames == sum(int(hashes["frame"].max(initial=0)) + 1 for _, hashes in others)  # or the line would be full one day


def test_a_track_that_is_removed_while_its_segment_is_merged_is_gone(tracks, query):
    a, b = build(tracks[:2]), build(tracks[2:])
    c = replace(build([]), line=merge_lines([a.line, b.line]))
    gone = tracks[1][0]
    for number in range(PARTS):
        if number == PARTS // 2:
            a, c = without(a, gone), without(c, gone)
        c = with_part(c, number, merge_parts([a.line, b.line], [a.parts[number], b.parts[number]], c.line))
    assert lookup([c], query) == flat(slow_lookup([track for track in tracks if track[0] != gone], query, 1, 1))


def test_when_all_are_removed_nothing_is_left(tracks, query):
    merged = merge([without(build(tracks), 3, 7, 9, 4_000_000)])
    assert (merged.size, len(merged.line.slots)) == (0, 0)
    assert all(part is EMPTY for part in merged.parts)
    assert lookup([merged], query) == []
    assert lookup([merge([merged, build(tracks)])], query) == lookup([build(tracks)], query)


def test_the_rarest_hashes_are_read_first(tracks, query):
    segment, query = build(tracks), np.sort(query, order="hash")
    found = slow_lookup(tracks, query, 0, 0)
    most, expected = counted([segment], query, 0, 0)
    budget = int(expected.sum() / 2)
    hits = lookup([segment], query, budget, 0, 0)
    assert 0 < len(hits) < len(flat(found))
    assert all(count >= len(found[i]) for i, count in enumerate(most))
    cost = np.maximum(expected, most / postings.MOST_READ)
    read = np.argsort(cost, kind="stable")
    read = read[np.cumsum(cost[read]) <= budget]
    assert hits == sorted(hit for i in read for hit in found[i])
    assert lookup([segment], query, 0) == []


def counted(segments, query, band_reach, step_reach):
    most, expected = np.zeros(len(query), np.int64), np.zeros(len(query))
    for segment in segments:
        postings._count(query["hash"].astype(np.int64), band_reach, step_reach, segment.parts, most, expected)
    return most, expected


def test_a_budget_reads_as_much_of_many_segments_as_of_one():
    """In small segments groups are large; what is not asked for, and only shares a group with it, must not use up the budget."""
    tracks = [(number, some_hashes(8_000, number)) for number in range(1, 9)]
    query = np.sort(some_hashes(3_000, 99), order="hash")
    one, many = [build(tracks)], [build([track]) for track in tracks]
    everything = len(lookup(one, query))
    assert counted(one, query, 1, 1)[1].sum() == pytest.approx(everything, rel=0.05)
    assert counted(many, query, 1, 1)[1].sum() == pytest.approx(everything, rel=0.05)
    assert counted(many, query, 1, 1)[0].sum() > 2 * everything
    assert len(lookup(many, query, everything // 2)) == pytest.approx(len(lookup(one, query, everything // 2)), rel=0.05)


@pytest.mark.parametrize("count", [0, 1, 50, 5000])
def test_a_segment_is_sorted_by_hash(count):
    hashes = some_hashes(count, 6)
    segment = build([(1, hashes)])
    order = np.argsort(hashes["hash"], kind="stable")
    found, places = stored(segment)
    np.testing.assert_array_equal(found, hashes["hash"][order])
    np.testing.assert_array_equal(places, hashes["frame"][order] + segment.line.slots["start"][0])
    assert segment.size == count


def test_four_bytes_a_posting():
    segment = build([(1, some_hashes(200_000, 7))])
    assert sum(part.nbytes for part in segment.parts) < 5 * segment.size


def test_a_part_is_read_where_it_lies_if_it_can_be():
    part = next(part for part in build([(1, some_hashes(50, 8))]).parts if part is not EMPTY)
    there, between = read_part(part.data), read_part(memoryview(b"12" + part.tobytes())[2:])
    assert there.ctypes.data == part.ctypes.data
    assert between.flags.aligned
    np.testing.assert_array_equal(there, part)
    np.testing.assert_array_equal(between, part)


def test_a_line_comes_back():
    line = build([(3, some_hashes(10, 1)), (5, some_hashes(10, 2))]).line
    again = Line.load(line.dump())
    np.testing.assert_array_equal(again.slots, line.slots)
    assert again.frames == line.frames
    assert again.without(3).slots["track"].tolist() == [0, 5]
    assert again.slots["track"].tolist() == [3, 5]


@pytest.mark.parametrize("band_reach", [0, 1, 2])
def test_neighbours_in_other_parts_are_found(band_reach):
    """Also where parts are absent, and at either end of all."""
    bands = np.repeat([0, 1, 3, 4, 5, 127, 128, 252, 254, 255], 3)
    some = np.zeros(len(bands), HASH)
    some["hash"], some["frame"] = bands << 13 | 64 << 6 | np.tile([1, 30, 63], 10), np.arange(len(bands))
    assert lookup([build([(1, some)])], some, ALL, band_reach, 1) == flat(slow_lookup([(1, some)], some, band_reach, 1))


def test_neighbours_stay_within_their_bits(tracks):
    """At the edge of a field, a neighbour is not the next field's."""
    edge = np.array([(0 << 13 | 0 << 6 | 1, 10), (255 << 13 | 127 << 6 | 63, 10), (4 << 13 | 127 << 6 | 63, 10)], HASH)
    beyond = np.array([(h ^ 1 << 6, 0) for h in (0, 63 + (127 << 6))] + [(5 << 13 | 0 << 6 | 0, 0)], HASH)
    for stored in (edge, np.sort(np.concatenate([edge, beyond]), order="hash")):
        assert lookup([build([(1, stored)])], edge) == flat(slow_lookup([(1, stored)], edge, 1, 1))


def test_large_numbers_come_back():
    rows = [(1, 0), (2**32 - 1, 2**30), (2**31, -(2**30))]
    hits = np.array([track << postings.TRACK_SHIFT | offset + postings.OFFSET_ZERO for track, offset in rows], np.uint64).view(np.int64)
    assert list(zip(*(column.tolist() for column in unpack_hits(hits)), strict=True)) == rows


def test_an_empty_query_and_an_empty_library(tracks, query):
    assert lookup([build(tracks)], query[:0]) == []
    assert lookup([], query) == []
    assert lookup([build([])], query) == []


def test_every_place_finds_its_slot():
    starts = np.array([64, 70, 5000, 5001, 90_000])
    slots = np.zeros(len(starts), SLOT)
    slots["start"] = starts
    ends, _, cells = Line(slots, 100_000).columns
    for place in [*starts, 69, 71, 4095, 4096, 89_999, 99_999]:
        assert postings._slot_of(place, ends, cells) == np.searchsorted(starts, place, side="right") - 1


@pytest.mark.parametrize("bits", range(postings.MAX_GROUP_BITS + 1))
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 100])
def test_places_and_lowest_bits_come_back(bits, count):
    rng = np.random.default_rng(count)
    places, values = rng.integers(0, MAX_FRAMES, count).astype(np.uint32), rng.integers(0, 1 << bits, count).astype(np.uint8)
    packed = postings._packed(places, values, bits)
    assert len(packed) == postings._words(count, bits)
    first, rest = np.split(packed.view(np.uint8), [PLACE_BYTES * count])
    assert [postings._place.py_func(first, k) for k in range(count)] == places.tolist() == postings._widened(first).tolist()
    assert [postings._low.py_func(rest, k, bits) for k in range(count)] == values.tolist()


@pytest.mark.parametrize(("count", "parts", "bits"), [(2_000, PARTS, 8), (100_000, PARTS, 7), (30_000, 1, 3), (300_000, 1, 0)])
def test_postings_are_found_whatever_the_width_of_their_lowest_bits(count, parts, bits):
    """Few postings have many hashes a group, many have one."""
    rng = np.random.default_rng(count)
    hashes = np.zeros(count, HASH)
    hashes["hash"] = (rng.integers(0, parts, count) << PART_BITS) | (rng.integers(0, 256, count) << STEP_BITS) | rng.integers(1, 64, count)
    hashes["frame"] = rng.integers(0, 5_000, count)
    segment = build([(7, hashes)])
    assert {int(part[0]) for part in segment.parts[:parts]} == {bits}
    query = np.zeros(500, HASH)
    query["hash"] = np.unique(hashes["hash"])[:500]
    _, offsets = unpack_hits(postings.lookup([segment], query, 0, 0, ALL))
    np.testing.assert_array_equal(np.sort(offsets), np.sort(hashes["frame"][np.isin(hashes["hash"], query["hash"])]))
