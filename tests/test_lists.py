"""Lists of files, as other programs write them."""

import io
import os
from types import SimpleNamespace

import pytest

from cli.lists import listed
from core.errors import EarprintError


@pytest.fixture
def write(tmp_path):
    """A function that writes a list, and returns what is read of it below its folder."""

    def written(name, data, null=False):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return [entry.removeprefix(f"{tmp_path}/") for entry in listed(str(path), null)]

    return written


def test_a_path_a_line(write):
    assert write("list", "a.mp3\r\n\n#1 hit.mp3\n b.mp3 \n") == ["a.mp3", "#1 hit.mp3", " b.mp3 "]
    assert write("list", b"\xef\xbb\xbfa.mp3\ncaf\xe9.mp3") == ["a.mp3", os.fsdecode(b"caf\xe9.mp3")]
    assert write("list", "") == []


def test_nul_characters(write):
    assert write("list", b"a\nb.mp3\0\xef\xbb\xbfc.mp3\0", null=True) == ["a\nb.mp3", "\ufeffc.mp3"]
    assert write("list.m3u", b"#a.mp3\0", null=True) == ["#a.mp3"]


@pytest.mark.parametrize("name", ["list.m3u", "list.M3U8", "list.txt"])
def test_playlists(write, tmp_path, name):
    for song in ("a.mp3", "b c.mp3", "sub/d.mp3", "#e.mp3"):
        (tmp_path / song).parent.mkdir(exist_ok=True)
        (tmp_path / song).touch()
    text = f"#EXTM3U\r\n#EXTINF:123,Artist - Title\r\na.mp3\r\n\r\nb c.mp3 \r\nsub\\d.mp3\r\n{tmp_path}/a.mp3\r\nmissing.mp3\n"
    text += f"file://{tmp_path}/b%20c.mp3\nhttp://example.org/live.mp3\n"
    expected = ["a.mp3", "b c.mp3", "sub/d.mp3", "a.mp3", "missing.mp3", "b c.mp3", "http://example.org/live.mp3"]
    assert write(name, text) == expected
    assert write(name, b"\xef\xbb\xbf" + text.encode()) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_playlists_of_windows(write, tmp_path, encoding):
    (tmp_path / "Björk").mkdir()
    (tmp_path / "Björk" / "Jóga.mp3").touch()
    assert write("list.m3u", "Björk\\Jóga.mp3\r\n".encode(encoding)) == ["Björk/Jóga.mp3"]


def test_stdin(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"#EXTM3U\n#x\na.mp3\n")))
    assert listed("-", False) == ["a.mp3"]


@pytest.mark.parametrize("name", ["missing", "nul\0"])
def test_no_list(tmp_path, name):
    with pytest.raises(EarprintError, match="cannot be read as a list of files"):
        listed(str(tmp_path / name), False)
