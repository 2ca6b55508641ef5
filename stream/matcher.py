"""Peaks -> answers, while the sound goes on.

The matcher looks at what was heard on a fixed grid of frames, so that its answers depend on the sound alone. At each look the new peaks
are hashed and looked up, once; the hits of the last seconds vote; the best candidates, and those of the look before, are judged by the
constellation. What it keeps is bounded: the peaks, levels and hits of the last seconds, and a few candidates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.candidates import CANDIDATE, Candidates, bend
from core.constellation import Levels, Peaks
from core.errors import MissingError
from core.evidence import CLAIM_CONFIDENCE, EVEN_BITS, WARP_COST, Guess, Judged, confidences, judge, lead_bits, refine, same_recording
from core.index import Index, Track
from core.presence import Field, Heard
from core.warps import DECOYS, WARPS
from stream.events import End, Guesses, Lost, Match
from stream.search import HIT_FRAMES, Search
from stream.sight import Seen, Sight

LIVE_LOOK = 10  # frames from a look to the next, live, while there is news: 0.23 s
PACES = ((3.0, 1), (10.0, 2), (np.inf, 4))  # seconds for which nothing has changed, up to which a look comes after so many times as long
REPORT = 2 * LIVE_LOOK  # from a report to the next at most, though nothing was looked at: 0.46 s
WINDOW_SECONDS = 10.0  # of sound that an answer is judged by
SHORT_WINDOWS = (2.5, 5.0)  # seconds; the last so many are judged on their own too, as a track may just have begun
NOMINEES = 40  # candidates from plain hits at each look
WARP_NOMINEES = 6  # from each warp
LIVE_WARPS = 1  # tried at a look, in turn, if the last were
WARP_PAUSE = 2 * LIVE_LOOK  # frames ago, at least
SEARCH_PAUSE = 3 * HIT_FRAMES // 4  # frames for which nothing else is looked for while what is claimed goes on: 3 s
THOROUGH_PAUSE = 2 * LIVE_LOOK  # frames for which quick look-ups suffice after a thorough one: 0.46 s,
CALM_PAUSE = 3 * THOROUGH_PAUSE  # and when nothing has changed for long
WARPS_AT_ONCE = 4  # before it is seen whether they suffice
SPARE_BITS = 4.0  # more than a claim needs, with which no further look-up is made
DECOY_NOMINEES = 8  # from each decoy
FEW_TRACKS = 40  # in the library: with fewer, decoys stand in for the rivals that a larger one would have
WATCHED = 12  # candidates kept from look to look
WATCHED_A_TRACK = 2  # of the same track: rivals are worth more
MARGIN = 1.01  # of the frames that a line covers, as its speed is not known well
SAME_LINE = 4.0  # frames by which two candidates of a track may differ and still be one
SAME_SPEED = 0.01
SAME_CENTS = 30.0
PAST = -1.0  # `recent` below which a candidate was playing and no longer is
FEW_PEAKS = 8  # that say nothing: a chord may be any song's
BITS_A_PEAK = 0.6  # that each further one can say at most
MAX_GUESSES = 5
MAX_TWINS = 10  # candidates looked through for twins of the best
TWIN_FROM = 6.0  # fit of the best from which twins are looked for
TWIN_STEPS = (0.0, -2.0, 2.0)  # frames by which its place, which is not fitted finely, may be off, tried one by one
TWIN_FIT = 0.7  # of the best candidate's fit that a twin has at least
FIRST_LOOK_BITS = 1.0  # that a claim needs at once beyond those of a single look, as a listener is looked at many times
DOUBLING_BITS = 1.5  # and with each doubling of the time for which no claim was made or stood: more than the looks double
LOST_SECONDS = 4.0  # without support after which a claimed track is no longer playing
SUPPORT_BITS = 3.0  # of a single look, that the claimed track needs to count as playing
REFINE_FIT = 4.5  # of the best candidate from which it is fitted finely


@dataclass(frozen=True)
class Ranking:
    """The best candidates, one a recording, JUDGED [n], best first; the bits that speak for each; other tracks that hold the first's."""

    candidates: Judged
    bits: list[float]
    twins: list[int]

    @property
    def track(self) -> int | None:
        """The best one's."""
        return int(self.candidates["track"][0]) if len(self.candidates) else None

    def is_sure(self, spare: float = 0.0) -> bool:
        """Whether the best could be claimed with so many bits fewer."""
        return bool(self.bits) and confidences([bits - spare for bits in self.bits])[0] >= CLAIM_CONFIDENCE


Event = Guesses | Match | Lost | End | Seen


