"""Files made to have the decoder read something else, or to make something else of them than sound."""

import io
import struct
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

import av
import numpy as np
import pytest

from core.audio import AudioFile
from core.demo import demo_track, write_audio
from core.errors import AudioError

RATE = 44_100  # samples a second


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """What a hostile file would have read: sound, beside it, under a name that can be guessed."""
    return write_audio(tmp_path_factory.mktemp("hostile") / "song.wav", demo_track(1, 2), RATE)


@pytest.fixture(scope="module")
def visitors(song):
    """The address of a server that would serve the song, and the paths that it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def m3u8(song, url):
    return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\n{song.as_uri()}\n#EXT-X-ENDLIST\n"


def m3u8_relative(song, url):
    return "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\nsong.wav\n#EXT-X-ENDLIST\n"


def m3u8_remote(song, url):
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\n{url}/m3u8.ts\n#EXT-X-ENDLIST\n"


def m3u(song, url):
    return f"{song}\n{url}/m3u.mp3\n"


def pls(song, url):
    return f"[playlist]\nFile1={url}/pls.mp3\nFile2={song}\nNumberOfEntries=2\n"


def asx(song, url):
    return f'<asx version="3.0"><entry><ref href="{url}/asx.wma"/></entry></asx>'


def concat(song, url):
    return "ffconcat version 1.0\nfile 'song.wav'\n"


def concat_absolute(song, url):
    return f"ffconcat version 1.0\nfile '{song}'\nfile '{url}/concat.wav'\n"


def dash(song, url):
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S"><Period>'
        '<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1">'
        f"<BaseURL>{url}/dash.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"
    )


def smil(song, url):
    return f'<smil><body><audio src="{url}/smil.mp3"/></body></smil>'


def sdp(song, url):
    return "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n"


def cue(song, url):
    return 'FILE "song.wav" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n'


def svg(song, url):
    return f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}/svg.png"/><image href="{song.as_uri()}"/></svg>'


def html(song, url):
    return f'<!doctype html><audio src="{url}/html.mp3"></audio><script>alert(1)</script>'


def text(song, url):
    return "Dear diary, today I heard a song.\n" * 100


def path(song, url):
    return str(song)


def address(song, url):
    return f"{url}/address.mp3"


TEXTS = [m3u8, m3u8_relative, m3u8_remote, m3u, pls, asx, concat, concat_absolute, dash, smil, sdp, cue, svg, html, text, path, address]


@pytest.mark.parametrize("suffix", [".m3u8", ".mp3", ".wav", ".mp4"])
@pytest.mark.parametrize("make", TEXTS, ids=lambda make: make.__name__)
def test_what_names_other_files_is_refused_and_nothing_is_fetched(song, visitors, make, suffix):
    url, asked = visitors
    hostile = song.with_name(f"hostile{suffix}")  # beside the song, so that a relative name would find it
    hostile.write_text(make(song, url))
    for source in (hostile, io.BytesIO(hostile.read_bytes())):
        with pytest.raises(AudioError, match="not audio of a kind that is supported"), AudioFile(source):
            pass
    assert asked == []


def picture(codec, container):
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=5)
        stream.width = stream.height = 32
        stream.pix_fmt = {"png": "rgb24", "gif": "rgb8", "mjpeg": "yuvj420p"}[codec]
        for packet in [*stream.encode(av.VideoFrame(32, 32, stream.pix_fmt)), *stream.encode(None)]:
            out.mux(packet)
    return file.getvalue()


def archive(song):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.write(song, "song.wav")
    return file.getvalue()


@pytest.mark.parametrize("kind", ["png", "gif", "jpg", "zip", "pdf", "elf"])
def test_what_is_not_sound_is_refused(song, kind):
    made = {
        "png": lambda: picture("png", "image2pipe"),
        "gif": lambda: picture("gif", "gif"),
        "jpg": lambda: picture("mjpeg", "mjpeg"),
        "zip": lambda: archive(song),
        "pdf": lambda: b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n",
        "elf": lambda: b"\x7fELF" + bytes(1000),
    }
    with pytest.raises(AudioError, match="not audio of a kind"), AudioFile(io.BytesIO(made[kind]())):
        pass


def box(kind, content):
    return struct.pack(">I4s", 8 + len(content), kind) + content


def alias(target):
    """The data reference of a QuickTime film whose sound is in another file: a Macintosh alias record (type 2: the absolute path)."""
    name = target.name.encode()[:63].ljust(63, b"\0")
    where = str(target).encode()
    where += b"\0" * (len(where) % 2)
    return (
        bytes(10)
        + b"\0"
        + bytes(27)
        + bytes(12)
        + bytes([len(target.name)])
        + name
        + bytes(16)
        + b"\0\1\0\1"
        + bytes(16)
        + struct.pack(">HH", 2, len(where))
        + where
        + struct.pack(">hH", -1, 0)
    )


CHAIN = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")  # each box is inside the one before


def refer(data, entry):
    """The film with its sound's data reference replaced: all boxes around it grow. The sound itself lies before them."""
    places = [data.index(kind) - 4 for kind in CHAIN]
    dref = places[-1]
    (size,) = struct.unpack_from(">I", data, dref)
    new = box(b"dref", bytes(4) + struct.pack(">I", 1) + entry)
    grown = bytearray(data[:dref] + new + data[dref + size :])
    for place in places[:-1]:
        struct.pack_into(">I", grown, place, struct.unpack_from(">I", grown, place)[0] + len(new) - size)
    return bytes(grown)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = write_audio(tmp_path_factory.mktemp("film") / "film.m4a", demo_track(1, 2), RATE, codec="aac")
    assert path.read_bytes().index(b"mdat") < path.read_bytes().index(b"moov")
    return path


