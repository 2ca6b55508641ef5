"""Copies of a recording are found among a library's tracks, and nothing else is taken for one."""

import numpy as np
import pytest

from core import Library
from core.demo import demo_track, write_audio
from core.duplicates import copies, same_music
from core.index import Index, NewTrack
from core.params import Params
from tests.hearing import RATE as RATE_OF_MUSIC
from tests.hearing import music, reference_of

RATE = 22_050  # samples a second
SECONDS = 24.0


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Three tracks; copies of them, one of which comes first; excerpts, one of which comes first; one at another speed."""
    folder = tmp_path_factory.mktemp("music")
    first, second, third = (demo_track(seed, SECONDS, RATE) for seed in range(3))
    late = np.concatenate([np.zeros(RATE, np.float32), first])
    sounds = [
        ("most of the first.flac", first[: len(first) * 4 // 5], RATE),
        ("third, cut.mp3", 0.3 * third[RATE:], RATE),
        ("first.flac", first, RATE),
        ("second.flac", second, RATE),
        ("third.flac", third, RATE),
        ("first, late.flac", late, RATE),
        ("first.mp3", first, RATE),
        ("first.wav", first, RATE),
        ("third.m4a", third, RATE),
        ("second, soft.flac", 0.2 * second, RATE),
        ("half of the second.flac", second[len(second) // 2 :], RATE),
        ("second, fast.flac", second, RATE * 21 // 20),
    ]
    with Library(folder / "data") as library:
        added = list(library.add([write_audio(folder / name, pcm, rate) for name, pcm, rate in sounds], jobs=2))
        assert [one.status for one in added] == ["added"] * len(sounds)
        yield library


FIRST = ["first.flac", "first, late.flac", "first.mp3", "first.wav"]
THIRD = ["third, cut.mp3", "third.flac", "third.m4a"]


def names(library):
    return [[track.filename for track in group] for group in library.duplicates()]


def test_copies_are_found_and_nothing_else(library):
    assert names(library) == [THIRD, FIRST, ["second.flac", "second, soft.flac"]]


def test_what_was_removed_is_no_copy(library):
    (copy,) = (track for track in library.index.tracks().tracks if track.filename == "second, soft.flac")
    library.remove(copy.id)
    try:
        assert names(library) == [THIRD, FIRST]
    finally:
        library.restore(copy.id)


def test_progress_counts_all_tracks(library):
    told = []
    list(library.duplicates(lambda done, total: told.append((done, total))))
    assert told == [(done, 12) for done in range(1, 13)]


@pytest.mark.parametrize("frames", [0, 0.5, 1, 1.5, 40])
def test_copies_may_lie_apart_by_any_part_of_a_frame(frames):
    pcm, params = music(1), Params()
    later = np.concatenate([np.zeros(round(frames * params.frame_seconds * RATE_OF_MUSIC), np.float32), pcm])
    own, other = reference_of(pcm), reference_of(later)
    assert same_music(own, other, params)
    assert same_music(other, own, params)


def test_forty_copies(tmp_path):
    own = reference_of(music(1))
    with Index(tmp_path) as index:
        added = index.add((NewTrack(str(i), "", "", SECONDS, "", f"{i:064x}", ""), own) for i in range(40))
        assert len(added) == 40
        assert sorted(copies(index, 1)) == list(range(2, 41))


def test_nothing_is_like_nothing():
    own = reference_of(music(1))
    for peaks, other in ((own[:0], own), (own, own[:0]), (own[:1], own[:1]), (own, reference_of(music(2)))):
        assert not same_music(peaks, other, Params())


def test_an_empty_library_has_none(tmp_path):
    with Library(tmp_path) as library:
        assert names(library) == []
