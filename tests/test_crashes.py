"""A few of the kills of `benchmarks.crashes`, and that it sees what is wrong when something is."""

import random
from collections import Counter

import pytest

from benchmarks.crashes import Told, look, run, told_in
from core.library import Library

SUM = "0" * 64


def test_a_few_kills_lose_nothing(capsys):
    assert run(6, random.Random(1)) == []
    assert "nothing was lost" in capsys.readouterr().out


@pytest.fixture
def folder(music, tmp_path):
    """A library that keeps the audio of two tracks."""
    with Library(tmp_path / "data", jobs=1) as library:
        list(library.add(music[:2], copy=True))
    return tmp_path / "data"


def seen(folder, told):
    return [fault.partition(":")[0] for fault in look(folder, told, Counter())]


def test_a_library_as_it_should_be(folder):
    assert seen(folder, Told()) == []


def test_what_was_answered_must_hold(folder):
    assert seen(folder, Told(added={SUM})) == ["reported as added, and not there"]
    assert seen(folder, Told(added={SUM}, uncertain={SUM})) == []
    with Library(folder, readonly=True) as library:
        there = library.index.track(1).sha256
    assert seen(folder, Told(removed={there})) == ["reported as deleted, and still there"]


def test_audio_must_be_there(folder):
    next((folder / "uploads").iterdir()).unlink()
    assert "a track without its file" in seen(folder, Told())


def test_the_last_word_counts():
    told = told_in("added a\n? a\nremoved a\nadded b\n? c\nadded d")
    assert (told.added, told.removed, told.uncertain) == ({"b"}, {"a"}, {"c"})
