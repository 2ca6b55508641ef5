"""Sound in, answers out: any split gives the same, every answer keeps the contract, and odd sounds are answered too."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hearing import BLOCK, RATE, SECONDS, SEEDS, claims, clip, fingerprint, known_music, learn, listen, music, silence, stretch, white_noise

from core.constellation import reference
from core.demo import add_noise, change_speed, room
from core.errors import EarprintError
from core.hashes import hashed
from core.index import Index
from core.ingest import Analysis
from core.tags import Tags
from stream import End, Guesses, Lost, Match, Matcher, Recognizer, identify, recognize
from stream.matcher import LIVE_LOOK

CERTAIN = 0.99  # confidence of a claim
EVERY = 0.5  # seconds of audio within which guesses come
UNKNOWN = 100  # a seed that no library here holds
LOW_RATE = 8_000  # samples a second; few samples, for what is fed one by one


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with known_music(tmp_path_factory.mktemp("index")) as index:
        yield index


# Any split of the input


@pytest.fixture(scope="module")
def heard(index):
    """A sound and the sizes of its blocks -> peaks, levels and hashes, and every event."""

    def hear(pcm, blocks):
        found = []

        class Tap(Matcher):
            def feed(self, peaks, levels, upto):
                found.append((peaks, levels))
                return super().feed(peaks, levels, upto)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("stream.recognizer.Matcher", Tap)
            recognizer = Recognizer(index, LOW_RATE)
        edges = np.cumsum([0, *blocks])
        events = [e for start, end in pairwise(edges) for e in recognizer.feed(pcm[start:end])] + recognizer.finish()
        peaks, levels = (np.concatenate(rows) for rows in zip(*found, strict=True))
        hashes = hashed(reference(peaks, index.params), index.params)
        return peaks.tobytes(), levels.tobytes(), [some.tobytes() for some in hashes], events

    return hear


@pytest.fixture(scope="module")
def heard_at_once(heard):
    """The same for a `sound_in_and_out` of so many seconds, in one block."""
    return cache(lambda seconds: heard(sound_in_and_out(seconds), [int(seconds * LOW_RATE)]))


@cache
def sound_in_and_out(seconds):
    """A track of the library, so that there are claims to differ in, between sounds that are in none."""
    eighth = seconds / 8
    known = music(2, rate=LOW_RATE)[4 * LOW_RATE :][: int(6 * eighth * LOW_RATE)]
    return np.concatenate([silence(eighth, LOW_RATE), known, white_noise(eighth, rate=LOW_RATE)])


@pytest.mark.parametrize(("block", "seconds"), [(1, 2), (2, 2), (3, 2), (7, 2), (441, 8), (997, 8), (4096, 8), (48_000, 8)])
def test_any_split_gives_the_same_answers_to_the_bit(heard, heard_at_once, block, seconds):
    pcm = sound_in_and_out(seconds)
    whole, rest = divmod(len(pcm), block)
    assert heard(pcm, [block] * whole + [rest]) == heard_at_once(seconds)


def test_a_split_that_is_not_regular_gives_the_same_too(heard, heard_at_once):
    pcm = sound_in_and_out(8)
    edges = np.sort(np.random.default_rng(1).integers(0, len(pcm), 300))
    assert heard(pcm, np.diff([0, *edges, edges[-1], len(pcm)])) == heard_at_once(8)


def test_the_split_sound_is_one_that_is_claimed(heard_at_once):
    assert ("match", 3) in claims(heard_at_once(8)[-1])


def test_with_fewer_samples_than_are_wanted_nothing_happens_and_a_calm_listener_is_left_alone_for_long(index):
    recognizer, pcm = Recognizer(index, LOW_RATE), music(UNKNOWN, 14, rate=LOW_RATE)
    steps = []
    while len(pcm) > recognizer.wanted:
        steps.append(recognizer.wanted)
        few, pcm = np.split(pcm, [recognizer.wanted - 1])
        assert recognizer.feed(few) == []
        while len(pcm) and not recognizer.feed(pcm[:10]):
            pcm = pcm[10:]
        pcm = pcm[10:]
    look = LIVE_LOOK * index.params.frame_seconds * LOW_RATE
    assert max(steps[1:8]) < 1.2 * look
    assert min(steps[-3:]) > 1.5 * look  # two looks, less what the resampler had not given out


# What holds for every sound

SOUNDS = {
    "a track": lambda: clip(3, 5, 10),
    "its end": lambda: clip(3, SECONDS - 6, 6),
    "one second": lambda: clip(0, 1, 1),
    "three seconds": lambda: clip(0, 1, 3),
    "two tracks": lambda: np.concatenate([clip(1, 2, 8), clip(2, 5, 9)]),
    "there and back": lambda: np.concatenate([clip(1, 2, 7), clip(2, 5, 9), clip(1, 2, 9)]),
    "a track, then none": lambda: np.concatenate([clip(4, 2, 5), music(UNKNOWN, 8)]),
    "a fast record": lambda: change_speed(clip(5, 3, 10), 1.05),
    "noisy": lambda: add_noise(clip(6, 3, 8), 0.0),
    "unknown": lambda: music(UNKNOWN, 6),
    "silence": lambda: silence(3),
    "noise": lambda: white_noise(4),
    "a moment": lambda: clip(0, 1, 0.05),
    "nothing": lambda: silence(0),
}


@pytest.fixture(scope="module")
def transcript(index):
    """A sound's name -> (its seconds, its events); each is heard once."""

    @cache
    def heard(name):
        pcm = SOUNDS[name]()
        return len(pcm) / RATE, listen(index, pcm)

    return heard


