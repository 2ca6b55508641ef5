"""A backup is a library of its own: as the original was at one moment, whoever added to it meanwhile."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.backup import UNFINISHED, back_up
from core.demo import demo_track, write_audio
from core.errors import EarprintError, StorageError
from core.ingest import file_sha256
from core.library import Library
from tests.disks import full_disk

RATE = 11_025  # samples a second
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    return [write_audio(folder / f"{i}.flac", demo_track(i, 4, RATE), RATE) for i in range(4)]


@pytest.fixture(scope="module")
def original(songs, tmp_path_factory):
    """Two tracks whose audio is kept, one of them removed, and one whose audio is not."""
    folder = tmp_path_factory.mktemp("original") / "data"
    with Library(folder, jobs=1) as library:
        list(library.add(songs[:2], copy=True))
        list(library.add(songs[2:3]))
        library.remove(2)
        yield library


def whole(folder, count):
    """Whether the copy is a library that works, with so many tracks."""
    with Library(folder) as copied:
        assert list(copied.check()) == []
        assert copied.index.stats()["tracks"] == count
        assert list(copied.orphans()) == []
    return True


def test_a_backup_is_a_library(original, tmp_path):
    seen = []
    assert back_up(original, tmp_path / "copy", lambda *counts: seen.append(counts)) == []
    assert seen == [(1, 2), (2, 2)]
    assert whole(tmp_path / "copy", 2)
    with Library(tmp_path / "copy") as copied:
        restored = copied.restore(2)
        assert file_sha256(copied.kept_audio(restored)) == restored.sha256


def test_only_a_new_folder_will_do(original, tmp_path):
    (tmp_path / "note").touch()
    with pytest.raises(EarprintError, match="not empty"):
        back_up(original, tmp_path)
    with pytest.raises(EarprintError, match="cannot hold the backup"):
        back_up(original, tmp_path / "note")
    back_up(original, tmp_path / "copy")
    with pytest.raises(EarprintError, match="not empty"):
        back_up(original, tmp_path / "copy")


def test_an_interrupted_backup_is_no_library_and_goes_on(original, tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(original, tmp_path / "copy", stop)
    assert not (tmp_path / "copy" / "index").exists()
    (kept,) = (tmp_path / "copy" / "uploads").iterdir()
    before = kept.stat().st_ino
    assert back_up(original, tmp_path / "copy") == []
    assert kept.stat().st_ino == before
    assert whole(tmp_path / "copy", 2)


def test_damaged_audio_is_said_and_does_not_stop_the_rest(original, tmp_path):
    damaged = shutil.copytree(original.uploads.parent, tmp_path / "data")
    with Library(damaged, readonly=True) as library:
        kept = library.kept_audio(library.index.track(1))
        kept.write_bytes(kept.read_bytes()[:-1] + b"!")
        (problem,) = library.check()
        assert (problem.track.id, "is damaged" in problem.error) == (1, True)
        assert list(library.check(read_audio=False)) == []
        (problem,) = back_up(library, tmp_path / "copy")
    assert problem.track.id == 1
    assert len(list((tmp_path / "copy" / "uploads").iterdir())) == 1


def test_a_disk_too_small_for_it(original, tmp_path):
    with full_disk(tmp_path / "disk", 100_000) as disk:
        with pytest.raises(StorageError):
            back_up(original, disk / "copy")
        assert not (disk / "copy" / "index").exists()


ADDING = """
import sys
from core.library import Library
if __name__ == "__main__":
    with Library(sys.argv[1], jobs=1) as library:
        for _ in range(1000):
            for path in sys.argv[2:]:
                (added,) = library.add([path], copy=True)
                library.remove(added.track.id)
                print(added.status, flush=True)
"""


def test_a_backup_while_another_process_adds_and_removes(songs, tmp_path):
    script = tmp_path / "adding.py"
    script.write_text(ADDING)
    command = [sys.executable, str(script), str(tmp_path / "data"), str(songs[3]), str(songs[2])]
    with subprocess.Popen(command, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE) as adding:
        for _ in range(4):
            assert adding.stdout.readline() == b"added\n"
        with Library(tmp_path / "data", readonly=True) as library:
            for k in range(5):
                adding.stdout.readline()
                assert back_up(library, tmp_path / f"copy-{k}") == []
                assert [problem.error for problem in library.check() if "audio" not in problem.error] == []
        assert adding.poll() is None
        adding.kill()
    for k in range(5):
        with Library(tmp_path / f"copy-{k}") as copied:
            assert list(copied.check()) == []
            assert len(copied.index.removed()) >= 4
    assert not (tmp_path / "copy-0" / UNFINISHED).exists()
