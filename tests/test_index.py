"""The index: tracks come and go as a whole, whoever else reads or is killed meanwhile; and it can always be rebuilt."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import segments
from core.constellation import PEAK
from core.errors import ConflictError, EarprintError, MissingError, VersionError
from core.hashes import PAIRS, TRIPLES, hashed
from core.index import Index, NewTrack
from core.lookup import RUN_COST, SCANNED
from core.nominator import Usage
from core.params import Params

PARAMS = Params()
ALL = 10**9  # a budget for everything
ROOT = Path(__file__).parent.parent


def some_peaks(seed, count=300):
    """PEAK [count], sorted, those of a track of about `count` / 30 seconds."""
    rng = np.random.default_rng(seed)
    cells = np.sort(rng.choice(count * 256, count, replace=False))
    peaks = np.zeros(count, PEAK)
    peaks["frame"], peaks["band"] = cells >> 8, cells & 255
    peaks["rank"] = rng.integers(0, PARAMS.reference_rank, count)
    return peaks


def new(seed, **fields):
    tags = {"title": f"Song {seed}", "artist": "", "album": "", "duration": 10.0}
    return NewTrack(**(tags | {"filename": "song.mp3", "path": f"/music/{seed}.mp3", "sha256": f"{seed:064x}"} | fields))


def count_of(seed):
    """Pairs of a song."""
    return len(PAIRS.of_reference(some_peaks(seed), PARAMS))


def songs(*seeds):
    return [(new(seed), some_peaks(seed)) for seed in seeds]


def heard(index, seed):
    """The tracks that are hit at offset 0 by most of a song's hashes; while segments are merged, in more than one of them."""
    found = nominees(index, seed)
    found = found[np.abs(found["place"] - end(seed)) <= 2]
    count = sum(map(len, hashed(some_peaks(seed), index.params)))
    return [int(track) for track in np.unique(found["track"]) if found["votes"][found["track"] == track].sum() >= 0.9 * count]


def end(seed):
    return int(some_peaks(seed)["frame"][-1]) + 1


def nominees(index, seed, count=20, budget=ALL):
    """The best candidates for all of a song, at its end."""
    return index.nominator().nominate_once(some_peaks(seed), end(seed), count, budget)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "index"


@pytest.fixture
def index(folder):
    with Index(folder) as index:
        yield index


