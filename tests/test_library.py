"""A library learns files and folders, keeps what it is given, and loses nothing when it is killed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from core import library as library_module
from core.audio import Tags
from core.demo import demo_track, write_audio
from core.errors import ConflictError, MissingError, StorageError
from core.index import Index
from core.ingest import Ingest, file_sha256
from core.library import Library
from core.params import Params
from tests.disks import fill, full_disk, grow

RATE = 11_025  # samples a second


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    tags = [Tags("Zebra", "The Käfers", "Live"), None, None]
    return [write_audio(folder / f"{i}.flac", demo_track(i, 4, RATE), RATE, tags[i]) for i in range(3)]


@pytest.fixture(scope="module")
def shared_ingest(tmp_path_factory):
    """Workers take seconds to start: all libraries of this file share them."""
    with Library(tmp_path_factory.mktemp("shared")) as library:
        yield library.ingest


@pytest.fixture
def library(tmp_path, shared_ingest):
    with Index(tmp_path / "data" / "index"):
        pass
    library = Library(tmp_path / "data")
    library.ingest = shared_ingest
    yield library
    library.index.close()


def statuses(results):
    return [added.status for added in results]


def uploads(library):
    return sorted(path.name for path in library.uploads.iterdir())


def test_files_are_added_in_place(library, songs):
    added, untagged = library.add(songs[:2])
    track = added.track
    assert (added.path, added.status, added.error) == (str(songs[0]), "added", None)
    assert (track.title, track.artist, track.album) == ("Zebra", "The Käfers", "Live")
    assert (track.duration, track.filename, track.sha256) == (4, "0.flac", file_sha256(songs[0]))
    assert untagged.track.title == "1"
    assert library.audio_path(track) == songs[0]
    assert not library.uploads.exists()
    assert len(library.index.constellation(track.id)) > 50
    assert library.index.tracks().total == 2


def test_what_is_known_is_not_decoded_again(library, songs, tmp_path, monkeypatch):
    (first,) = library.add(songs[:1])
    renamed = shutil.copy(songs[0], tmp_path / "another name.mp3")
    monkeypatch.setattr(library, "ingest", NoDecoding(library.ingest))
    (again,) = library.add([renamed])
    assert (again.status, again.track) == ("known", first.track)


class NoDecoding:
    def __init__(self, ingest):
        self.many = lambda paths, jobs, known: [(path, known(path)) for path in paths]


def test_twice_in_one_go_is_added_once(library, songs, tmp_path):
    copy = shutil.copy(songs[0], tmp_path / "copy.flac")
    results = list(library.add([songs[0], copy, songs[1], songs[0]], jobs=2))
    assert statuses(results) == ["added", "known", "added", "known"]
    assert {results[i].track.id for i in (0, 1, 3)} == {results[0].track.id}


def test_a_failed_file_does_not_stop_the_rest(library, songs, tmp_path):
    (tmp_path / "notes.txt").write_text("Dear diary")
    silence = write_audio(tmp_path / "silence.wav", 0 * demo_track(1, 3, RATE), RATE)
    paths = [tmp_path / "notes.txt", tmp_path / "missing.mp3", silence, songs[0]]
    results = list(library.add(paths, copy=True))
    assert [added.path for added in results] == list(map(str, paths))
    assert statuses(results) == ["failed", "failed", "failed", "added"]
    assert [added.track for added in results[:3]] == [None] * 3
    for added, reason in zip(results, ("is not audio", "no such file", "less than 1 s"), strict=False):
        assert reason in added.error
    assert uploads(library) == [f"{file_sha256(songs[0])}.flac"]


def test_a_file_that_vanishes_before_it_is_hashed_fails_alone(library, songs, tmp_path, monkeypatch):
    paths = [songs[0], Path(shutil.copy(songs[1], tmp_path / "fleeting.flac")), songs[2]]
    check_file = library_module.check_file
    monkeypatch.setattr(library_module, "check_file", lambda path, name: check_file(path, name) or paths[1].unlink(missing_ok=True))
    results = list(library.add(paths))
    assert statuses(results) == ["added", "failed", "added"]
    assert "no such file, or not any more" in results[1].error


def test_a_file_that_vanishes_before_it_is_copied_fails_alone(library, songs, tmp_path, monkeypatch):
    paths = [songs[0], Path(shutil.copy(songs[1], tmp_path / "fleeting.flac")), songs[2]]
    copy_file = library_module.copy_file
    monkeypatch.setattr(library_module, "copy_file", lambda *names: paths[1].unlink(missing_ok=True) or copy_file(*names))
    assert statuses(library.add(paths, copy=True)) == ["added", "failed", "added"]
    assert len(uploads(library)) == 2


def test_a_bug_over_one_file_does_not_lose_those_before_it(library, songs, monkeypatch):
    def many(*_, **options):
        yield from library_many(songs[:2], **options)
        raise ZeroDivisionError

    library_many = library.ingest.many
    monkeypatch.setattr(library, "ingest", SimpleNamespace(many=many))
    with pytest.raises(ZeroDivisionError):
        list(library.add(songs))
    assert library.index.tracks().total == 2


def test_progress_counts_files(library, songs):
    seen = []
    list(library.add([songs[0].parent], progress=lambda *counts: seen.append(counts)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def retagged(path, title, seed=0, seconds=4):
    """Write a file again with the same sound and another title."""
    return write_audio(path, demo_track(seed, seconds, RATE), RATE, Tags(title, "Artist", ""))


def test_a_file_that_was_retagged_updates_its_track(library, tmp_path):
    path = retagged(tmp_path / "song.flac", "Old")
    (first,) = library.add([path])
    library.edit(1, artist="By hand")
    retagged(path, "New")
    (again,) = library.add([path])
    assert (again.status, again.track.id, again.track.added) == ("updated", 1, first.track.added)
    assert (again.track.title, again.track.artist, again.track.sha256) == ("New", "By hand", file_sha256(path))
    assert list(library.check()) == []
    assert statuses(library.add([path])) == ["known"]
    assert library.index.tracks().total == 1


def test_a_file_that_was_encoded_again_updates_its_track(library, tmp_path):
    path = retagged(tmp_path / "song.wav", "Song", seconds=8)
    list(library.add([path], copy=True))
    write_audio(tmp_path / "other.flac", 0.5 * demo_track(0, 7, RATE), RATE).rename(path)
    (again,) = library.add([path], copy=True)
    assert (again.status, again.track.id, again.track.duration) == ("updated", 1, 7)
    assert list(library.check()) == []
    reopen(library)
    assert uploads(library) == [f"{again.track.sha256}.wav"]


def test_other_music_under_an_old_path_is_a_new_track_that_takes_the_path(library, tmp_path):
    path = retagged(tmp_path / "latest.flac", "First")
    (first,) = library.add([path])
    retagged(path, "Second", seed=1)
    (second,) = library.add([path])
    assert (second.status, second.track.id) == ("added", 2)
    assert library.audio_path(second.track) == path
    assert library.audio_path(library.index.track(1)) is None  # rather than the wrong music
    assert library.gone() == [replace(first.track, path="")]
    (problem,) = library.check()
    assert problem.track.id == 1


def test_a_known_recording_under_the_path_of_another(library, tmp_path):
    a, b = retagged(tmp_path / "a.flac", "A"), retagged(tmp_path / "b.flac", "B", seed=1)
    list(library.add([a, b]))
    shutil.copy(b, a)
    (again,) = library.add([a])
    assert (again.status, again.track.id, again.track.path) == ("known", 2, str(b))
    assert library.index.track(1).path == ""


@pytest.mark.parametrize("order", [1, -1])
def test_files_that_take_each_others_names(library, tmp_path, order):
    """As programmes do that are numbered anew every day."""
    a, b = retagged(tmp_path / "1.flac", "A"), retagged(tmp_path / "2.flac", "B", seed=1)
    list(library.add([a, b]))
    b.unlink()
    a.rename(b)
    retagged(a, "C", seed=2)
    results = list(library.add([a, b][::order]))[::order]
    assert [(added.status, added.track.id) for added in results] == [("added", 3), ("known", 1)]
    assert [library.audio_path(library.index.track(number)) for number in (1, 2, 3)] == [b, None, a]


def test_a_copy_of_changed_bytes_in_the_same_go(library, tmp_path):
    path = retagged(tmp_path / "song.flac", "Old")
    list(library.add([path]))
    retagged(path, "New")
    copy = shutil.copy(path, tmp_path / "copy.flac")
    assert [(added.status, added.track.id) for added in library.add([copy, path])] == [("known", 1), ("updated", 1)]


def test_tags_of_known_files_are_read_again(library, songs, tmp_path):
    list(library.add(songs[:2]))
    library.index.retag(1, {"title": "Read badly"})
    library.index.retag(2, {"title": "Read badly"})
    library.edit(2, title="By hand")
    assert statuses(library.add(songs[:2])) == ["known", "known"]
    first, second = library.add(library.audio_paths()[::-1], retag=True)
    assert (first.status, first.track.title) == ("updated", "Zebra")
    assert (second.status, second.track.title) == ("known", "By hand")


def test_tracks_whose_files_are_gone(library, songs, tmp_path):
    paths = [Path(shutil.copy(song, tmp_path / song.name)) for song in songs]
    list(library.add(paths[:1], copy=True))
    list(library.add(paths[1:]))
    for path in paths[:2]:
        path.unlink()
    paths[2].unlink()
    paths[2].symlink_to(paths[2])  # cannot be read, which may be mended
    assert [track.filename for track in library.gone()] == ["1.flac"]


def test_copy_keeps_the_audio(library, songs, tmp_path):
    original = Path(shutil.copy(songs[0], tmp_path / "song.FLAC"))
    (added,) = library.add([original], copy=True)
    original.unlink()
    kept = library.audio_path(added.track)
    assert kept == library.uploads / f"{added.track.sha256}.flac"
    assert file_sha256(kept) == added.track.sha256


def test_known_audio_that_has_moved_is_found_again(library, songs, tmp_path):
    original = Path(shutil.copy(songs[0], tmp_path / "song.flac"))
    (added,) = library.add([original])
    moved = original.rename(tmp_path / "moved.flac")
    assert library.audio_path(added.track) is None
    (again,) = library.add([moved])
    assert library.audio_path(again.track) == moved
    list(library.add([moved], copy=True))
    moved.unlink()
    assert library.audio_path(again.track).parent == library.uploads


def test_an_upload_is_moved_into_the_library(library, songs, tmp_path):
    arrived = Path(shutil.copy(songs[1], tmp_path / "incoming"))
    added = library.add_upload(arrived, "../My song.flac")
    assert (added.path, added.status) == ("../My song.flac", "added")
    assert (added.track.title, added.track.filename) == ("My song", "My song.flac")
    assert library.audio_path(added.track) == library.uploads / f"{added.track.sha256}.flac"
    assert not arrived.exists()
    again = library.add_upload(shutil.copy(songs[1], arrived), "again.flac")
    assert (again.status, again.track) == ("known", added.track)
    assert not arrived.exists()
    assert len(uploads(library)) == 1


def test_an_upload_brings_lost_audio_back(library, songs, tmp_path):
    original = Path(shutil.copy(songs[0], tmp_path / "song.flac"))
    (added,) = library.add([original])
    library.add_upload(original.rename(tmp_path / "incoming"), "song.flac")
    assert library.audio_path(added.track).parent == library.uploads


def test_a_failed_upload_leaves_nothing(library, songs, tmp_path, monkeypatch):
    (tmp_path / "incoming").write_text("Dear diary")
    failed = library.add_upload(tmp_path / "incoming", "diary.mp3")
    assert (failed.status, failed.track) == ("failed", None)
    assert failed.error.startswith("diary.mp3: is not audio")
    monkeypatch.setattr(library.index, "add", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        library.add_upload(shutil.copy(songs[0], tmp_path / "incoming"), "song.flac")
    assert uploads(library) == []
    assert not (tmp_path / "incoming").exists()


def test_tracks_are_removed_restored_and_edited(library, songs):
    (added,) = library.add(songs[:1])
    number = added.track.id
    assert library.edit(number, title="Gnu").title == "Gnu"
    assert library.remove(number).title == "Gnu"
    with pytest.raises(MissingError):
        library.edit(number, title="Zebra")
    assert library.restore(number) == library.index.track(number)
    library.remove(number)
    (again,) = library.add(songs[:1])
    assert (again.status, again.track.id != number) == ("added", True)
    with pytest.raises(ConflictError):
        library.restore(number)


def test_edits_are_one_line(library, songs):
    list(library.add(songs[:1]))
    edited = library.edit(1, title="A\x1b[31m\r\nB\u202e", artist="  C  ")
    assert (edited.title, edited.artist) == ("A [31m B", "C")


def test_a_name_that_becomes_a_title_is_one_line(library, songs, tmp_path):
    (added,) = library.add([shutil.copy(songs[1], tmp_path / "a\x1b]0;x\x07b\n.flac")])
    assert added.track.title == "a ]0;x b"


def test_rebuilding_reports_progress(library, songs):
    list(library.add(songs[:1]))
    before = library.index.stats()["postings"]
    seen = []
    assert library.rebuild(lambda *counts: seen.append(counts)) == []
    assert seen[-1] == (1, 1)
    assert library.index.stats()["postings"] == before


@pytest.fixture
def outdated(library, songs, tmp_path, shared_ingest, monkeypatch):
    """A library of three tracks that another front end made, opened to be rebuilt; the second is removed."""
    paths = [Path(shutil.copy(song, tmp_path / song.name)) for song in songs]
    tracks = [added.track for added in library.add(paths)]
    library.remove(2)
    library.index.rebuild(replace(Params(), front_end_version=0, reference_fan=1))
    library.index.close()
    outdated = Library(tmp_path / "data", any_version=True)
    monkeypatch.setattr(library_module, "Ingest", lambda params: shared_ingest)
    yield outdated, tracks, paths
    outdated.index.close()


def test_an_index_of_another_front_end_is_rebuilt_from_the_audio(outdated):
    library, tracks, _ = outdated
    seen = []
    assert len(library.index.constellation(1)) == 0
    assert library.rebuild(lambda *counts: seen.append(counts)) == []
    assert library.index.params == Params()
    assert (seen[0], seen[-1]) == ((1, 5), (5, 5))
    assert library.restore(2) == tracks[1]
    for track in tracks:
        assert library.index.track(track.id) == track
        assert len(library.index.constellation(track.id)) > 50


def test_tracks_whose_audio_is_gone_wait_for_it(outdated, songs):
    library, tracks, paths = outdated
    paths[0].unlink()
    paths[1].unlink()  # removed anyway
    shutil.copy(songs[0], paths[2])
    gone, changed = library.rebuild()
    assert (gone.track, gone.status, gone.error) == (tracks[0], "failed", "0.flac: its audio is gone; add it again")
    assert (changed.track, changed.path) == (tracks[2], str(paths[2]))
    assert "is another file now" in changed.error
    assert library.index.stats()["postings"] == 0
    assert library.index.tracks().total == 2
    shutil.copy(songs[2], paths[2])
    (still_gone,) = library.rebuild()
    assert still_gone.track == tracks[0]
    (again,) = library.add(songs[:1])
    assert (again.status, again.track.id) == ("added", 1)
    assert library.audio_path(again.track) == songs[0]
    assert library.rebuild() == []


def test_an_interrupted_rebuild_goes_on(outdated, monkeypatch):
    library, _, _ = outdated
    with monkeypatch.context() as patch:
        patch.setattr(library.index, "rebuild", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            library.rebuild()
    assert library.index.unanalysed(Params()) == []
    assert library.index.params != Params()
    library.ingest = Ingest(Params())  # the rebuild closes the one it finds, and others share that
    assert library.rebuild() == []
    assert len(library.index.constellation(1)) > 50


def reopen(library):
    library.index.close()
    with Library(library.uploads.parent):
        pass
    library.index = Index(library.uploads.parent / "index")


def test_what_was_removed_long_ago_is_forgotten(library, songs, monkeypatch):
    list(library.add(songs[:2], copy=True))
    library.remove(1)
    reopen(library)
    assert [gone.track.id for gone in library.index.removed()] == [1]
    assert len(uploads(library)) == 2
    monkeypatch.setattr(library_module, "REMOVED_DAYS", -1)
    reopen(library)
    assert library.index.removed() == []
    assert uploads(library) == [f"{library.index.track(2).sha256}.flac"]


def test_what_a_crash_left_is_swept_when_nobody_writes(library, songs):
    list(library.add(songs[:1], copy=True))
    kept, *_ = uploads(library)
    for path in (library.uploads / ("0" * 64 + ".mp3"), library.uploads / ".passing-1" / "x", library.incoming / "1" / "song.mp3"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    adding = library.add(songs)
    next(adding)
    reopen(library)
    assert len(list(library.orphans())) == 3
    adding.close()
    with library.arriving() as folder:
        reopen(library)
        assert folder.is_dir()
        assert len(list(library.orphans())) == 4
    reopen(library)
    assert list(library.orphans()) == []
    assert uploads(library) == [kept]


def test_a_restart_deletes_nothing_that_a_live_process_is_about_to_commit(library, songs, tmp_path, monkeypatch):
    """Between the moment that the audio has its name and the moment that the index knows of it."""
    commit = library.index.add

    def add(tracks):
        restarted = subprocess.run([sys.executable, "-c", OPENED, library.uploads.parent], cwd=ROOT, capture_output=True, text=True)
        assert (restarted.returncode, restarted.stdout) == (0, "1 orphan\n")
        return commit(tracks)

    monkeypatch.setattr(library.index, "add", add)
    added = library.add_upload(shutil.copy(songs[0], tmp_path / "incoming"), "song.flac")
    assert file_sha256(library.audio_path(added.track)) == added.track.sha256


ROOT = Path(__file__).parent.parent
OPENED = """
import sys
from core.library import Library
if __name__ == "__main__":
    with Library(sys.argv[1]) as library:
        print(len(list(library.orphans())), "orphan")
