"""Sound comes in from files of every kind."""

import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from av.stream import Disposition

from core import decoding, formats
from core.audio import AudioFile, Tags
from core.demo import demo_track, write_audio
from core.errors import AudioError
from core.formats import AUDIO_SUFFIXES

RATE = 44_100  # samples a second

EXACT, LOSSY = 70, 12  # dB that what a codec loses is below the signal, at least
FORMATS = [  # suffix, codec, its rate, its layout, loss
    (".wav", "pcm_s16le", RATE, "mono", EXACT),
    (".wav", "pcm_u8", RATE, "stereo", 25),
    (".wav", "pcm_s24le", RATE, "mono", EXACT),
    (".wav", "pcm_f32le", RATE, "mono", EXACT),
    (".wav", "pcm_f64le", RATE, "mono", EXACT),
    (".aiff", "pcm_s16be", RATE, "mono", EXACT),
    (".flac", "flac", RATE, "stereo", EXACT),
    (".ogg", "vorbis", RATE, "stereo", LOSSY),
    (".ogg", "libopus", 48_000, "mono", LOSSY),
    (".opus", "libopus", 48_000, "stereo", LOSSY),
    (".webm", "libopus", 48_000, "mono", LOSSY),
    (".mka", "vorbis", RATE, "stereo", LOSSY),
    (".mp3", "libmp3lame", RATE, "stereo", LOSSY),
    (".m4a", "aac", RATE, "mono", LOSSY),
    (".m4a", "alac", RATE, "stereo", EXACT),
    (".mp4", "aac", RATE, "stereo", LOSSY),
    (".aac", "aac", RATE, "mono", LOSSY),
    (".wma", "wmav2", RATE, "mono", LOSSY),
    (".aif", "pcm_s16be", RATE, "mono", EXACT),
    (".w64", "pcm_s16le", RATE, "mono", EXACT),
    (".oga", "vorbis", RATE, "stereo", LOSSY),
    (".m4b", "aac", RATE, "mono", LOSSY),
    (".aifc", "pcm_s16be", RATE, "mono", EXACT),
    (".au", "pcm_s16be", RATE, "mono", EXACT),
    (".caf", "pcm_s16be", RATE, "mono", EXACT),
    (".caf", "alac", RATE, "mono", LOSSY),
    (".tta", "tta", RATE, "mono", 40),
    (".wv", "wavpack", RATE, "mono", 40),
    (".rf64", "pcm_s16le", RATE, "mono", EXACT),
    (".bwf", "pcm_s16le", RATE, "mono", EXACT),
    (".wav", "adpcm_ima_wav", RATE, "mono", LOSSY),
    (".mp2", "mp2", RATE, "stereo", LOSSY),
    (".mpga", "libmp3lame", RATE, "stereo", LOSSY),
    (".weba", "libopus", 48_000, "mono", LOSSY),
    (".mkv", "aac", RATE, "stereo", LOSSY),
    (".mov", "aac", RATE, "stereo", LOSSY),
    (".mov", "pcm_s16le", RATE, "stereo", EXACT),
    (".3gp", "aac", RATE, "mono", LOSSY),
    (".m4r", "aac", RATE, "mono", LOSSY),
    (".ac3", "ac3", 48_000, "stereo", LOSSY),
    (".eac3", "eac3", 48_000, "stereo", LOSSY),
    (".ts", "mp2", RATE, "stereo", LOSSY),
    (".mpg", "mp2", RATE, "stereo", LOSSY),
    (".mpeg", "mp2", RATE, "stereo", LOSSY),
    (".avi", "ac3", RATE, "stereo", LOSSY),
]
NAMED_OTHERWISE = {  # to FFmpeg's muxers
    **{".rf64": ".wav", ".bwf": ".wav", ".aifc": ".aiff", ".mpga": ".mp3", ".weba": ".webm"},
    **{".m4r": ".m4a", ".m4b": ".m4a"},
}
BY_SUFFIX = {suffix: rest for suffix, *rest in reversed(FORMATS)}  # the first of each


def tone(seconds=2.0, rate=RATE, hertz=440.0):
    """A swelling tone, float32 [n]."""
    t = np.arange(int(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * t) * np.minimum(1, t / 0.2)).astype(np.float32)


def written(path, seconds=2.0, tags=None):
    """A tone in the format of the path's suffix."""
    codec, rate, layout, _ = BY_SUFFIX[path.suffix]
    return write(path, tone(seconds, rate), rate, tags, layout, codec)


def write(path, pcm, rate=RATE, tags=None, layout="mono", codec=""):
    """pcm: float32 [n], the same for each channel."""
    path = Path(path)
    known = path.with_suffix(NAMED_OTHERWISE.get(path.suffix, path.suffix))
    return write_audio(known, np.repeat(pcm, av.AudioLayout(layout).nb_channels), rate, tags, layout=layout, codec=codec).rename(path)


