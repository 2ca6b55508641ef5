"""Cover art is taken from files, made small, and kept once."""

import io
import struct
import zlib
from base64 import b64encode
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from core.audio import AudioFile
from core.backup import back_up
from core.covers import CoverStore
from core.demo import demo_track, write_audio
from core.errors import StorageError
from core.ingest import analyse
from core.library import Library
from core.params import Params
from core.pictures import LONGEST_SIDE, small
from tests.disks import fill, full_disk

RATE = 11_025  # samples a second
RED, BLUE = (250, 20, 20), (20, 20, 250)


def image(codec="png", width=300, height=200, colour=RED, pixels="rgb24"):
    """A picture of one colour."""
    frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), colour, np.uint8), "rgb24").reformat(format=pixels)
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt, context.time_base = width, height, pixels, Fraction(1)
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def seen(jpeg):
    """(width, height, the colour in the middle) of a JPEG image."""
    with av.open(io.BytesIO(jpeg), format="mjpeg") as container:
        (frame,) = container.decode(video=0)
    pixels = frame.to_ndarray(format="rgb24")
    return frame.width, frame.height, tuple(int(value) for value in pixels[frame.height // 2, frame.width // 2])


def like(colour):
    return pytest.approx(colour, abs=12)


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [("png", "rgb24"), ("png", "rgba"), ("mjpeg", "yuvj444p"), ("libwebp", "yuv420p"), ("bmp", "bgr24"), ("gif", "rgb8")],
)
def test_pictures_of_any_kind_become_small(codec, pixels):
    jpeg = small(image(codec, 1800, 1200, RED, pixels))
    width, height, colour = seen(jpeg)
    assert (width, height) == (LONGEST_SIDE, LONGEST_SIDE * 2 // 3)
    assert colour == pytest.approx(RED, abs=40)
    assert len(jpeg) < 100_000


def test_a_small_picture_keeps_its_size():
    assert seen(small(image(width=31, height=17)))[:2] == (31, 17)
    assert seen(small(image(width=3000, height=1)))[:2] == (LONGEST_SIDE, 1)


def claiming(width, height):
    """A PNG image that claims a size."""
    data = bytearray(image())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


NO_PICTURES = [b"", b"<svg onload=alert(1)>", b"\x89PNG\r\n\x1a\n", image()[:50], claiming(60_000, 60_000), b"\xff\xd8\xff" * 9]


@pytest.mark.parametrize("picture", NO_PICTURES)
def test_what_is_no_picture_is_no_cover(tmp_path, picture):
    path = tagged(tmp_path / "song.mp3", picture)
    assert analyse(path, Params()).cover == b""


def test_a_picture_of_too_many_bytes_is_no_cover(monkeypatch):
    monkeypatch.setattr("core.pictures.MOST_BYTES", 100)
    assert small(image()) == b""


def apic(kind, picture):
    body = b"\0image/png\0" + bytes([kind]) + b"\0" + picture
    return b"APIC" + struct.pack(">I", len(body)) + b"\0\0" + body


def tagged(path, *pictures, seed=0, title="Song"):
    """An MP3 file with pictures: bytes, or (kind, bytes) where 3 is the front."""
    name = path.with_name("bare.flac")
    write_audio(name, demo_track(seed, 3, RATE), RATE)
    frames = b"TIT2" + struct.pack(">I", len(title) + 1) + b"\0\0\0" + title.encode()
    frames += b"".join(apic(*(one if isinstance(one, tuple) else (3, one))) for one in pictures)
    size = bytes(len(frames) >> shift & 127 for shift in (21, 14, 7, 0))
    sound = write_audio(name.with_suffix(".mp3"), demo_track(seed, 3, RATE), RATE, codec="libmp3lame").read_bytes()
    path.write_bytes(b"ID3\3\0\0" + size + frames + sound)
    return path


def test_the_front_is_taken(tmp_path):
    path = tagged(tmp_path / "song.mp3", (4, image(colour=BLUE)), (3, image(colour=RED)))
    assert seen(analyse(path, Params()).cover)[2] == like(RED)
    path = tagged(tmp_path / "song.mp3", (4, image(colour=BLUE)))
    assert seen(analyse(path, Params()).cover)[2] == like(BLUE)
    assert analyse(path, Params(), query=True).cover == b""


def sound_in(container, codec, layout="mono"):
    """Add a stream of sound, which `write_sound` fills."""
    stream = container.add_stream(codec, rate=RATE, layout=layout)
    stream.options = {"strict": "-2"}
    return stream


def write_sound(container, stream, layout="mono"):
    channels = av.AudioLayout(layout).nb_channels
    frame = av.AudioFrame.from_ndarray(demo_track(0, 3, RATE).repeat(channels).reshape(1, -1), "flt", layout)
    frame.sample_rate = RATE
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def test_a_picture_in_mp4(tmp_path):
    with av.open(str(tmp_path / "song.m4a"), "w", format="mp4") as container:
        sound = sound_in(container, "aac")
        cover = container.add_stream("png", rate=1, width=300, height=200, pix_fmt="rgb24")
        cover.disposition = Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(np.full((200, 300, 3), RED, np.uint8), "rgb24")))
        container.mux(cover.encode(None))
        write_sound(container, sound)
    with AudioFile(tmp_path / "song.m4a") as audio:
        assert seen(audio.cover())[2] == like(RED)


