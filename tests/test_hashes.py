"""Pairs of peaks become hashes: worked cases, and the slow version that does the obvious."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.constellation import PEAK
from core.hashes import BAND_STEP_BITS, BAND_STEP_ZERO, HASH_BITS, STEP_BITS, pair, reference_hashes
from core.params import Params

PARAMS = Params(pair_frames=20, pair_bands=8, reference_fan=3)


def peaks_of(points):
    """(frame, band, rank) -> PEAK [k], sorted."""
    peaks = np.zeros(len(points), PEAK)
    for i, (frame, band, rank) in enumerate(sorted(points)):
        peaks[i] = frame, band, 0, rank
    return peaks


def unhash(value):
    """A hash's (earlier band, later band, frame step)."""
    step = value & (1 << STEP_BITS) - 1
    band = value >> (STEP_BITS + BAND_STEP_BITS)
    return band, band + (value >> STEP_BITS & (1 << BAND_STEP_BITS) - 1) - BAND_STEP_ZERO, step


def slow_pairs(peaks, first, fan, params):
    pairs = []
    for i in range(first, len(peaks)):
        frame, band = int(peaks["frame"][i]), int(peaks["band"][i])
        near = [
            (int(peaks["rank"][j]), -j)
            for j in range(i)
            if 0 < frame - peaks["frame"][j] <= params.pair_frames and abs(band - int(peaks["band"][j])) <= params.pair_bands
        ]
        for _, j in sorted(near)[:fan]:
            pairs.append((int(peaks["band"][-j]), band, frame - int(peaks["frame"][-j]), frame))
    return pairs


def test_a_pair_worked_by_hand():
    (found,) = reference_hashes(peaks_of([(100, 7, 0), (103, 5, 0)]), PARAMS)
    assert found["hash"] == 7 << 13 | (64 - 2) << 6 | 3
    assert found["frame"] == 103


@pytest.mark.parametrize("other", [(10, 4, 0), (31, 4, 0), (12, 13, 0)], ids=["same frame", "too late", "too high"])
def test_what_is_no_pair(other):
    assert len(reference_hashes(peaks_of([(10, 3, 0), other]), PARAMS)) == 0


def test_the_strongest_partners_then_the_nearest():
    points = [(1, 0, 5), (2, 1, 0), (3, 2, 5), (4, 3, 5), (5, 4, 9)]
    hashes = reference_hashes(peaks_of(points), PARAMS)
    assert [unhash(int(h))[0] for h in hashes["hash"][hashes["frame"] == 5]] == [1, 3, 2]


POINTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30), st.integers(0, 5)), unique_by=lambda p: p[:2], max_size=40)


@given(POINTS, st.integers(0, 45), st.integers(1, 5))
def test_pairs_are_those_of_the_slow_version(points, first, fan):
    peaks = peaks_of(points)
    hashes = pair(peaks["frame"], peaks["band"], peaks["rank"], first, fan, PARAMS)
    found = [(*unhash(int(h["hash"])), int(h["frame"])) for h in hashes]
    assert found == slow_pairs(peaks, first, fan, PARAMS)
    assert all(h < 1 << HASH_BITS for h in hashes["hash"])


@given(POINTS)
def test_peaks_that_come_later_only_add_hashes(points):
    peaks = peaks_of(points)
    middle = len(peaks) // 2
    early = reference_hashes(peaks[:middle], PARAMS)
    late = pair(peaks["frame"], peaks["band"], peaks["rank"], middle, PARAMS.reference_fan, PARAMS)
    np.testing.assert_array_equal(np.concatenate([early, late]), reference_hashes(peaks, PARAMS))


def test_the_furthest_pairs_fit_their_bits():
    params = Params()
    points = [(0, 255 - params.pair_bands, 0), (params.pair_frames, 255, 0), (2 * params.pair_frames, 255 - params.pair_bands, 0)]
    hashes = reference_hashes(peaks_of(points), params)
    low, high = 255 - params.pair_bands, 255
    assert [unhash(int(h)) for h in hashes["hash"]] == [(low, high, params.pair_frames), (high, low, params.pair_frames)]
