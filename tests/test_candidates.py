"""A query moved by a warp is hashed as the reference was; and lines are bent."""

from collections import Counter

import numpy as np
import pytest
from hearing import clip, fingerprint, music, reference_of, stretch

from core.candidates import CANDIDATE, bend
from core.constellation import PEAK
from core.demo import change_speed
from core.hashes import KINDS, PAIRS
from core.params import Params
from core.warps import PITCHES, PLAIN, RECORD_SPEEDS, TEMPOS, WARPS, Warp, move_bands, warp_peaks

PARAMS = Params(triple_fan=5)
BANDS = np.arange(PARAMS.n_mels, dtype=np.uint8)


# Hashes of a query


both_kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def hash_query(kind, peaks, first=0):
    """HASH [h] of what the peaks from number `first` on make."""
    return kind.of_query(peaks, first, kind.query_fan(PARAMS), PARAMS)[0]


def counted(hashes):
    return Counter(zip(hashes["frame"].tolist(), hashes["hash"].tolist(), strict=True))


@pytest.fixture(scope="module")
def peaks():
    return fingerprint(clip(0, 3, 6))[0]


@both_kinds
def test_a_query_has_every_hash_of_the_reference(kind):
    peaks = reference_of(clip(0, 3, 6))
    assert counted(kind.of_reference(peaks, PARAMS)) <= counted(hash_query(kind, peaks))


@both_kinds
def test_a_query_hashed_in_two_goes_is_hashed_once(peaks, kind):
    middle = len(peaks) // 2
    assert counted(hash_query(kind, peaks[:middle])) + counted(hash_query(kind, peaks, middle)) == counted(hash_query(kind, peaks))


@both_kinds
def test_time_is_counted_from_now(peaks, kind):
    here, there = (hash_query(kind, warp_peaks(peaks, now, PLAIN, PARAMS)) for now in (0, 40))
    np.testing.assert_array_equal(here["hash"], there["hash"])
    np.testing.assert_array_equal(here["frame"], there["frame"] + 40)


@both_kinds
@pytest.mark.parametrize("warp", [PLAIN, Warp.record(1.04), Warp(1.0, 100.0)])
def test_nothing_and_a_lone_peak_have_no_hashes(peaks, warp, kind):
    for few in (np.zeros(0, PEAK), peaks[:1]):
        assert len(hash_query(kind, warp_peaks(few, 0, warp, PARAMS))) == 0


# Warps


def test_a_record_changes_both():
    assert Warp.record(1.0) == PLAIN
    assert Warp.record(2.0) == Warp(2.0, 1200.0)
    assert Warp.record(1.04).pitch == pytest.approx(67.9, abs=0.1)
    assert Warp.record(0.96).pitch == pytest.approx(-70.7, abs=0.1)


def test_warps_differ_from_each_other_and_from_none():
    assert len({(w.speed, w.pitch) for w in (*WARPS, PLAIN)}) == len(WARPS) + 1


def test_warps_are_balanced():
    for value in ("speed", "pitch"):
        values = [getattr(w, value) for w in WARPS]
        neutral = getattr(PLAIN, value)
        assert sum(v > neutral for v in values) == sum(v < neutral for v in values)


def test_a_records_speeds_are_tried_in_steps_of_a_percent_the_likelier_first():
    assert sorted(RECORD_SPEEDS) == pytest.approx([k / 100 for k in range(92, 109) if k != 100])
    assert [abs(speed - 1) for speed in RECORD_SPEEDS] == pytest.approx(sorted(abs(speed - 1) for speed in RECORD_SPEEDS))
    assert len(WARPS) == len(RECORD_SPEEDS) + len(TEMPOS) + len(PITCHES)


def test_warped_peaks_are_counted_from_now_and_leave_the_bands():
    peaks = np.array([(10, 0, 0, 3), (20, 100, 0, 1), (40, 255, 0, 2)], PEAK)
    assert warp_peaks(peaks, 30, PLAIN, PARAMS)["frame"].tolist() == [-20, -10, 10]
    faster = warp_peaks(peaks, 30, Warp(1.1, 0.0), PARAMS)
    assert (faster["frame"].tolist(), faster["band"].tolist()) == ([-22, -11, 11], [0, 100, 255])
    higher = warp_peaks(peaks, 30, Warp(1.0, 200.0), PARAMS)  # heard so: the reference has them lower
    assert higher["frame"].tolist() == [-10, 10]
    assert all(higher["band"] < [100, 255])
    assert peaks["frame"].tolist() == [10, 20, 40]


