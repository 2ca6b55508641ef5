"""The numbers of the algorithm: how they are stored, compared, and what follows from them."""

import json
from dataclasses import fields, replace

import pytest

from core.params import NOT_IN_PEAKS, Params


def test_json_round_trip():
    params = Params(pair_frames=50, whiteness=0.5)
    assert Params.from_json(params.to_json()) == params


def test_unknown_names_are_dropped_and_missing_ones_have_their_default():
    text = json.dumps({"hop": 128, "a number of the future": 1})
    assert Params.from_json(text) == Params(hop=128)


def test_versions_are_those_of_this_code():
    assert replace(Params(), **Params.versions()) == Params()
    assert Params.versions().keys() == {"front_end_version", "hash_version"}


@pytest.mark.parametrize("name", [field.name for field in fields(Params)])
def test_which_numbers_change_the_peaks(name):
    params = Params()
    other = replace(params, **{name: getattr(params, name) + 1})
    assert params.same_front_end(other) == other.same_front_end(params) == (name in NOT_IN_PEAKS)


def test_derived_numbers():
    params = Params(sample_rate=1000, hop=10, n_fft=100, mean_ahead=1, peak_ahead=2, rank_ahead=3)
    assert params.frame_seconds == 0.01
    assert params.look_ahead == 6
    assert params.delay == pytest.approx(0.16, abs=0.05)


def test_the_delay_is_short():
    assert Params().delay < 0.5
