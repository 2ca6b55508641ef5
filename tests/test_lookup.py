"""Looking up: all that a dictionary would say is found, and what is worth most is read first."""

from itertools import product

import numpy as np
import pytest
from slow import ALL, NEVER, QUERY_FRAMES, looked_up, question, slow_lookup, some_hashes

from core.hashes import HASH, KINDS, PAIRS, STEP_BITS, STEP_MASK, TRIPLES
from core.lookup import LEAST_CHANCE, RUN_COST, SAMPLED, SCANNED, lookup
from core.postings import build
from core.worth import REACH

pytestmark = pytest.mark.usefixtures("read_everything")

both_kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
NONE = np.zeros(0, HASH)


def of_both_kinds(count, seed, frames=5000):
    return [some_hashes(kind, count, 10 * seed + kind.number, frames) for kind in KINDS]


def alone(kind, hashes):
    """HASH [h] of each kind, of which there is one."""
    return [hashes if other is kind else NONE for other in KINDS]


def some(*rows):
    """(hash, frame) -> HASH [h]"""
    return np.array(list(rows), HASH)


@pytest.fixture(scope="module")
def tracks():
    """(track id, HASH [h] of each kind); one is empty."""
    return [(7, of_both_kinds(900, 1)), (3, of_both_kinds(0, 2)), (4_000_000, of_both_kinds(1500, 3, 40_000)), (9, of_both_kinds(400, 4))]


@pytest.fixture(scope="module")
def query():
    """HASH [h] of each kind."""
    return of_both_kinds(120, 5, QUERY_FRAMES)


MOVES = {
    "none": ([0, 0, 0], ()),
    "all up": ([1, 1, 1], ()),
    "earlier ones down": ([0, -1, -1], ()),
    "latest up": ([1, 0, 0], ()),
    "apart": ([2, -1, 1], (1,)),
    "sooner": ([0, 0, 0], (-1,)),
}


def moves_of(kind, names):
    return [kind.moved(bands[: kind.peaks], steps if kind is TRIPLES else ()) for bands, steps in map(MOVES.get, names)]


# All that is there


@pytest.mark.parametrize("names", [["none"], ["none", "all up"], [*MOVES]], ids=len)
@pytest.mark.parametrize("reach", range(REACH + 1))
@both_kinds
def test_lookup_is_that_of_a_dictionary(tracks, query, kind, names, reach):
    moves = moves_of(kind, names)
    expected = slow_lookup(tracks, kind, query[kind.number], moves, reach)
    assert len(expected) > 20
    assert looked_up([build(tracks)], kind, query[kind.number], moves, reach) == expected


@both_kinds
def test_the_order_of_the_query_does_not_matter(tracks, query, kind):
    assert looked_up([build(tracks)], kind, query[kind.number][::-1]) == looked_up([build(tracks)], kind, query[kind.number])


@both_kinds
def test_a_track_in_any_segment_is_found(tracks, query, kind):
    moves = moves_of(kind, ["none", "apart"])
    segments = [build(tracks[:1]), build(tracks[1:3]), build([]), build(tracks[3:])]
    assert looked_up(segments, kind, query[kind.number], moves) == slow_lookup(tracks, kind, query[kind.number], moves)


def test_the_hits_of_each_segment_and_kind_are_together(tracks, query):
    segments = [build(tracks[2:]), build([]), build(tracks[:1])]
    questions = [question(kind, query[kind.number]) for kind in KINDS]
    answer = lookup(segments, questions, ALL)
    assert len(answer.edges) == 4
    assert (answer.edges[0], answer.edges[-1]) == (0, len(answer.hits))
    for k, segment in enumerate(segments):
        alone = [lookup([segment], [one], ALL).hits for one in questions]
        np.testing.assert_array_equal(answer.hits[answer.edges[k] : answer.edges[k + 1]], np.concatenate(alone))
    assert answer.runs == sum(lookup(segments, [one], ALL).runs for one in questions) == sum(map(len, query))


def test_a_hit_is_where_the_track_was_at_the_querys_first_frame():
    """Counted from the beginning of the line, modulo 2^32."""
    number = 7 << 13 | 64 << STEP_BITS | 10
    segment = build([(1, alone(PAIRS, some((number, 3)))), (2, alone(PAIRS, some((number, 100))))])
    hits = lookup([segment], [question(PAIRS, some((number, 50)))], ALL).hits
    assert hits.tolist() == [(3 - 50) % 2**32, int(segment.line.slots["start"][1]) + 100 - 50]


@both_kinds
def test_neighbours_in_other_parts_are_found(kind):
    """Also where parts are absent, and at either end of all."""
    bands = np.repeat([0, 1, 3, 4, 5, 127, 128, 252, 254, 255], 3)
    hashes = np.zeros(len(bands), HASH)
    middle = (kind.bits - 8) // 2
    hashes["hash"], hashes["frame"] = bands << (kind.bits - 8) | 1 << middle | np.tile([1, 30, 62], 10), np.arange(len(bands))
    for band in (-2, -1, 0, 1, 2):
        moves = [0, kind.moved([band] * kind.peaks)]
        found = looked_up([build([(1, alone(kind, hashes))])], kind, hashes, moves)
        assert found == slow_lookup([(1, alone(kind, hashes))], kind, hashes, moves)


