"""When a library needs hashes of three peaks: what is advised, what a rebuild makes, and that it needs no audio."""

import numpy as np
import pytest
from hearing import SEEDS, clip, known_music

from core import Library, growth, library
from core.constellation import PEAK
from core.index import Index, NewTrack
from core.params import Params
from stream import recognize

RATE = 16_000  # Hz, of the music in `hearing`


@pytest.fixture
def folder(tmp_path):
    known_music(tmp_path / "index").close()
    return tmp_path


@pytest.fixture
def large(monkeypatch):
    """Every library counts as large."""
    for module in (growth, library):
        monkeypatch.setattr(module, "TRIPLES_FROM", 1)


def test_a_small_library_has_no_triples_and_needs_none(folder):
    with Library(folder) as opened:
        assert opened.advice is None
        assert opened.rebuild() == []
        stats = opened.index.stats()
        assert stats["postings"] > 0
        assert stats["triples"] == 0
        assert opened.index.params == Params()


def test_a_large_one_is_advised_to_be_rebuilt_and_then_no_longer(folder, large):
    with Library(folder) as opened:
        assert "`earprint rebuild`" in str(opened.advice)
        assert "about 1 minute, and 0.0 GB of disk" in str(opened.advice)
        pairs = opened.index.stats()["postings"]
        assert opened.rebuild() == []
        stats = opened.index.stats()
        assert stats["postings"] == pairs
        assert stats["triples"] > pairs / 2
        assert opened.advice is None
        assert list(opened.index.check()) == []


def test_triples_are_made_and_left_out_as_one_asks(folder):
    with Library(folder) as opened:
        opened.rebuild(triples=True)
        assert opened.index.params.triple_fan == growth.TRIPLE_FAN
        opened.rebuild(triples=False)
        assert opened.index.params.triple_fan == opened.index.stats()["triples"] == 0


def test_what_is_added_and_removed_after_it_has_triples_too(folder):
    with Library(folder) as opened:
        opened.rebuild(triples=True)
        peaks = np.zeros(200, PEAK)
        peaks["frame"], peaks["band"] = np.arange(200) * 3, np.arange(200) * 7 % 200
        before = opened.index.stats()["triples"]
        new = NewTrack("New", "", "", 14.0, "new.wav", "f" * 64, "/new.wav")
        track = opened.index.add([(new, peaks)])[0][0]
        assert opened.index.stats()["triples"] > before
        opened.index.remove(track.id)
        opened.index.restore(track.id)
        assert list(opened.index.check()) == []


def test_music_is_recognised_with_triples_as_without(folder):
    with Library(folder) as opened:
        opened.rebuild(triples=True)
    with Index(folder / "index", readonly=True) as index:
        for seed in SEEDS:
            answer = recognize(index, clip(seed, 6, 5), RATE)
            assert answer.match is not None
            assert answer.match.track.id == seed + 1


def test_the_cost_of_a_rebuild_grows_with_the_library():
    """A million tracks of four minutes: 9 thousand million peaks."""
    assert growth.rebuild_cost(1, Params()) == "about 1 minute, and 0.0 GB of disk"
    assert growth.rebuild_cost(9_000_000_000, Params(triple_fan=4)) == "about 1,200 minutes, and 594.0 GB of disk"


def test_peaks_are_counted_without_the_postings(folder):
    with Index(folder / "index", readonly=True) as index:
        assert index.peaks() == sum(len(index.constellation(track.id)) for track in index.tracks(limit=None).tracks)
