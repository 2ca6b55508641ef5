"""Hits become votes: the lines that most hits agree on are those that a dictionary would say."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.votes import HIGHEST, OFFSET_BIN, SORTED_HITS, Ballot

NONE = np.zeros(0, np.uint32)


def hits(*lines):
    """Lines of (place, number of hits) -> hits [n], in no order."""
    places = np.concatenate([NONE, *(np.full(count, place % 2**32, np.uint32) for place, count in lines)])
    return np.random.default_rng(0).permutation(places)


def best(*of_segments, count=10):
    """(segment, place, votes) of the best lines; the hits are those of segments 1, 2, ..."""
    return voted(of_segments, range(1, len(of_segments) + 1), count)


def voted(some, segments, count):
    blocks = list(zip(segments, some, strict=True))
    ballot = Ballot(sum(map(len, some)))
    ballot.add(blocks)
    return rows(ballot.best(blocks, count))


def rows(lines):
    return list(zip(*(column.tolist() for column in lines), strict=True))


def slowly_voted(some, segments):
    """The same of all lines, by a dictionary."""
    bins = Counter()
    for one, segment in zip(some, segments, strict=True):
        bins.update((segment, int(place) // OFFSET_BIN) for place in one)
    pairs = {(s, b): n + bins[s, b + 1] for (s, b), n in list(bins.items())}
    pairs = {(s, b): n for (s, b), n in pairs.items() if n > pairs.get((s, b - 1), 0) and n >= pairs.get((s, b + 1), 0)}
    return sorted(((s, b * OFFSET_BIN, n) for (s, b), n in pairs.items()), key=lambda row: (-row[2], row[0], row[1]))


def noise(count, seed, places=1 << 32):
    return np.random.default_rng(seed).integers(0, places, count).astype(np.uint32)


def test_no_hits_nominate_nothing():
    assert best() == best(NONE) == best(NONE, NONE) == []


def test_the_most_hits_come_first():
    assert best(hits((100, 3), (700, 5)), hits((50, 9))) == [(2, 50, 9), (1, 700, 5), (1, 100, 3)]


def test_only_as_many_as_asked_for():
    found = best(hits(*((1000 * votes, votes) for votes in range(1, 30))), count=5)
    assert [votes for _, _, votes in found] == [29, 28, 27, 26, 25]


@pytest.mark.parametrize("place", [0, 1, 2, 50_001, 2**31 - 1, 2**32 - 1003, 2**32 - 3])
def test_hits_that_differ_by_a_frame_are_one_line(place):
    ((_, first, votes),) = best(hits((place, 4), (place + 1, 4)))
    assert votes == 8
    assert first <= place < place + 1 <= first + 2 * OFFSET_BIN - 1


def test_a_neighbourhood_of_places_has_one_line():
    found = best(hits(*((1000 + near, 10 - abs(near)) for near in range(-4, 5))))
    places = [place for _, place, _ in found]
    assert places[0] + OFFSET_BIN - 0.5 == pytest.approx(1000, abs=2)
    assert np.diff(np.sort(places)).min(initial=99) > 2


def test_the_hits_of_several_look_ups_in_a_segment_are_counted_together():
    some = [hits((100, 3)), hits((100, 4), (500, 5)), hits((101, 1))]
    assert voted(some, [7, 7, 7], 2) == [(7, 100, 8), (7, 500, 5)]


def test_segments_do_not_mix():
    """Neither where their places are the same nor where one ends and the next begins."""
    segments = [3, 4, 2**31 - 1]
    some = [hits((100, 3), (2**32 - 1, 2)), hits((100, 5), (0, 2)), hits((100, 4))]
    assert voted(some, segments, 9) == [
        (4, 100, 5), (2**31 - 1, 100, 4), (3, 100, 3), (3, 2**32 - 2, 2), (4, 0, 2)
    ]  # fmt: skip


PLACES = st.one_of(st.integers(0, 40), st.integers(2**32 - 10, 2**32 - 1))
SOME = st.lists(st.tuples(st.integers(1, 3), st.lists(PLACES, max_size=60)), max_size=6)


@given(SOME, st.integers(1, 30))
def test_votes_are_those_of_a_dictionary(rows, count):
    some, segments = [np.array(places, np.uint32) for _, places in rows], [segment for segment, _ in rows]
    assert voted(some, segments, count) == slowly_voted(some, segments)[:count]


@pytest.mark.parametrize("number", [SORTED_HITS - 1, 200_000, 1_000_000])
def test_the_best_of_many_hits_are_those_of_a_dictionary(number):
    """Only those of the fullest buckets are counted; chance fills some as much as lines do that few hits agree on."""
    lines = [hits(*((1_000_003 * k, 12 + 3 * k) for k in range(1, 60))) for _ in range(3)]
    some = [np.concatenate([line, noise(number // 3, seed)]) for seed, line in enumerate(lines)]
    segments = [5, 6, 70]
    expected = slowly_voted(some, segments)[:40]
    assert voted(some, segments, 40) == expected
    assert expected[-1][2] > 100


@pytest.mark.parametrize("number", [60_000, 200_000, 500_000])
def test_lines_of_more_votes_than_heights_are_told_apart(number):
    votes = [HIGHEST - 1, HIGHEST, HIGHEST + 1, 2 * HIGHEST, 2 * HIGHEST + 1, 1000, number // 2]
    some = [np.concatenate([hits(*((10_007 * k, n) for k, n in enumerate(votes, 1))), noise(number, 1)])]
    found = voted(some, [1], len(votes))
    assert found == slowly_voted(some, [1])[: len(votes)]
    assert found[0][2] >= number // 2


def test_as_many_lines_as_asked_for_though_chance_alone_has_spoken():
    """No bucket is fuller than others."""
    for count in (10, 2_000):
        found = voted([noise(300_000, 3)], [1], count)
        assert len(found) == count
        votes = [votes for _, _, votes in found]
        assert votes == sorted(votes, reverse=True)
        assert len({place for _, place, _ in found}) == count


def test_many_hits_on_few_places():
    """Each neighbour of a bucket is as full as itself."""
    some = [noise(300_000, 4, places=3_000)]
    assert voted(some, [9], 50) == slowly_voted(some, [9])[:50]


def test_what_is_removed_has_no_vote():
    old, new = [(1, hits((100, 30), (5_000, 3)))], [(1, hits((100, 2), (700, 5)))]
    ballot = Ballot(100)
    ballot.add(old)
    ballot.add(new)
    assert rows(ballot.best([*old, *new], 5)) == [(1, 100, 32), (1, 700, 5), (1, 5_000, 3)]
    ballot.remove(old)
    assert rows(ballot.best(new, 5)) == [(1, 700, 5), (1, 100, 2)]


def test_hits_that_come_and_go_leave_the_votes_of_those_that_stay():
    """As of a listener: what votes at the end counts as if it had come at once."""
    looks = [[(segment, np.concatenate([noise(3_000, 7 * k + segment), hits((40_000, k))])) for segment in (1, 2)] for k in range(1, 12)]
    ballot, staying = Ballot(20_000), []
    for look in looks:
        ballot.add(look)
        staying.append(look)
        if len(staying) > 4:
            ballot.remove(staying.pop(0))
    voting = [block for look in staying for block in look]
    at_once = Ballot(20_000)
    at_once.add(voting)
    assert rows(ballot.best(voting, 30)) == rows(at_once.best(voting, 30))
    assert rows(ballot.best(voting, 1))[0][2] >= 8 + 9 + 10 + 11


def test_the_order_of_hits_does_not_matter():
    some = [np.concatenate([hits((7_000, 40), (9_000, 30)), noise(200_000, seed)]) for seed in range(3)]
    expected = voted(some, [1, 2, 3], 100)
    rng = np.random.default_rng(1)
    assert voted([rng.permutation(one) for one in some], [1, 2, 3], 100) == expected
    halves = [half for one in some for half in np.split(one, [50_000])]
    assert voted(halves[::-1], [3, 3, 2, 2, 1, 1], 100) == expected
