"""Evidence grows with what is heard, falls with what else fits, and keeps its promise on chance."""

import numpy as np
import pytest
from hearing import RATE, SEEDS, clip, fingerprint, known_music, music, reference_of, white_noise
from hypothesis import given
from hypothesis import strategies as st

from core.candidates import CANDIDATE
from core.constellation import MAX_FRAME, pack, unpack_cells
from core.demo import add_noise, change_speed
from core.evidence import CLAIM_BITS, confidences, judge, lead_bits, refine, same_recording, same_recordings
from core.params import Params
from core.presence import Field
from stream import recognize

PARAMS = Params()
SECOND = 1 / PARAMS.frame_seconds  # frames
UNKNOWN = range(100, 140)  # seeds that the library does not hold
CERTAIN = 0.99  # confidence of a claim

fits = st.floats(0, 50, width=32)
many_fits = st.lists(fits, max_size=12)
many_bits = st.lists(st.floats(-50, 200), max_size=5)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with known_music(tmp_path_factory.mktemp("index")) as index:
        yield index


# Bits


def bits(fit, rivals):
    return lead_bits(fit, rivals)


@given(fits, fits, many_fits)
def test_a_better_fit_is_more_evidence(one, other, rivals):
    low, high = sorted((one, other))
    assert bits(low, rivals) <= bits(high, rivals)


@given(fits, many_fits, st.floats(0, 10, width=32))
def test_better_rivals_are_less_evidence(fit, rivals, more):
    assert bits(fit, [rival + more for rival in rivals]) <= bits(fit, rivals) + 1e-4


@given(fits, many_fits, fits)
def test_one_more_rival_is_no_more_evidence(fit, rivals, rival):
    """A larger library only makes it harder; so does a small one, that its few rivals say little."""
    assert bits(fit, [*rivals, rival]) <= bits(fit, rivals) + 1e-4


@given(fits, many_fits)
def test_the_order_of_rivals_does_not_matter(fit, rivals):
    assert bits(fit, rivals[::-1]) == pytest.approx(bits(fit, rivals), abs=1e-4)


def test_a_fit_like_all_others_is_no_evidence():
    assert bits(6.0, [6.0, 5.9, 5.8, 5.7, 5.6, 5.5]) < 1


# Probabilities


def test_of_nothing_nothing_is_likely():
    assert confidences([]) == []


@given(many_bits)
def test_probabilities_are_some_of_one(evidence):
    found = confidences(evidence)
    assert len(found) == len(evidence)
    assert all(0 <= p <= 1 for p in found)
    assert sum(found) <= 1 + 1e-9


@given(many_bits)
def test_more_bits_are_more_likely(evidence):
    found = confidences(sorted(evidence))
    assert found == sorted(found)


@given(st.floats(-20, 60), st.floats(-20, 60), st.floats(0, 20))
def test_what_speaks_for_another_speaks_against_this(mine, other, more):
    assert confidences([mine, other + more])[0] <= confidences([mine, other])[0]


def test_a_claim_takes_what_it_says():
    assert confidences([CLAIM_BITS + 1e-6])[0] >= CERTAIN
    assert confidences([CLAIM_BITS - 0.5])[0] < CERTAIN
    assert confidences([CLAIM_BITS + 5, CLAIM_BITS + 5])[0] < CERTAIN  # only one can be it


def test_overwhelming_evidence_is_no_overflow():
    assert 0.999 < confidences([1e6])[0] < 1  # no evidence leaves no room for doubt
    assert confidences([-1e6]) == [pytest.approx(0)]


# Judging by the constellation


def candidates(*rows):
    """Rows of (track, place in frames, speed, pitch in cents)."""
    return np.array([(*row, 0) for row in rows], CANDIDATE)


def judged(query, *rows):
    """Judges candidates for a query, given by their place at its start; track n is the music of seed n - 1."""
    _, levels = fingerprint(query)
    now = len(levels)
    found = candidates(*rows)
    found["place"] += found["speed"] * now
    cells = [unpack_cells(pack(reference_of(music(int(track) - 1))), 0, MAX_FRAME) for track in found["track"]]
    edges = np.cumsum([0, *map(len, cells)])
    return judge(found, np.concatenate(cells), edges, Field.of(levels, 0), now, np.array([1000], np.int32), PARAMS), levels


START = 3 * SECOND  # of the clip, in the track
TRUTH = (1, START, 1.0, 0.0)


@pytest.mark.parametrize(
    "wrong",
    [(1, START + 3 * SECOND, 1.0, 0.0), (1, START, 1.06, 0.0), (1, START, 1.0, 150.0), (2, START, 1.0, 0.0), (3, START, 1.0, 0.0)],
    ids=["place", "speed", "pitch", "track", "another"],
)
def test_the_truth_fits_best(wrong):
    true_fit, wrong_fit = judged(clip(0, 3, 6), TRUTH, wrong)[0]["fit"]
    assert true_fit > 2 * wrong_fit


