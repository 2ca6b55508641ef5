"""The demo's music is the same for a seed, and different for another."""

import time

import numpy as np
import pytest

from core.audio import AudioFile, Tags
from core.constellation import reference
from core.demo import add_noise, change_speed, demo_names, demo_track, room, write_demo
from core.fingerprinter import Fingerprinter
from core.params import Params

RATE = 44_100  # samples a second
SEEDS = range(6)


def rms(pcm):
    return float(np.sqrt(np.mean(pcm**2)))


def constellation(pcm, rate=RATE):
    """The reference's cells, {(frame, band)}."""
    params = Params()
    printer = Fingerprinter(params, rate)
    peaks = reference(np.concatenate([printer.feed(pcm), printer.finish()]), params)
    return set(zip(peaks["frame"].tolist(), peaks["band"].tolist(), strict=True))


def agreement(a, b):
    """The share of a's peaks that are also in b, at the best offset."""
    return max(len(a & {(frame + offset, band) for frame, band in b}) for offset in range(-100, 101)) / len(a)


def test_a_seed_is_a_track():
    track = demo_track(3, 5)
    assert (track.dtype, track.shape) == (np.float32, (5 * RATE,))
    np.testing.assert_array_equal(track, demo_track(3, 5))
    np.testing.assert_array_equal(track, demo_track(3, 8)[: 5 * RATE])
    assert np.abs(track).max() <= 1
    assert 0.05 < rms(track) < 0.5


def test_it_is_quickly_made():
    demo_track(0, 1)
    began = time.process_time()
    demo_track(1, 30)
    assert time.process_time() - began < 1  # seconds; 0.2 in fact


def test_another_rate_is_the_same_music():
    heard = constellation(demo_track(2, 10, 16_000), 16_000)
    assert agreement(heard, constellation(demo_track(2, 10))) > 0.4


def test_no_two_seeds_sound_alike():
    heard = [constellation(demo_track(seed, 10)) for seed in SEEDS]
    assert max(agreement(heard[a], heard[b]) for a in SEEDS for b in SEEDS if a < b) < 0.15


def test_no_track_repeats_itself():
    """Nowhere else in a track is the passage that begins it."""
    track = constellation(demo_track(0, 30))
    start = {(frame, band) for frame, band in track if frame < 200}
    elsewhere = max(
        len(start & {(frame - offset, band) for frame, band in track}) / len(start) for offset in range(50, 1000)
    )
    assert elsewhere < 0.25


def test_names_are_unique():
    assert len({demo_names(seed)[0] for seed in range(110)}) == 110


def test_the_demo_library(tmp_path):
    paths = write_demo(tmp_path / "demo", n=2, seconds=3)
    assert [path.name for path in paths] == ["demo-000.flac", "demo-001.flac"]
    for seed, path in enumerate(paths):
        with AudioFile(path) as audio:
            assert audio.tags == Tags(*demo_names(seed), "Earprint demo")
            np.testing.assert_allclose(np.concatenate(list(audio.blocks())), demo_track(seed, 3), atol=1e-4)


@pytest.mark.parametrize("decibels", [20, 0, -5])
def test_noise_is_as_loud_as_asked(decibels):
    track = demo_track(0, 3)
    noise = add_noise(track, decibels) - track
    assert 20 * np.log10(rms(track) / rms(noise)) == pytest.approx(decibels, abs=0.1)


def test_a_room_echoes():
    click = np.zeros(RATE, np.float32)
    click[1000] = 1
    heard = room(click)
    assert heard.dtype == np.float32
    assert rms(heard) == pytest.approx(rms(click), rel=1e-3)
    assert np.abs(heard[:1000]).max() < 1e-4
    assert rms(heard[1001:5000]) > 10 * rms(heard[20_000:])


def test_a_faster_record_is_higher():
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    heard = change_speed(tone, 1.25)
    assert len(heard) == pytest.approx(RATE / 1.25, abs=1)
    assert np.argmax(np.abs(np.fft.rfft(heard))) * RATE / len(heard) == pytest.approx(550, abs=1)