def other(folder, code, *arguments):
    """What another process prints that runs `code`, with the index open as `index`."""
    lines = ["import sys", "from core.index import Index", "from tests.test_index import *", f"index = Index({str(folder)!r})", code]
    command = [sys.executable, "-c", "\n".join(lines), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# Tracks


def test_a_path_belongs_to_the_latest_track_that_was_made_of_its_file(index):
    (old, _), (other, _) = index.add([(new(1, path="/latest.mp3"), some_peaks(1)), (new(2), some_peaks(2))])
    assert index.at("/latest.mp3") == old
    (latest, _), *_ = index.add([(new(3, path="/latest.mp3"), some_peaks(3))])
    assert (index.at("/latest.mp3"), index.at("/music/2.mp3"), index.at("/nowhere")) == (latest, other, None)
    assert index.track(1) == replace(old, path="")
    assert index.tracks(search="Song 1").tracks == [index.track(1)]


def test_a_path_goes_with_its_track(index):
    index.add(songs(1, 2))
    index.update(1, path="/moved.mp3")
    assert (index.at("/music/1.mp3"), index.at("/moved.mp3").id) == (None, 1)
    index.remove(1)
    assert index.at("/moved.mp3") is None
    assert index.restore(1).path == "/moved.mp3"
    index.remove(1)
    index.update(2, path="/moved.mp3")
    assert index.restore(1).path == ""  # its file is another track's by now
    assert index.at("/moved.mp3").id == 2
    index.rebuild(PARAMS)
    assert index.at("/moved.mp3").id == 2


@pytest.mark.parametrize("peaks", [1, 9])
def test_a_track_is_renewed_as_a_whole(index, peaks):
    (old, _), _ = index.add(songs(1, 2))
    renewed = index.renew(1, new(9, title="Other", path="/new.mp3"), some_peaks(peaks))
    assert renewed == replace(old, title="Other", sha256=f"{9:064x}", path="/new.mp3")
    assert (index.find(f"{1:064x}"), index.find(f"{9:064x}"), index.at("/new.mp3")) == (None, renewed, renewed)
    assert index.at("/music/1.mp3") is None
    assert [heard(index, seed) for seed in (1, 2, 9)] == [[1] * (peaks == 1), [2], [1] * (peaks == 9)]
    assert list(index.check()) == []
    assert index.stats()["tracks"] == 2


def test_a_track_cannot_be_renewed_by_what_another_holds(index):
    index.add(songs(1, 2))
    with pytest.raises(ConflictError):
        index.renew(1, new(2), some_peaks(2))
    with pytest.raises(MissingError):
        index.renew(3, new(3), some_peaks(3))


def test_what_was_edited_by_hand_wins_over_files(index):
    index.add(songs(1))
    assert index.retag(1, {"title": "Read", "artist": "Read"}).title == "Read"
    index.update(1, title="Written")
    retagged = index.retag(1, {"title": "Again", "artist": "Again"})
    assert (retagged.title, retagged.artist) == ("Written", "Again")
    renewed = index.renew(1, new(1, title="New", artist="New"), some_peaks(1))
    assert (renewed.title, renewed.artist) == ("Written", "New")
    with pytest.raises(MissingError):
        index.retag(9, {"title": "x"})


def test_an_index_of_a_version_without_paths(folder, index):
    """Its rows do not say what was edited, and two tracks may have one path, as a file that had changed made a second track."""
    index.add([(new(seed, path="/same.mp3"), some_peaks(seed)) for seed in (1, 2)] + songs(3))
    with index._storage.write() as txn:
        for number in (1, 2):
            row = json.loads(bytes(txn.get(segments.key(number), db=index._db["tracks"])))
            del row["edited"]
            row |= {"path": "/same.mp3", "artist": "Caf\ufffd"}
            txn.put(segments.key(number), json.dumps(row).encode(), db=index._db["tracks"])
        txn.drop(index._db["paths"])
        txn.delete(b"paths", db=index._db["about"])
    index.close()
    with Index(folder, readonly=True) as old:
        assert old.track(1).path == "/same.mp3"
    with Index(folder) as opened:
        assert (opened.track(1).path, opened.at("/same.mp3").id, opened.at("/music/3.mp3").id) == ("", 2, 3)
        retagged = opened.retag(1, {"title": "May be edited", "artist": "Café", "album": "New"})
        assert (retagged.title, retagged.artist, retagged.album) == ("Song 1", "Café", "New")
        opened.update(1, artist="Edited")
        kept = opened.retag(1, {"title": "Read", "artist": "Read", "album": "Read"})
        assert (kept.title, kept.artist, kept.album) == ("Song 1", "Edited", "New")


def test_tracks_are_added_and_found(index):
    (first, is_new), (second, _) = index.add(songs(1, 2))
    assert (is_new, first.id, second.id) == (True, 1, 2)
    assert (first.title, first.sha256, first.path) == ("Song 1", f"{1:064x}", "/music/1.mp3")
    assert index.track(1) == first
    assert index.find(first.sha256) == first
    assert index.find("0" * 64) is None
    assert [heard(index, seed) for seed in (1, 2, 3)] == [[1], [2], []]
    assert index.tracks().tracks == [second, first]


def test_the_constellation_comes_back(index):
    index.add(songs(1, 2))
    np.testing.assert_array_equal(index.constellation(2), some_peaks(2))
    peaks = some_peaks(1)
    part = peaks[(peaks["frame"] >= 50) & (peaks["frame"] < 120)]
    np.testing.assert_array_equal(index.constellation(1, 50, 120), part)
    np.testing.assert_array_equal(index.constellation(2, -5, 9999), some_peaks(2))
    assert len(index.constellation(99, 0, 10)) == 0


def test_cells_are_those_of_the_constellations_that_are_there(index):
    index.add(songs(1, 2, 3))
    index.remove(2)
    cells, edges = index.cells([(1, 50, 120), (2, 0, 9999), (99, 0, 10), (3, -5, 9999)])
    expected = [index.constellation(1, 50, 120), index.constellation(3)]
    assert edges.tolist() == [0, *[len(expected[0])] * 3, len(cells)]
    peaks = np.concatenate(expected)
    np.testing.assert_array_equal(cells, peaks["frame"].astype(np.uint32) << 8 | peaks["band"])


def test_a_known_file_is_not_added_again(index):
    index.add(songs(1))
    (known, again), (fresh, is_new), (same, twice) = index.add([*songs(1), *songs(2), *songs(2)])
    assert (known.id, again, fresh.id, is_new, same, twice) == (1, False, 2, True, fresh, False)
    assert index.stats()["tracks"] == 2


def test_all_or_nothing(index):
    index.add(songs(1))
    before = index.stats()
    with pytest.raises(ValueError, match="no peaks"):
        index.add(_raising(songs(2, 3)))
    assert index.stats() == before
    assert index.add(songs(2))[0][0].id == 2


def _raising(tracks):
    yield from tracks[:1]
    raise ValueError("no peaks")


def test_a_failure_inside_the_transaction_changes_nothing(index, monkeypatch):
    index.add(songs(1))
    before = index.stats()
    monkeypatch.setattr(index._segments, "_put", lambda *_: 1 / 0)
    for change in (lambda: index.add(songs(2, 3)), lambda: index.rebuild(Params(pair_frames=9))):
        with pytest.raises(ZeroDivisionError):
            change()
        assert index.stats() == before
        assert index.params == PARAMS
        assert heard(index, 1) == [1]
    monkeypatch.undo()
    assert [track.id for track, _ in index.add(songs(2, 3))] == [2, 3]


def test_updating(index):
    index.add(songs(1))
    updated = index.update(1, title="New", path="/elsewhere")
    assert (updated.title, updated.artist, updated.path) == ("New", "", "/elsewhere")
    assert index.track(1) == updated == index.tracks(search="new").tracks[0]
    assert index.update(1, artist="X", album="Y").to_json().items() >= {"artist": "X", "album": "Y", "title": "New"}.items()


@pytest.mark.parametrize("number", [0, -1, 2, 1 << 62, 1 << 63, 1 << 80])
def test_numbers_of_no_track(index, number):
    index.add(songs(1))
    for call in (index.track, index.remove, index.restore, index.update):
        with pytest.raises(MissingError, match=f"track {number}"):
            call(number)


def test_searching_pages_of_tracks(index):
    index.add((new(i, title=f"{'Odd' if i % 2 else 'Even'} {i}"), some_peaks(i, 20)) for i in range(1, 8))
    page = index.tracks(search="odd", sort="title", limit=3)
    assert ([t.title for t in page.tracks], page.total) == (["Odd 1", "Odd 3", "Odd 5"], 4)
    assert [t.title for t in index.tracks(search="odd", sort="title", after=page.next).tracks] == ["Odd 7"]
    with pytest.raises(EarprintError, match="sort"):
        index.tracks(sort="colour")


# Removing


def test_a_removed_track_is_gone(index):
    index.add(songs(1, 2))
    removed = index.remove(1)
    assert removed.title == "Song 1"
    assert [heard(index, seed) for seed in (1, 2)] == [[], [2]]
    assert (index.tracks().total, index.find(removed.sha256)) == (1, None)
    (restorable,) = index.removed()
    assert restorable.track == removed
    assert restorable.at >= removed.added
    with pytest.raises(MissingError):
        index.remove(1)


def test_hits_of_a_removed_track_never_come_back(index):
    for seed in range(1, 12):
        index.add(songs(seed))
        if seed % 3 == 0:
            index.remove(seed)
        assert not {track for s in range(1, 12) for track in nominees(index, s, 10**4)["track"].tolist()} & {3, 6, 9}
    assert [heard(index, seed) for seed in range(1, 12)] == [[] if s % 3 == 0 else [s] for s in range(1, 12)]


def test_postings_of_a_removed_track_leave_with_a_merge(index):
    index.add(songs(1))
    postings = index.stats()["postings"]
    index.remove(1)
    assert index.stats()["postings"] == postings
    index.add(songs(2))
    assert index.stats()["postings"] == count_of(2)


def test_a_removed_track_can_be_restored(index):
    before = index.add(songs(1, 2))[0][0]
    index.remove(1)
    assert index.restore(1) == before == index.track(1)
    assert [heard(index, seed) for seed in (1, 2)] == [[1], [2]]
    assert index.removed() == []
    with pytest.raises(MissingError, match="to restore"):
        index.restore(1)


def test_a_file_added_again_keeps_the_removed_track_away(index):
    index.add(songs(1))
    index.remove(1)
    assert index.add(songs(1))[0][0].id == 2
    with pytest.raises(ConflictError, match="again as track 2"):
        index.restore(1)
    assert len(index.removed()) == 1


def test_numbers_are_never_reused(folder):
    with Index(folder) as index:
        index.add(songs(1, 2))
        index.remove(2)
        assert [track.id for track in index.purge([2, 1, 99])] == [2]
    with Index(folder) as index:
        assert index.add(songs(3))[0][0].id == 3
        index.rebuild(PARAMS)
        assert index.add(songs(2))[0][0].id == 4
        with pytest.raises(MissingError):
            index.restore(2)


@pytest.mark.parametrize("merged", ["by the add", "part by part"])
def test_an_index_of_pairs_and_triples(folder, monkeypatch, merged):
    """Both kinds come, go and are rebuilt together."""
    if merged == "part by part":
        apart(monkeypatch)
    params = Params(triple_fan=3)
    with Index(folder, params) as index:
        for seed in (1, 2, 3, 4):
            index.add(songs(seed))
        index.remove(2)
        index.add(songs(5))
        pairs, triples = (sum(len(kind.of_reference(some_peaks(s), params)) for s in (1, 3, 4, 5)) for kind in (PAIRS, TRIPLES))
        index.rebuild(params)
        assert (index.stats()["postings"], index.stats()["triples"]) == (pairs, triples)
        assert [heard(index, seed) for seed in range(1, 6)] == [[1], [], [3], [4], [5]]
        assert list(index.check()) == []
    with Index(folder, any_version=True) as index:
        assert index.unanalysed(PARAMS) == []
        index.rebuild(PARAMS)
        assert (index.stats()["postings"], index.stats()["triples"]) == (pairs, 0)
        assert [heard(index, seed) for seed in range(1, 6)] == [[1], [], [3], [4], [5]]


# Segments


def apart(monkeypatch):
    """Nothing is small: all is merged part by part."""
    monkeypatch.setattr(segments, "SMALL_SEGMENT", 0)


@pytest.mark.parametrize("merged", ["by the add", "part by part"])
def test_segments_stay_few_and_nothing_is_left_behind(index, monkeypatch, merged):
    if merged == "part by part":
        apart(monkeypatch)
    for seed in range(1, 40):
        index.add(songs(seed))
    stats = index.stats()
    assert stats["segments"] <= 6
    assert stats["postings"] == sum(count_of(seed) for seed in range(1, 40))
    assert all(heard(index, seed) == [seed] for seed in range(1, 40))


def die_in_merge(monkeypatch, part):
    """Has the merge of a part fail, as if the process had ended there."""
    calls = []

    def merge_parts(*arguments):
        calls.append(1)
        return original(*arguments) if len(calls) <= part else 1 / 0

    original = segments.postings.merge_parts
    monkeypatch.setattr(segments.postings, "merge_parts", merge_parts)


@pytest.mark.parametrize("part", [0, 1, 17, 40])
def test_a_merge_goes_on_where_it_ended(index, monkeypatch, part):
    apart(monkeypatch)
    index.add(songs(1))
    with monkeypatch.context() as ends:
        die_in_merge(ends, part)
        with pytest.raises(ZeroDivisionError):
            index.add(songs(2))
    assert index.stats()["segments"] == (3 if part else 2)
    assert [heard(index, seed) for seed in (1, 2)] == [[1], [2]]
    index.add(songs(3))
    assert [heard(index, seed) for seed in (1, 2, 3)] == [[1], [2], [3]]
    assert index.stats()["segments"] == 1


def test_tracks_come_and_go_during_a_merge(index, monkeypatch):
    apart(monkeypatch)
    index.add(songs(1, 2))
    with monkeypatch.context() as ends:
        die_in_merge(ends, 20)
        with pytest.raises(ZeroDivisionError):
            index.add(songs(3, 4))
    assert index.stats()["segments"] == 3
    for number in (1, 3):
        index.remove(number)
    assert [heard(index, seed) for seed in (1, 2, 3, 4)] == [[], [2], [], [4]]
    index.restore(1)
    assert [heard(index, seed) for seed in (1, 2, 3, 4)] == [[1], [2], [], [4]]
    index.restore(3)
    index.add(songs(*range(5, 20)))
    assert [heard(index, seed) for seed in range(1, 20)] == [[seed] for seed in range(1, 20)]
    assert index.stats()["segments"] <= 2


def test_a_rebuild_ends_a_merge(index, monkeypatch):
    apart(monkeypatch)
    index.add(songs(1))
    with monkeypatch.context() as ends:
        die_in_merge(ends, 20)
        with pytest.raises(ZeroDivisionError):
            index.add(songs(2))
    index.rebuild(PARAMS)
    assert index.stats()["segments"] == 1
    index.add(songs(3))
    assert [heard(index, seed) for seed in (1, 2, 3)] == [[1], [2], [3]]


def test_the_file_stays_near_the_size_of_what_is_in_it(index):
    for seed in range(1, 9):
        index.add([(new(seed), some_peaks(seed, 20_000))])
        used = sum(live_pages(index, name) for name in index._db) * index._storage.env.stat()["psize"]
        assert index.stats()["bytes"] < 1.35 * used


def live_pages(index, name):
    with index._storage.env.begin() as txn:
        return sum(txn.stat(index._db[name])[kind] for kind in ("branch_pages", "leaf_pages", "overflow_pages"))


def test_a_segment_has_a_largest_size(index, monkeypatch):
    apart(monkeypatch)
    monkeypatch.setattr(segments, "MAX_FRAMES", 1)
    for seed in (1, 2, 3):
        index.add(songs(seed))
    assert index.stats()["segments"] == 3
    assert [heard(index, seed) for seed in (1, 2, 3)] == [[1], [2], [3]]


def test_large_segments_are_not_read_again_until_they_are_merged(folder, monkeypatch):
    """And what is found is what another process finds that reads all anew."""
    monkeypatch.setattr(segments, "LARGE_VALUE", 1 << 12)
    with Index(folder) as index:
        index.add([(new(1), some_peaks(1, 20_000))])
        for step in (lambda: None, lambda: index.add(songs(2)), lambda: index.remove(2), lambda: index.restore(2)):
            step()
            before = {id(part) for segment in index._read.values() for part in segment.parts if segment.stays}
            found = nominees(index, 1, 10**4)
            after = {id(part) for segment in index._read.values() for part in segment.parts if segment.stays}
            assert before <= after
            index._read, index._read_at = {}, -1
            np.testing.assert_array_equal(nominees(index, 1, 10**4), found)
        index.add([(new(3), some_peaks(3, 15_000))])  # of a size with the first: they are merged
        assert index.stats()["segments"] < 4
        found = nominees(index, 1, 10**4)
        index._read, index._read_at = {}, -1
        np.testing.assert_array_equal(nominees(index, 1, 10**4), found)
        assert heard(index, 2) == [2]


def test_the_size_of_a_segment_is_known_without_reading_it(index):
    for seed in range(6):
        index.add(songs(seed))
        if seed % 2:
            index.remove(seed)
    with index._storage.read() as txn:
        for segment in index._segments.read(txn, {}).values():
            assert segment.line.postings == segment.size > 0


def test_the_budget_bounds_a_look_up(index):
    index.add(songs(1, 2, 3))
    few, all_ = 2_000, taken(index, ALL)
    bounded = taken(index, few)
    assert 0 < bounded.runs <= few / RUN_COST < all_.runs
    assert 0 < bounded.postings <= few * SCANNED
    assert bounded.postings < all_.postings
    assert (taken(index, 0).postings, taken(index, 0).runs) == (0, 0)
    assert len(index.nominator().nominate_once(np.zeros(0, PEAK), 0, 5, ALL)) == 0


def taken(index, budget):
    """What a look-up has taken."""
    index.usage = Usage()
    nominees(index, 1, 20, budget)
    return index.usage


# Opening


def test_everything_is_there_after_closing(folder):
    params = Params(pair_frames=50)
    with Index(folder, params) as index:
        index.add(songs(1))
    for arguments in ({}, {"params": params}, {"readonly": True}):
        with Index(folder, **arguments) as index:
            assert (index.params, index.track(1).title) == (params, "Song 1")


def test_there_is_nothing_to_read(tmp_path):
    with pytest.raises(EarprintError, match="add some music first"):
        Index(tmp_path / "nothing", readonly=True)
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "data.mdb").touch()  # somebody has only just begun
    with pytest.raises(EarprintError, match="add some music first"):
        Index(tmp_path, readonly=True)


