"""PCM comes from bytes in any pieces, of any number of channels, and at any rate."""

import numpy as np
import pytest

from core.pcm import Mixer, Pcm, Resampler

RATE = 44_100  # samples a second
SPLITS = (1, 2, 3, 7, 441, 2048, 10_000)  # samples


def tone(rate):
    """Swelling, for two seconds: float32 [n]."""
    t = np.arange(2 * rate) / rate
    return (0.5 * np.sin(2 * np.pi * 440 * t) * np.minimum(1, t / 0.2)).astype(np.float32)


@pytest.mark.parametrize("size", SPLITS)
@pytest.mark.parametrize(("format", "channels"), [("s16le", 1), ("s16le", 2), ("f32le", 1), ("f32le", 9)])
def test_bytes_come_in_any_pieces(format, channels, size):
    rng = np.random.default_rng(1)
    values = rng.uniform(-1, 1, (999, channels))
    data = (values * 32767).astype("<i2").tobytes() if format == "s16le" else values.astype("<f4").tobytes()
    whole = Pcm(format, channels).feed(data)
    pcm = Pcm(format, channels)
    pieces = [pcm.feed(data[i : i + size]) for i in range(0, len(data), size)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    np.testing.assert_allclose(whole, values.mean(axis=1), atol=1e-4)


def test_what_is_no_number_is_silence():
    pcm = np.array([[np.nan, 0.5], [np.inf, -np.inf], [3e38, 3e38], [0.25, 0.75]], np.float32)
    np.testing.assert_array_equal(Mixer().feed(pcm), [0.25, 0, 0, 0.5])
    np.testing.assert_array_equal(Pcm("f32le", 2).feed(pcm.tobytes()), [0.25, 0, 0, 0.5])


# Channels that cancel each other


def noise(seconds, seed=1):
    return np.random.default_rng(seed).uniform(-0.3, 0.3, int(seconds * RATE)).astype(np.float32)


@pytest.mark.parametrize("channels", [2, 3, 6])
def test_the_mean_is_taken_to_the_bit_where_channels_do_not_cancel(channels):
    pcm = np.stack([noise(1, seed) for seed in range(channels)], axis=1)
    total = pcm[:, 0].copy()
    for channel in range(1, channels):
        total += pcm[:, channel]
    np.testing.assert_array_equal(Mixer().feed(pcm), total / np.float32(channels))


@pytest.mark.parametrize("factor", [-1.0, -0.9, -1.1])
def test_of_channels_that_cancel_the_strongest_is_taken(factor):
    left = noise(2)
    pcm = np.stack([left, np.float32(factor) * left + 0.01 * noise(2, 2)], axis=1)
    strongest = pcm[:, int(abs(factor) > 1)]
    heard = Mixer().feed(pcm)[RATE:]
    assert np.corrcoef(heard, strongest[RATE:])[0, 1] ** 2 > 0.99
    assert np.std(heard) > 0.9 * np.std(left)


def test_equal_channels_that_cancel_do_not_take_turns():
    """Each change would be a click."""
    left = noise(3)
    pcm = np.stack([left + 0.001 * noise(3, 2), -left + 0.001 * noise(3, 3)], axis=1)
    np.testing.assert_allclose(Mixer().feed(pcm)[RATE:], pcm[RATE:, 0], atol=1e-6)


def test_channels_that_cancel_for_a_while_are_heard_all_the_time():
    left = noise(6)
    right = left.copy()
    right[2 * RATE : 4 * RATE] *= -1
    heard = np.abs(Mixer().feed(np.stack([left, right], axis=1))).reshape(-1, RATE // 2).mean(axis=1)
    assert heard.min() > 0.6 * heard.max()


@pytest.mark.parametrize("size", [1, 63, 64, 441, 10_000])
def test_channels_that_cancel_come_in_any_pieces(size):
    left = noise(1)
    turned = np.repeat([-1.0, 1.0, -1.0, 0.9, -0.97, 0.2], -(-len(left) // 6))[: len(left)].astype(np.float32)
    pcm = np.stack([left, turned * left, np.zeros_like(left)], axis=1)
    mixer = Mixer()
    pieces = [mixer.feed(pcm[i : i + size]) for i in range(0, len(pcm), size)]
    np.testing.assert_array_equal(np.concatenate(pieces), Mixer().feed(pcm))


@pytest.mark.parametrize("format", ["s16le", "f32le"])
def test_bytes_of_channels_that_cancel_are_no_silence(format):
    left = noise(2)
    values = np.stack([left, -left], axis=1)
    data = (values * 32767).astype("<i2").tobytes() if format == "s16le" else values.tobytes()
    assert np.std(Pcm(format, 2).feed(data)) > 0.8 * np.std(left)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000, 192_000])
def test_resampling_is_the_same_for_any_split(rate):
    noise = np.random.default_rng(rate).standard_normal(rate // 2).astype(np.float32)

    def resampled(size):
        resampler = Resampler(rate, 11_025)
        pieces = [resampler.feed(noise[i : i + size]) for i in range(0, len(noise), size)]
        return np.concatenate([*pieces, resampler.finish()])

    whole = resampled(len(noise))
    assert len(whole) == pytest.approx(11_025 / 2, abs=1)
    for size in SPLITS:
        np.testing.assert_array_equal(resampled(size), whole)


def test_resampling_keeps_the_sound():
    resampler = Resampler(RATE, 11_025)
    heard = np.concatenate([resampler.feed(tone(RATE)), resampler.finish()])
    np.testing.assert_allclose(heard, tone(11_025), atol=1e-2)


def test_every_kind_of_nan_is_silence():
    """Also those that signal: their most significant bit of the mantissa is 0."""
    kinds = np.array([0x7F80_0001, 0xFF80_0001, 0x7FC0_0000, 0x7FFF_FFFF], "<u4")
    assert not Pcm("f32le", 1).feed(kinds.tobytes()).any()