@both_kinds
def test_what_leaves_the_bands_is_not_looked_up(kind):
    edges = some((5, 10), ((255 << (kind.bits - 8)) + 5, 10))
    segment = build([(1, alone(kind, edges))])
    for band, inside in ((-1, 1), (1, 1), (255, 1), (-255, 1), (-256, 0), (256, 0)):
        answer = lookup([segment], [question(kind, edges, [kind.moved([band] * kind.peaks)])], ALL)
        assert (answer.runs, len(answer.hits)) == (inside, inside * (abs(band) == 255))


@both_kinds
@pytest.mark.parametrize("step", [0, 1, STEP_MASK - 1, STEP_MASK])
def test_a_run_stays_within_the_field_of_the_last_step(kind, step):
    """At the edge of a field, a neighbour is not the next field's."""
    middle = 100 << (kind.bits - 8) | 9 << STEP_BITS
    hashes = some(*((middle + other, STEP_MASK + other) for other in range(-STEP_MASK, 2 * STEP_MASK)))
    asked = some((middle + step, 0))
    reached = [other for other in range(step - REACH, step + REACH + 1) if 0 <= other <= STEP_MASK]
    found = looked_up([build([(1, alone(kind, hashes))])], kind, asked)
    assert [offset for _, offset in found] == [STEP_MASK + other for other in reached]


@both_kinds
def test_an_empty_query_and_an_empty_library(tracks, query, kind):
    assert looked_up([build(tracks)], kind, query[kind.number][:0]) == []
    assert looked_up([], kind, query[kind.number]) == []
    assert looked_up([build([])], kind, query[kind.number]) == []
    answer = lookup([build(tracks)], [], ALL)
    assert (len(answer.hits), answer.edges.tolist(), answer.runs) == (0, [0, 0], 0)


# What is read first

FEW, MANY = 8, 800  # postings of one hash: as they share the part with no other, reading costs an eighth of that


def likely(number):
    return number << (PAIRS.bits - 8)  # of a part of its own


SHORT, LONG, OTHER = likely(4), likely(40), likely(80)


@pytest.fixture(scope="module")
def uneven():
    """A segment in which one hash is rare and another frequent; the frame tells which."""
    rows = [(SHORT, 1000 + k) for k in range(FEW)] + [(LONG, 2000 + k) for k in range(MANY)] + [(OTHER, 3000 + k) for k in range(FEW)]
    return build([(1, alone(PAIRS, some(*rows)))])