@pytest.mark.parametrize("name", ["front_end_version", "hash_version"])
@pytest.mark.parametrize("readonly", [False, True])
def test_an_index_of_another_version_is_refused(folder, name, readonly):
    with Index(folder, replace(PARAMS, **{name: 0}), any_version=True):
        pass
    with pytest.raises(VersionError, match="earprint rebuild"):
        Index(folder, readonly=readonly)


def test_an_index_of_other_numbers_than_wanted_is_refused(folder):
    with Index(folder):
        pass
    with pytest.raises(VersionError, match="earprint rebuild"):
        Index(folder, Params(hop=128))


BEFORE_THE_FIRST, BEFORE = None, b"5"  # the layouts before: the first had no name


@pytest.mark.parametrize("layout", [BEFORE_THE_FIRST, BEFORE])
@pytest.mark.parametrize("readonly", [False, True])
def test_an_index_of_another_layout_is_refused_and_can_be_rebuilt(folder, readonly, layout):
    """Without the audio: its postings mean something else, but its constellations are what they were."""
    with Index(folder) as index:
        index.add(songs(1))
        with index._storage.write() as txn:
            about = index._db["about"]
            txn.delete(b"layout", db=about) if layout is None else txn.put(b"layout", layout, db=about)
            for row in list(txn.cursor(db=index._db["segments"]).iternext(values=False)):
                txn.put(bytes(row), b"in another way", db=index._db["segments"])
    with pytest.raises(VersionError, match="earprint rebuild"):
        Index(folder, readonly=readonly)
    with Index(folder, any_version=True) as index:
        index.rebuild(PARAMS)
    with Index(folder, readonly=readonly) as index:
        assert heard(index, 1) == [1]