every_sound = pytest.mark.parametrize("name", SOUNDS)


def answers(events):
    """(elapsed, guesses, absent) of each event that has them."""
    return [(e.elapsed, e.guesses, e.absent) for e in events if isinstance(e, Guesses | End)]


@every_sound
def test_the_end_comes_once_and_last_and_is_all_of_it(transcript, name):
    seconds, events = transcript(name)
    assert [isinstance(e, End) for e in events] == [False] * (len(events) - 1) + [True]
    assert events[-1].elapsed == seconds


@every_sound
def test_time_goes_on_and_ends_with_the_sound(transcript, name):
    seconds, events = transcript(name)
    times = [0.0, *(e.elapsed for e in events), seconds]
    assert times == sorted(times)


@every_sound
def test_guesses_come_often_also_when_empty(index, transcript, name):
    seconds, events = transcript(name)
    times = [e.elapsed for e in events if isinstance(e, Guesses)]
    assert all(b - a <= EVERY for a, b in pairwise(times))
    if seconds > EVERY + index.params.delay:
        assert times[0] <= EVERY + index.params.delay
        assert times[-1] >= seconds - EVERY - index.params.delay


@every_sound
def test_guesses_are_few_and_one_a_track_best_first(transcript, name):
    for _, guesses, _ in answers(transcript(name)[1]):
        named = [track.id for g in guesses for track in (g.track, *g.twins)]
        assert len(guesses) <= 5
        assert len(set(named)) == len(named)
        assert [g.confidence for g in guesses] == sorted((g.confidence for g in guesses), reverse=True)


@every_sound
def test_probabilities_sum_to_at_most_one(transcript, name):
    for _, guesses, absent in answers(transcript(name)[1]):
        assert all(0 <= p <= 1 for p in (absent, *(g.confidence for g in guesses)))
        assert absent + sum(g.confidence for g in guesses) <= 1 + 1e-9


@every_sound
def test_sent_probabilities_sum_to_at_most_one(transcript, name):
    for event in transcript(name)[1]:
        sent = event.to_json()
        if "absent" in sent:
            assert sent["absent"] + sum(g["confidence"] for g in sent["guesses"]) <= 1 + 1e-5  # six digits are sent


@every_sound
def test_the_position_is_the_offset_and_what_was_heard_since(transcript, name):
    for event in transcript(name)[1]:
        guesses = [event.guess] if isinstance(event, Match) else list(getattr(event, "guesses", ()))
        for guess in [*guesses, getattr(event, "match", None)]:
            if guess is not None:
                assert guess.position == pytest.approx(guess.offset + guess.speed * event.elapsed, abs=1e-3)