def read(segment, chances, budget, hashes=(SHORT, LONG, OTHER)):
    """Which of the hashes are read with this budget for each if these are log2 of the chances.

    Each hash is asked for as often as that one of them is in the sample by which the look-up guesses what it can afford.
    """
    query = some(*((number, 0) for number in hashes for _ in range(SAMPLED)))
    chances = np.repeat(chances[: len(hashes)], SAMPLED)
    hits = lookup([segment], [question(PAIRS, query, reach=0, chances=chances)], SAMPLED * budget).hits
    return {{1: SHORT, 2: LONG, 3: OTHER}[place // 1000] for place in hits.tolist()}


CHEAP, DEAR = RUN_COST + FEW / SCANNED, RUN_COST + MANY / SCANNED  # 25 and 124 postings: 2.3 octaves apart


@pytest.mark.parametrize(
    ("chances", "order"),
    [
        ((-5.0, -5.0, -5.5), [SHORT, OTHER, LONG]),
        ((-5.5, -5.0, -5.0), [OTHER, SHORT, LONG]),
        ((-5.0, -3.0, -6.0), [SHORT, LONG, OTHER]),
        ((-6.0, -3.0, -5.0), [OTHER, LONG, SHORT]),
        ((-6.0, -3.0, -7.0), [LONG, SHORT, OTHER]),
    ],
)
def test_runs_are_read_in_the_order_of_chance_over_cost(uneven, chances, order):
    costs = np.cumsum([DEAR if number == LONG else CHEAP for number in order])
    for count in range(4):
        budget = costs[count - 1] + 0.5 if count else 0.5
        assert read(uneven, chances, budget) == set(order[:count])


def test_of_two_as_likely_the_shorter_list_is_read(uneven):
    assert read(uneven, (-5.0, -5.0), CHEAP + 0.5, (LONG, SHORT)) == {SHORT}


def test_kinds_compete_for_one_budget():
    hashes = [some(*((SHORT, 1000 + k) for k in range(FEW))), some(*((likely(4) << 13, 2000 + k) for k in range(FEW)))]
    segment = build([(1, hashes)])
    for likelier in KINDS:
        chances = {kind: -5.0 if kind is likelier else -6.0 for kind in KINDS}
        questions = [question(kind, some((hashes[kind.number]["hash"][0], 0)), reach=0, chances=[chances[kind]]) for kind in KINDS]
        places = lookup([segment], questions, CHEAP + 0.5).hits.tolist()
        assert {place // 1000 - 1 for place in places} == {likelier.number}


@both_kinds
def test_what_is_unlikely_is_not_read_however_little_it_costs(kind):
    hashes = some((likely(9) << (kind.bits - PAIRS.bits), 5))
    segment = build([(1, alone(kind, hashes))])
    for above, found in ((0.1, 1), (-0.1, 0)):
        assert lookup([segment], [question(kind, hashes, chances=[LEAST_CHANCE + above])], ALL).runs == found


def test_a_run_reaches_as_far_as_that_is_likely():
    """And no further where the chance of a longer reach is too small."""
    hashes = some(*((SHORT + 10 + other, 1000 + other) for other in range(-REACH, REACH + 1)))
    segment = build([(1, alone(PAIRS, hashes))])
    for reach in range(REACH + 1):
        asked = question(PAIRS, some((SHORT + 10, 0)), reach=reach)
        assert asked.worth.chances[0].tolist() == [0.0] * (reach + 1) + [NEVER] * (REACH - reach)
        assert sorted(lookup([segment], [asked], ALL).hits.tolist()) == list(range(1000 - reach, 1001 + reach))


def test_a_longer_reach_is_never_read_before_a_shorter_one():
    """However much likelier, and with any budget."""
    numbers = [likely(4 * k + 1) + 30 for k in range(40)]
    near = range(-REACH, REACH + 1)
    rows = [(n + d, 1000 * k + 10 * d + 100) for k, n in enumerate(numbers) for d in near for _ in range(1 + k * abs(d))]
    segment = build([(1, alone(PAIRS, some(*rows)))])
    asked = question(PAIRS, some(*((n, 0) for n in numbers)))
    reaches = set()
    for chances, budget in product([(-6.0, -1.0, 0.0), (-3.0, -9.0, -10.0)], np.geomspace(100, 5_000, 40)):
        asked.worth.chances[:] = [chances]
        hits = set(lookup([segment], [asked], budget).hits.tolist())
        for k in range(len(numbers)):
            steps = {place % 1000 // 10 - 10 for place in hits if place // 1000 == k}
            reach = max(steps, default=-1)
            reaches.add(reach)
            assert steps == set(range(-reach, reach + 1))
    assert reaches == {-1, 0, 1, 2}


@both_kinds
def test_the_budget_bounds_what_is_read(tracks, query, kind):
    segments = [build(tracks[:1]), build(tracks[1:])]
    moves = moves_of(kind, [*MOVES])
    everything = lookup(segments, [question(kind, query[kind.number], moves)], ALL)
    for budget in np.geomspace(10, 1e6, 30):
        answer = lookup(segments, [question(kind, query[kind.number], moves)], budget)
        assert answer.runs * RUN_COST * len(segments) <= budget
        assert len(answer.hits) <= budget * SCANNED
    assert (answer.runs, len(answer.hits)) == (everything.runs, len(everything.hits))
    assert len(lookup(segments, [question(kind, query[kind.number], moves)], 0).hits) == 0


def test_a_budget_reads_about_as_much_of_many_segments_as_of_one(monkeypatch):
    """In small segments groups are large; what is not asked for, and only shares a group with it, must not use up the budget."""
    monkeypatch.setattr("core.lookup.RUN_COST", 0.1)  # else to find runs in many segments costs more
    tracks = [(number, of_both_kinds(8_000, number)) for number in range(1, 9)]
    asked = [question(PAIRS, some_hashes(PAIRS, 3_000, 99, QUERY_FRAMES))]
    one, many = [build(tracks)], [build([track]) for track in tracks]
    everything = len(lookup(one, asked, ALL).hits)
    assert len(lookup(many, asked, ALL).hits) == everything
    read_of_one, read_of_many = (len(lookup(segments, asked, everything // 2).hits) for segments in (one, many))
    assert read_of_one == pytest.approx(everything / 2, rel=0.1)
    assert read_of_many > 0.5 * read_of_one  # passing over is not free


# Enough


def test_reading_stops_where_most_of_what_should_be_hit_was_read(monkeypatch):
    """Also where the budget would pay for more; and the share that is told is that of the runs that were read."""
    hashes = some_hashes(PAIRS, 2_000, 5, QUERY_FRAMES)
    asked = [question(PAIRS, hashes, chances=np.linspace(-6.0, 0.0, len(hashes)).round(1))]
    segments = [build([(1, of_both_kinds(8_000, 1))])]
    everything = lookup(segments, asked, ALL)
    shares, runs = [], []
    for enough in (0.25, 0.5, 0.75):
        monkeypatch.setattr("core.lookup.ENOUGH", enough)
        answer = lookup(segments, asked, ALL)
        assert answer.share == pytest.approx(enough, abs=0.1)
        assert len(answer.hits) < len(everything.hits)
        shares.append(answer.share)
        runs.append(answer.runs)
    assert shares == sorted(shares)
    assert runs == sorted(runs)
    assert lookup(segments, asked, 0).share == 0