# Rebuilding


def test_rebuilding_makes_the_same(index):
    index.add(songs(1, 2))
    index.add(songs(3))
    index.remove(2)
    seen = []
    index.rebuild(PARAMS, lambda *counts: seen.append(counts))
    assert seen[-1] == (2, 2)
    assert [heard(index, seed) for seed in (1, 2, 3)] == [[1], [], [3]]
    assert index.restore(2).id == 2
    assert heard(index, 2) == [2]


def test_rebuilding_with_other_hashes_needs_no_audio(folder):
    old = replace(PARAMS, hash_version=0, pair_frames=10)
    with Index(folder, old, any_version=True) as index:
        (before, _), _ = index.add(songs(1, 2))
        index.remove(2)
    with Index(folder, any_version=True) as index:
        assert index.params == old
        assert index.unanalysed(PARAMS) == []
        index.rebuild(PARAMS)
        assert index.params == PARAMS
    with Index(folder, PARAMS) as index:
        assert (index.track(1), heard(index, 1)) == (before, [1])
        index.restore(2)
        assert heard(index, 2) == [2]


def test_rebuilding_with_another_front_end(folder):
    with Index(folder, replace(PARAMS, front_end_version=0), any_version=True) as index:
        tracks = [track for track, _ in index.add((new(seed), some_peaks(seed + 100)) for seed in (1, 2, 3))]
        index.remove(3)
    with Index(folder, any_version=True) as index:
        assert index.unanalysed(PARAMS) == tracks
        index.stage(Params(hop=1), [(1, some_peaks(99))])  # begun by a version that never finished
        index.stage(PARAMS, [(1, some_peaks(1))])
        assert index.unanalysed(PARAMS) == tracks[1:]
    with pytest.raises(VersionError):
        Index(folder)
    with Index(folder, any_version=True) as index:  # it was interrupted, and goes on
        index.stage(PARAMS, [(3, some_peaks(3))])
        assert index.unanalysed(PARAMS) == [tracks[1]]
        index.rebuild(PARAMS)
    with Index(folder) as index:
        assert index.tracks(limit=None).tracks == [tracks[1], tracks[0]]
        assert [heard(index, seed) for seed in (1, 2, 101, 102)] == [[1], [], [], []]
        index.restore(3)
        assert heard(index, 3) == [3]
        assert index.unanalysed(PARAMS) == [tracks[1]]


