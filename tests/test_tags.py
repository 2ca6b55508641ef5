"""What files say about themselves is read whatever the format and the encoding of it, and no character is lost."""

import io
import struct

import av
import pytest

from core import tags as tags_module
from core.audio import AudioFile
from core.demo import write_audio
from core.tags import Tags, merged, named, read
from tests.test_audio import RATE, tone, write, written

FULL = Tags("Ångström", "The Käfers", "Live", "Various", 3, 2, 1999, "Label & Sons", "GBAYE9800001")


def tags_of(path):
    with AudioFile(path) as audio:
        return audio.tags


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg", ".opus", ".webm", ".mka", ".wma", ".wv"])
def test_all_fields(tmp_path, suffix):
    path = write(tmp_path / f"tone{suffix}", tone(0.5, 48_000), 48_000, FULL, "stereo", CODECS.get(suffix, ""))
    read = tags_of(path)
    assert read == FULL if suffix in EVERYTHING else Tags(**{**vars(FULL), "isrc": read.isrc, "label": read.label})


CODECS = {".mp3": "libmp3lame", ".flac": "flac", ".ogg": "vorbis", ".opus": "libopus", ".webm": "libopus", ".mka": "aac", ".wma": "wmav2"}
CODECS |= {".wv": "wavpack"}
EVERYTHING = {".mp3", ".flac", ".ogg", ".opus", ".webm", ".mka"}


def frames(path=None):
    """An MP3 file without any tags."""
    raw = path.read_bytes()
    return raw[10 + sum(byte << shift for byte, shift in zip(raw[6:10], (21, 14, 7, 0), strict=True)) :]


@pytest.fixture
def bare(tmp_path):
    """A path to an MP3 file without tags, and its bytes."""
    path = written(tmp_path / "bare.mp3", 0.5)
    data = frames(path)
    path.write_bytes(data)
    return path, data


def id3v1(title, artist=b"", album=b"", track=0):
    parts = [title.ljust(30, b"\0"), artist.ljust(30, b"\0"), album.ljust(30, b"\0"), b"1987", b"".ljust(28, b"\0"), bytes([0, track, 0])]
    return b"TAG" + b"".join(parts)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "cp1252"])
def test_id3v1_in_any_encoding(bare, encoding):
    path, data = bare
    title = "Café “live”" if encoding != "latin-1" else "Café"
    path.write_bytes(data + id3v1(title.encode(encoding), "Björk".encode(encoding), b"Debut", 7))
    assert tags_of(path) == Tags(title, "Björk", "Debut", track_number=7, year=1987)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_riff_info_in_any_encoding(tmp_path, encoding):
    path = written(tmp_path / "tone.wav")
    data = path.read_bytes()
    info = b"".join(
        name + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2)
        for name, text in ((b"INAM", "Café".encode(encoding)), (b"IART", "Käfer".encode(encoding)), (b"ISRC", b"Some archive"))
    )
    path.write_bytes(data + b"LIST" + struct.pack("<I", 4 + len(info)) + b"INFO" + info)
    found = tags_of(path)
    assert (found.title, found.artist, found.isrc) == ("Café", "Käfer", "")


def id3v2(*frames, version=4):
    body = b"".join(name + struct.pack(">I", 1 + len(text)) + b"\0\0" + bytes([encoding]) + text for name, encoding, text in frames)
    return b"ID3" + bytes([version, 0, 0, 0, 0, len(body) >> 7, len(body) & 127]) + body


def test_all_artists_of_id3v2_4(bare):
    path, data = bare
    path.write_bytes(id3v2((b"TIT2", 3, b"Song"), (b"TPE1", 3, "Björk\0Arca\0Björk".encode()), (b"TPE2", 3, b"Various")) + data)
    assert tags_of(path) == Tags("Song", "Björk; Arca", album_artist="Various")


def test_utf8_in_a_frame_of_latin_1(bare):
    path, data = bare
    path.write_bytes(id3v2((b"TIT2", 0, "Café".encode()), (b"TPE1", 0, "Käfer".encode("latin-1")), version=3) + data)
    assert tags_of(path) == Tags("Café", "Käfer")


