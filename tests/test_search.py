"""The last seconds' peaks become candidates, plain or warped, and what is forgotten has no vote."""

import numpy as np
import pytest
from hearing import clip, fingerprint, known_music

from core.candidates import Warp
from core.constellation import PEAK
from core.demo import change_speed
from stream.search import HIT_FRAMES, Search

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


@pytest.fixture(params=["quick", "thorough"])
def plain(request):
    """Either kind of plain look-up: search, now, count -> candidates."""
    return getattr(Search, request.param)


def test_the_track_and_its_place_come_first(index, heard, plain):
    peaks, now = heard
    best = plain(fed(index, peaks), now, 5)[0]
    assert best["track"] == TRACK
    assert best["place"] - now == pytest.approx(START / index.params.frame_seconds, abs=3)


def test_more_is_hit_by_a_thorough_look_up(index, heard):
    peaks, now = heard
    search = fed(index, peaks)
    assert 0 < 1.5 * search.quick(now, 5)["votes"][0] < search.thorough(now, 5)["votes"][0]


def test_votes_of_earlier_looks_count(index, heard, plain):
    peaks, now = heard
    at_once = plain(fed(index, peaks), now, 5)
    in_steps = fed(index, peaks)
    for until in range(10, now, 10):
        plain(in_steps, until, 5)
    last = plain(in_steps, now, 5)
    assert last["votes"][0] == at_once["votes"][0]


def test_what_was_not_looked_up_is_when_it_is_asked_for(index, heard):
    """One kind of look-up knows nothing of the other."""
    peaks, now = heard
    search = fed(index, peaks)
    search.quick(now - 20, 5)
    assert search.thorough(now, 5).tolist() == fed(index, peaks).thorough(now, 5).tolist()


def test_a_hit_votes_for_some_seconds(index, heard, plain):
    peaks, now = heard
    search = fed(index, peaks)
    plain(search, now, 5)
    assert len(plain(search, now + HIT_FRAMES - 1, 5))
    assert not len(plain(search, now + HIT_FRAMES, 5))


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


def test_nothing_heard_nominates_nothing(index):
    assert not len(fed(index, NONE).quick(10, 5))
    assert not len(fed(index, NONE).thorough(10, 5))
    assert not len(fed(index, NONE).warped(10, Warp.record(1.04), 5))