def test_a_track_whose_constellation_was_lost_is_added_again(folder):
    with Index(folder, replace(PARAMS, front_end_version=0), any_version=True) as index:
        (track, _), _ = index.add(songs(1, 2))
        index.rebuild(PARAMS)
        index.update(1, title="Edited")
        ((again, is_new),) = index.add([(new(1, path="/new"), some_peaks(1))])
        assert (again, is_new) == (replace(track, title="Edited", path="/new", edited=("title",)), True)
        assert (index.at("/music/1.mp3"), index.at("/new")) == (None, again)
        assert [heard(index, seed) for seed in (1, 2)] == [[1], []]
        assert index.add(songs(1))[0][1] is False


# Several processes


def test_readers_see_what_another_process_writes(index, folder):
    index.add(songs(1))
    assert heard(index, 1) == [1]
    index.tracks()
    with other(folder, "index.add(songs(2, 3)); index.remove(1)") as writer:
        assert writer.wait(60) == 0
    assert [heard(index, seed) for seed in (1, 2, 3)] == [[], [2], [3]]
    assert [track.id for track in index.tracks().tracks] == [3, 2]


def test_a_rebuild_with_other_numbers_is_noticed(index, folder):
    index.add(songs(1))
    with other(folder, "index.rebuild(Params(pair_frames=10))") as writer:
        assert writer.wait(60) == 0
    assert_outdated(index)