def test_a_data_reference_to_another_file_is_not_followed(film):
    """Its own sound, in another file of the same layout, decodes; referred to, it does not."""
    with AudioFile(film) as audio:
        assert sum(map(len, audio.blocks())) > RATE
    entry = box(b"alis", bytes(4) + alias(film))
    assert len(entry) > 150
    hostile = film.with_name("hostile.m4a")
    hostile.write_bytes(refer(film.read_bytes(), entry))
    with pytest.raises(AudioError), AudioFile(hostile):
        pass


def test_a_data_reference_to_an_address_is_not_followed(film, visitors):
    url, asked = visitors
    hostile = film.with_name("hostile.m4a")
    hostile.write_bytes(refer(film.read_bytes(), box(b"url ", bytes(4) + f"{url}/film.m4a\0".encode())))
    with AudioFile(hostile) as audio:  # this kind of reference is ignored: the sound is looked for in the file itself
        assert sum(map(len, audio.blocks())) > RATE
    assert asked == []


def test_sound_in_a_rare_codec_is_refused(tmp_path):
    """Whatever the container: FFmpeg's decoders of old games are not exercised by strangers."""
    file = write_audio(tmp_path / "rare.wav", demo_track(1, 2, 8000), 8000, codec="adpcm_yamaha")
    with pytest.raises(AudioError, match="of a kind that is not supported"), AudioFile(file):
        pass


def test_a_sender_may_call_any_protocol_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_audio(tmp_path / "song.wav", demo_track(1, 2), RATE)
    for name in ("concat:song.wav", "file:song.wav", "subfile,,start,0,end,0,,:song.wav", "data:audio/wav,x", "pipe:0", "tcp://127.0.0.1"):
        with pytest.raises(AudioError, match="no such file"), AudioFile(name):
            pass


def test_sound_that_hides_a_playlist_in_its_tags_is_sound(tmp_path):
    file = tmp_path / "song.wav"
    write_audio(file, demo_track(1, 2), RATE)
    file.write_bytes(file.read_bytes() + b"#EXTM3U\nhttp://127.0.0.1:9/\n")
    with AudioFile(file) as audio:
        assert np.isclose(sum(map(len, audio.blocks())), 2 * RATE, atol=100)