class Matcher:
    """Feed it peaks and levels as a `Fingerprinter` gives them out, then `finish`.

    State: the search; the levels of the last seconds; the candidates under watch; the claim; the best guess for each track so far.
    """

    def __init__(self, index: Index, look: int = LIVE_LOOK, warps: int = LIVE_WARPS, sight: Sight | None = None) -> None:
        """look: frames from a look to the next; warps: how many are tried at one; sight: to tell at each look what it sees."""
        self.index = index
        self.params = index.params
        self.guesses: tuple[Guess, ...] = ()
        self.absent = 1.0
        self._look, self._warps = look, warps
        self._sight = sight
        self._window = self._frames(WINDOW_SECONDS)
        self._now = 0  # frames looked at
        self._told = 0  # frame of the last report
        self._changed = 0  # frame at which a claim was last made or lost
        self._search = Search(index)
        self._heard = Heard(self.params.n_mels)
        self._watched = np.zeros(0, CANDIDATE)
        self._turn = 0  # of the warps
        self._warped_at = 0  # frame at which some were last tried
        self._is_clear = True  # whether a quick look-up was enough at the last look
        self._thorough_at = 0  # frame of the last thorough look-up
        self._searched = 0  # frame of the last look-up
        self._claim: Guess | None = None
        self._supported = 0  # frame at which the claim was last supported
        self._last_claim: Guess | None = None
        self._best: dict[int, Guess] = {}  # by track, over the looks since the last change of claim
        self._duration = np.inf  # seconds of all sound, once it is known

    def feed(self, peaks: Peaks, levels: Levels, upto: int) -> list[Event]:
        """peaks: PEAK [k], levels: int8 [t, n_mels] of the next frames; upto: frames whose peaks are decided."""
        self._search.feed(peaks)
        self._heard.feed(levels)
        events: list[Event] = []
        while (now := min(self._next_look(), self._told + max(self._look, REPORT))) <= upto:
            events += self._look_at(now, self._allowance(now), self._turns(now)) if now == self._next_look() else self._again(now)
        return events

    def _allowance(self, now: int) -> float:
        """Bits for the many looks: chance would sooner or later look like a match to who listens for hours. While a claim stands, what is
        claimed has all evidence, and nothing is charged for that time."""
        since = max(self._changed, self._supported)
        return FIRST_LOOK_BITS + DOUBLING_BITS * float(np.log2(1.0 + (now - since) * self.params.frame_seconds))

    def _last_allowance(self, now: int) -> float:
        """Bits for the last look: one of as many as windows were heard."""
        since = max(self._changed, self._supported)
        return DOUBLING_BITS * max(0.0, float(np.log2(max(now - since, 1) / self._window)))

    def _is_calm(self) -> bool:
        return self._now - self._changed >= self._window

    def _next_look(self) -> int:
        unchanged = (self._now - self._changed) * self.params.frame_seconds
        pace = next(times for seconds, times in PACES if unchanged < seconds)
        return self._now + max(self._look, pace * LIVE_LOOK)

    def _turns(self, now: int) -> int:
        """The warps tried at a look."""
        return self._warps if now - self._warped_at >= WARP_PAUSE else 0

    def _again(self, now: int) -> list[Event]:
        """The last report, a little later."""
        self.guesses = tuple(replace(g, position=g.offset + g.speed * self._elapsed(now)) for g in self.guesses)
        return self._tell(now)

    def finish(self, peaks: Peaks, levels: Levels, upto: int, duration: float) -> list[Event]:
        """The last peaks and levels; upto: all frames; duration: seconds heard. Looks once more, asking less, and ends."""
        self._duration = duration
        events = self.feed(peaks, levels, upto)
        if upto > self._now:
            events += self._look_at(upto, self._last_allowance(upto), len(WARPS))
        return [*events, self._end(duration)]

    def _end(self, duration: float) -> End:
        guesses = sorted(self._best.values(), key=lambda g: -g.bits)[:MAX_GUESSES]
        guesses = [replace(g, position=g.offset + g.speed * duration) for g in _shared(guesses)]
        match = self._claim or self._last_claim
        if match is not None:
            match = replace(match, position=match.offset + match.speed * duration)
            named = {t.id for t in (match.track, *match.twins)}
            left = 1.0 - match.confidence
            others = [g for g in guesses if g.track.id not in named][: MAX_GUESSES - 1]
            guesses = [match, *(replace(g, confidence=g.confidence * left) for g in others)]
        return End(duration, match, tuple(guesses), max(0.0, 1.0 - sum(g.confidence for g in guesses)))

    # One look

    def _look_at(self, now: int, extra_bits: float, warps: int) -> list[Event]:
        before, self._now = self._now, now
        self._forget_before(now - self._window)
        field = self._field(now)
        if field is None:
            return self._report(now, ())
        watched = self._watched.copy()
        watched["place"] += watched["speed"] * (now - before)
        judged, best = self._plain(watched, field, now, extra_bits)
        if not best.is_sure():
            judged, best = self._warped(judged, best, field, now, extra_bits, warps)
        if best.is_sure() and (self._claim is None or self._claim.track.id != best.track):
            bent = bend(_best_now(judged), self._frames(SHORT_WINDOWS[-1]))
            judged = np.concatenate([judged, self._judge(bent, field, now)])
        if len(judged):
            self._refine(judged, field, now)
        self._watch(judged)
        best = self._rank(judged, extra_bits)
        if self._is_doubtful(best, extra_bits):
            best = self._rank(judged, extra_bits, self._decoy_fits(field, now))
        self._is_clear = best.is_sure(SPARE_BITS)
        return self._report(now, self._guess(best, now))

    def _plain(self, watched: Candidates, field: Field, now: int, extra_bits: float) -> tuple[Judged, Ranking]:
        """Those watched, and those that plain hits nominate, if need be: none while what is claimed goes on, and is looked for elsewhere
        only now and then; quick ones, if these were more than enough at the last look, or there were others just before and all is calm."""
        if self._claim is not None and now - self._searched < SEARCH_PAUSE:
            judged = self._judge(watched, field, now)
            best = self._rank(judged, extra_bits)
            if best.track == self._claim.track.id and best.is_sure(SPARE_BITS):
                return judged, best
        self._searched = now
        is_enough = now - self._thorough_at < (CALM_PAUSE if self._is_calm() else THOROUGH_PAUSE)
        if self._is_clear or is_enough:
            judged = self._judge(np.concatenate([watched, self._search.quick(now, NOMINEES)]), field, now)
            best = self._rank(judged, extra_bits)
            if best.is_sure(SPARE_BITS) or is_enough:
                return judged, best
        self._thorough_at = now
        judged = self._judge(np.concatenate([watched, self._search.thorough(now, NOMINEES)]), field, now)
        return judged, self._rank(judged, extra_bits)

    def _warped(self, judged: Judged, best: Ranking, field: Field, now: int, extra_bits: float, count: int) -> tuple[Judged, Ranking]:
        """Those judged, and those of the next `count` warps, some at a time, until more than enough speaks for one."""
        self._warped_at = now if count else self._warped_at
        for first in range(0, count, WARPS_AT_ONCE):
            more = self._nominate_warped(now, min(WARPS_AT_ONCE, count - first))
            judged = np.concatenate([judged, self._judge(more, field, now)])
            best = self._rank(judged, extra_bits)
            if best.is_sure(SPARE_BITS):
                break
        return judged, best

    def _is_doubtful(self, best: Ranking, extra_bits: float) -> bool:
        """Whether there is a new best guess, and there are too few tracks to say what chance would do."""
        if best.track is None or (self._claim is not None and best.track == self._claim.track.id):
            return False
        return best.bits[0] + extra_bits > 0 and self.index.count() < FEW_TRACKS

    def _decoy_fits(self, field: Field, now: int) -> list[float]:
        """The fits of candidates that cannot be right, found as others are."""
        decoys = [self._search.warped(now, warp, DECOY_NOMINEES) for warp in DECOYS]
        return [fit + WARP_COST for fit in self._judge(np.concatenate(decoys), field, now)["fit"].tolist()]

    def _refine(self, judged: Judged, field: Field, now: int) -> None:
        """Fits the best candidate finely; the next look goes on from there."""
        best = _best_now(judged)
        if best["fit"] >= REFINE_FIT:
            window = self._frames(SHORT_WINDOWS[-1])
            refine(best, self._stretch_of(best, window), field, now, window, self.params)

    def _forget_before(self, frame: int) -> None:
        self._search.forget(frame)
        self._heard.forget(frame)

    def _field(self, now: int) -> Field | None:
        """Of the levels up to those that the last peak needed to be decided: no more, however much is here already."""
        end = min(now + self.params.peak_ahead + self.params.rank_ahead, self._heard.first + len(self._heard.levels))
        return self._heard.field(end) if end > self._heard.first else None

    def _nominate_warped(self, now: int, count: int) -> Candidates:
        turns = [WARPS[(self._turn + k) % len(WARPS)] for k in range(count)]
        self._turn = (self._turn + count) % len(WARPS)
        return np.concatenate([self._search.warped(now, warp, WARP_NOMINEES) for warp in turns])

    def _judge(self, candidates: Candidates, field: Field, now: int) -> Judged:
        candidates = _distinct(candidates)
        first, last = self._stretch(candidates, now - field.first)
        cells, edges = self.index.cells(list(zip(candidates["track"].tolist(), first.tolist(), last.tolist(), strict=True)))
        windows = np.array([*(self._frames(s) for s in SHORT_WINDOWS), 2 * self._window], np.int32)
        return judge(candidates, cells, edges, field, now, windows, self.params)

    def _watch(self, judged: Judged) -> None:
        order = _distinct(judged[np.argsort(-judged["fit"], kind="stable")])
        best = order[_turn_of_its_kind(order["track"]) < WATCHED_A_TRACK][:WATCHED]
        self._watched = np.zeros(len(best), CANDIDATE)
        for name in ("track", "place", "speed", "pitch"):
            self._watched[name] = best[name]

    # Answers

    def _rank(self, judged: Judged, extra_bits: float, chance: Sequence[float] = ()) -> Ranking:
        """The best tracks and the bits that speak for each. chance: fits of further candidates that are wrong."""
        order = judged[np.argsort(-judged["fit"], kind="stable")]
        order = order[order["recent"] > PAST]
        _, firsts = np.unique(order["track"], return_index=True)
        best = order[np.sort(firsts)]  # the best of each track
        could_be = len(best) and lead_bits(float(best["fit"][0]), ()) - extra_bits >= EVEN_BITS
        twins = [int(best["track"][i]) for i in self._twins(best)] if could_be else []
        best = best[_others(best["track"], *twins)][:MAX_GUESSES]
        rivals = list(zip(order["track"].tolist(), order["fit"].tolist(), strict=True))
        bits = []
        for track, fit, peaks in zip(*(best[name].tolist() for name in ("track", "fit", "peaks")), strict=True):
            wrong = [other for rival, other in rivals if rival != track and rival not in twins]
            bits.append(min(lead_bits(fit, [*wrong, *chance]), BITS_A_PEAK * (peaks - FEW_PEAKS)) - extra_bits)
        return Ranking(best, bits, twins)

    def _guess(self, best: Ranking, now: int) -> tuple[Guess, ...]:
        """One guess a recording, best first."""
        guesses = []
        for candidate, bits in zip(best.candidates, best.bits, strict=True):
            track = self._track(int(candidate["track"]))
            if track is not None:
                guesses.append(self._describe(track, candidate, bits, now))
        if guesses and best.twins:
            guesses[0] = self._with_twins(guesses[0], best.twins)
        return _shared(guesses)

    def _with_twins(self, guess: Guess, twins: list[int]) -> Guess:
        """Of tracks that hold the same recording the claimed one is named, if there is a claim: a name does not change while it plays."""
        tracks = [t for t in (guess.track, *map(self._track, twins)) if t is not None]
        first = next((t for t in tracks if self._claim is not None and t.id == self._claim.track.id), guess.track)
        return replace(guess, track=first, twins=tuple(t for t in tracks if t.id != first.id))

    def _twins(self, best: Judged) -> list[int]:
        """The numbers of the candidates that hold, where they fit, the same recording as the first."""
        close = [i for i in range(1, min(len(best), MAX_TWINS)) if best["fit"][i] >= TWIN_FIT * best["fit"][0] >= TWIN_FIT * TWIN_FROM]
        if not close:
            return []
        mine, *others = (self._stretch_of(best[i], self._window) for i in (0, *close))
        shift = best["place"] - best["place"][0]
        near = [
            [same_recording(mine, other, float(shift[i] + step)) for step in TWIN_STEPS] for i, other in zip(close, others, strict=True)
        ]
        return [i for i, found in zip(close, near, strict=True) if any(found)]

    def _stretch_of(self, candidate: Any, window: int) -> Peaks:
        first, last = self._stretch(candidate, window)
        return self.index.constellation(int(candidate["track"]), int(first), int(last))

    def _stretch(self, candidates: Candidates, window: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The track frames that the last `window` frames of each cover."""
        back = (window + SAME_LINE) * candidates["speed"] * MARGIN
        return (candidates["place"] - back).astype(np.int64), (candidates["place"] + 3 * SAME_LINE).astype(np.int64)

    def _describe(self, track: Track, candidate: Any, bits: float, now: int) -> Guess:
        seconds, speed = self.params.frame_seconds, float(candidate["speed"])
        offset = (float(candidate["place"]) - speed * now) * seconds
        position = offset + speed * self._elapsed(now)
        return Guess(track, (), 0.0, bits, position, offset, speed, float(candidate["pitch"]))

    def _track(self, track_id: int) -> Track | None:
        try:
            return self.index.track(track_id)
        except MissingError:  # removed since the look-up
            return None

    def _frames(self, seconds: float) -> int:
        return round(seconds / self.params.frame_seconds)

    def _elapsed(self, now: int) -> float:
        return min(now * self.params.frame_seconds + self.params.delay, float(self._duration))

    def _report(self, now: int, guesses: tuple[Guess, ...]) -> list[Event]:
        self.guesses = guesses
        self.absent = max(0.0, 1.0 - sum(g.confidence for g in guesses))
        for guess in guesses:
            for twin in guess.twins:
                self._best.pop(twin.id, None)
            known = self._best.get(guess.track.id)
            if known is None or guess.bits >= known.bits:
                self._best[guess.track.id] = guess
        if len(self._best) > 4 * MAX_GUESSES:
            kept = sorted(self._best.values(), key=lambda g: -g.bits)[: 2 * MAX_GUESSES]
            self._best = {g.track.id: g for g in kept}
        return [*self._claims(now, guesses), *self._tell(now)]

    def _tell(self, now: int) -> list[Event]:
        self._told = now
        seen = [self._sight.look(self._search.peaks, now, self._elapsed(now), self.guesses)] if self._sight else []
        return [*seen, Guesses(self._elapsed(now), self.guesses, self.absent)]

    def _claims(self, now: int, guesses: tuple[Guess, ...]) -> list[Event]:
        best = guesses[0] if guesses else None
        if best is not None and best.confidence >= CLAIM_CONFIDENCE:
            return self._claimed(best, now)
        if self._claim is None:
            return []
        if best is not None and best.track.id == self._claim.track.id and best.bits + self._allowance(now) > SUPPORT_BITS:
            self._supported = now
        if (now - self._supported) * self.params.frame_seconds <= LOST_SECONDS:
            return []
        lost, self._claim, self._changed = self._claim, None, now
        self._forget_what_spoke(now)
        return [Lost(self._elapsed(now), lost.track.id)]

    def _claimed(self, best: Guess, now: int) -> list[Event]:
        self._supported = now
        old, self._claim, self._last_claim = self._claim, best, best
        if old is not None and old.track.id == best.track.id:
            return []
        self._best, self._changed = {best.track.id: best}, now
        match = Match(self._elapsed(now), best)
        if old is None:
            return [match]
        self._forget_what_spoke(now)
        return [Lost(self._elapsed(now), old.track.id), match]

    def _forget_what_spoke(self, now: int) -> None:
        """What spoke for a claim that is lost would soon speak again."""
        self._forget_before(now - self._frames(SHORT_WINDOWS[0]))


def _best_now(judged: Judged) -> Any:
    """The row, not a copy, that fits best of those that still play."""
    return judged[int(np.argmax(np.where(judged["recent"] > PAST, judged["fit"], 0.0)))]


def _turn_of_its_kind(values: NDArray[np.uint32]) -> NDArray[np.int64]:
    """How many equal values stand before each: [7, 7, 2, 7] -> [0, 1, 0, 2]."""
    order = np.argsort(values, kind="stable")
    first = np.searchsorted(values[order], values[order])
    out = np.empty(len(values), np.int64)
    out[order] = np.arange(len(values)) - first
    return out


def _others(tracks: NDArray[np.uint32], *named: int) -> NDArray[np.bool_]:
    """Which of them are not named."""
    others = np.ones(len(tracks), bool)
    for track in named:
        others &= tracks != track
    return others


def _distinct(candidates: Candidates) -> Candidates:
    """The candidates without those that say about the same as an earlier one."""
    near = candidates["track"].astype(np.int64)
    for name, step, size in (("place", SAME_LINE, 1 << 20), ("speed", SAME_SPEED, 1 << 8), ("pitch", SAME_CENTS, 1 << 8)):
        near = near * size + (candidates[name] // step).astype(np.int64) + size // 2
    _, firsts = np.unique(near, return_index=True)
    return candidates[np.sort(firsts)]


def _shared(guesses: list[Guess]) -> tuple[Guess, ...]:
    """The guesses, best first, each with its probability: at most one is right."""
    guesses = sorted(guesses, key=lambda g: -g.bits)
    return tuple(replace(g, confidence=c) for g, c in zip(guesses, confidences([g.bits for g in guesses]), strict=True))