def test_a_rebuild_by_another_version_is_noticed(index):
    index.add(songs(1))
    with index._storage.write() as txn:
        txn.put(b"layout", b"another", db=index._db["about"])
    assert_outdated(index)


def assert_outdated(index):
    """Nothing wrong is answered, and nothing wrong is written."""
    before = index.revision
    for use in (
        lambda: heard(index, 1),
        lambda: index.add(songs(2)),
        lambda: index.remove(1),
        lambda: index.restore(1),
        lambda: index.update(1, title="new"),
        lambda: list(index.check()),
    ):
        with pytest.raises(VersionError, match="open it again"):
            use()
    assert index.revision == before
    index._merge()
    assert index.revision == before


APART = "segments.SMALL_SEGMENT = 0\n"


@pytest.mark.parametrize("setting", ["", APART], ids=["merged by the add", "merged part by part"])
def test_one_reads_while_another_writes(folder, setting):
    """Merged segments vanish under the reader's eyes all the time; what it reads is whole."""
    with Index(folder) as index:
        index.add(songs(1))
        with other(folder, f"{setting}for seed in range(2, 60): index.add(songs(seed))") as writer:
            while writer.poll() is None:
                assert heard(index, 1) == [1]
                assert len(index.constellation(int(index.stats()["tracks"]))) == 300
        assert writer.returncode == 0
        assert all(heard(index, seed) == [seed] for seed in range(1, 60))


