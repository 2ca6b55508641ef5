"""Hits become votes, votes become candidates; and a query moved by a warp is hashed as the reference was."""

from collections import Counter

import numpy as np
import pytest
from hearing import clip, fingerprint, music, reference_of, stretch

from core.candidates import CANDIDATE, PLAIN, Warp, bend, hash_query, move_bands, nominate
from core.constellation import PEAK
from core.demo import change_speed
from core.hashes import reference_hashes
from core.params import Params
from core.postings import OFFSET_ZERO, TRACK_SHIFT
from core.warps import WARPS

PARAMS = Params()
BANDS = np.arange(PARAMS.n_mels, dtype=np.uint8)


def hits(*lines):
    """Lines of (track, offset, number of hits) -> hits [n], in no order."""
    rows = [packed(track, offset) for track, offset, count in lines for _ in range(count)]
    return np.random.default_rng(0).permutation(np.array(rows, np.uint64).view(np.int64))


def packed(track, offset):
    return track << TRACK_SHIFT | offset + OFFSET_ZERO


# Votes


def test_no_hits_nominate_nothing():
    assert len(nominate([hits()], 10)) == 0


def test_the_most_hits_come_first():
    found = nominate([hits((1, 100, 3), (2, -50, 9), (1, 700, 5))], 10)
    assert found["track"].tolist() == [2, 1, 1]
    assert found["votes"].tolist() == [9, 5, 3]
    np.testing.assert_allclose(found["place"], [-50, 700, 100], atol=2)


def test_only_as_many_as_asked_for():
    found = nominate([hits(*((track, 0, track) for track in range(1, 30)))], 5)
    assert found["track"].tolist() == [29, 28, 27, 26, 25]


@pytest.mark.parametrize("offset", [-1003, -2, -1, 0, 1, 2, 50_001])
def test_hits_that_differ_by_a_frame_are_one_candidate(offset):
    found = nominate([hits((7, offset, 4), (7, offset + 1, 4))], 10)
    assert found["votes"].tolist() == [8]
    assert found["place"][0] == pytest.approx(offset + 0.5, abs=2)


def test_a_neighbourhood_of_offsets_has_one_candidate():
    found = nominate([hits(*((3, offset, 10 - abs(offset)) for offset in range(-4, 5)))], 10)
    assert found["place"][0] == pytest.approx(0, abs=2)
    assert np.diff(np.sort(found["place"])).min(initial=99) > 2


def test_places_far_apart_are_candidates_each():
    assert len(nominate([hits((3, 100, 5), (3, 200, 5), (4, 100, 5))], 10)) == 3


def test_a_place_is_of_its_own_track():
    found = nominate([hits((1, 100, 4), (2, 101, 4))], 10)
    assert sorted(found["track"].tolist()) == [1, 2]
    assert found["votes"].tolist() == [4, 4]


def test_large_numbers_do_not_mix():
    found = nominate([hits((2**32 - 1, 2**24, 4), (2**31, -(2**24), 3))], 10)
    assert found["track"].tolist() == [2**32 - 1, 2**31]
    np.testing.assert_allclose(found["place"], [2**24, -(2**24)], atol=2)


def test_the_order_of_hits_does_not_matter():
    some = hits((1, 10, 4), (2, 20, 4), (3, 31, 4), (1, 500, 2))
    assert nominate([some], 4).tolist() == nominate([some[::-1]], 4).tolist()


@pytest.mark.parametrize(("count", "tracks", "frames"), [(300, 2, 40), (60_000, 9, 300), (60_000, 900, 9_000), (200_000, 3, 4_000)])
def test_the_most_are_those_of_a_dictionary(count, tracks, frames):
    """Whatever falls into one bucket, and however much."""
    rng = np.random.default_rng(count + tracks)
    track, offset = rng.integers(1, tracks + 1, count), (frames * rng.random(count) ** 3).astype(int)
    some = packed(track, offset)
    bins = Counter(zip(track.tolist(), (offset // 2).tolist(), strict=True))
    pairs = {(track, b): n + bins[track, b + 1] for (track, b), n in list(bins.items())}
    pairs = {(t, b): n for (t, b), n in pairs.items() if n > pairs.get((t, b - 1), 0) and n >= pairs.get((t, b + 1), 0)}
    best = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:20]
    found = nominate([some], 20)
    assert found["votes"].tolist() == [n for _, n in best]
    assert found["track"].tolist() == [track for (track, _), _ in best]
    np.testing.assert_allclose(found["place"], [2 * b + 1.5 for (_, b), _ in best])


def test_candidates_bear_their_warp():
    found = nominate([hits((1, 10, 4))], 5, Warp(1.04, -30.0))
    assert (found["speed"][0], found["pitch"][0]) == (pytest.approx(1.04), -30)
    plain = nominate([hits((1, 10, 4))], 5)
    assert (plain["speed"][0], plain["pitch"][0]) == (1, 0)


# Hashes of a query


def counted(hashes):
    return Counter(zip(hashes["frame"].tolist(), hashes["hash"].tolist(), strict=True))


@pytest.fixture(scope="module")
def peaks():
    return fingerprint(clip(0, 3, 6))[0]


def test_a_query_has_every_hash_of_the_reference():
    peaks = reference_of(clip(0, 3, 6))
    assert counted(reference_hashes(peaks, PARAMS)) <= counted(hash_query(peaks, 0, 0, PARAMS.query_fan, PARAMS))


def test_a_query_hashed_in_two_goes_is_hashed_once(peaks):
    middle = len(peaks) // 2
    early, late = hash_query(peaks[:middle], 0, 0, PARAMS.query_fan, PARAMS), hash_query(peaks, middle, 0, PARAMS.query_fan, PARAMS)
    assert counted(early) + counted(late) == counted(hash_query(peaks, 0, 0, PARAMS.query_fan, PARAMS))


def test_time_is_counted_from_now(peaks):
    here, there = hash_query(peaks, 0, 0, PARAMS.query_fan, PARAMS), hash_query(peaks, 0, 40, PARAMS.query_fan, PARAMS)
    np.testing.assert_array_equal(here["hash"], there["hash"])
    np.testing.assert_array_equal(here["frame"], there["frame"] + 40)


@pytest.mark.parametrize("warp", [PLAIN, Warp.record(1.04), Warp(1.0, 100.0)])
def test_nothing_and_a_lone_peak_have_no_hashes(peaks, warp):
    for few in (np.zeros(0, PEAK), peaks[:1]):
        assert len(hash_query(few, 0, 0, PARAMS.query_fan, PARAMS, warp)) == 0


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
    """How many hashes of a warped query are, within a frame, where the reference has them."""
    own = reference_hashes(reference_of(music(0)), PARAMS)
    have = {(h, f + step) for h, f in zip(own["hash"].tolist(), own["frame"].tolist(), strict=True) for step in (-1, 0, 1)}
    hashes = hash_query(fingerprint(query)[0], 0, 0, PARAMS.query_fan, PARAMS, warp)
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
