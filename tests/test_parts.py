"""Files that FFmpeg would misread: each is decoded rightly, or refused; noise is never stored, and no part lost without a word."""

import io
import re
import struct

import av
import numpy as np
import pytest
import soundfile

from core import parts
from core.audio import AudioFile
from core.demo import demo_track
from core.errors import AudioError
from core.parts import Part
from tests.test_audio import RATE, decode, similarity, write

SECONDS = 3.0  # of each piece of music
LOSSY = 11  # dB that what a codec loses is below the signal, at least


def music(seed, rate=RATE, seconds=SECONDS):
    return demo_track(seed, seconds, rate)


# Chained Ogg

FIRST = ("vorbis", RATE, "stereo")


@pytest.mark.parametrize(
    ("codec", "rate", "layout"),
    [FIRST, ("vorbis", 22_050, "stereo"), ("libopus", 48_000, "stereo"), ("libopus", 48_000, "mono")],
)
def test_each_link_of_a_chain_is_decoded_as_what_it_is(tmp_path, codec, rate, layout):
    chain = tmp_path / "chain.ogg"
    link(chain, 1, *FIRST)
    link(chain, 2, codec, rate, layout)
    link(chain, 3, *FIRST)
    heard, heard_rate = decode(chain)
    size = int(SECONDS * RATE)
    assert (heard_rate, len(heard)) == (RATE, pytest.approx(3 * size, abs=0.2 * RATE))
    for seed in (1, 2, 3):
        around = heard[max((seed - 1) * size - RATE // 10, 0) : seed * size + RATE // 10]
        assert similarity(around, music(seed)) > LOSSY
    with AudioFile(io.BytesIO(chain.read_bytes())) as audio:
        np.testing.assert_array_equal(np.concatenate(list(audio.blocks())), heard)


def link(path, seed, codec, rate, layout):
    """Append a link to a chained file."""
    one = write(path.with_name("link.ogg"), music(seed, rate), rate, codec=codec, layout=layout)
    with path.open("ab") as file:
        file.write(one.read_bytes())


def ogg_page(number, packet):
    """Page `number` of a logical stream, with a packet of less than 255 bytes."""
    head = b"OggS\0" + bytes([2 * (number == 0)]) + struct.pack("<qIII", 320 * max(number - 1, 0), 77, number, 0) + bytes([1, len(packet)])
    crc = 0
    for byte in head + packet:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
    return head[:22] + struct.pack("<I", crc) + head[26:] + packet


def test_a_chain_that_goes_on_in_an_unsupported_format_is_refused(tmp_path):
    chain = tmp_path / "chain.ogg"
    link(chain, 1, *FIRST)
    speex = b"Speex   1.2".ljust(28, b"\0") + struct.pack("<13I", 1, 80, 16_000, 1, 4, 1, 0, 320, 0, 1, 0, 0, 0)
    with chain.open("ab") as file:
        file.write(b"".join(map(ogg_page, range(9), [speex, bytes(8), *[b"x" * 42] * 7])))
    with AudioFile(chain) as audio, pytest.raises(AudioError, match=r"chain\.ogg: goes on in a format that is not supported"):
        list(audio.blocks())


def test_a_damaged_link_costs_only_itself(tmp_path):
    chain = tmp_path / "chain.ogg"
    for seed in (1, 2, 3):
        link(chain, seed, *FIRST)
    data = bytearray(chain.read_bytes())
    starts = [match.start() for match in re.finditer(rb"OggS\0\x02", data)]
    assert len(starts) == 3
    for lost in (0, 1, 2):
        damaged = bytearray(data)
        damaged[starts[lost] + 28 : starts[lost] + 60] = bytes(32)
        chain.write_bytes(damaged)
        assert len(decode(chain)[0]) == pytest.approx(2 * SECONDS * RATE, abs=0.2 * RATE)


def test_only_chains_are_read_in_parts(tmp_path):
    single = write(tmp_path / "single.ogg", music(1), RATE, codec="vorbis", layout="stereo")
    with single.open("rb") as file:
        assert parts.parts(file) == []


def test_links_are_found_wherever_the_file_is_cut_for_searching(tmp_path, monkeypatch):
    chain = tmp_path / "chain.ogg"
    for seed in (1, 2, 3):
        link(chain, seed, *FIRST)
    with chain.open("rb") as file:
        whole = [part.read() for part in parts.parts(file)]
        for size in (1000, 1001, 1002, 1003, 1004, 1005):
            monkeypatch.setattr(parts, "SCAN_BYTES", size)
            assert [part.read() for part in parts.parts(file)] == whole
    assert b"".join(whole) == chain.read_bytes()


# WAV


def wav(tmp_path, kind=b"RIFF", behind=b"", size=None):
    """A path of music, and the position of the size of its data, which is `size` if given."""
    path = write(tmp_path / "music.wav", music(1))
    data = bytearray(path.read_bytes())
    data[:4] = kind
    at = data.index(b"data") + 4
    if size is not None:
        struct.pack_into("<I", data, at, size)
    path.write_bytes(data + behind)
    return path


BYTES = int(SECONDS * RATE) * 2  # of the music in 16 bits
TAG = b"LIST" + struct.pack("<I", 16) + b"INFOINAM" + struct.pack("<I", 4) + b"Name"


@pytest.mark.parametrize("behind", [b"", TAG])
def test_sizes_that_have_wrapped(tmp_path, monkeypatch, behind):
    """As those of WAV files of more than 4 GiB."""
    monkeypatch.setattr(parts, "WAV_WRAPS", 1 << 16)
    heard, rate = decode(wav(tmp_path, behind=behind, size=BYTES % (1 << 16)))
    assert (rate, len(heard)) == (RATE, int(SECONDS * RATE))
    assert similarity(heard, music(1)) > 70


def test_a_wav_file_of_more_than_4_gib(tmp_path):
    path = wav(tmp_path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + (1 << 32))  # takes no room on the disk
    with path.open("rb") as file:
        (part,) = parts.parts(file)
        with av.open(part) as container:
            assert container.duration / av.time_base == pytest.approx(((1 << 32) + BYTES) / (2 * RATE), abs=1)
    with AudioFile(path) as audio:
        first = np.concatenate([block for block, _ in zip(audio.blocks(), range(3), strict=False)])
    assert similarity(first, music(1)) > 70


def test_zeros_behind_the_data_cost_nothing(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(parts.Part, "read", lambda self, size=-1, read=parts.Part.read: steps.append(size) or read(self, size))
    path = wav(tmp_path, behind=TAG)
    with path.open("r+b") as file:
        file.truncate(1 << 30)
    heard, _ = decode(path)
    assert len(heard) == int(SECONDS * RATE)
    assert 0 < len(steps) < 100


@pytest.mark.parametrize(("kind", "size"), [(b"RIFF", None), (b"RIFF", 0), (b"RIFF", 0xFFFFFFFF), (b"RIFF", 2 * BYTES)])
def test_wav_files_that_are_read_as_they_are(tmp_path, kind, size):
    path = wav(tmp_path, kind, size=size)
    with path.open("rb") as file:
        assert parts.parts(file) == []
    assert len(decode(path)[0]) == int(SECONDS * RATE)


def test_rf64_with_zeros_behind_its_data(tmp_path):
    path = tmp_path / "long.rf64"
    with av.open(str(path), "w", format="wav", options={"rf64": "always"}) as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(music(1).reshape(1, -1), "flt", "mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert path.read_bytes()[:4] == b"RF64"
    with path.open("r+b") as file:
        file.truncate(1 << 30)
    heard, _ = decode(path)
    assert similarity(heard, music(1)) > 70
    assert len(heard) == int(SECONDS * RATE)


def test_rifx_is_not_decoded_with_its_bytes_swapped(tmp_path):
    pcm = (music(1) * 32_000).astype(">i2").tobytes()
    head = b"RIFX" + struct.pack(">I", 36 + len(pcm)) + b"WAVEfmt " + struct.pack(">IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    path = tmp_path / "sgi.wav"
    path.write_bytes(head + b"data" + struct.pack(">I", len(pcm)) + pcm)
    heard, rate = decode(path)
    assert (rate, len(heard)) == (RATE, int(SECONDS * RATE))
    assert similarity(heard, music(1) * 32_000 / 32_768) > 70


# Free-format MP3

KBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)


def free_format(path):
    """Make the frames of an MP3 file not say their bit rate, which is the same for all."""
    data = bytearray(path.read_bytes())
    at = first = 10 + sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    at = first = first + frame_bytes(data, first)  # the first one holds no sound, but a description
    while at < len(data):
        size = frame_bytes(data, at)
        data[at + 2] &= 0x0F
        at += size
    path.write_bytes(data[first:])
    return path


def frame_bytes(data, at):
    return 144_000 * KBITS[data[at + 2] >> 4] // RATE + (data[at + 2] >> 1 & 1)


def test_free_format_mp3(tmp_path):
    path = write(tmp_path / "music.mp3", music(1), codec="libmp3lame", layout="stereo")
    expected, _ = decode(path)
    heard, rate = decode(free_format(path))
    assert (rate, len(heard)) == (RATE, pytest.approx(len(expected), abs=0.1 * RATE))
    assert similarity(heard, music(1)) > LOSSY
    tagged = path.with_name("tagged.mp3")
    tagged.write_bytes(b"ID3\4\0\0" + bytes([0, 0, 1, 0]) + bytes(128) + path.read_bytes())
    assert len(decode(tagged)[0]) == len(heard)


@pytest.mark.parametrize(("suffix", "codec"), [(".mp3", "libmp3lame"), (".mp2", "mp2")])
def test_other_mp3_is_for_ffmpeg(tmp_path, suffix, codec):
    with write(tmp_path / f"music{suffix}", music(1), codec=codec, layout="stereo").open("rb") as file:
        assert not parts.is_for_sndfile(file)


def refuse(source):
    raise soundfile.LibsndfileError(1)


def test_free_format_that_cannot_be_decoded_is_refused(tmp_path, monkeypatch):
    path = free_format(write(tmp_path / "music.mp3", music(1), codec="libmp3lame", layout="stereo"))
    monkeypatch.setattr(soundfile, "SoundFile", refuse)
    with pytest.raises(AudioError, match=r"music\.mp3: is of a kind that is not supported"):
        decode(path)


# Parts


def test_a_part_reads_as_a_file_of_its_own():
    part = Part(io.BytesIO(b"0123456789"), 3, 7, b"ab")
    whole = b"ab3456"
    assert part.read() == whole
    assert part.read() == b""
    for at in range(len(whole) + 1):
        assert part.seek(at) == part.tell() == at
        read = iter(lambda: part.read(3), b"")
        assert b"".join(read) == whole[at:]
    assert (part.seek(-2, io.SEEK_END), part.read()) == (4, b"56")
    assert (part.seek(1), part.seek(2, io.SEEK_CUR)) == (1, 3)