"""


def test_a_failure_after_the_commit_keeps_the_audio(library, songs, tmp_path, monkeypatch):
    """As when segments cannot be merged for want of room: the track is there, and needs its audio."""
    monkeypatch.setattr(library.index, "_merge", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        library.add_upload(shutil.copy(songs[0], tmp_path / "incoming"), "song.flac")
    (track,) = library.index.tracks().tracks
    assert file_sha256(library.audio_path(track)) == track.sha256


def test_a_failure_keeps_the_audio_of_who_adds_the_same_at_the_same_time(library, songs, tmp_path, monkeypatch):
    commit = library.index.add

    def other_first(tracks):
        monkeypatch.setattr(library.index, "add", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            library.add_upload(shutil.copy(songs[0], tmp_path / "other"), "song.flac")
        return commit(tracks)

    monkeypatch.setattr(library.index, "add", other_first)
    added = library.add_upload(shutil.copy(songs[0], tmp_path / "incoming"), "song.flac")
    assert file_sha256(library.audio_path(added.track)) == added.track.sha256


def test_an_upload_may_be_too_long(library, songs, tmp_path):
    failed = library.add_upload(shutil.copy(songs[0], tmp_path / "incoming"), "song.flac", max_seconds=3.6)
    assert (failed.status, failed.error) == ("failed", "song.flac: more than 0.001 hours of sound; cut it into shorter files")
    assert list(library.orphans()) == []
    assert library.add_upload(shutil.copy(songs[0], tmp_path / "incoming"), "song.flac", max_seconds=4).status == "added"


def test_a_disk_that_fills_up(songs, tmp_path, shared_ingest):
    """Nothing is lost, nothing is left behind, and it goes on when there is room."""
    noise = [write_audio(tmp_path / f"{i}.wav", demo_track(i, 10, RATE), RATE) for i in range(10)]  # 220 kB each
    with full_disk(tmp_path / "disk", 1500 << 10) as disk, closing(Library(disk / "data")) as library:
        library.ingest, library.close = shared_ingest, library.index.close  # others need it, too
        with pytest.raises(StorageError, match="make room on its disk"):
            list(library.add(noise, copy=True))
        assert list(library.orphans()) == []
        count = library.index.tracks().total
        fill(disk)
        with pytest.raises(StorageError, match="make room on its disk"):
            library.add_upload(shutil.copy(songs[0], tmp_path / "incoming"), "song.flac")
        assert list(library.orphans()) == []
        (disk / "filling").unlink(missing_ok=True)
        grow(disk, 20 << 20)
        assert statuses(library.add(noise, copy=True)) == ["known"] * count + ["added"] * (10 - count)
        for track in library.index.tracks(limit=None).tracks:
            assert file_sha256(library.audio_path(track)) == track.sha256


def test_whoever_names_files_is_told_which_cannot_be_kept(library, songs):
    library.uploads.write_text("I am a file")
    with pytest.raises(StorageError, match=rf"^{re.escape(str(songs[0]))}: .* cannot keep audio .*make room"):
        list(library.add(songs, copy=True))


def test_names_that_are_not_utf8(library, songs, tmp_path):
    odd = os.fsdecode(bytes(tmp_path) + b"/K\xe4fer.flac")
    shutil.copy(songs[0], odd)
    (added,) = library.add([tmp_path / odd])
    assert added.track.filename == "K\ufffdfer.flac"
    assert library.audio_path(added.track) == Path(odd)


KILLED = """
import sys
from core import library
if __name__ == "__main__":
    library.BATCH_TRACKS = 2
    with library.Library(sys.argv[1]) as opened:
        for added in opened.add(sys.argv[2:], copy=True):
            print(added.status, flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_what_was_reported_survives_a_kill(tmp_path, songs, how):
    paths = [write_audio(tmp_path / f"{i}.wav", demo_track(i, 60, RATE), RATE) for i in range(3)]
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    command = [sys.executable, str(script), str(tmp_path / "data"), *map(str, [*songs, *paths])]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as process:
        assert process.stdout.readline() == b"added\n"
        process.send_signal(how)
        began = time.monotonic()
        process.wait(timeout=30)
        assert time.monotonic() - began < 5
    with Library(tmp_path / "data", readonly=True) as library:
        tracks = library.index.tracks(limit=None).tracks
        assert len(tracks) >= 2
        assert len(tracks) % 2 == 0
        for track in tracks:
            assert len(library.index.constellation(track.id)) > 50
            assert file_sha256(library.audio_path(track)) == track.sha256
