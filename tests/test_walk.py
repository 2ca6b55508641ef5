"""What is taken from folders: all music, also where its name begins with a dot, and nothing that a system left there."""

from collections import Counter
from pathlib import Path

import pytest

from core.walk import audio_files


@pytest.fixture
def music(tmp_path):
    """A function that makes files of these names in a folder, and returns it."""

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return make


def found(folder, *more):
    left_out = Counter()
    paths = [str(Path(path).relative_to(folder)) for path in audio_files([folder, *more], left_out)]
    return paths, dict(left_out)


def test_folders_are_walked(music, tmp_path_factory):
    song = tmp_path_factory.mktemp("elsewhere") / "song.flac"
    song.touch()
    folder = music("b/deep/2.FLAC", "b/1.mp3", "a.ogg", "cover.jpg", "b/COVER.JPG", "README")
    (folder / "b" / "loop").symlink_to(folder)
    (folder / "b" / "nowhere.mp3").symlink_to(folder / "nowhere.mp3")
    (folder / "c.mp3").symlink_to(song)
    paths, left_out = found(folder, folder / "cover.jpg")
    assert paths == ["a.ogg", "b/1.mp3", "b/deep/2.FLAC", "b/nowhere.mp3", "c.mp3", "cover.jpg"]
    assert left_out == {".jpg": 2, "README": 1}


def test_names_that_begin_with_a_dot(music):
    names = [".38 Special/Hold On Loosely.mp3", "...Baby One More Time.mp3", ".5 - The Gray Chapter/1.flac", ".hidden/.2.mp3"]
    assert found(music(*names, ".DS_Store", ".mp3")) == (sorted(names), {".DS_Store": 1, ".mp3": 1})


def test_what_systems_leave(music):
    folders = [".AppleDouble", "@eaDir", "#recycle", "$RECYCLE.BIN", "$Recycle.Bin", ".Trash", ".Trash-1000", ".Trashes"]
    paths, left_out = found(music("song.mp3", "._song.mp3", "._\nother.mp3", "a/._b.flac", *(f"a/{folder}/gone.mp3" for folder in folders)))
    assert paths == ["song.mp3"]
    assert left_out == {"._*": 3, **dict.fromkeys(folders, 1)}


def test_a_folder_that_cannot_be_read_is_said(music, monkeypatch):
    folder = music("a/1.mp3", "b/2.mp3")
    listing = Path.iterdir

    def refuse(path):
        if path.name == "a":
            raise PermissionError
        return listing(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert found(folder)[0] == ["a", "b/2.mp3"]
