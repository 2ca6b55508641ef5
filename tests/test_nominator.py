"""A listener's hits become candidates: each frame is looked up once, whatever the looks and however segments come and go."""

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from slow import ALL, NEVER, neighbours

from core import nominator as module
from core.constellation import PEAK
from core.hashes import KINDS, hashed
from core.nominator import REMOVED_TOO, VOTING_FRAMES, Nominator, Usage
from core.params import Params
from core.postings import GAP_FRAMES, build, merge, merge_lines, merge_parts
from core.votes import OFFSET_BIN
from core.warps import PLAIN, Warp, warp_peaks
from core.worth import REACH, Worth

pytestmark = pytest.mark.usefixtures("read_everything")

PARAMS = Params(triple_fan=3)
COUNT = 10  # candidates
FRAMES = 160  # of a query, less than those that vote
NONE = np.zeros(0, PEAK)


def some_peaks(seed, frames=600, a_frame=1.5):
    """PEAK [k], sorted, those of a track of so many frames."""
    rng = np.random.default_rng(seed)
    count = int(frames * a_frame)
    cells = np.sort(rng.choice(frames * 256, count, replace=False))
    peaks = np.zeros(count, PEAK)
    peaks["frame"], peaks["band"] = cells >> 8, cells & 255
    peaks["rank"] = rng.integers(0, PARAMS.reference_rank, count)
    return peaks


def track(number):
    return number, hashed(some_peaks(number), PARAMS)


def excerpt(number, first, frames=FRAMES):
    """A query that hears a track from a frame on."""
    peaks = some_peaks(number)
    peaks = peaks[(peaks["frame"] >= first) & (peaks["frame"] < first + frames)]
    peaks["frame"] -= first
    return peaks


class Library:
    """Segments by number, as an index has them, that a test can change between two looks."""

    def __init__(self, **segments):
        self.segments = {}
        self.usage = Usage()
        self.put(**segments)

    def put(self, **segments):
        """a=segment is number 1, b=segment number 2, ..."""
        for name, segment in segments.items():
            self.segments[ord(name) - ord("a") + 1] = segment

    def remove(self, name):
        del self.segments[ord(name) - ord("a") + 1]

    @contextmanager
    def reading(self):
        yield dict(self.segments)

    def nominator(self):
        return Nominator(self.reading, PARAMS, self.usage)


def nominate(nominator, peaks, now=FRAMES, count=COUNT):
    """As a listener does: of the peaks those up to now."""
    return nominator.nominate(peaks[peaks["frame"] < now], now, count, ALL)


def afresh(library, peaks, now=FRAMES, count=COUNT):
    return nominate(library.nominator(), peaks, now, count).tolist()


@pytest.fixture
def library():
    return Library(a=build([track(1), track(2), track(3)]), b=build([track(4)]), c=build([track(5), track(6)]))


@pytest.mark.parametrize("number", range(1, 7))
def test_the_track_and_its_place_come_first(library, number):
    best = nominate(library.nominator(), excerpt(number, 200))[0]
    assert best["track"] == number
    assert best["place"] == pytest.approx(200 + FRAMES, abs=2)
    assert (best["speed"], best["pitch"]) == (1, 0)


def test_nothing_is_nominated_by_nothing_and_of_nothing(library):
    assert not len(nominate(library.nominator(), NONE))
    assert not len(library.nominator().nominate_once(NONE, 0, COUNT, ALL))
    assert not len(nominate(Library().nominator(), excerpt(1, 200)))
    assert not len(Library(a=build([])).nominator().nominate_once(excerpt(1, 200), FRAMES, COUNT, ALL))
    assert not len(library.nominator().nominate(excerpt(1, 200), FRAMES, COUNT, 0))


def test_only_as_many_as_asked_for(library):
    few = nominate(library.nominator(), excerpt(1, 200), count=3)
    many = nominate(library.nominator(), excerpt(1, 200), count=100)
    assert len(few) == 3
    assert len(many) == 100
    assert few.tolist() == many[:3].tolist()


# Looks


@pytest.mark.parametrize("step", [1, 7, 50, FRAMES])
def test_any_split_into_looks_gives_the_same(library, step):
    peaks = excerpt(2, 200)
    at_once = afresh(library, peaks)
    before = library.usage.postings
    steps = library.nominator()
    for now in (*range(step, FRAMES, step), FRAMES):
        found = nominate(steps, peaks, now)
    assert found.tolist() == at_once
    assert library.usage.postings == 2 * before  # each frame was looked up once


def test_what_was_looked_up_is_not_looked_up_again(library):
    nominator, peaks = library.nominator(), excerpt(2, 200)
    first = nominate(nominator, peaks).tolist()
    before = replace(library.usage)
    assert nominate(nominator, peaks).tolist() == first
    assert (library.usage.postings, library.usage.runs) == (before.postings, before.runs)
    assert before.postings > 0
    assert before.runs > 0
    assert library.usage.seconds > 0


