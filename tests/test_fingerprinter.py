"""PCM of any rate becomes peaks, and how it is cut into blocks leaves no trace."""

import numpy as np
import pytest

from core.demo import demo_track
from core.errors import EarprintError
from core.fingerprinter import Fingerprinter
from core.params import Params

PARAMS = Params()
BLOCKS = [1, 2, 3, 7, 441, 997, 4096, 48000]


def fingerprint(pcm, rate, size=None, step=1):
    """(peaks, levels, frames decided) of PCM fed in blocks of `size` samples."""
    printer = Fingerprinter(PARAMS, rate, step)
    peaks, levels = [], []
    for start in range(0, len(pcm), size or len(pcm)):
        peaks.append(printer.feed(pcm[start : start + (size or len(pcm))]))
        levels.append(printer.levels)
    return np.concatenate([*peaks, printer.finish()]), np.concatenate([*levels, printer.levels]), printer.upto


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
@pytest.mark.parametrize("size", BLOCKS)
def test_any_split_gives_the_same_to_the_bit(rate, size):
    pcm = demo_track(1, 2 if size < 100 else 5, rate)
    whole = fingerprint(pcm, rate)
    assert len(whole[0]) > 20
    assert_same(fingerprint(pcm, rate, size), whole)


@pytest.mark.parametrize("step", [2, 11, 500])
def test_any_step_gives_the_same_to_the_bit(step):
    pcm = demo_track(1, 5, 44100)
    assert_same(fingerprint(pcm, 44100, 2205, step), fingerprint(pcm, 44100))


def test_a_step_is_decided_as_soon_as_its_last_frame_can_be():
    eager, lazy = Fingerprinter(PARAMS, 44100), Fingerprinter(PARAMS, 44100, 11)
    for block in np.split(demo_track(1, 4, 44100), 80):
        eager.feed(block)
        lazy.feed(block)
        assert lazy.upto // 11 == eager.upto // 11


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
def test_fewer_samples_than_are_wanted_decide_nothing(rate):
    printer = Fingerprinter(PARAMS, rate, 11)
    pcm, upto = demo_track(1, 4, rate), 0
    while len(pcm):
        few, pcm = np.split(pcm, [max(printer.wanted - 1, 0)])
        printer.feed(few)
        assert printer.upto == upto
        printer.feed(pcm[:1])
        pcm, upto = pcm[1:], printer.upto
    assert upto > 3 / PARAMS.frame_seconds


def test_what_is_waited_for_is_decided_at_once_and_to_the_bit():
    pcm, frames = demo_track(1, 5, 44100), 70
    printer, peaks, levels, seen = Fingerprinter(PARAMS, 44100), [], [], []
    printer.wait_for(frames)
    for block in np.split(pcm, 100):
        peaks.append(printer.feed(block))
        levels.append(printer.levels)
        seen.append(printer.upto)
    eager = [upto for upto in eager_frames(pcm, 100) if upto >= frames]
    assert [upto for upto in seen if upto] == eager
    peaks, levels = [*peaks, printer.finish()], [*levels, printer.levels]
    assert_same((np.concatenate(peaks), np.concatenate(levels), printer.upto), fingerprint(pcm, 44100))


def eager_frames(pcm, blocks):
    """How many frames are decided after each block when nothing is waited for."""
    printer = Fingerprinter(PARAMS, 44100)
    return [(printer.feed(block), printer.upto)[1] for block in np.split(pcm, blocks)]


def test_a_block_may_be_written_over_once_it_was_fed():
    pcm, printer = demo_track(1, 3, 44100), Fingerprinter(PARAMS, 44100, 11)
    block, peaks = np.empty(2205, np.float32), []
    for start in range(0, len(pcm), 2205):
        block[:] = pcm[start : start + 2205]
        peaks.append(printer.feed(block))
    peaks.append(printer.finish())
    np.testing.assert_array_equal(np.concatenate(peaks), fingerprint(pcm, 44100)[0])


def test_channels_are_mixed():
    left, right = (demo_track(seed, 3, 22050) for seed in (1, 2))
    stereo = np.stack([left, right], axis=1)
    assert_same(fingerprint(stereo, 22050, 1000), fingerprint((left + right) / np.float32(2), 22050))


def test_what_is_no_number_is_silence():
    pcm = demo_track(1, 3, 11025)
    pcm[5000:5100] = 0
    broken = pcm.copy()
    broken[5000:5100] = np.resize(np.array([np.nan, np.inf, -np.inf], np.float32), 100)
    assert_same(fingerprint(broken, 11025), fingerprint(pcm, 11025))


def test_the_rate_hardly_matters():
    """Most peaks of a record are where they are at another sample rate."""
    one, other = (fingerprint(demo_track(3, 8, rate), rate)[0] for rate in (44100, 11025))
    places = {(int(p["frame"]) + i, int(p["band"]) + j) for p in other for i in (-1, 0, 1) for j in (-1, 0, 1)}
    shared = sum((int(p["frame"]), int(p["band"])) in places for p in one)
    assert shared > 0.5 * len(one)


def test_peaks_are_not_later_than_the_delay():
    """After n seconds, the peaks of all but the last `delay` seconds are there."""
    printer = Fingerprinter(PARAMS, 44100)
    for second in range(1, 6):
        printer.feed(demo_track(2, 1, 44100))
        assert second - printer.upto * PARAMS.frame_seconds <= PARAMS.delay + PARAMS.frame_seconds


@pytest.mark.parametrize("samples", [0, 1, 100, 2047, 2048, 3000])
def test_sounds_of_hardly_a_frame(samples):
    peaks, levels, upto = fingerprint(np.ones(max(samples, 1), np.float32)[:samples], 11025, 1000)
    assert (len(peaks), len(levels)) == (0, upto)


@pytest.mark.parametrize("rate", [7999, 0, -44100, 192_001])
def test_rates_that_cannot_be_used(rate):
    with pytest.raises(EarprintError, match=str(rate)):
        Fingerprinter(PARAMS, rate)
