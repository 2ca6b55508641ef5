"""The last seconds' peaks become candidates, plain or warped, and what is forgotten has no vote."""

import numpy as np
import pytest
from hearing import clip, fingerprint, known_music

from core.constellation import PEAK
from core.demo import change_speed
from core.nominator import VOTING_FRAMES, Usage
from core.warps import PLAIN, Warp
from stream.search import BUDGET, SPARING_BUDGET, Search

NONE = np.zeros(0, PEAK)
START = 8.0  # seconds into the track
TRACK = 4  # whose seed is 3


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with known_music(tmp_path_factory.mktemp("index")) as index:
        yield index


@pytest.fixture(scope="module")
def heard():
    peaks, levels = fingerprint(clip(3, START, 3))
    return peaks, len(levels)


def fed(index, peaks):
    search = Search(index)
    search.feed(peaks)
    return search


def sparing(search, now, count):
    return search.nominees(now, count, SPARING_BUDGET)


def deep(search, now, count):
    return search.deep(now, PLAIN, count, 6.0)


plain = pytest.mark.parametrize("plain", [Search.nominees, sparing, deep], ids=["usual", "sparing", "deep"])
kept = pytest.mark.parametrize("plain", [Search.nominees, sparing], ids=["usual", "sparing"])


@plain
def test_the_track_and_its_place_come_first(index, heard, plain):
    peaks, now = heard
    best = plain(fed(index, peaks), now, 5)[0]
    assert best["track"] == TRACK
    assert best["place"] - now == pytest.approx(START / index.params.frame_seconds, abs=3)


def test_more_is_hit_by_a_thorough_look_up(index, heard):
    """By a larger budget; what is read first is what is worth most."""
    peaks, now = heard
    postings, votes = [], []
    for budget in (50, 200, BUDGET):
        index.usage = Usage()
        votes.append(int(fed(index, peaks).nominees(now, 5, budget)["votes"][0]))
        postings.append(index.usage.postings)
    index.usage = None
    assert 0 < postings[0] < postings[1] < postings[2]
    assert 0 < votes[0] < votes[1] < votes[2]
    assert votes[0] / postings[0] > votes[2] / postings[2]


@kept
def test_votes_of_earlier_looks_count(index, heard, plain):
    """Each has a budget of its own, so that they are not quite those of one look."""
    peaks, now = heard
    at_once = plain(fed(index, peaks), now, 5)
    in_steps = fed(index, peaks)
    for until in range(10, now, 10):
        plain(in_steps, until, 5)
    last = plain(in_steps, now, 5)
    assert last["track"][0] == at_once["track"][0]
    assert last["votes"][0] == pytest.approx(at_once["votes"][0], rel=0.2)


def test_what_was_not_looked_up_is_when_it_is_asked_for(index, heard):
    """A look at all of the last seconds knows nothing of the others, and they nothing of it."""
    peaks, now = heard
    search = fed(index, peaks)
    search.nominees(now - 20, 5)
    assert deep(search, now, 5).tolist() == deep(fed(index, peaks), now, 5).tolist()
    other = fed(index, peaks)
    deep(other, now - 20, 5)
    assert other.nominees(now, 5).tolist() == fed(index, peaks).nominees(now, 5).tolist()


def test_twice_the_look_at_one_frame_is_one_look(index, heard):
    peaks, now = heard
    search = fed(index, peaks)
    assert search.nominees(now, 5).tolist() == search.nominees(now, 5).tolist()


@kept
def test_a_hit_votes_for_some_seconds(index, heard, plain):
    peaks, now = heard
    search = fed(index, peaks)
    plain(search, now, 5)
    assert len(plain(search, now + VOTING_FRAMES - 1, 5))
    assert not len(plain(search, now + VOTING_FRAMES, 5))


@kept
def test_what_is_forgotten_has_no_vote(index, heard, plain):
    peaks, now = heard
    search = fed(index, peaks)
    plain(search, now, 5)
    search.forget(now + 1)
    assert not len(search.peaks)
    assert not len(plain(search, now + 1, 5))


def test_a_warp_finds_a_record_that_turns_too_fast(index):
    peaks, levels = fingerprint(change_speed(clip(3, START, 4), 1.08))
    now = len(levels)
    best = fed(index, peaks).warped(now, Warp.record(1.08), 5)[0]
    assert best["track"] == TRACK
    assert best["place"] - 1.08 * now == pytest.approx(START / index.params.frame_seconds, abs=4)
    assert best["speed"] == pytest.approx(1.08)


def test_a_budget_is_for_a_frame_of_sound(index, heard):
    """However many frames a look goes over: of many seconds at once those count that can vote."""
    peaks, now = heard
    for frames in (10, now):
        index.usage = Usage()
        fed(index, peaks[peaks["frame"] < frames]).nominees(frames, 5)
        assert 0 < index.usage.postings <= BUDGET * VOTING_FRAMES
    index.usage = None


def test_nothing_heard_nominates_nothing(index):
    assert not len(fed(index, NONE).nominees(10, 5))
    assert not len(deep(fed(index, NONE), 10, 5))
    assert not len(fed(index, NONE).warped(10, Warp.record(1.04), 5))