def ape(items, footer=b"APETAGEX"):
    body = b"".join(struct.pack("<II", len(value), kind << 1) + name + b"\0" + value for name, kind, value in items)
    return body + struct.pack("<8sIIII8x", footer, 2000, len(body) + 32, len(items), 0)


ITEMS = [
    (b"Title", 0, "Ångström, longer than thirty characters".encode()),
    (b"ARTIST", 0, b"One\0Two"),
    (b"Cover Art (Front)", 1, b"front.jpg\0" + bytes(range(256))),
    (b"Track", 0, b"3/12"),
    (b"Disc", 0, b"2"),
    (b"Year", 0, b"1999-05-01"),
    (b"Publisher", 0, b"Label"),
    (b"ISRC", 0, b"gb-aye-98-00001"),
]


@pytest.mark.parametrize("behind", [b"", id3v1(b"Angstrom, longer than thirty c")])
def test_apev2_in_mp3(bare, behind):
    path, data = bare
    path.write_bytes(data + ape(ITEMS) + behind)
    found = tags_of(path)
    assert found == Tags(ITEMS[0][2].decode(), "One; Two", "", "", 3, 2, 1999, "Label", "GBAYE9800001")


def test_id3v2_counts_before_apev2(bare):
    path, data = bare
    path.write_bytes(id3v2((b"TIT2", 3, b"Mine")) + data + ape(ITEMS))
    assert (tags_of(path).title, tags_of(path).label) == ("Mine", "Label")


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_damaged_apev2_is_no_error(bare, cut):
    path, data = bare
    whole = ape(ITEMS)
    path.write_bytes(data + whole[cut:])
    tags_of(path)
    path.write_bytes(data + whole[:cut] + b"\xff" * 4 + whole[cut + 4 :])
    tags_of(path)


def test_the_name_of_a_stream_is_no_title(tmp_path):
    for suffix in (".mkv", ".mov", ".avi"):
        path = tmp_path / f"film{suffix}"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("ac3", rate=RATE, layout="mono")
            stream.metadata["title"] = "Surround 5.1"
            frame = av.AudioFrame.from_ndarray(tone(0.5).reshape(1, -1), "flt", "mono")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        assert tags_of(path).title == ""


def test_control_characters_are_no_part_of_a_title(tmp_path):
    path = write_audio(tmp_path / "tone.flac", tone(0.5), RATE, Tags("\x1b]0;owned\x07 A\r\nB\x9b31m\u202eC", "\ufeffArtist"))
    assert tags_of(path) == Tags("]0;owned A B 31mC", "Artist")


def test_what_is_whole_counts_before_what_is_broken():
    broken = named([("title", "Caf\ufffd"), ("artist", "A")])
    whole = named([("TITLE", "Café"), ("artist", "B"), ("unknown", "x")])
    assert merged([broken, whole]) == merged([broken, whole, broken]) == Tags("Café", "A")
    assert merged([broken]) == Tags("Caf\ufffd", "A")
    assert merged([]) == Tags()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("track", "03/12", 3),
        ("track", "A3", None),
        ("track", "0", None),
        ("track", "123456", None),
        ("disc", "1 of 2", 1),
        ("date", "01.05.1999", 1999),
        ("date", "2004-05", 2004),
        ("date", "unknown", None),
        ("date", "99", None),
        ("isrc", "us-s1z-99-00001", "USS1Z9900001"),
        ("isrc", "none", ""),
        ("title", "x" * 900, "x" * 500),
    ],
)
def test_fields_are_made_sensible(name, text, value):
    field = tags_module.NAMES[name]
    assert getattr(merged([named([(name, text)])]), field) == value


def test_a_file_of_nothing_but_parts_takes_a_bounded_time(monkeypatch):
    monkeypatch.setattr(tags_module, "MOST_READS", 100)
    file = io.BytesIO(b"RIFF\xff\xff\xff\x7fWAVE" + b"junk\0\0\0\0" * 10_000)
    assert read(file, {"title": "From FFmpeg"}) == Tags("From FFmpeg")