def test_a_picture_in_matroska(tmp_path):
    with av.open(str(tmp_path / "song.mka"), "w") as container:
        container.add_attachment("cover.png", "image/png", image())
        write_sound(container, sound_in(container, "aac"))
    with AudioFile(tmp_path / "song.mka") as audio:
        assert seen(audio.cover())[2] == like(RED)
        assert sum(map(len, audio.blocks())) > 2.9 * RATE


def flac_picture(picture):
    """A picture as FLAC and Vorbis comments hold it."""
    kind = b"image/png"
    return struct.pack(">II", 3, len(kind)) + kind + struct.pack(">IIIIII", 0, 20, 20, 24, 0, len(picture)) + picture


def test_a_picture_in_vorbis_comments(tmp_path):
    path = tmp_path / "song.ogg"
    with av.open(str(path), "w") as container:
        container.metadata["METADATA_BLOCK_PICTURE"] = b64encode(flac_picture(image(width=20, height=20))).decode()
        write_sound(container, sound_in(container, "vorbis", "stereo"), "stereo")
    with AudioFile(path) as audio:
        assert seen(audio.cover())[2] == like(RED)


# Kept


@pytest.fixture
def store(tmp_path):
    return CoverStore(tmp_path / "covers")


def test_each_cover_is_kept_once_and_mended(store):
    jpeg = small(image())
    sha256 = store.keep(jpeg)
    assert store.keep(jpeg) == sha256
    assert store.keep(b"") == ""
    assert [path.read_bytes() for path in store.folder.iterdir()] == [jpeg]
    store.path(sha256).write_bytes(b"damaged")
    assert not store.is_whole(sha256)
    assert store.keep(jpeg) == sha256
    assert store.is_whole(sha256)


def test_orphans(store):
    asked = []
    assert list(store.orphans(lambda: asked.append(1) or {})) == []
    assert asked == []
    kept, orphan = store.keep(small(image())), store.keep(small(image(colour=BLUE)))
    (store.folder / ".passing-1").mkdir()
    (store.folder / "my notes.txt").touch()
    assert sorted(store.orphans(lambda: {kept})) == sorted([store.folder / ".passing-1", store.path(orphan)])


def test_a_full_disk(tmp_path):
    with full_disk(tmp_path / "disk", 1 << 20) as disk:
        store = CoverStore(disk / "covers")
        store.folder.mkdir()
        fill(disk)
        with pytest.raises(StorageError, match=r"cannot keep covers .*make room"):
            store.keep(small(image()))
        assert list(store.folder.iterdir()) == []


def test_a_library_keeps_checks_and_copies_covers(tmp_path):
    files = [tagged(tmp_path / "a.mp3", image()), tagged(tmp_path / "b.mp3", image(), seed=1), tagged(tmp_path / "c.mp3", seed=2)]
    folder = tmp_path / "data"
    with Library(folder, jobs=1) as library:
        tracks = [added.track for added in library.add(files)]
        assert [track.to_json().get("cover") for track in tracks] == [True, True, None]
        assert tracks[0].cover == tracks[1].cover
        (kept,) = library.covers.folder.iterdir()
        assert [library.cover_path(track) for track in tracks] == [kept, kept, None]
        assert seen(kept.read_bytes())[2] == like(RED)
        assert list(library.check()) == []

        assert back_up(library, tmp_path / "copy") == []
        with Library(tmp_path / "copy", readonly=True) as copied:
            assert copied.cover_path(copied.index.track(1)).read_bytes() == kept.read_bytes()
            assert list(copied.check(read_audio=False)) == []

        kept.write_bytes(b"damaged")
        assert [(problem.track.id, "cover" in problem.error) for problem in library.check()] == [(2, True), (1, True)]
        assert [problem.track.id for problem in back_up(library, tmp_path / "other copy")] == [2, 1]
        assert [added.status for added in library.add([files[0]], retag=True)] == ["known"]
        assert list(library.check()) == []

        tagged(files[0], image(colour=BLUE))
        (again,) = library.add(files[:1])
        assert (again.status, seen(library.cover_path(again.track).read_bytes())[2]) == ("updated", like(BLUE))
        library.remove(2)
        assert list(library.orphans()) == []
        library.index.purge([2])
        assert list(library.orphans()) == [kept]
    with Library(folder, jobs=1) as library:
        assert [path.stem for path in library.covers.folder.iterdir()] == [again.track.cover]


def test_tracks_of_before_get_their_covers_by_reading_tags_again(tmp_path):
    path = tagged(tmp_path / "a.mp3", image())
    with Library(tmp_path / "data", jobs=1) as library:
        (added,) = library.add([path])
        library.index.retag(1, {"cover": "", "year": 1999})
        library.covers.path(added.track.cover).unlink()
        (again,) = library.add([path], retag=True)
        assert (again.status, again.track) == ("updated", added.track)
        assert library.cover_path(again.track)