KILLED = """
print("ready", flush=True)
for seed in range(1, 10**6, 3):
    index.add(songs(seed, seed + 1, seed + 2))
"""


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.05, 0.1, 0.3])
def test_a_process_killed_inside_add_leaves_whole_tracks(folder, seconds):
    with other(folder, KILLED) as writer:
        assert writer.stdout.readline() == "ready\n"
        time.sleep(seconds)
        os.kill(writer.pid, signal.SIGKILL)
    with Index(folder) as index:
        count = index.tracks().total
        assert count % 3 == 0
        for number in {1, 2, 3, count - 1, count} if count else ():
            np.testing.assert_array_equal(index.constellation(number), some_peaks(number))
            assert heard(index, number) == [number]
        assert index.add(songs(10**7))[0][0].id == count + 1
        assert heard(index, 10**7) == [count + 1]


STEPS = {"before the commit": "index._segments._put = die", "after the commit": "index._merge = die"}
DIE = "die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_at_each_step_of_add(folder, step):
    with other(folder, f"index.add(songs(1, 2))\n{DIE}{STEPS[step]}\nindex.add(songs(3, 4))") as writer:
        assert writer.wait(60) == -signal.SIGKILL
    expected = [[1], [2], [3], [4]] if step == "after the commit" else [[1], [2], [], []]
    with Index(folder, readonly=True) as index:
        assert [heard(index, seed) for seed in (1, 2, 3, 4)] == expected
    with Index(folder) as index:
        index.add(songs(3, 4))
        assert [heard(index, seed) for seed in (1, 2, 3, 4)] == [[1], [2], [3], [4]]