def test_a_hit_votes_for_some_seconds(library):
    nominator, peaks = library.nominator(), excerpt(2, 200)
    votes = nominate(nominator, peaks)["votes"].tolist()
    assert nominate(nominator, NONE, FRAMES + VOTING_FRAMES - 1)["votes"].tolist() == votes
    assert not len(nominate(nominator, NONE, FRAMES + VOTING_FRAMES))


def test_what_is_forgotten_has_no_vote(library):
    nominator, peaks = library.nominator(), excerpt(2, 200)
    nominate(nominator, peaks, 60)
    nominate(nominator, peaks, FRAMES)
    nominator.forget(FRAMES)
    fewer = nominate(nominator, peaks, FRAMES)
    assert 0 < fewer["votes"][0] < afresh(library, peaks)[0][-1]
    nominator.forget(FRAMES + 1)
    assert not len(nominate(nominator, peaks, FRAMES))


def test_frames_before_those_that_vote_are_not_looked_up(library):
    peaks = excerpt(2, 100, 400)
    late = peaks[peaks["frame"] >= 400 - VOTING_FRAMES - PARAMS.pair_frames]
    assert afresh(library, peaks, 400) == afresh(library, late, 400)


def test_the_place_goes_on_with_the_sound(library):
    nominator, peaks = library.nominator(), excerpt(2, 200)
    for now in (100, FRAMES, FRAMES + 50):
        assert nominate(nominator, peaks, now)["place"][0] == pytest.approx(200 + now, abs=2)


def test_once_keeps_nothing(library):
    nominator, peaks = library.nominator(), excerpt(2, 200)
    once = nominator.nominate_once(peaks, FRAMES, COUNT, ALL)
    assert once["track"][0] == 2
    assert not len(nominate(nominator, NONE))
    assert once.tolist() == nominator.nominate_once(peaks, FRAMES, COUNT, ALL).tolist()
    assert once.tolist() == afresh(library, peaks)


# Segments come and go


@pytest.mark.parametrize("at", [40, 100])
def test_a_segment_that_appears_is_asked_about_all_of_the_last_seconds(at):
    library = Library(a=build([track(1)]))
    nominator, peaks = library.nominator(), excerpt(2, 200)
    for now in (20, at):
        nominate(nominator, peaks, now)
    library.put(b=build([track(2)]))
    found = nominate(nominator, peaks, FRAMES)
    assert found["track"][0] == 2
    assert found.tolist() == afresh(library, peaks)


def test_what_was_found_in_a_segment_that_is_gone_is_dropped(library):
    nominator, peaks = library.nominator(), excerpt(4, 200)
    nominate(nominator, peaks, 100)
    library.remove("b")
    found = nominate(nominator, peaks)
    assert 4 not in found["track"]
    assert found.tolist() == afresh(library, peaks)


def test_two_segments_that_became_one_are_asked_as_that_one(library):
    nominator, peaks = library.nominator(), excerpt(4, 200)
    nominate(nominator, peaks, 100)
    library.put(d=merge([library.segments[2], library.segments[3]]))
    library.remove("b")
    library.remove("c")
    assert nominate(nominator, peaks).tolist() == afresh(library, peaks)
    assert nominate(nominator, peaks)["track"][0] == 4


def test_segments_that_are_merged_part_by_part_are_asked_anew_at_each_look():
    """Parts of them come and go: what an earlier look has found may be found again in another."""
    a, b = (replace(build([track(n)]), settled=False) for n in (1, 2))
    lines = [a.line, b.line]
    c = replace(build([]), line=merge_lines(lines), settled=False)
    library = Library(a=a, b=b, c=c, d=build([track(3)]))
    nominator, peaks = library.nominator(), excerpt(2, 200)
    now = 20
    for number in range(len(c.parts)):
        merged = merge_parts(number, lines, [a.parts[number], b.parts[number]], c.line)
        a, b, c = with_part(a, number, build([]).parts[number]), with_part(b, number, build([]).parts[number]), with_part(c, number, merged)
        library.put(a=a, b=b, c=c)
        if number % 16 == 7:
            now += 17
            found = nominate(nominator, peaks, now, 1000)
            assert found.tolist() == afresh(library, peaks, now, 1000)
            assert found["votes"][(found["track"] == 2) & (np.abs(found["place"] - 200 - now) < 2)].sum() > 0
    library.remove("a")
    library.remove("b")
    library.put(c=replace(c, settled=True))
    assert nominate(nominator, peaks).tolist() == afresh(library, peaks)


def with_part(segment, number, part):
    return replace(segment, parts=(*segment.parts[:number], part, *segment.parts[number + 1 :]))


def test_a_removed_track_is_never_nominated(library):
    """Its postings are still read, until a merge drops them."""
    nominator, peaks = library.nominator(), excerpt(2, 200)
    assert nominate(nominator, peaks, 100)["track"][0] == 2
    library.segments[1] = replace(library.segments[1], line=library.segments[1].line.without(2))
    found = nominate(nominator, peaks, count=1000)
    assert len(found)
    assert not set(found["track"].tolist()) & {0, 2}
    assert found.tolist() == afresh(library, peaks, count=1000)


