"""Two or three peaks become a hash: worked cases, and the slow version that does the obvious."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.constellation import PEAK
from core.hashes import BAND_STEP_BITS, BAND_STEP_ZERO, KINDS, PAIRS, STEP_BITS, TRIPLES, kinds
from core.params import Params

PARAMS = Params(pair_frames=20, pair_bands=8, reference_fan=3, triple_fan=3)


def peaks_of(points):
    """(frame, band, rank) -> PEAK [k], sorted."""
    peaks = np.zeros(len(points), PEAK)
    for i, (frame, band, rank) in enumerate(sorted(points)):
        peaks[i] = frame, band, 0, rank
    return peaks


def unhash(kind, value):
    """A hash's bands, the latest peak's first, and the frames from each earlier peak to the latest."""
    value, steps, bands = int(value), [], []
    for _ in range(kind.peaks - 1):
        steps.insert(0, value & (1 << STEP_BITS) - 1)
        value >>= STEP_BITS
    for _ in range(kind.peaks - 1):
        bands.insert(0, (value & (1 << BAND_STEP_BITS) - 1) - BAND_STEP_ZERO)
        value >>= BAND_STEP_BITS
    return (value, *(value - step for step in bands)), tuple(steps)


def slow_hashes(kind, peaks, first, fan, params):
    """(bands, steps, frame, traits) of each hash."""
    rows = [tuple(int(peaks[name][i]) for name in ("frame", "band", "rank")) for i in range(len(peaks))]
    found = []
    for i in range(first, len(rows)):
        frame, band, rank = rows[i]
        near = [j for j in range(i) if 0 < frame - rows[j][0] <= params.pair_frames and abs(band - rows[j][1]) <= params.pair_bands]
        chosen = sorted(near, key=lambda j: (rows[j][2], -j))[:fan]
        for some in combinations(range(len(chosen)), kind.peaks - 1):
            order = sorted(some, key=lambda k: chosen[k])
            earlier = [rows[chosen[k]] for k in order]
            bands, steps = (band, *(e[1] for e in earlier)), tuple(frame - e[0] for e in earlier)
            found.append((bands, steps, frame, (rank, *(e[2] for e in earlier), *order)))
    return found


def found_by(kind, peaks, first, fan, params):
    hashes, traits = kind.of_query(peaks, first, fan, params)
    return [(*unhash(kind, h["hash"]), int(h["frame"]), tuple(t.tolist())) for h, t in zip(hashes, traits, strict=True)]


def test_a_pair_worked_by_hand():
    (found,) = PAIRS.of_reference(peaks_of([(100, 7, 0), (103, 5, 0)]), PARAMS)
    assert found["hash"] == 5 << 13 | (64 - 2) << 6 | 3
    assert found["frame"] == 103


def test_a_triple_worked_by_hand():
    (found,) = TRIPLES.of_reference(peaks_of([(100, 7, 0), (103, 5, 0), (110, 9, 0)]), PARAMS)
    assert found["hash"] == 9 << 26 | (64 + 2) << 19 | (64 + 4) << 12 | 10 << 6 | 7
    assert found["frame"] == 110


@pytest.mark.parametrize("other", [(10, 4, 0), (31, 4, 0), (12, 13, 0)], ids=["same frame", "too late", "too high"])
def test_what_is_no_pair(other):
    assert len(PAIRS.of_reference(peaks_of([(10, 3, 0), other]), PARAMS)) == 0


def test_the_strongest_partners_then_the_nearest():
    points = [(1, 0, 5), (2, 1, 0), (3, 2, 5), (4, 3, 5), (5, 4, 9)]
    hashes = PAIRS.of_reference(peaks_of(points), PARAMS)
    assert [unhash(PAIRS, h)[0][1] for h in hashes["hash"][hashes["frame"] == 5]] == [1, 3, 2]


POINTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30), st.integers(0, 5)), unique_by=lambda p: p[:2], max_size=40)
kind_of_hash = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@kind_of_hash
@given(points=POINTS, first=st.integers(0, 45), fan=st.integers(1, 5))
def test_hashes_are_those_of_the_slow_version(kind, points, first, fan):
    peaks = peaks_of(points)
    found = found_by(kind, peaks, first, fan, PARAMS)
    assert sorted(found) == sorted(slow_hashes(kind, peaks, first, fan, PARAMS))
    assert [row[2] for row in found] == sorted(row[2] for row in found)
    assert all(h < 1 << kind.bits for h in kind.of_query(peaks, first, fan, PARAMS)[0]["hash"])


@kind_of_hash
@given(points=POINTS)
def test_peaks_that_come_later_only_add_hashes(kind, points):
    peaks = peaks_of(points)
    middle = len(peaks) // 2
    early = kind.of_reference(peaks[:middle], PARAMS)
    late, _ = kind.of_query(peaks, middle, kind.fan(PARAMS), PARAMS)
    np.testing.assert_array_equal(np.concatenate([early, late]), kind.of_reference(peaks, PARAMS))


@kind_of_hash
def test_the_furthest_peaks_fit_their_bits(kind):
    params = Params(triple_fan=2)
    low, high, far = 255 - params.pair_bands, 255, params.pair_frames
    for points in ([(0, low, 0), (far, high, 0), (1, low, 0)], [(0, high, 0), (far, low, 0), (1, high, 0)]):
        peaks = peaks_of(points)
        assert found_by(kind, peaks, 0, 2, params) == slow_hashes(kind, peaks, 0, 2, params)


@kind_of_hash
@pytest.mark.parametrize("higher", [-1, 1])
def test_a_move_is_that_of_the_peaks(kind, higher):
    """Each peak by a band, and each earlier one but the last by a frame."""
    points = np.array([(100, 74, 0), (103, 75, 0), (110, 78, 0)][-kind.peaks :])
    before = kind.of_query(peaks_of(points.tolist()), 0, 2, PARAMS)[0]["hash"][-1]
    for peak in range(kind.peaks):
        moved = points.copy()
        moved[peak, 1] += higher
        bands = [higher if n == peak else 0 for n in (kind.peaks - 1, *range(kind.peaks - 1))]
        assert int(kind.of_query(peaks_of(moved.tolist()), 0, 2, PARAMS)[0]["hash"][-1]) == int(before) + kind.moved(bands)
    if kind is TRIPLES:
        points[0, 0] -= 1
        assert int(kind.of_query(peaks_of(points.tolist()), 0, 2, PARAMS)[0]["hash"][-1]) == int(before) + kind.moved([0, 0, 0], [1])


def test_an_index_has_triples_only_if_its_numbers_say_so():
    assert kinds(Params()) == (PAIRS,)
    assert kinds(PARAMS) == (PAIRS, TRIPLES)
    assert len(TRIPLES.of_reference(peaks_of([(1, 0, 5), (2, 1, 0), (3, 2, 5)]), Params())) == 0