@every_sound
def test_a_claim_is_lost_before_the_next(transcript, name):
    standing = None
    for event in transcript(name)[1]:
        if isinstance(event, Match):
            assert standing is None
            standing = event.guess.track.id
        elif isinstance(event, Lost):
            assert event.track == standing
            standing = None


@every_sound
def test_claims_are_certain_and_the_best_guess(transcript, name):
    _, events = transcript(name)
    for i, event in enumerate(events):
        if isinstance(event, Match):
            guesses = next(e.guesses for e in events[i:] if isinstance(e, Guesses))
            assert event.guess.confidence >= CERTAIN
            assert guesses[0].track == event.guess.track


@every_sound
def test_the_end_names_the_claim_that_stands_or_the_last(transcript, name):
    _, events = transcript(name)
    claimed = [e.guess.track for e in events if isinstance(e, Match)]
    end = events[-1]
    assert (end.match and end.match.track) == (claimed[-1] if claimed else None)
    if end.match:
        assert end.guesses[0] == end.match


@every_sound
def test_the_match_at_the_end_is_certain(transcript, name):
    match = transcript(name)[1][-1].match
    assert match is None or match.confidence >= CERTAIN


@every_sound
def test_events_say_of_which_type_they_are(transcript, name):
    fields = {
        "guesses": {"elapsed", "guesses", "absent", "heard"},
        "match": {"elapsed", "guess"},
        "lost": {"elapsed", "track"},
        "end": {"elapsed", "match", "guesses", "absent", "heard", "tracks"},
    }
    for event in transcript(name)[1]:
        sent = event.to_json()
        assert sent.keys() == {"type", *fields[sent["type"]]}


# Time


@pytest.mark.parametrize("name", ["three seconds", "noisy"])
def test_events_come_when_as_much_was_heard_as_they_say(index, name):
    pcm = SOUNDS[name]()
    recognizer = Recognizer(index, RATE)
    for fed in range(BLOCK, len(pcm), BLOCK):
        for event in recognizer.feed(pcm[fed - BLOCK : fed]):
            assert event.elapsed == pytest.approx((fed - BLOCK / 2) / RATE, abs=BLOCK / RATE + 0.05)


def test_an_early_answer_needs_no_later_sound(index):
    events = [e for e in listen(index, clip(3, 5, 10)) if not isinstance(e, End)]
    first = next(i for i, e in enumerate(events) if isinstance(e, Match))
    heard = Recognizer(index, RATE).feed(clip(3, 5, events[first].elapsed + 0.05))
    assert heard[: first + 1] == events[: first + 1]


# The same sound, otherwise played


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000, 96_000])
def test_the_rate_does_not_matter(index, rate):
    match = listen(index, music(5, 6, rate), rate)[-1].match
    assert (match.track.id, match.offset) == (6, pytest.approx(0, abs=0.1))
    assert match.speed == pytest.approx(1, abs=0.008)


@pytest.mark.parametrize("loudness", [0.003, 3.0])
def test_loudness_does_not_matter(index, loudness):
    match = listen(index, clip(5, 4, 6) * np.float32(loudness))[-1].match
    assert (match.track.id, match.offset) == (6, pytest.approx(4, abs=0.1))


def test_channels_are_mixed(index):
    left, right = clip(5, 4, 5), np.zeros(5 * RATE, np.float32)
    assert listen(index, np.stack([left, left], axis=1)) == listen(index, left)
    assert listen(index, np.stack([left, right], axis=1))[-1].match.track.id == 6


@pytest.mark.parametrize("left_over", [0.0, 0.02])
def test_channels_that_cancel_each_other_are_heard(index, left_over):
    """As through a cable of wrong polarity; nothing of the music, or hardly anything, is left in the mean."""
    left = clip(5, 4, 8)
    events = listen(index, np.stack([left, (left_over - 1) * left], axis=1))
    assert claims(events) == [("match", 6)]
    assert events[-1].match.offset == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("size", [1, 7, 997])
