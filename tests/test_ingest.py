"""Files are analysed in worker processes, and no file takes more down than itself."""

import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from core import constellation, ingest
from core.audio import AudioFile, Tags
from core.constellation import PEAK
from core.demo import demo_names, demo_track, write_audio
from core.errors import AudioError, SilentError, TooLongError
from core.fingerprinter import Fingerprinter
from core.ingest import Ingest, analyse, file_sha256
from core.params import Params

PARAMS = Params()
RATE = 22_050  # samples a second


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    return [
        str(write_audio(folder / f"{i}.flac", demo_track(i, 6, RATE), RATE, Tags(*demo_names(i)))) for i in range(4)
    ]


@pytest.fixture(scope="module")
def pool():
    with Ingest(PARAMS, jobs=2) as pool:
        yield pool


def same(a, b):
    np.testing.assert_array_equal(a.peaks, b.peaks)
    assert (a.sha256, a.tags, a.duration, a.filename) == (b.sha256, b.tags, b.duration, b.filename)


def test_a_reference_is_what_the_fingerprinter_finds(songs):
    heard = analyse(songs[0], PARAMS)
    printer = Fingerprinter(PARAMS, RATE)
    with AudioFile(songs[0]) as audio:
        peaks = np.concatenate([*map(printer.feed, audio.blocks()), printer.finish()])
    np.testing.assert_array_equal(heard.peaks, peaks[peaks["rank"] < PARAMS.reference_rank])
    assert heard.peaks.dtype == PEAK
    assert heard.levels is None
    assert heard.duration == 6
    assert heard.filename == "0.flac"
    assert heard.tags == Tags(*demo_names(0))
    assert heard.sha256 == file_sha256(songs[0])


def test_more_sound_than_a_constellation_holds_is_refused(songs, monkeypatch):
    monkeypatch.setattr(constellation, "MAX_FRAME", 100)
    with pytest.raises(TooLongError, match=r"0\.flac: more than 0\.00064\d* hours of sound"):
        analyse(songs[0], PARAMS)


def test_a_query_keeps_all_peaks_and_the_levels(songs):
    heard = analyse(songs[0], PARAMS, query=True, name="what is this.flac")
    assert len(heard.peaks) > len(analyse(songs[0], PARAMS).peaks)
    assert heard.levels.dtype == np.int8
    assert len(heard.levels) * PARAMS.frame_seconds == pytest.approx(6, abs=0.3)
    assert heard.filename == "what is this.flac"


def test_silence_is_no_reference_but_a_query(tmp_path):
    path = write_audio(tmp_path / "silence.wav", np.zeros(5 * RATE, np.float32), RATE)
    with pytest.raises(SilentError, match=r"silence\.wav: less than 1 s of sound"):
        analyse(path, PARAMS)
    assert len(analyse(path, PARAMS, query=True).peaks) == 0


def test_half_a_second_is_no_reference(tmp_path):
    with pytest.raises(SilentError):
        analyse(write_audio(tmp_path / "short.wav", demo_track(1, 0.5)), PARAMS)


@pytest.fixture
def fleeting(songs, tmp_path, monkeypatch):
    """Yield a function that analyses a copy of a song, and calls `change(path)` once it was decoded."""

    def run(change, **options):
        path = shutil.copy(songs[0], tmp_path / "fleeting.flac")
        monkeypatch.setattr(ingest, "file_sha256", lambda path: change(path) or file_sha256(path))
        return analyse(path, PARAMS, **options)

    return run


@pytest.mark.parametrize("query", [False, True])
def test_a_file_that_vanishes_while_it_is_read(fleeting, query):
    with pytest.raises(AudioError, match=r"fleeting\.flac: there is no such file, or not any more"):
        fleeting(os.unlink, query=query)


def test_a_reference_that_changes_while_it_is_read_is_not_stored(fleeting):
    with pytest.raises(AudioError, match=r"fleeting\.flac: changed while it was read; add it again"):
        fleeting(grow)
    assert len(fleeting(grow, query=True).peaks)  # a recording that goes on is recognised by what there is


def grow(path):
    with Path(path).open("ab") as file:
        file.write(b"more")


def test_a_worker_does_the_same(pool, songs):
    same(pool.one(songs[1]), analyse(songs[1], PARAMS))
    np.testing.assert_array_equal(pool.one(songs[1], query=True).levels, analyse(songs[1], PARAMS, query=True).levels)


