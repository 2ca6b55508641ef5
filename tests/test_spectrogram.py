"""PCM becomes the mel frames that librosa computes, in any split."""

import librosa
import numpy as np
import pytest

from core.params import Params
from core.spectrogram import POWER_FLOOR, SILENCE_DB, Spectrogram, band_hertz, hann, mel_bank, mel_power

PARAMS = Params()
RATE = PARAMS.sample_rate


def noise(seconds, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def sine(hertz, seconds=1.0):
    return np.sin(2 * np.pi * hertz / RATE * np.arange(round(seconds * RATE))).astype(np.float32)


def in_blocks(pcm, size):
    spectrogram = Spectrogram(PARAMS)
    return np.concatenate([spectrogram.feed(pcm[i : i + size]) for i in range(0, len(pcm), size)])


def librosa_power(pcm):
    names = ("n_fft", "n_mels", "fmin", "fmax")
    numbers = {name: getattr(PARAMS, name) for name in names}
    return librosa.feature.melspectrogram(y=pcm, sr=RATE, hop_length=PARAMS.hop, center=False, norm=None, **numbers).T


@pytest.mark.parametrize("pcm", [noise(3), sine(440), sine(3000) + noise(1)], ids=["noise", "sine", "both"])
def test_frames_are_those_of_librosa(pcm):
    expected = np.maximum(librosa_power(pcm), POWER_FLOOR)
    power = 10.0 ** (Spectrogram(PARAMS).feed(pcm) / 10)
    np.testing.assert_allclose(power, expected, rtol=1e-3, atol=1e-9 * expected.max())


def test_power_is_that_of_librosa():
    pcm = noise(1)
    windows = np.lib.stride_tricks.sliding_window_view(pcm, PARAMS.n_fft)[:: PARAMS.hop]
    power = mel_power(windows * hann(PARAMS.n_fft), mel_bank(PARAMS))
    np.testing.assert_allclose(power, librosa_power(pcm), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 441, 997, 4096, 48000])
def test_any_split_gives_the_same_frames_to_the_bit(size):
    pcm = noise(2 if size < 100 else 6)
    np.testing.assert_array_equal(in_blocks(pcm, size), Spectrogram(PARAMS).feed(pcm))


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (2047, 0), (2048, 1), (2303, 1), (2304, 2), (2048 + 99 * 256, 100)])
def test_a_frame_needs_its_whole_window(samples, frames):
    spectrogram = Spectrogram(Params(n_fft=2048, hop=256))
    assert spectrogram.feed(np.zeros(samples, np.float32)).shape == (frames, PARAMS.n_mels)


def test_silence():
    frames = Spectrogram(PARAMS).feed(np.zeros(RATE, np.float32))
    assert frames.dtype == np.float32
    np.testing.assert_allclose(frames, SILENCE_DB, rtol=1e-6)


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 3500.0])
def test_a_sine_is_loudest_in_its_band(hertz):
    loudest = Spectrogram(PARAMS).feed(sine(hertz)).mean(axis=0).argmax()
    assert loudest == np.abs(band_hertz(PARAMS) - hertz).argmin()


def test_the_bank_holds_every_weight():
    dense = librosa.filters.mel(sr=RATE, n_fft=PARAMS.n_fft, n_mels=PARAMS.n_mels, fmin=PARAMS.fmin, fmax=PARAMS.fmax, norm=None)
    weights, first, width = mel_bank(PARAMS)
    rebuilt = np.zeros_like(dense)
    for band in range(PARAMS.n_mels):
        rebuilt[band, first[band] : first[band] + width[band]] = weights[band, : width[band]]
    np.testing.assert_array_equal(rebuilt, dense)
