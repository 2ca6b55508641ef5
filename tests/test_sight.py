"""What a look sees: the peaks heard, and those of them that the leader has."""

import json

import numpy as np
import pytest

from core.constellation import PEAK, reference
from core.demo import add_noise
from stream import Seen
from stream.sight import _near
from tests.hearing import RATE, SECONDS, clip, fingerprint, known_music, listen, music, silence

PLAYED = 2  # a seed of the library
UNKNOWN = 99
ENOUGH, CHANCE = 0.6, 0.25  # shares of the peaks heard that agree: in music that is known, and in any


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with known_music(tmp_path_factory.mktemp("index")) as index:
        yield index


def seen(index, pcm, **options):
    return [event for event in listen(index, pcm, constellation=True, **options) if isinstance(event, Seen)]


def share(looks):
    """Of all peaks, how many agree in the end."""
    lit, peaks = set(), set()
    for look in looks:
        peaks |= set(cells(look.peaks))
        lit = (set() if look.reset else lit) | set(cells(look.matched))
    assert lit <= peaks
    return len(lit) / len(peaks)


def cells(peaks):
    return list(zip(peaks["frame"].tolist(), peaks["band"].tolist(), strict=True))


def as_if_at(speed, pcm):
    """A record that is played faster, pitch and all."""
    return np.interp(np.arange(0, len(pcm) - 1, speed), np.arange(len(pcm)), pcm).astype(np.float32)


def test_each_peak_is_told_once_and_in_time(index):
    pcm = clip(PLAYED, 5, 6)
    looks = seen(index, pcm)
    told = np.concatenate([look.peaks for look in looks])
    assert np.array_equal(told, reference(fingerprint(pcm)[0], index.params))
    for look in looks:
        assert (look.peaks["frame"] * index.params.frame_seconds <= look.elapsed).all()


@pytest.mark.parametrize("change", [lambda pcm: pcm, lambda pcm: add_noise(pcm, 20.0), lambda pcm: as_if_at(1.04, pcm)])
def test_what_agrees_with_a_known_track_lights_up(index, change):
    looks = seen(index, change(clip(PLAYED, 5, 8)))
    assert looks[-1].track == PLAYED + 1
    assert share(looks) > ENOUGH


def test_little_agrees_with_unknown_music(index):
    assert share(seen(index, music(UNKNOWN, seconds=SECONDS)[: 8 * RATE])) < CHANCE


def test_where_the_leader_is_new_all_that_is_kept_is_asked(index):
    looks = seen(index, np.append(silence(1), clip(PLAYED, 5, 8)))
    first = max(i for i, look in enumerate(looks) if look.reset)
    assert looks[first].track == PLAYED + 1
    assert set(cells(looks[first].matched)) - set(cells(looks[first].peaks))  # some were heard before
    for look in looks[first + 1 :]:
        assert set(cells(look.matched)) <= set(cells(look.peaks))


def test_the_pieces_do_not_matter(index):
    pcm = clip(PLAYED, 5, 4)
    assert [look.to_json() for look in seen(index, pcm, block=333)] == [look.to_json() for look in seen(index, pcm, block=len(pcm))]


def test_silence_has_nothing_to_see(index):
    for look in seen(index, silence(2)):
        assert (look.track, look.reset, len(look.peaks), len(look.matched)) == (None, False, 0, 0)


def test_nothing_is_said_that_was_not_asked_for(index):
    assert not any(isinstance(event, Seen) for event in listen(index, clip(PLAYED, 5, 2)))


def test_the_message_is_flat():
    peaks = np.array([(7, 30, 40, 0), (8, 200, 9, 3)], PEAK)
    look = Seen(1.23456, 5, peaks, peaks[1:], True)
    expected = {"type": "constellation", "elapsed": 1.235, "track": 5, "reset": True}
    assert json.loads(json.dumps(look.to_json())) == expected | {"peaks": [7, 30, 40, 8, 200, 9], "matched": [8, 200]}


def test_near_is_within_two_frames_and_a_band():
    frames, bands = np.array([10, 10, 10, 10, 10]), np.array([50, 51, 52, 255, 0])
    assert _near(frames, bands, np.array([12, 11]), np.array([50, 0])).tolist() == [True, True, False, False, True]
    assert _near(frames, bands, np.array([13, 9]), np.array([50, 255])).tolist() == [False, False, False, True, False]