def test_any_split_of_channels_that_cancel_each_other_gives_the_same_peaks(size):
    left = music(2, rate=LOW_RATE)[: 2 * LOW_RATE]
    pcm = np.stack([left, -left], axis=1)
    whole, pieces = fingerprint(pcm, LOW_RATE), fingerprint(pcm, LOW_RATE, size)
    assert len(whole[0])
    assert [part.tobytes() for part in whole] == [part.tobytes() for part in pieces]


def test_noise_and_a_room_are_heard_through(index):
    heard = add_noise(room(clip(7, 6, 10), RATE), 3.0)
    match = listen(index, heard)[-1].match
    assert (match.track.id, match.offset) == (8, pytest.approx(6, abs=0.1))


@pytest.mark.parametrize("speed", [0.93, 0.99, 1.04])
def test_a_record_played_too_fast_or_slow(index, speed):
    pcm = change_speed(clip(4, 3, 12), speed)
    events = listen(index, pcm)
    match = events[-1].match
    assert claims(events) == [("match", 5)]
    assert match.speed == pytest.approx(speed, abs=0.004)
    assert match.pitch_cents == pytest.approx(1200 * np.log2(speed), abs=12)
    assert match.offset == pytest.approx(3, abs=0.3)
    assert match.position == pytest.approx(3 + speed * len(pcm) / RATE, abs=0.3)


@pytest.mark.parametrize("tempo", [0.9, 0.93, 1.06, 1.1])
def test_another_tempo_at_the_same_pitch(index, tempo):
    match = listen(index, stretch(clip(4, 3, 12), tempo))[-1].match
    assert match.track.id == 5
    assert match.speed == pytest.approx(tempo, abs=0.006)
    assert match.pitch_cents == pytest.approx(0, abs=15)


@pytest.mark.parametrize("cents", [-150, 100])
def test_another_pitch_at_the_same_tempo(index, cents):
    ratio = 2 ** (cents / 1200)
    slower = stretch(clip(4, 3, 12), 1 / ratio)
    match = listen(index, change_speed(slower, ratio))[-1].match
    assert match.track.id == 5
    assert match.speed == pytest.approx(1, abs=0.008)
    assert match.pitch_cents == pytest.approx(cents, abs=15)


# Odd sounds


@pytest.mark.parametrize("samples", [0, 1, 100, 800, 3_000])
def test_too_short_a_sound_has_an_answer(index, samples):
    for pcm in (clip(0, 1, 1)[:samples], silence(1)[:samples]):
        end = listen(index, pcm)[-1]
        assert (end.elapsed, end.match, end.guesses, end.absent, end.tracks) == (samples / RATE, None, (), 1.0, len(SEEDS))
        answer = recognize(index, pcm, RATE)
        assert (answer.match, answer.guesses, answer.absent, answer.duration) == (None, (), 1.0, samples / RATE)


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan, np.inf, -np.inf], ids=str)
def test_a_sound_that_is_none_has_an_answer(index, value):
    events = listen(index, np.full(3 * RATE, value, np.float32))
    assert claims(events) == []
    assert events[-1].match is None
    assert events[-1].absent > 0.5


def test_what_is_no_number_counts_as_silence(index):
    gap = slice(RATE, 2 * RATE)
    broken, quiet = clip(1, 3, 5).copy(), clip(1, 3, 5).copy()
    broken[gap], quiet[gap] = np.nan, 0
    assert listen(index, broken) == listen(index, quiet)
    assert listen(index, quiet)[-1].match.track.id == 2


def test_an_empty_library_answers(tmp_path):
    with Index(tmp_path) as nothing:
        events = listen(nothing, clip(0, 3, 5))
        assert answers(events) == [(e.elapsed, (), 1.0) for e in events]
        assert (events[-1].elapsed, events[-1].match, events[-1].tracks) == (5.0, None, 0)
        answer = recognize(nothing, clip(0, 3, 5), RATE)
        assert (answer.match, answer.guesses, answer.to_json()["tracks"]) == (None, (), 0)