def decode(path):
    with AudioFile(path) as audio:
        return np.concatenate(list(audio.blocks())), audio.sample_rate


def similarity(heard, meant):
    """How far the difference is below the signal, dB, after the delay that a codec adds or takes away."""
    size = len(heard) + len(meant)
    correlation = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(meant, size)), size)
    delay = (int(np.argmax(correlation)) + len(meant)) % size - len(meant)
    heard, meant = heard[max(delay, 0) :], meant[max(-delay, 0) :]
    n = min(len(heard), len(meant)) - 1000  # samples; codecs fade at the end
    return 10 * np.log10(np.mean(meant[:n] ** 2) / np.mean((heard[:n] - meant[:n]) ** 2 + 1e-12))


@pytest.mark.parametrize(("suffix", "codec", "rate", "layout", "decibels"), FORMATS)
def test_every_format_is_decoded(tmp_path, suffix, codec, rate, layout, decibels):
    meant = tone(rate=rate)
    heard, heard_rate = decode(write(tmp_path / f"tone{suffix}", meant, rate, codec=codec, layout=layout))
    assert heard_rate == rate
    assert heard.dtype == np.float32
    assert len(heard) == pytest.approx(len(meant), abs=0.1 * rate)
    assert similarity(heard, meant) > decibels


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 48_000, 96_000, 192_000])
def test_rates_are_kept(tmp_path, rate):
    heard, heard_rate = decode(write(tmp_path / "tone.wav", tone(0.5, rate), rate))
    assert (heard_rate, len(heard)) == (rate, rate // 2)


@pytest.mark.parametrize("rate", [4_000, 384_000])
def test_other_rates_are_resampled(tmp_path, rate):
    heard, heard_rate = decode(write(tmp_path / "tone.wav", tone(1, rate), rate))
    assert heard_rate == RATE
    assert len(heard) == pytest.approx(RATE, abs=100)
    assert similarity(heard, tone()[: len(heard)]) > 20


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "7.1", "hexadecagonal"])
def test_channels_are_averaged(tmp_path, layout):
    channels = av.AudioLayout(layout).nb_channels
    pcm = tone(0.5)[:, None] * np.arange(1, channels + 1) / channels
    heard, _ = decode(write_audio(tmp_path / "tone.wav", pcm, codec="pcm_f32le", layout=layout))
    np.testing.assert_allclose(heard, pcm.mean(axis=1), atol=1e-6)


def test_blocks_are_about_a_second(tmp_path):
    with AudioFile(written(tmp_path / "tone.mp3", 2.5)) as audio:
        assert [len(block) / RATE for block in audio.blocks()] == pytest.approx([1, 1, 0.5], abs=0.1)


def test_an_open_file_will_do(tmp_path):
    data = io.BytesIO(written(tmp_path / "tone.flac").read_bytes())
    with AudioFile(data, "upload.flac") as audio:
        assert sum(map(len, audio.blocks())) == len(tone())


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg", ".opus", ".m4a", ".wma", ".webm", ".wav", ".aiff"])
def test_tags(tmp_path, suffix):
    tags = Tags("Ångström", "The Käfers", "Live")
    with AudioFile(written(tmp_path / f"tone{suffix}", tags=tags)) as audio:
        kept = Tags(tags.title) if suffix == ".aiff" else tags  # FFmpeg writes no more into AIFF
        assert audio.tags == kept


def test_tags_in_another_encoding_are_no_error(tmp_path):
    path = written(tmp_path / "tone.wav", tags=Tags("Angstrom"))
    path.write_bytes(path.read_bytes().replace(b"Angstrom", "Ångström".encode("latin-1")))
    with AudioFile(path) as audio:
        assert audio.tags.title == "Ångström"


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg", ".opus", ".webm", ".wav", ".aac"])
@pytest.mark.parametrize("kept", [0.5, 0.93])
def test_a_truncated_file_counts_for_what_decodes(tmp_path, suffix, kept):
    codec, rate, layout, _ = BY_SUFFIX[suffix]
    path = write(tmp_path / f"music{suffix}", demo_track(1, 6, rate), rate, None, layout, codec)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    heard, rate = decode(path)
    assert len(heard) / rate == pytest.approx(6 * kept, abs=1)


def test_damage_in_the_middle_is_skipped(tmp_path):
    path = written(tmp_path / "tone.mp3", 4)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    path.write_bytes(data)
    heard, _ = decode(path)
    assert len(heard) / RATE == pytest.approx(4, abs=0.5)


def wav_header(data_bytes, channels=1, rate=RATE):
    fmt = struct.pack("<IHHIIHH", 16, 1, channels, rate, 2 * channels * rate, 2 * channels, 16)
    return b"RIFF" + struct.pack("<I", 36 + data_bytes) + b"WAVEfmt " + fmt + b"data" + struct.pack("<I", data_bytes)