def test_no_shift_leaves_bands_alone():
    np.testing.assert_allclose(move_bands(BANDS, 0.0, PARAMS), BANDS, atol=1e-6)


@pytest.mark.parametrize("cents", [30.0, 100.0, 200.0])
def test_bands_move_up_with_the_pitch_and_out_of_the_range(cents):
    up, down = move_bands(BANDS, cents, PARAMS), move_bands(BANDS, -cents, PARAMS)
    for moved in (up, down):
        inside = (moved >= 0) & (moved <= PARAMS.n_mels - 1)
        assert np.all(np.diff(moved[inside]) > 0)
    assert np.all(up > BANDS)
    assert np.all(down < BANDS)
    assert up[-1] > PARAMS.n_mels - 1  # gone
    assert down[0] < 0


def test_a_shift_and_back_is_none():
    moved = move_bands(BANDS[100:200], 100.0, PARAMS)
    back = move_bands(np.rint(moved).astype(np.uint8), -100.0, PARAMS)
    np.testing.assert_allclose(back, BANDS[100:200], atol=1)


def on_the_line(query, warp, place):
    """How many pairs of a warped query are, within a frame, where the reference has them."""
    own = PAIRS.of_reference(reference_of(music(0)), PARAMS)
    have = {(h, f + step) for h, f in zip(own["hash"].tolist(), own["frame"].tolist(), strict=True) for step in (-1, 0, 1)}
    hashes = hash_query(PAIRS, warp_peaks(fingerprint(query)[0], 0, warp, PARAMS))
    frames = np.rint(hashes["frame"] + place).astype(int)
    return sum(pair in have for pair in zip(hashes["hash"].tolist(), frames.tolist(), strict=True))


@pytest.mark.parametrize(
    ("sound", "warp"),
    [
        (lambda pcm: change_speed(pcm, 1.06), Warp.record(1.06)),
        (lambda pcm: change_speed(pcm, 0.94), Warp.record(0.94)),
        (lambda pcm: stretch(pcm, 1.06), Warp(1.06, 0.0)),
        (lambda pcm: change_speed(stretch(pcm, 1 / 1.1), 1.1), Warp(1.0, 165.0)),
    ],
    ids=["fast", "slow", "tempo", "pitch"],
)
def test_under_its_warp_a_query_is_hashed_as_the_reference_was(sound, warp):
    start, query = 4, sound(clip(0, 4, 8))
    place = start / PARAMS.frame_seconds
    right = on_the_line(query, warp, place)
    assert right > 20
    assert right > 4 * on_the_line(query, PLAIN, place)
    assert right > 4 * on_the_line(query, Warp(2 - warp.speed, -warp.pitch), place)


def test_a_plain_query_is_hashed_as_the_reference_was():
    assert on_the_line(clip(0, 4, 8), PLAIN, 4 / PARAMS.frame_seconds) > 200


# Bending


def test_bent_lines_cross_the_line_in_the_last_frames():
    line = np.array([(7, 1000.0, 1.04, 30.0, 12)], CANDIDATE)[0]
    bent = bend(line, 200)
    assert set(bent["track"]) == {7}
    assert set(bent["pitch"]) == {30.0}
    crossing = (bent["place"] - line["place"]) / (line["speed"] - bent["speed"])
    assert crossing.min() == pytest.approx(-200, abs=0.1)
    assert crossing.max() == pytest.approx(0, abs=0.1)


def test_lines_are_bent_both_ways_by_up_to_an_eighth():
    speeds = bend(np.array([(7, 1000.0, 1.0, 0.0, 12)], CANDIDATE)[0], 200)["speed"]
    assert (speeds.min(), speeds.max()) == pytest.approx((0.88, 1.12))
    assert not np.isclose(speeds, 1.0, atol=0.01).any()