KILLED_IN_MERGE = f"""
{APART}{DIE}
first, parts = map(int, sys.argv[1:])
put = index._segments._put_part
merged = []
def put_part(txn, number, part, numbers):
    put(txn, number, part, numbers)
    merged.append(part) if number in index._segments.merging(txn)[2:] else None
    len(merged) < parts or die()
index._segments._put_part = put_part
for seed in range(first, 10**6): index.add(songs(seed))
"""


def test_a_process_killed_inside_a_merge_again_and_again_loses_nothing(folder):
    count = 0
    for parts in (1, 2, 30, 64, 200):
        with other(folder, KILLED_IN_MERGE, str(count + 1), str(parts)) as writer:
            assert writer.wait(60) == -signal.SIGKILL
        with Index(folder, readonly=True) as index:
            assert index.tracks().total > count or parts <= 64
            count = index.tracks().total
            assert [heard(index, seed) for seed in range(1, count + 1)] == [[seed] for seed in range(1, count + 1)]
    with Index(folder) as index:
        index.add(songs(10**7))
        assert index.stats()["segments"] <= 2
        assert [heard(index, seed) for seed in range(1, count + 1)] == [[seed] for seed in range(1, count + 1)]


def test_entries_of_killed_readers_are_cleared(index, folder):
    code = "txn = index._storage.env.begin(); print(index._storage.env.readers().count(chr(10)), flush=True); sys.stdin.read()"
    with other(folder, code) as reader:
        reader.stdout.readline()
        os.kill(reader.pid, signal.SIGKILL)
    stale = index._storage.env.readers()
    assert str(reader.pid) in stale
    with other(folder, "print(index._storage.env.readers())") as opener:
        assert str(reader.pid) not in opener.communicate(timeout=60)[0]