def test_what_cannot_be_mixed_is_left_out(tmp_path):
    (tmp_path / "crowd.wav").write_bytes(wav_header(173_000, channels=173) + bytes(173_000))
    with AudioFile(tmp_path / "crowd.wav") as audio:
        assert list(audio.blocks()) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"Dear diary, today I recorded nothing.\n" * 100, "is not audio"),
        (bytes(100_000), "no sound in it can be decoded"),
        (b"#EXTM3U\n/etc/hostname\n", "is not audio"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "is not audio"),
        (b"\x89PNG\r\n\x1a\n" + bytes(1000), "is not audio"),
        (wav_header(0), "no sound in it can be decoded"),
        (wav_header(1000), "no sound in it can be decoded"),
    ],
)
def test_what_is_not_audio_is_refused(tmp_path, data, reason):
    path = tmp_path / "thing.mp3"
    path.write_bytes(data)
    with pytest.raises(AudioError, match=rf"thing\.mp3: .*{reason}"):
        AudioFile(path)


def test_all_formats_of_the_table_are_tried_here():
    assert set(AUDIO_SUFFIXES) - {suffix for suffix, *_ in FORMATS} == {".dts"}  # FFmpeg's build cannot write DTS


def test_suffixes_of_a_format_are_read_by_its_demuxers(tmp_path):
    for kind in formats.FORMATS:
        for suffix in kind.suffixes:
            if suffix in BY_SUFFIX:
                with av.open(str(written(tmp_path / f"tone{suffix}", 0.5))) as container:
                    assert set(container.format.name.split(",")) & set(kind.demuxers), suffix


DEFAULT, COMMENT = Disposition.default, Disposition.comment


@pytest.mark.parametrize(
    ("streams", "taken"),
    [
        ([(440, 0), (880, DEFAULT)], 880),
        ([(440, 0), (880, 0)], 440),
        ([(440, COMMENT), (880, 0)], 880),
        ([(440, DEFAULT | COMMENT), (880, 0)], 880),
        ([(440, COMMENT)], 440),
        ([(0, DEFAULT), (880, 0)], 880),
        ([(0, DEFAULT), (880, COMMENT), (440, 0)], 440),
    ],
)
def test_of_several_streams_that_of_the_music_is_taken(tmp_path, streams, taken):
    path = film(tmp_path / "film.mkv", streams)
    for source in (path, io.BytesIO(path.read_bytes())):
        heard, rate = decode(source)
        spectrum = np.abs(np.fft.rfft(heard[:rate]))
        assert (int(spectrum.argmax()), rate) == (taken, RATE)


def film(path, streams):
    """A file with a stream of sound for each (hertz, disposition, codec if it is not AC-3), two seconds long."""
    with av.open(str(path), "w") as container:
        made = [container.add_stream(*(codec or ["ac3"]), rate=RATE, layout="mono") for _, _, *codec in streams]
        for stream, (_, disposition, *_) in zip(made, streams, strict=True):
            stream.disposition = disposition
        for stream, (hertz, *_) in zip(made, streams, strict=True):
            frame = av.AudioFrame.from_ndarray(tone(hertz=hertz).reshape(1, -1), "flt", "mono")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def test_a_stream_that_cannot_be_decoded_gives_way(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "DECODER_NAMES", decoding.DECODER_NAMES - {"eac3"})
    heard, rate = decode(film(tmp_path / "film.mkv", [(440, DEFAULT, "eac3"), (880, 0)]))
    assert int(np.abs(np.fft.rfft(heard[:rate])).argmax()) == 880


def test_a_video_without_sound_is_refused(tmp_path):
    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
        container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match="there is no sound in it"):
        AudioFile(tmp_path / "film.mp4")


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(AudioError, match="there is no such file"):
        AudioFile(tmp_path / "missing.mp3")
    with pytest.raises(AudioError, match="is not a file"):
        AudioFile(tmp_path)
    with pytest.raises(AudioError, match="there is no such file"):
        AudioFile("http://127.0.0.1/tone.mp3")


def test_what_ffmpeg_refuses_libsndfile_may_read(tmp_path, monkeypatch):
    path, rate = tmp_path / "refused.ogg", 22_050
    soundfile.write(path, np.sin(np.arange(2 * rate) * 0.1).astype(np.float32) * 0.5, rate, format="OGG", subtype="VORBIS")
    monkeypatch.setitem(decoding.OPEN_OPTIONS, "format_whitelist", "wav")
    with AudioFile(path) as refused:
        heard = np.concatenate(list(refused.blocks()))
        assert (refused.sample_rate, len(heard)) == (rate, pytest.approx(2 * rate, abs=rate // 20))
        assert np.abs(heard).max() == pytest.approx(0.5, abs=0.05)