def test_a_candidate_is_judged_on_its_own():
    rows = [TRUTH, (2, START, 1.0, 0.0), (1, START - SECOND, 1.0, 0.0)]
    together = judged(clip(0, 3, 6), *rows)[0]
    assert together.tolist() == [judged(clip(0, 3, 6), row)[0][0].item() for row in rows]


def test_a_place_outside_the_track_fits_nothing():
    far, before = judged(clip(0, 3, 6), (1, 500 * SECOND, 1.0, 0.0), (1, -500 * SECOND, 1.0, 0.0))[0]
    assert far["fit"] <= 0
    assert before["fit"] <= 0


@pytest.mark.parametrize("speed", [0.97, 1.0, 1.04])
def test_what_is_nearly_right_is_put_right(speed):
    cents = 1200 * np.log2(speed)
    found, levels = judged(change_speed(clip(0, 3, 8), speed), (1, START, speed * 1.01, cents + 25))
    refine(found[0], reference_of(music(0)), Field.of(levels, 0), len(levels), 300, PARAMS)
    assert found[0]["speed"] == pytest.approx(speed, abs=0.006)
    assert found[0]["pitch"] == pytest.approx(cents, abs=15)
    assert found[0]["place"] - found[0]["speed"] * len(levels) == pytest.approx(START, abs=6)


# The same recording


def test_a_recording_is_itself_also_later_and_noisier():
    original, later = reference_of(music(0)), reference_of(add_noise(clip(0, 2, 20), 25.0))
    assert same_recording(original, original, 0.0)
    assert same_recording(later, original, 2 * SECOND)
    assert not same_recording(later, original, 4 * SECOND)


def test_other_music_is_no_recording_of_it():
    own = reference_of(music(0))
    for seed in SEEDS[1:4]:
        assert not same_recording(reference_of(music(seed)), own, 0.0)


def test_nothing_is_no_recording_of_anything():
    own = reference_of(clip(0, 2, 3))
    assert not same_recording(own[:0], own, 0.0)
    assert not same_recording(own, own[:0], 0.0)


def test_many_others_are_each_compared_as_one_is():
    own = reference_of(clip(0, 2, 8))
    others = [reference_of(music(0)), own[:0], reference_of(music(1)), reference_of(clip(0, 2.5, 8)), own]
    shifts = np.array([2 * SECOND, 0.0, 2 * SECOND, -0.5 * SECOND, 0.0])
    cells, *rest = [unpack_cells(pack(peaks), 0, MAX_FRAME) for peaks in (own, *others)]
    found = same_recordings(cells, np.concatenate(rest), np.cumsum([0, *map(len, rest)]), shifts)
    assert found.tolist() == [same_recording(own, other, shift) for other, shift in zip(others, shifts, strict=True)]
    assert found.tolist() == [True, False, False, True, True]


# The whole way


def mean_bits(index, sound):
    """Of the truth, over the tracks of the library; those that are not among the guesses count as nothing."""
    found = []
    for seed in SEEDS:
        guesses = recognize(index, sound(seed), RATE).guesses
        found.append(next((g.bits for g in guesses if g.track.id == seed + 1), 0.0))
    return np.mean(found)


def test_longer_heard_is_more_evidence(index):
    means = [mean_bits(index, lambda seed, s=s: clip(seed, 6, s)) for s in (1, 2, 4, 8)]
    assert means == sorted(means)
    assert means[-1] > 2 * means[0]


def test_more_noise_is_less_evidence(index):
    means = [mean_bits(index, lambda seed, n=n: add_noise(clip(seed, 6, 5), n)) for n in (20.0, 0.0, -10.0, -25.0)]
    assert means == sorted(means, reverse=True)
    assert means[0] > CLAIM_BITS
    assert means[-1] < 2


def test_evidence_keeps_its_promise_on_chance(index):
    """The best guess on music that is not there: so many bits or more in at most about 2 ** -bits of the cases."""
    answers = [recognize(index, music(seed, 5), RATE) for seed in UNKNOWN]
    best = np.array([max((g.bits for g in a.guesses), default=-99) for a in answers])
    for promised in range(3, 9):
        assert np.mean(best >= promised) <= 6 * 2.0**-promised + 1 / len(best)
    assert all(a.match is None for a in answers)
    assert np.mean([a.absent for a in answers]) > 0.8


def test_what_is_known_is_sure_and_what_is_not_is_absent(index):
    for seed in SEEDS:
        answer = recognize(index, clip(seed, 6, 6), RATE)
        assert answer.guesses[0].confidence >= CERTAIN
        assert answer.absent <= 0.01
    assert recognize(index, white_noise(5), RATE).absent > 0.9
