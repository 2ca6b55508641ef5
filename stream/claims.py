"""The guesses of look after look -> what is claimed, until it is lost, and how many bits a claim needs by then.

Chance would sooner or later look like a match to who listens for hours. So a claim needs more bits the longer none was made.
"""

from dataclasses import replace

import numpy as np

from core.evidence import CLAIM_CONFIDENCE, Guess, confidences
from stream.events import End, Lost, Match

FIRST_LOOK_BITS = 1.0  # that a claim needs at once beyond those of a single look, as a listener is looked at many times
DOUBLING_BITS = 1.5  # and with each doubling of the time for which no claim was made or stood: more than the looks double
LOST_SECONDS = 4.0  # without support after which a claimed track is no longer playing
SUPPORT_BITS = 3.0  # of a single look, that the claimed track needs to count as playing
MAX_GUESSES = 5


class Claims:
    """State: the claim; when it was made or lost, and when it was last supported; the best guess for each track since then."""

    def __init__(self, frame_seconds: float, window: int) -> None:
        """frame_seconds: from a frame to the next; window: frames that a look goes back."""
        self.now: Guess | None = None
        self.changed = 0  # frame at which a claim was last made or lost
        self._frame_seconds, self._window = frame_seconds, window
        self._last: Guess | None = None
        self._supported = 0  # frame at which the claim was last supported
        self._best: dict[int, Guess] = {}  # by track

    def is_for(self, track: int | None) -> bool:
        """Whether this track is claimed."""
        return self.now is not None and self.now.track.id == track

    def allowance(self, frame: int) -> float:
        """Bits for the many looks up to a frame. While a claim stands it has all evidence, and nothing is charged for that time."""
        since = max(self.changed, self._supported)
        return FIRST_LOOK_BITS + DOUBLING_BITS * float(np.log2(1.0 + (frame - since) * self._frame_seconds))

    def last_allowance(self, frame: int) -> float:
        """Bits for the last look: one of as many as windows were heard."""
        since = max(self.changed, self._supported)
        return DOUBLING_BITS * max(0.0, float(np.log2(max(frame - since, 1) / self._window)))

    def hear(self, guesses: tuple[Guess, ...], frame: int, elapsed: float) -> list[Match | Lost]:
        """The guesses of a look at a frame, `elapsed` seconds into the sound, best first."""
        self._remember(guesses)
        best = guesses[0] if guesses else None
        if best is not None and best.confidence >= CLAIM_CONFIDENCE:
            return self._claim(best, frame, elapsed)
        if self.now is None:
            return []
        if best is not None and self.is_for(best.track.id) and best.bits + self.allowance(frame) > SUPPORT_BITS:
            self._supported = frame
        if (frame - self._supported) * self._frame_seconds <= LOST_SECONDS:
            return []
        lost, self.now, self.changed = self.now, None, frame
        return [Lost(elapsed, lost.track.id)]

    def _claim(self, best: Guess, frame: int, elapsed: float) -> list[Match | Lost]:
        self._supported = frame
        old, self.now, self._last = self.now, best, best
        if old is not None and old.track.id == best.track.id:
            return []
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
        """What all of it was. duration: seconds."""
        guesses = sorted(self._best.values(), key=lambda g: -g.bits)[:MAX_GUESSES]
        guesses = [replace(g, position=g.offset + g.speed * duration) for g in shared(guesses)]
        match = self.now or self._last
        if match is not None:
            match = replace(match, position=match.offset + match.speed * duration)
            named = {match.track.id, *match.twin_ids}
            left = 1.0 - match.confidence
            others = [g for g in guesses if g.track.id not in named][: MAX_GUESSES - 1]
            guesses = [match, *(replace(g, confidence=g.confidence * left) for g in others)]
        return End(duration, match, tuple(guesses), max(0.0, 1.0 - sum(g.confidence for g in guesses)))


def shared(guesses: list[Guess]) -> tuple[Guess, ...]:
    """The guesses, best first, each with its probability: at most one is right."""
    guesses = sorted(guesses, key=lambda g: -g.bits)
    return tuple(replace(g, confidence=c) for g, c in zip(guesses, confidences([g.bits for g in guesses]), strict=True))
