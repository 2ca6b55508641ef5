"""What is heard is told from its levels: music, something else, silence."""

import numpy as np
import pytest
from hearing import RATE, fingerprint, known_music, listen, music, silence, white_noise
from soxr import resample

from benchmarks import noises
from core.kinds import BLOCK, MUSIC, OTHER, SILENCE, Kinds, KindSums
from core.params import Params
from stream import Guesses, recognize

BANDS = Params().n_mels
SECONDS = 5


def made(maker, seed, seconds=SECONDS):
    """A sound of `benchmarks.noises` at this rate, no louder than half of full scale."""
    pcm = maker(seconds * noises.SAMPLE_RATE, np.random.default_rng(seed))
    return resample((0.5 * pcm / np.abs(pcm).max()).astype(np.float32), noises.SAMPLE_RATE, RATE)


def kinds_of(pcm):
    kinds = Kinds(BANDS)
    kinds.feed(fingerprint(pcm)[1])
    return kinds


@pytest.mark.parametrize("seed", range(12))
def test_music_is_music(seed):
    assert kinds_of(music(seed)[3 * RATE : (3 + SECONDS) * RATE]).mostly == MUSIC


@pytest.mark.parametrize("maker", [noises.speech, noises.applause, noises.babble, noises.white, noises.pink, noises.brown])
def test_talk_applause_and_noise_are_something_else(maker):
    found = [kinds_of(made(maker, seed)).mostly for seed in range(10)]
    assert found.count(OTHER) >= 9


@pytest.mark.parametrize("seconds", [0, 0.1, 3])
def test_silence_is_silence(seconds):
    assert kinds_of(silence(seconds)).mostly == SILENCE


def test_what_is_heard_longest_is_what_it_mostly_is():
    pcm = np.concatenate([music(1)[: 11 * RATE], white_noise(6)])
    kinds = kinds_of(pcm)
    assert (kinds.mostly, kinds.lately) == (MUSIC, OTHER)
    assert kinds_of(np.concatenate([silence(12), music(1)[: 4 * RATE]])).mostly == SILENCE


@pytest.mark.parametrize("block", [1, 7, 100, BLOCK, BLOCK + 1])
def test_any_split_of_the_frames_gives_the_same(block):
    levels = fingerprint(np.concatenate([music(2)[: 4 * RATE], silence(1), white_noise(3)]))[1]
    reader, kinds, whole = KindSums(BANDS), Kinds(BANDS), Kinds(BANDS)
    whole.feed(levels)
    pieces = [levels[i : i + block] for i in range(0, len(levels), block)]
    np.testing.assert_array_equal(np.concatenate([reader.feed(piece) for piece in pieces]), KindSums(BANDS).feed(levels))
    for piece in pieces:
        kinds.feed(piece)
    assert (kinds.lately, kinds.mostly, kinds.upto) == (whole.lately, whole.mostly, len(levels))


def test_listeners_and_files_are_told_what_is_heard(tmp_path):
    with known_music(tmp_path) as index:
        for pcm, kind in ((music(90)[: 8 * RATE], MUSIC), (white_noise(8), OTHER), (silence(8), SILENCE)):
            events = listen(index, pcm)
            assert [e.heard for e in events if isinstance(e, Guesses)][-1] == events[-1].heard == kind
            assert recognize(index, pcm, RATE).to_json()["heard"] == kind