def test_many_come_in_order_with_what_failed(pool, songs, tmp_path):
    (tmp_path / "notes.txt").write_text("Dear diary")
    (tmp_path / "endless.mp3").symlink_to(tmp_path / "endless.mp3")
    unreadable = [str(tmp_path / "missing.mp3"), str(tmp_path / "endless.mp3"), "/proc/self/mem", "n" * 300 + ".mp3", "nul\0.mp3"]
    paths = [songs[0], str(tmp_path / "notes.txt"), *songs[1:], *unreadable]
    results = list(pool.many(iter(paths), jobs=2))
    assert [path for path, _ in results] == paths
    assert [isinstance(result, AudioError) for _, result in results] == [False, True, False, False, False, *[True] * len(unreadable)]
    same(results[2][1], analyse(songs[1], PARAMS))


def test_many_take_only_as_many_paths_as_they_need(pool, songs):
    taken = []
    results = pool.many((taken.append(song) or song for song in songs * 10), jobs=1)
    next(results)
    results.close()
    assert len(taken) <= ingest.AHEAD


def deadly(path, params, **_):
    """Stands in for `analyse`: a path says what happens to the worker."""
    if path.endswith("crash"):
        os._exit(1)
    if path.endswith("hang"):
        time.sleep(60)
    if path.endswith("eat"):
        return np.ones(2 * ingest.WORKER_BYTES, np.uint8)
    if path.endswith("bug"):
        raise ZeroDivisionError
    return os.getpid()


work = ingest._work


def deadly_work(pipe):
    ingest.analyse = deadly
    work(pipe)


@pytest.fixture
def victims(monkeypatch):
    monkeypatch.setattr(ingest, "_work", deadly_work)
    with Ingest(PARAMS, jobs=1, file_seconds=15) as pool:
        yield pool


def test_a_worker_that_dies_costs_one_file(victims):
    first = victims.one("fine")
    with pytest.raises(AudioError, match="crash: the decoder crashed"):
        victims.one("crash")
    second = victims.one("fine")
    assert second != first
    assert victims.one("fine") == second


def test_workers_that_are_started_ahead_are_taken_first(tmp_path):
    ingest.start_ahead(1)
    (ahead,) = ingest._ahead
    with Ingest(PARAMS, jobs=1) as pool:
        with pytest.raises(AudioError, match="no such file"):
            pool.one(tmp_path / "missing.wav")
        assert ingest._ahead == []
        assert pool._workers == {ahead}


def test_a_worker_that_died_before_it_was_taken_costs_one_file(tmp_path):
    ingest.start_ahead(1)
    ingest._ahead[0].kill()
    with Ingest(PARAMS, jobs=1) as pool:
        for reason in ("the decoder crashed", "no such file"):
            with pytest.raises(AudioError, match=reason):
                pool.one(tmp_path / "missing.wav")


def test_a_crash_among_many_costs_one_file(victims):
    results = [result for _, result in victims.many(["fine", "crash", "fine", "eat", "fine"], jobs=1)]
    assert [isinstance(result, AudioError) for result in results] == [False, True, False, True, False]
    assert results[2] == results[4]  # hunger does not kill the worker


def test_a_worker_that_died_in_its_sleep_is_replaced(victims):
    os.kill(victims.one("fine"), signal.SIGKILL)
    time.sleep(0.1)
    assert victims.one("fine") > 0


def test_ctrl_c_does_not_reach_a_worker(victims):
    worker = victims.one("fine")
    os.kill(worker, signal.SIGINT)
    assert victims.one("fine") == worker


def test_our_bugs_are_not_blamed_on_the_file(victims):
    with pytest.raises(ZeroDivisionError) as caught:
        victims.one("bug")
    assert "in deadly" in caught.value.__notes__[0]


def test_a_worker_that_hangs_is_killed(victims):
    victims.one("fine")  # so that the time to start is not counted
    victims._file_seconds = 0.5
    with pytest.raises(AudioError, match=r"hang: takes more than 0\.5 s"):
        victims.one("hang")


def test_closing_stops_the_workers(songs):
    with Ingest(PARAMS, jobs=1) as pool:
        pool.one(songs[0])
        (worker,) = pool._workers
    assert not worker.alive()
    with pytest.raises(RuntimeError):
        pool.one(songs[0])
