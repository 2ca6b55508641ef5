"""What is claimed and lost as one sound follows another, what is never claimed, and how much work that is."""

import copy
import pickle
from collections import Counter

import numpy as np
import pytest
from hearing import RATE, SECONDS, SEEDS, claims, clip, fingerprint, known_music, learn, learn_copies, listen, music, silence, white_noise
from soxr import resample

from benchmarks.noises import SAMPLE_RATE, mix, speech
from core.constellation import PEAK
from core.demo import add_noise, room
from core.hashes import PAIRS
from core.index import Index
from core.lookup import lookup
from core.nominator import VOTING_FRAMES, Nominator, Usage
from stream import End, Guesses, Lost, Match, Matcher, Recognizer, recognize
from stream.matcher import LISTED_TWINS, REPORT, SEARCH_PAUSE, SHORT_WAIT

UNKNOWN = 100  # the first of the seeds that no library here holds
CERTAIN = 0.99  # confidence of a claim
PAST_END = 0.8  # seconds past a track's end that a place may be at most: until the next look


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with known_music(tmp_path_factory.mktemp("index")) as index:
        yield index


@pytest.fixture
def shelf(tmp_path):
    """An index of its own for a test that changes it."""
    with known_music(tmp_path) as index:
        yield index


def unknown_music(seconds, each=10, rate=RATE):
    """Track after track that no library here holds."""
    return np.concatenate([music(UNKNOWN + k, each, rate) for k in range(-(-seconds // each))])[: seconds * rate]


class Ledger:
    """An index that counts what is asked of it."""

    def __init__(self, index):
        self.index, self.params = index, index.params
        self.usage = Usage()
        self.look_ups = self.stretches_read = 0

    def nominator(self):
        return Nominator(self.reading, self.params, self.usage)

    def reading(self):
        self.look_ups += 1
        return self.index._reading()

    def cells(self, wanted):
        self.stretches_read += len(wanted)
        return self.index.cells(wanted)

    def constellation(self, *args):
        self.stretches_read += 1
        return self.index.constellation(*args)

    def track(self, track_id):
        return self.index.track(track_id)

    def count(self):
        return self.index.count()

    def take(self):
        """The number of look-ups, runs, postings and stretches since the last call."""
        taken = self.look_ups, self.usage.runs, self.usage.postings, self.stretches_read
        self.look_ups = self.usage.runs = self.usage.postings = self.stretches_read = 0
        return taken

    def __reduce__(self):
        return str, ()


# One sound after the other


@pytest.mark.parametrize(("first", "second"), [(0, 1), (2, 3)])
def test_a_track_after_another_is_match_lost_match(index, first, second):
    events = listen(index, np.concatenate([clip(first, 4, 10), clip(second, 6, 12)]))
    assert claims(events) == [("match", first + 1), ("lost", first + 1), ("match", second + 1)]
    assert events[-1].match.track.id == second + 1


def test_a_track_that_comes_back_is_claimed_again(index):
    events = listen(index, np.concatenate([clip(1, 2, 10), clip(2, 5, 10), clip(1, 2, 10)]))
    assert claims(events) == [("match", 2), ("lost", 2), ("match", 3), ("lost", 3), ("match", 2)]
    assert events[-1].match.track.id == 2


def test_a_passage_of_a_track_after_another_of_the_same_is_one_claim(index):
    events = listen(index, np.concatenate([clip(1, 2, 8), clip(1, 15, 9)]))
    assert claims(events) == [("match", 2)]


@pytest.mark.parametrize("after", [silence, white_noise, unknown_music])
def test_what_is_no_longer_playing_is_lost(index, after):
    events = listen(index, np.concatenate([clip(3, 2, 7), after(18)]))
    assert claims(events) == [("match", 4), ("lost", 4)]
    assert events[-1].match.track.id == 4


@pytest.mark.parametrize("after", [silence, white_noise, unknown_music])
@pytest.mark.parametrize("heard_seconds", [6, 14])
def test_what_stops_is_lost_within_three_seconds(index, after, heard_seconds):
    events = listen(index, np.concatenate([clip(3, 2, heard_seconds), after(6)]))
    (lost,) = [e.elapsed for e in events if isinstance(e, Lost)]
    assert 0 < lost - heard_seconds < 3


@pytest.mark.parametrize("after", [silence, white_noise, unknown_music])
def test_a_track_is_lost_when_it_has_ended_and_no_place_is_past_its_end(index, after):
    events = listen(index, np.concatenate([clip(3, SECONDS - 8, 8), after(10)]))
    assert claims(events) == [("match", 4), ("lost", 4)]
    (lost,) = [e.elapsed for e in events if isinstance(e, Lost)]
    assert 0 < lost - 8 < 3
    assert max(places_of(4, events)) <= SECONDS + PAST_END


@pytest.mark.parametrize("after", [silence, white_noise, unknown_music])
def test_a_jingle_is_claimed_once_and_lost_when_it_is_over(shelf, after):
    jingle = learn(shelf, "jingle", music(90, 3))
    events = listen(shelf, np.concatenate([silence(1), music(90, 3), after(14)]))
    assert claims(events) == [("match", jingle.id), ("lost", jingle.id)]
    (lost,) = [e.elapsed for e in events if isinstance(e, Lost)]
    assert 4 < lost < 5.5
    assert max(places_of(jingle.id, events)) <= jingle.duration + PAST_END


def places_of(track, events):
    """Where in the track all guesses have it, seconds."""
    return [g.position for e in events if isinstance(e, Guesses) for g in e.guesses if g.track.id == track]


def test_a_claim_stands_while_somebody_talks_over_the_music(index):
    voice = resample(speech(20 * SAMPLE_RATE, np.random.default_rng(1)), SAMPLE_RATE, RATE)
    pcm = mix(music(5)[: 20 * RATE], voice, 3.0)
    assert claims(listen(index, pcm)) == [("match", 6)]


def test_the_place_is_that_of_the_track_that_is_named(shelf):
    """Of two copies, one of which begins later."""
    later = learn(shelf, "later", remastered(music(2)))
    events = listen(shelf, clip(2, 5, 12))
    starts = {3: 5.0, later.id: 2.5}
    for event in events:
        if isinstance(event, Guesses) and event.elapsed > 4:
            assert event.guesses[0].offset == pytest.approx(starts[event.guesses[0].track.id], abs=0.2)


def test_what_spoke_for_a_lost_claim_is_forgotten(index):
    """Else it would speak again, while something else is heard."""
    peaks, levels = fingerprint(np.concatenate([clip(3, 2, 7), white_noise(18)]))
    matcher, events, frame = Matcher(index), [], 0
    while ("lost", 4) not in claims(events):
        events = matcher.feed(peaks[peaks["frame"] == frame], levels[frame : frame + 1], frame + 1)
        frame += 1
    assert frame < len(levels)
    assert matcher._search.peaks["frame"].min() > frame - 3 / index.params.frame_seconds
    assert len(matcher._heard.levels) < 3.5 / index.params.frame_seconds


def test_a_short_gap_loses_nothing(index):
    heard = clip(3, 2, 14).copy()
    heard[6 * RATE : int(7.3 * RATE)] = 0
    assert claims(listen(index, heard)) == [("match", 4)]


def test_a_track_goes_on_being_itself_to_its_end(index):
    events = listen(index, add_noise(room(music(5), RATE), 10.0))
    assert claims(events) == [("match", 6)]


def test_a_claim_that_stands_does_not_grow_doubtful(index):
    """However long it was heard: only time without a claim makes chance more likely."""
    tune = clip(2, 5, 15)
    events = listen(index, add_noise(np.tile(tune, 4), -7.0))
    assert claims(events) == [("match", 3)]
    late = [e.guesses[0] for e in events if isinstance(e, Guesses) and e.elapsed > 30]
    assert min(guess.confidence for guess in late if guess.track.id == 3) > CERTAIN
    assert sum(guess.track.id == 3 for guess in late) > 0.9 * len(late)


def test_a_claim_comes_soon_and_where_it_is(index):
    for seed in SEEDS:
        match = next(e for e in listen(index, clip(seed, 8, 5)) if isinstance(e, Match))
        assert match.elapsed < 5
        assert match.guess.position == pytest.approx(8 + match.elapsed, abs=0.3)


# The same more than once


def remastered(pcm):
    return add_noise(0.3 * pcm[int(2.5 * RATE) :], 25.0)


@pytest.mark.parametrize("copied", [np.array, remastered])
def test_the_same_recording_twice_is_one_claim_with_its_twin(shelf, copied):
    twin = learn(shelf, "twin", copied(music(2)))
    both = {3, twin.id}
    events = listen(shelf, clip(2, 5, 10))
    matches = [e.guess for e in events if isinstance(e, Match)]
    assert len(matches) == len(claims(events)) == 1
    for guess in (*matches, events[-1].match):
        assert {guess.track.id, *(t.id for t in guess.twins)} == both
        assert guess.confidence >= CERTAIN


def test_a_twin_is_no_guess_of_its_own(shelf):
    twin = learn(shelf, "twin", music(2))
    events = listen(shelf, clip(2, 5, 8))
    claimed = next(i for i, e in enumerate(events) if isinstance(e, Match))
    for event in events[claimed:]:
        if isinstance(event, Guesses | End):
            assert sum(g.track.id in (3, twin.id) for g in event.guesses) == 1


def test_three_of_a_kind(shelf):
    kind = {3, learn(shelf, "second", music(2)).id, learn(shelf, "third", music(2)).id}
    match = listen(shelf, clip(2, 5, 6))[-1].match
    assert {match.track.id, *(t.id for t in match.twins)} == kind


@pytest.mark.parametrize("count", [12, 39, 60])
def test_any_number_of_copies_is_one_answer(shelf, count):
    """More than there are candidates, too; some tracks are listed, all are counted."""
    kind = learn_copies(shelf, count, music(2)) | {3}
    events = listen(shelf, clip(2, 5, 10))
    (claim,) = [e.guess for e in events if isinstance(e, Match)]
    for guess in (claim, events[-1].match, recognize(shelf, clip(2, 5, 10), RATE).match):
        assert {guess.track.id, *guess.twin_ids} == kind
        assert {t.id for t in guess.twins} <= guess.twin_ids
        assert len(guess.twins) == LISTED_TWINS
        assert guess.to_json()["twins_total"] == count
        assert guess.confidence >= CERTAIN
    assert claims(events) == [("match", claim.track.id)]
    for event in events[events.index(next(e for e in events if isinstance(e, Match))) :]:
        if isinstance(event, Guesses | End):
            assert sum(g.track.id in kind for g in event.guesses) == 1


def test_copies_of_other_loudness_and_beginning_are_copies_among_many(shelf):
    later = [learn(shelf, f"later {k}", add_noise((1 - k / 20) * music(2)[k * RATE // 3 :], 25.0)) for k in range(12)]
    kind = {3, *(track.id for track in later)}
    match = listen(shelf, clip(2, 6, 8))[-1].match
    assert {match.track.id, *match.twin_ids} == kind


def test_work_does_not_grow_with_the_number_of_copies(shelf, monkeypatch):
    monkeypatch.setattr("stream.matcher.MOST_TWINS", 50)
    work = []
    for _ in range(2):
        learn_copies(shelf, 60, music(3))
        ledger = Ledger(shelf)
        peaks, levels = fingerprint(clip(3, 2, 12))
        assert len(claims(Matcher(ledger).feed(peaks, levels, len(levels)))) == 1
        work.append(ledger.take())
    (calls, runs, _, stretches), (more_calls, more_runs, _, more_stretches) = work
    assert more_calls <= 1.1 * calls
    assert more_runs <= 1.1 * runs
    assert more_stretches <= 1.1 * stretches


def test_a_library_of_copies_says_nothing_on_other_music(tmp_path):
    """Of candidates that are copies of each other none shows what chance does."""
    with Index(tmp_path) as index:
        learn_copies(index, 60, music(2))
        for seed in range(4):
            assert claims(listen(index, music(UNKNOWN + seed, 6))) == []


EPISODES = 14
INTRO_SECONDS = 8


@pytest.fixture
def series(shelf):
    """A library of episodes that begin alike; the ids of these."""
    return shelf, [learn(shelf, f"episode {k}", episode(k)).id for k in range(EPISODES)]


def episode(number):
    return np.concatenate([music(70, INTRO_SECONDS), music(200 + number, 14)])


def test_a_shared_beginning_is_named_with_all_that_have_it(series):
    index, ids = series
    for match in (listen(index, music(70, INTRO_SECONDS))[-1].match, recognize(index, music(70, INTRO_SECONDS), RATE).match):
        assert {match.track.id, *match.twin_ids} == set(ids)


@pytest.mark.parametrize("number", [0, 5])
def test_after_a_shared_beginning_the_one_that_goes_on_is_named(series, number):
    index, ids = series
    events = listen(index, episode(number))
    first = next(e.guess for e in events if isinstance(e, Match))
    assert {first.track.id, *first.twin_ids} == set(ids)
    last = [e.guesses[0] for e in events if isinstance(e, Guesses) and e.elapsed > INTRO_SECONDS + 5]
    assert {(guess.track.id, guess.twin_ids) for guess in last} == {(ids[number], frozenset())}
    for match in (events[-1].match, recognize(index, episode(number), RATE).match):
        assert (match.track.id, match.twin_ids) == (ids[number], frozenset())


def test_only_the_same_recording_is_a_twin(index):
    for event in listen(index, clip(2, 5, 8)):
        if isinstance(event, Guesses | End):
            assert all(g.twins == () for g in event.guesses)


def test_a_loop_is_one_answer(shelf):
    loop = learn(shelf, "loop", np.tile(music(50, 4), 7))
    events = listen(shelf, np.tile(music(50, 4), 5)[3 * RATE : 15 * RATE])
    assert claims(events) == [("match", loop.id)]
    for event in events:
        if isinstance(event, Guesses | End):
            assert sum(g.track.id == loop.id for g in event.guesses) <= 1
    assert events[-1].match.confidence >= CERTAIN


def test_a_chorus_is_placed_by_what_follows_it(shelf):
    verses, chorus = [music(seed, 6) for seed in (60, 61, 62)], music(63, 6)
    song = np.concatenate([verses[0], chorus, verses[1], chorus, verses[2]])
    track = learn(shelf, "song", song)
    events = listen(shelf, song[18 * RATE :])  # from the second chorus on
    assert claims(events) == [("match", track.id)]
    assert events[-1].match.offset == pytest.approx(18, abs=0.2)


# The library changes while it listens


def heard_as_it_changes(index, pcm, seconds, change):
    """The events before and after a change to the library that comes so many seconds into the sound."""
    recognizer = Recognizer(index, RATE)
    before = recognizer.feed(pcm[: int(seconds * RATE)])
    change()
    return before, recognizer.feed(pcm[int(seconds * RATE) :]) + recognizer.finish()


def test_a_track_removed_while_it_is_heard_is_lost(shelf):
    before, after = heard_as_it_changes(shelf, clip(3, 2, 18), 4, lambda: shelf.remove(4))
    assert claims(before) == [("match", 4)]
    assert claims(after) == [("lost", 4)]
    assert all(g.track.id != 4 for e in after if isinstance(e, Guesses) for g in e.guesses)


def test_a_track_removed_for_good_while_it_is_heard_is_lost(shelf):
    before, after = heard_as_it_changes(shelf, clip(3, 2, 18), 4, lambda: shelf.purge([shelf.remove(4).id]))
    assert claims(before + after) == [("match", 4), ("lost", 4)]


def test_a_track_removed_before_it_could_be_claimed_is_not(shelf):
    before, after = heard_as_it_changes(shelf, clip(3, 2, 10), 0.5, lambda: shelf.remove(4))
    assert claims(before + after) == []
    assert after[-1].match is None


def test_when_a_track_is_removed_its_twin_is_named(shelf):
    twin = learn(shelf, "twin", music(3))
    named = next(e.guess.track.id for e in listen(shelf, clip(3, 2, 6)) if isinstance(e, Match))
    other = ({4, twin.id} - {named}).pop()
    _, after = heard_as_it_changes(shelf, clip(3, 2, 18), 4, lambda: shelf.remove(named))
    assert claims(after) == [("lost", named), ("match", other)]


def test_a_removed_track_that_is_restored_is_claimed(shelf):
    shelf.remove(4)
    _, after = heard_as_it_changes(shelf, clip(3, 2, 14), 5, lambda: shelf.restore(4))
    assert claims(after) == [("match", 4)]


def test_a_track_learned_while_it_is_heard_is_claimed(shelf):
    _, after = heard_as_it_changes(shelf, music(70, 16), 5, lambda: learn(shelf, "new", music(70, 16)))
    assert claims(after) == [("match", len(SEEDS) + 1)]


# Saying nothing


def hiss(seconds):
    return 1e-4 * white_noise(seconds)


def tone(seconds, hertz=440.0):
    return np.sin(2 * np.pi * hertz / RATE * np.arange(int(seconds * RATE))).astype(np.float32)


def chord(seconds):
    return (tone(seconds) + tone(seconds, 554.4) + tone(seconds, 659.3)) / 3


def brown_noise(seconds):
    steps = np.cumsum(white_noise(seconds))
    return (steps - np.convolve(steps, np.ones(4000) / 4000, "same")).astype(np.float32) / 10


def clicks(seconds):
    pcm = silence(seconds)
    pcm[:: RATE // 3] = 1.0
    return pcm


@pytest.mark.parametrize(
    "sound",
    [silence, white_noise, hiss, brown_noise, clicks, tone, chord],
)
def test_it_says_nothing_on_what_is_no_music(index, sound):
    events = listen(index, sound(10))
    assert claims(events) == []
    assert events[-1].match is None


def test_it_says_nothing_at_any_prefix_of_unknown_music(index):
    """Each second the sound ends for a copy of the recogniser."""
    rate = index.params.sample_rate  # at which there is no resampler, which cannot be copied
    pcm = unknown_music(60, rate=rate)
    recognizer = Recognizer(index, rate)
    for start in range(0, len(pcm), rate):
        assert claims(recognizer.feed(pcm[start : start + rate])) == []
        ended = copy.deepcopy(recognizer, {id(index): index}).finish()
        assert (claims(ended), ended[-1].match) == ([], None)


def test_it_claims_nothing_in_ten_minutes_of_unknown_music(index):
    recognizer = Recognizer(index, index.params.sample_rate)
    for seed in range(60):
        assert claims(recognizer.feed(music(UNKNOWN + seed, 10, index.params.sample_rate))) == []


@pytest.mark.parametrize("seconds", [0.5, 1, 3])
def test_it_says_nothing_on_short_unknown_clips(index, seconds):
    for seed in range(8):
        assert claims(listen(index, music(UNKNOWN + seed, 10)[RATE:][: int(seconds * RATE)])) == []


# Work


def half_heard(ledger):
    """A matcher that has heard half of a clip and claims its track, and the frame that it has come to; the peaks and levels of all."""
    matcher = Matcher(ledger)
    peaks, levels = fingerprint(clip(3, 2, 16))
    middle = len(levels) // 2
    assert claims(matcher.feed(peaks[peaks["frame"] < middle], levels[:middle], middle)) == [("match", 4)]
    ledger.take()
    return matcher, middle, peaks, levels


def test_a_plain_hash_is_looked_up_once(index, monkeypatch):
    """While a claim stands nothing else is looked up, so that each look-up can be accounted for."""
    ledger, asked = Ledger(index), Counter()

    def noted(segments, questions, budget):
        for question in questions:
            asked.update(question.hashes.tolist())
        return lookup(segments, questions, budget)

    matcher, middle, peaks, levels = half_heard(ledger)
    monkeypatch.setattr("core.nominator.lookup", noted)
    assert claims(matcher.feed(peaks[peaks["frame"] >= middle], levels[middle:], len(levels))) == []
    plain, _ = PAIRS.of_query(peaks, 0, index.params.query_fan, index.params)
    assert asked <= Counter(plain[plain["frame"] >= middle - VOTING_FRAMES].tolist())
    assert asked >= Counter(plain[(plain["frame"] >= middle) & (plain["frame"] < len(levels) - VOTING_FRAMES)].tolist())


def test_while_what_is_claimed_goes_on_nothing_else_is_looked_for_but_now_and_then(index):
    ledger = Ledger(index)
    matcher, middle, peaks, levels = half_heard(ledger)
    matcher.feed(peaks[peaks["frame"] >= middle], levels[middle:], len(levels))
    assert 1 <= ledger.take()[0] <= 1 + middle / SEARCH_PAUSE


def test_work_on_unknown_music_does_not_grow(index):
    ledger = Ledger(index)
    matcher = Matcher(ledger)
    peaks, levels = fingerprint(music(UNKNOWN, 10)[: 8 * RATE])
    work = []
    for again in range(4):
        shifted = peaks.copy()
        shifted["frame"] += again * len(levels)
        matcher.feed(shifted, levels, (again + 1) * len(levels))
        work.append(ledger.take())
    first, *later = np.array(work[1:])  # in the first there was nothing before it
    assert np.all(np.array(later) <= 1.2 * first)


def test_ten_minutes_cost_ten_times_one(tmp_path):
    """A minute of music ten times over: each asks for as much as the one before, and nothing piles up."""
    with Index(tmp_path) as nothing:
        ledger = Ledger(nothing)
        matcher = Matcher(ledger, round(1 / nothing.params.frame_seconds))  # a look every second
        peaks, levels = fingerprint(unknown_music(60))
        work, kept = [], []
        for minute in range(10):
            shifted = peaks.copy()
            shifted["frame"] += minute * len(levels)
            events = matcher.feed(shifted, levels, (minute + 1) * len(levels))
            assert claims(events) == []
            work.append(ledger.take())
            kept.append(len(pickle.dumps(matcher)))
    calls, runs, _, _ = np.array(work[1:]).T
    assert calls.max() <= 1.05 * calls.min()
    assert runs.max() <= 1.05 * runs.min()
    assert max(kept) <= 1.1 * kept[0]


def test_who_waits_for_others_is_looked_at_less_often_and_told_as_often(index):
    def told(waited):
        """The events of unknown music that has to wait so long from its middle on, and what that half asked for."""
        ledger = Ledger(index)
        recognizer = Recognizer(ledger, RATE)
        pcm = unknown_music(20)
        recognizer.feed(pcm[: len(pcm) // 2])
        ledger.take()
        recognizer.waited(waited)
        return recognizer.feed(pcm[len(pcm) // 2 :]), ledger.take()

    events, (calls, *_, stretches) = told(0.0)
    assert told(SHORT_WAIT)[0] == events
    rarer, (fewer_calls, *_, fewer_stretches) = told(0.5)
    assert fewer_calls < 0.6 * calls
    assert fewer_stretches < 0.6 * stretches
    times = [event.elapsed for event in rarer if isinstance(event, Guesses)]
    assert max(np.diff(times)) <= 1.01 * REPORT * index.params.frame_seconds


def test_what_waits_for_others_is_claimed_all_the_same_and_then_as_ever(index):
    recognizer = Recognizer(index, RATE)
    recognizer.waited(100.0)
    events = recognizer.feed(clip(1, 2, 12))
    recognizer.waited(0.0)
    events += recognizer.feed(clip(2, 2, 12))
    assert claims(events) == [("match", 2), ("lost", 2), ("match", 3)]
    claimed = [event.elapsed for event in events if isinstance(event, Match)]
    assert claimed[0] <= 2 * VOTING_FRAMES * index.params.frame_seconds + 1
    assert claimed[1] <= 12 + 4


def test_nothing_heard_has_an_end(index):
    nothing = np.zeros(0, PEAK), np.zeros((0, index.params.n_mels), np.int8), 0, 0.0
    assert Matcher(index).finish(*nothing) == [End(0.0, None, (), 1.0, "silence", len(SEEDS))]
