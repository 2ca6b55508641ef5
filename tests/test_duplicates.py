"""Copies of a recording are found among a library's tracks, and nothing else is taken for one."""

import numpy as np
import pytest

from core import Library
from core.demo import demo_track, write_audio

RATE = 22_050  # samples a second
SECONDS = 24.0


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Three tracks; two copies of the first, and one of the second; half of it, and it at another speed."""
    folder = tmp_path_factory.mktemp("music")
    first, second, third = (demo_track(seed, SECONDS, RATE) for seed in range(3))
    late = np.concatenate([np.zeros(RATE, np.float32), first])
    sounds = [
        ("first.flac", first, RATE),
        ("second.flac", second, RATE),
        ("third.flac", third, RATE),
        ("first, late.flac", late, RATE),
        ("first.mp3", first, RATE),
        ("second, soft.flac", 0.2 * second, RATE),
        ("half of the second.flac", second[len(second) // 2 :], RATE),
        ("second, fast.flac", second, RATE * 21 // 20),
    ]
    with Library(folder / "data") as library:
        added = list(library.add([write_audio(folder / name, pcm, rate) for name, pcm, rate in sounds], jobs=2))
        assert [one.status for one in added] == ["added"] * len(sounds)
        yield library


def names(library):
    return [[track.filename for track in group] for group in library.duplicates()]


def test_copies_are_found_and_nothing_else(library):
    assert names(library) == [["first.flac", "first, late.flac", "first.mp3"], ["second.flac", "second, soft.flac"]]


def test_what_was_removed_is_no_copy(library):
    (copy,) = (track for track in library.index.tracks().tracks if track.filename == "second, soft.flac")
    library.remove(copy.id)
    try:
        assert names(library) == [["first.flac", "first, late.flac", "first.mp3"]]
    finally:
        library.restore(copy.id)


def test_progress_counts_all_tracks(library):
    told = []
    list(library.duplicates(lambda done, total: told.append((done, total))))
    assert told == [(done, 8) for done in range(1, 9)]


def test_an_empty_library_has_none(tmp_path):
    with Library(tmp_path) as library:
        assert names(library) == []
