"""Kept audio has its name only when it is whole; what a crash left is swept, unless somebody may need it."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from core.audiostore import AudioStore, alone, delete, shared
from core.disk import copy_file, move_file
from core.errors import AudioError, StorageError
from tests.disks import fill, full_disk

CONTENT = b"sound" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path):
    return AudioStore(tmp_path / "uploads")


@pytest.fixture
def song(tmp_path):
    (tmp_path / "song.MP3").write_bytes(CONTENT)
    return tmp_path / "song.MP3"


def names(store):
    return [path.name for path in store.folder.iterdir()]


@pytest.mark.parametrize(("transfer", "stays"), [(copy_file, True), (move_file, False)])
def test_a_file_is_kept_under_its_hash(store, song, transfer, stays):
    kept = store.keep(str(song), SHA256, "song.MP3", transfer)
    assert kept == store.path(SHA256, "other.mp3") == store.folder / f"{SHA256}.mp3"
    assert kept.read_bytes() == CONTENT
    assert (names(store), song.exists()) == ([kept.name], stays)


@pytest.mark.parametrize("filename", ["song", "song.exe", "song.mp3/../x", ".mp3"])
def test_only_suffixes_of_audio_are_taken_over(store, filename):
    assert store.path(SHA256, filename) == store.folder / SHA256


def test_a_file_that_has_changed_is_not_kept(store, song):
    song.write_bytes(CONTENT + b"!")
    with pytest.raises(AudioError, match="changed while it was read"):
        store.keep(str(song), SHA256, "song.mp3", copy_file)
    assert names(store) == []


@pytest.mark.parametrize("transfer", [copy_file, move_file])
def test_a_file_that_went_away(store, song, transfer):
    with pytest.raises(AudioError, match=r"song\.mp3: there is no such file"):
        store.keep(str(song) + "x", SHA256, "song.mp3", transfer)
    assert names(store) == []


def test_a_file_that_cannot_be_read_is_not_blamed_on_the_folder(store):
    with pytest.raises(AudioError, match=r"^song\.mp3: cannot be read \(Input/output error\)"):
        store.keep("/proc/self/mem", SHA256, "song.mp3", copy_file)
    assert names(store) == []


def test_a_folder_that_cannot_be_written(store, song):
    store.folder.write_text("I am a file")
    with pytest.raises(StorageError, match="cannot keep") as error:
        store.keep(str(song), SHA256, "song.mp3", copy_file)
    assert "song" not in str(error.value)  # it is logged


def test_a_full_disk(tmp_path, song):
    with full_disk(tmp_path / "disk", 1 << 20) as disk:
        store = AudioStore(disk / "uploads")
        store.folder.mkdir()
        fill(disk)
        with pytest.raises(StorageError, match=r"cannot keep audio .*make room"):
            store.keep(str(song), SHA256, "song.mp3", copy_file)
        assert names(store) == []
        (disk / "filling").unlink()
        assert store.keep(str(song), SHA256, "song.mp3", copy_file).read_bytes() == CONTENT


def test_orphans(store):
    assert list(store.orphans(lambda _: False)) == []
    known, orphan, other = "a" * 64 + ".mp3", "b" * 64, "my notes.txt"
    for name in (known, orphan, other, ".hidden", f".passing-1/{orphan}"):
        (store.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (store.folder / name).write_bytes(CONTENT)
    orphans = list(store.orphans(lambda sha256: sha256 == "a" * 64))
    assert sorted(path.name for path in orphans) == [".passing-1", orphan]
    for path in orphans:
        delete(path)
    assert sorted(names(store)) == [".hidden", known, other]


def test_those_who_write_share_and_the_sweeper_wants_it_alone(tmp_path):
    lock = tmp_path / "lock"
    with alone(lock) as first, alone(lock) as second:
        assert (first, second) == (True, False)
    with shared(lock), shared(lock), alone(lock) as is_alone:
        assert not is_alone
    with alone(lock) as is_alone:
        assert is_alone


def test_the_lock_holds_between_processes_and_ends_with_them(tmp_path):
    lock = tmp_path / "lock"
    code = "import sys, pathlib\nfrom core.audiostore import shared\n"
    code += "with shared(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    root = Path(__file__).parent.parent
    with subprocess.Popen([sys.executable, "-c", code, lock], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with alone(lock) as is_alone:
            assert not is_alone
        process.kill()
    with alone(lock) as is_alone:
        assert is_alone
