"""Whole files are decoded within FFmpeg, damaged ones packet by packet: the samples are the same."""

import io
from contextlib import suppress

import av
import numpy as np
import pytest

from core import decoding
from core.audio import AudioFile
from core.demo import demo_track, write_audio
from core.errors import AudioError

RATE = 22_050  # samples a second
KINDS = [(".wav", "pcm_s16le"), (".flac", "flac"), (".ogg", "vorbis"), (".opus", "libopus"), (".mp3", "libmp3lame"), (".m4a", "aac")]
KINDS += [(".webm", "libopus"), (".aac", "aac"), (".wma", "wmav2")]
DAMAGE = {
    "none": lambda data: data,
    "cut": lambda data: data[: len(data) * 2 // 3],
    "hole": lambda data: data[: len(data) // 2] + bytes(2000) + data[len(data) // 2 + 2000 :],
    "noise": lambda data: bytes(byte ^ 0x55 if i % 5003 == 5002 else byte for i, byte in enumerate(data)),
}


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: " ".join(kind))
def whole(request, tmp_path_factory):
    suffix, codec = request.param
    rate = 48_000 if codec == "libopus" else RATE
    pcm = demo_track(1, 3, rate)
    folder = tmp_path_factory.mktemp("kinds")
    return write_audio(folder / f"whole{suffix}", np.stack([pcm, pcm[::-1]], axis=1), rate, codec=codec, layout="stereo")


def heard(source):
    with AudioFile(source) as audio:
        return np.concatenate(list(audio.blocks()))


def in_bulk(path):
    """As much as comes without packets."""
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
    blocks = [np.zeros(0, np.float32)]
    with suppress(av.FFmpegError):
        blocks += decoding._in_bulk(path, 0, rate)
    return np.concatenate(blocks)


@pytest.mark.parametrize("damage", DAMAGE)
def test_both_ways_give_the_same_samples(whole, tmp_path, damage):
    path = tmp_path / f"damaged{whole.suffix}"
    path.write_bytes(DAMAGE[damage](whole.read_bytes()))
    try:
        expected = heard(io.BytesIO(path.read_bytes()))  # has no name that FFmpeg could open
    except AudioError:
        with pytest.raises(AudioError):
            heard(path)
    else:
        assert damage != "none" or len(in_bulk(path)) == len(expected) > 2.9 * RATE
        np.testing.assert_array_equal(heard(path), expected)


def test_a_sound_that_changes_its_kind_is_heard_to_its_end(tmp_path):
    files = [write_audio(tmp_path / f"{rate}.mp3", demo_track(1, 3, rate), rate, codec="libmp3lame") for rate in (RATE, 44_100)]
    both = tmp_path / "both.mp3"
    both.write_bytes(b"".join(file.read_bytes() for file in files))
    assert len(in_bulk(both)) < 3.5 * RATE
    assert len(heard(both)) == pytest.approx(6 * RATE, abs=RATE // 5)
    np.testing.assert_array_equal(heard(both), heard(io.BytesIO(both.read_bytes())))


@pytest.mark.parametrize("name", ["a:b,c;d[e]'f\\g %d.flac", "Ångström.flac", b"not \xff UTF-8.flac"])
def test_a_file_may_have_any_name(tmp_path, name):
    name = name if isinstance(name, str) else name.decode(errors="surrogateescape")
    file = write_audio(tmp_path / "plain.flac", demo_track(1, 2), 44_100, codec="flac")
    expected = heard(file)
    np.testing.assert_array_equal(heard(file.rename(tmp_path / name)), expected)


def test_channels_that_are_more_than_planes(tmp_path):
    pcm = np.linspace(-1, 1, 8 * 1000, dtype=np.float32).reshape(1000, 8)
    file = write_audio(tmp_path / "crowd.wav", pcm, RATE, codec="pcm_f32le", layout="7.1")
    np.testing.assert_allclose(heard(file), pcm.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize(("suffix", "codec"), [(".wav", "pcm_s16le"), (".flac", "flac"), (".mp3", "libmp3lame"), (".m4a", "aac")])
def test_channels_that_cancel_each_other_are_heard(tmp_path, suffix, codec):
    pcm = demo_track(1, 4, RATE)
    path = write_audio(tmp_path / f"turned{suffix}", np.stack([pcm, -pcm], axis=1), RATE, codec=codec, layout="stereo")
    from_bytes = heard(io.BytesIO(path.read_bytes()))
    np.testing.assert_array_equal(heard(path), from_bytes)
    assert np.std(from_bytes[RATE:]) > 0.7 * np.std(pcm[RATE:])