def test_a_library_of_one_track(tmp_path):
    with Index(tmp_path) as index:
        only = learn(index, "only", music(0))
        assert claims(listen(index, clip(0, 3, 6))) == [("match", only.id)]
        assert claims(listen(index, clip(1, 3, 6))) == []


@pytest.mark.parametrize("rate", [0, 7_999, 192_001])
def test_an_impossible_rate_is_refused(index, rate):
    with pytest.raises(EarprintError, match=str(rate)):
        Recognizer(index, rate)


# A file is a stream that ends


def test_a_file_is_answered_as_a_whole(index):
    answer = recognize(index, clip(3, 5, 10), RATE)
    assert (answer.match.track.id, answer.match.offset) == (4, pytest.approx(5, abs=0.1))
    assert answer.guesses[0] == answer.match
    assert answer.duration == 10
    assert answer.absent + sum(g.confidence for g in answer.guesses) <= 1 + 1e-9
    assert answer.to_json().keys() == {"match", "from", "to", "others", "guesses", "absent", "heard", "tracks", "duration"}


FILES = {  # what it is: (its sound, the track, from and to, where in the track it begins, other tracks)
    "two songs, the first of them longer": (lambda: [clip(1, 2, 16), clip(2, 5, 9)], 2, (0, 16), 2, 1),
    "a song after noise, from its beginning": (lambda: [white_noise(6), clip(3, 0, 12)], 4, (6, 18), -6, 0),
    "three songs, the second longest": (lambda: [clip(1, 2, 6), silence(3), clip(4, 0, 18), clip(5, 3, 7)], 5, (9, 27), -9, 2),
    "a song that comes back": (lambda: [clip(1, 2, 8), clip(2, 5, 10), clip(1, 2, 8)], 2, (18, 26), -16, 1),
    "a song that ends": (lambda: [clip(3, SECONDS - 6, 6), silence(8)], 4, (0, 6), SECONDS - 6, 0),
    "a short clip": (lambda: [clip(3, 5, 3)], 4, (0, 3), 5, 0),
}


@pytest.mark.parametrize("name", FILES)
def test_of_several_songs_in_a_file_the_one_heard_longest_is_named(index, name):
    sound, track, times, offset, others = FILES[name]
    pcm = np.concatenate(sound())
    answer = recognize(index, pcm, RATE)
    match = answer.match
    assert (match.track.id, match.offset, answer.others) == (track, pytest.approx(offset, abs=0.3), others)
    assert (answer.start, answer.end) == pytest.approx(times, abs=0.6)
    assert match.position == pytest.approx(match.offset + match.speed * answer.end, abs=1e-3)
    assert answer.guesses[0] == match
    assert answer.absent + sum(g.confidence for g in answer.guesses) <= 1 + 1e-9
    sent = answer.to_json()
    assert (sent["from"], sent["to"]) == pytest.approx((answer.start, answer.end), abs=1e-3)
    assert sent["others"] == others


def test_a_file_analysed_elsewhere_has_the_same_answer(index):
    pcm = clip(3, 5, 10)
    peaks, levels = fingerprint(pcm)
    analysis = Analysis("a.wav", "a.wav", "0" * 64, Tags(), 10.0, peaks, levels)
    assert identify(index, analysis) == recognize(index, pcm, RATE)


def test_an_unknown_file_is_not_matched(index):
    answer = recognize(index, music(UNKNOWN, 8), RATE)
    assert (answer.match, answer.duration) == (None, 8)
    assert answer.absent > 0.01  # what a claim leaves to it


def test_the_latest_guesses_can_be_asked_for(index):
    recognizer = Recognizer(index, RATE)
    assert recognizer.guesses == ()
    events = recognizer.feed(clip(3, 5, 6))
    assert recognizer.guesses == [e for e in events if isinstance(e, Guesses)][-1].guesses
    assert recognizer.guesses[0].track.id == 4


def test_it_says_what_to_expect(index, transcript):
    recognizer = Recognizer(index, RATE)
    assert recognizer.delay == index.params.delay < 0.4  # seconds
    claimed = [e.guess.bits for e in transcript("two tracks")[1] if isinstance(e, Match)]
    assert min(claimed) > 0
    assert recognizer.threshold > 0
