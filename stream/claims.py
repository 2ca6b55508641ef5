"""The guesses of look after look -> what is claimed, until it is lost, and how many bits a claim needs by then.

Chance would sooner or later look like a match to who listens for hours. So a claim needs more bits the longer none was made.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from core.evidence import CLAIM_CONFIDENCE, Guess, confidences
from stream.events import End, Lost, Match

FIRST_LOOK_BITS = 1.0  # that a claim needs at once beyond those of a single look, as a listener is looked at many times
DOUBLING_BITS = 1.5  # and with each doubling of the time for which no claim was made or stood: more than the looks double
LOST_SECONDS = 2.3  # for which a claimed track is not heard, after which it is no longer playing; songs have pauses
ENDED_SECONDS = 0.5  # past the end of a track, from which on it cannot be playing
FADING_SECONDS = 0.7  # the same, after which it is looked for, and for others, as when nothing is claimed
SUPPORT_BITS = 3.0  # of a single look, that the claimed track needs to count as playing
INTRO_SECONDS = 10.0  # of a track, at most, that may have gone unheard before the first that is heard of it
MAX_GUESSES = 5


@dataclass(frozen=True)
class Play:
    """For how long a track was heard. guess: the last one; start, end: seconds into the sound."""

    guess: Guess
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


class Claims:
    """State: the claim; when it was made or lost, and when it was last heard; the best guess for each track since then."""

    def __init__(self, frame_seconds: float, window: int, look: int = 0) -> None:
        """frame_seconds: from a frame to the next; window: frames that a look goes back; look: frames from a look to the next, in which a
        track may have begun and ended."""
        self.now: Guess | None = None
        self.changed = 0  # frame at which a claim was last made or lost
        self.is_fading = False  # whether a claim stands, but its track has not been heard for a moment
        self._frame_seconds, self._window = frame_seconds, window
        self._lost_frames = LOST_SECONDS / frame_seconds + look
        self._ended_seconds = ENDED_SECONDS + look * frame_seconds
        self._last: Guess | None = None
        self._heard = 0  # frame at which the claimed track was last heard
        self._best: dict[int, Guess] = {}  # by track
        self._plays: list[Play] = []  # of all claims; the last may go on

    def is_for(self, track: int | None) -> bool:
        """Whether this track is claimed."""
        return self.now is not None and self.now.track.id == track

    def has_ended(self, guess: Guess) -> bool:
        """Whether the guess's place is past the end of its track, by more than a look."""
        return guess.position - guess.track.duration > self._ended_seconds

    def allowance(self, frame: int) -> float:
        """Bits for the many looks up to a frame. While a claim stands it has all evidence, and nothing is charged for that time."""
        since = max(self.changed, self._heard)
        return FIRST_LOOK_BITS + DOUBLING_BITS * float(np.log2(1.0 + (frame - since) * self._frame_seconds))

    def last_allowance(self, frame: int) -> float:
        """Bits for the last look: one of as many as windows were heard."""
        since = max(self.changed, self._heard)
        return DOUBLING_BITS * max(0.0, float(np.log2(max(frame - since, 1) / self._window)))

    def hear(self, guesses: tuple[Guess, ...], frame: int, elapsed: float) -> list[Match | Lost]:
        """The guesses of a look at a frame, `elapsed` seconds into the sound, best first."""
        self._remember(guesses)
        events = self._judge(guesses[0], frame, elapsed) if guesses and self._is_heard(guesses[0], frame) else []
        if self.now is not None and self._is_over(self.now, frame, elapsed):
            events.append(Lost(elapsed, self.now.track.id))
            self.now, self.changed = None, frame
        self.is_fading = self.now is not None and (frame - self._heard) * self._frame_seconds > FADING_SECONDS
        return events

    def _judge(self, best: Guess, frame: int, elapsed: float) -> list[Match | Lost]:
        if best.confidence >= CLAIM_CONFIDENCE:
            return self._claim(best, frame, elapsed)
        if self.is_for(best.track.id) and best.bits + self.allowance(frame) > SUPPORT_BITS:
            self._note(best)
        return []

    def _is_over(self, claim: Guess, frame: int, elapsed: float) -> bool:
        return frame - self._heard > self._lost_frames or self.has_ended(claim.at(elapsed))

    def follow(self, last_heard: float) -> None:
        """What is claimed was heard until then, seconds, though another may fit better, or it alone not well enough."""
        self._heard = max(self._heard, round(last_heard / self._frame_seconds))
        play = self._plays[-1]
        self._plays[-1] = replace(play, end=max(play.end, last_heard))

    def _is_heard(self, guess: Guess, frame: int) -> bool:
        return frame - guess.last_heard / self._frame_seconds <= self._lost_frames

    def _note(self, guess: Guess) -> None:
        self._heard = max(self._heard, round(guess.last_heard / self._frame_seconds))
        if self.is_for(guess.track.id):
            play = self._plays[-1]
            self._plays[-1] = Play(guess, play.start, max(play.end, guess.last_heard))

    def _begun(self, guess: Guess) -> Play:
        """A play that begins where the track is heard, or with its intro if that is quiet, but not before the play before has ended."""
        start, own_start = guess.first_heard, -guess.offset / guess.speed
        if start - INTRO_SECONDS < own_start < start:
            start = own_start
        before = self._plays[-1].end if self._plays else 0.0
        start = max(start, before)
        return Play(guess, start, max(start, guess.last_heard))

    def _claim(self, best: Guess, frame: int, elapsed: float) -> list[Match | Lost]:
        self._note(best)
        old, self.now, self._last = self.now, best, best
        if old is not None and old.track.id == best.track.id:
            return []
        self._plays.append(self._begun(best))
        self._best, self.changed = {best.track.id: best}, frame
        match = Match(elapsed, best)
        return [Lost(elapsed, old.track.id), match] if old else [match]

    def _remember(self, guesses: tuple[Guess, ...]) -> None:
        for guess in guesses:
            for twin in guess.twin_ids:
                self._best.pop(twin, None)
            known = self._best.get(guess.track.id)
            if known is None or guess.bits >= known.bits:
                self._best[guess.track.id] = guess
        if len(self._best) > 4 * MAX_GUESSES:
            kept = sorted(self._best.values(), key=lambda g: -g.bits)[: 2 * MAX_GUESSES]
            self._best = {g.track.id: g for g in kept}

    def end(self, duration: float) -> End:
        """What all of it was, for a listener: the claim that stands, else the last one. duration: seconds."""
        match = self.now or self._last
        return End(duration, match and match.at(duration), *self._with_guesses(match and match.at(duration), duration))

    def whole(self, duration: float) -> tuple[Play | None, int, End]:
        """What all of it was, for a file: the play that names it, which is the longest of the track that is heard longest, how many other
        tracks were heard, and the end with that play's guess, of the moment when the play ends."""
        plays = list(self._finished(duration))
        if not plays:
            return None, 0, self.end(duration)
        seconds = {play.guess.track.id: 0.0 for play in plays}
        for play in plays:
            seconds[play.guess.track.id] += play.seconds
        play = max(plays, key=lambda play: (seconds[play.guess.track.id], play.seconds))
        match = play.guess.at(play.end)
        own = {match.track.id, *match.twin_ids}
        return play, len(seconds.keys() - own), End(duration, match, *self._with_guesses(match, play.end))

    def _finished(self, duration: float) -> Iterator[Play]:
        """The plays; none goes on after the end of its track, and what ends with the sound does so to the end."""
        for play in self._plays:
            end = duration if duration - play.end < ENDED_SECONDS else play.end
            track_end = (play.guess.track.duration - play.guess.offset) / play.guess.speed
            yield replace(play, end=max(play.start, min(end, track_end)))

    def _with_guesses(self, match: Guess | None, seconds: float) -> tuple[tuple[Guess, ...], float]:
        """Return the best guesses, the match first, with places as of `seconds`, and the probability that all are wrong."""
        guesses = [g.at(seconds) for g in shared(sorted(self._best.values(), key=lambda g: -g.bits)[:MAX_GUESSES])]
        if match is not None:
            named = {match.track.id, *match.twin_ids}
            left = 1.0 - match.confidence
            others = [g for g in guesses if g.track.id not in named][: MAX_GUESSES - 1]
            guesses = [match, *(replace(g, confidence=g.confidence * left) for g in others)]
        return tuple(guesses), max(0.0, 1.0 - sum(g.confidence for g in guesses))


def shared(guesses: list[Guess]) -> tuple[Guess, ...]:
    """The guesses, best first, each with its probability: at most one is right."""
    guesses = sorted(guesses, key=lambda g: -g.bits)
    return tuple(replace(g, confidence=c) for g, c in zip(guesses, confidences([g.bits for g in guesses]), strict=True))