def test_removed_tracks_do_not_take_the_places_of_others(library):
    for number in (2, 3):
        library.segments[1] = replace(library.segments[1], line=library.segments[1].line.without(number))
    assert len(nominate(library.nominator(), excerpt(2, 200), count=COUNT)) == COUNT
    assert REMOVED_TOO >= 2


# Tracks end to end


def end(number):
    return int(some_peaks(number)["frame"][-1]) + 1


@pytest.mark.parametrize("after", [0, 1, 60, VOTING_FRAMES - 1])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_end_of_a_track_is_not_the_beginning_of_the_next(library, number, after):
    """What was heard still votes when its end is past."""
    nominator, first = library.nominator(), end(number) - FRAMES
    peaks = excerpt(number, first)
    nominate(nominator, peaks)
    best = nominate(nominator, peaks, FRAMES + after)[0]
    assert (best["track"], best["place"]) == (number, pytest.approx(first + FRAMES + after, abs=2))
    assert FRAMES + VOTING_FRAMES < GAP_FRAMES


@pytest.mark.parametrize("now", [40, 80, FRAMES])
@pytest.mark.parametrize("number", [1, 2, 3, 5, 6])
def test_the_beginning_of_a_track_is_its_own(library, number, now):
    """Also of the first on the line: at the query's first frame the track had not begun."""
    peaks = excerpt(number, 0)
    peaks["frame"] += 20
    best = nominate(library.nominator(), peaks, now)[0]
    assert (best["track"], best["place"]) == (number, pytest.approx(now - 20, abs=2))


@pytest.mark.parametrize("number", [1, 2, 6])
@pytest.mark.parametrize("warp", [Warp.record(1.05), Warp.record(0.95), Warp(1.06, 0.0), Warp(1.0, 100.0)], ids=str)
def test_a_warp_finds_what_was_played_so(library, number, warp):
    reference = some_peaks(number, 600)
    query = warp_peaks(reference[(reference["frame"] >= 200) & (reference["frame"] < 360)], 200, Warp(1 / warp.speed, -warp.pitch), PARAMS)
    now = int(query["frame"].max()) + 1
    found = library.nominator().nominate_once(query, now, COUNT, ALL, warp)
    assert (found["track"][0], found["speed"][0], found["pitch"][0]) == (number, pytest.approx(warp.speed), pytest.approx(warp.pitch))
    assert found["place"][0] == pytest.approx(200 + warp.speed * now, abs=3)
    plain = library.nominator().nominate_once(query, now, COUNT, ALL)
    assert plain["votes"][0] < 0.6 * found["votes"][0]


# The obvious version


def worths():
    """A move and a reach for each kind, all of them worth reading."""
    one = np.array([[0.0, 0.0, NEVER], [0.0, NEVER, NEVER]])
    moves = {kind: [0, kind.moved([1, *[0] * (kind.peaks - 1)])] for kind in KINDS}
    return {("plain", kind): Worth.of([np.zeros(1)] * (2 * kind.peaks - 1), moves[kind], one[:, : REACH + 1]) for kind in KINDS}


def slowly_nominated(tracks, peaks, now):
    """(track, place, votes) of every line, most votes first, by counting all matches."""
    bins, tables = Counter(), worths()
    for number, start, hashes in tracks:
        for kind in KINDS:
            queried, _ = kind.of_query(peaks, 0, kind.query_fan(PARAMS), PARAMS)
            where = Counter(hashes[kind.number].tolist())
            frames = {hash_: [] for hash_, _ in where}
            for (hash_, frame), times in where.items():
                frames[hash_] += [frame] * times
            for hash_, frame in queried.tolist():
                for move, reach in zip(tables["plain", kind].moves.tolist(), (1, 0), strict=True):
                    for key in neighbours(kind, hash_ + move, reach):
                        bins.update((number, (start + place - frame + now) // OFFSET_BIN) for place in frames.get(key, ()))
    pairs = {(t, b): n + bins[t, b + 1] for (t, b), n in list(bins.items())}
    pairs = {(t, b): n for (t, b), n in pairs.items() if n > pairs.get((t, b - 1), 0) and n >= pairs.get((t, b + 1), 0)}
    starts = {number: start for number, start, _ in tracks}
    lines = [(t, b * OFFSET_BIN - starts[t] + OFFSET_BIN - 0.5, n) for (t, b), n in pairs.items()]
    return sorted(lines, key=lambda row: (-row[2], row[0], row[1]))


@pytest.mark.parametrize("number", [1, 4, 6])
def test_nominees_are_those_of_counting_all_matches(library, number, monkeypatch):
    monkeypatch.setattr(module, "load", worths)
    tracks = [
        (int(id_), int(start), hashed(some_peaks(int(id_)), PARAMS))
        for segment in library.segments.values()
        for start, id_ in segment.line.slots.tolist()
    ]
    peaks = excerpt(number, 300)
    found = library.nominator().nominate_once(peaks, FRAMES, 200, ALL, PLAIN)
    slow = slowly_nominated(tracks, peaks, FRAMES)
    assert sorted(found[["track", "place", "votes"]].tolist(), key=lambda row: (-row[2], row[0], row[1]))[:20] == slow[:20]
    assert found["votes"].tolist() == [votes for _, _, votes in slow[:200]]
