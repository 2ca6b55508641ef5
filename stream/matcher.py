"""Peaks -> answers, while the sound goes on.

The matcher looks at what was heard on a fixed grid of frames, so that its answers depend on the sound alone, as long as that has not to
wait for others. At each look the new peaks are hashed and looked up, once; the hits of the last seconds vote; the best candidates, and
those of the look before, are judged by the constellation. What it keeps is bounded: the peaks, levels and hits of the last seconds, and a
few candidates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.candidates import CANDIDATE, Candidates, bend
from core.constellation import Levels, Peaks
from core.errors import MissingError
from core.evidence import RIVALS, WARP_COST, Guess, Judged
from core.index import Index, Track
from core.kinds import Kinds
from core.nominator import VOTING_FRAMES
from core.presence import Field, Heard
from core.warps import DECOYS, PLAIN, WARPS, Warp
from stream.claims import Claims, Play, shared
from stream.events import End, Guesses, Lost, Match
from stream.jury import REFINE_FIT, SAME_LINE, Jury, Ranking, best_now, distinct
from stream.search import BUDGET, SPARING_BUDGET, Search
from stream.sight import Seen, Sight

LIVE_LOOK = 10  # frames from a look to the next, live, while there is news: 0.23 s
PACES = ((3.0, 1), (10.0, 2), (np.inf, 4))  # seconds for which nothing has changed, up to which a look comes after so many times as long
SHORT_WAIT = 0.1  # seconds that sound may wait for its turn with nothing changed
WAIT_PACE = 24.0  # seconds from a look to the next at least, for each second that it waits longer than that
REPORT = 2 * LIVE_LOOK  # from a report to the next at most, though nothing was looked at: 0.46 s
NOMINEES = 40  # candidates from plain hits at each look
SPARING_NOMINEES = 16  # of these, when little is to be spent
WARP_NOMINEES = 8  # from each warp
DEEP_NOMINEES = 60  # from each warp, where more effort is made
LIVE_WARPS = 1  # tried at a look, in turn
SEARCH_PAUSE = 3 * VOTING_FRAMES // 4  # frames for which nothing else is looked for while what is claimed goes on: 3 s
WARPS_AT_ONCE = 4  # before it is seen whether they suffice
SPARE_BITS = 4.0  # more than a claim needs, with which no further look-up is made
DECOY_NOMINEES = 8  # from each decoy
FEW_TRACKS = 40  # in the library: with fewer, decoys stand in for the rivals that a larger one would have
FEW_RIVALS = RIVALS  # as when nearly all candidates are copies: with fewer, decoys stand in, too
MANY_TWINS = NOMINEES // 2  # among the candidates, from which on there may be more than could be candidates
MOST_TWINS = 500  # that are counted
TWIN_EFFORT = 0.1  # of the postings that may be read of plain hits, by which they are found: copies hit the same
LISTED_TWINS = 10  # tracks in an answer
WATCHED = 12  # candidates kept from look to look
WATCHED_A_TRACK = 2  # of the same track: rivals are worth more
WATCHED_TWINS = 3  # of the best
FOLLOWED = 6  # of those watched, while what is claimed goes on


@dataclass(frozen=True)
class Look:
    """now: the frame looked at; field: the last seconds; extra_bits: that a claim needs besides; warps: how many may be tried; effort:
    how many times the usual budget of postings may be read where that finds nothing that is sure."""

    now: int
    field: Field
    extra_bits: float
    warps: int
    effort: float = 1.0

    @property
    def heard(self) -> int:
        """Frames of sound that are judged."""
        return self.now - self.field.first


Event = Guesses | Match | Lost | End | Seen


class Matcher:
    """Feed it peaks and levels as a `Fingerprinter` gives them out, then `finish`.

    State: the search; the levels of the last seconds, and what kind of sound they are; the candidates under watch; what is claimed.
    """

    def __init__(
        self, index: Index, look: int = LIVE_LOOK, warps: int = LIVE_WARPS, sight: Sight | None = None, effort: float = 1.0
    ) -> None:
        """look: frames from a look to the next; warps: how many are tried at one; sight: to tell at each look what it sees; effort: how
        many times the usual budget of postings may be read at the end of the sound, where that finds nothing that is sure."""
        self.index = index
        self.params = index.params
        self.guesses: tuple[Guess, ...] = ()
        self.absent = 1.0
        self._look, self._warps, self._effort = look, warps, effort
        self._sight = sight
        self._search, self._jury = Search(index), Jury(index)
        self._claims = Claims(self.params.frame_seconds, self._jury.window, look)
        self._heard = Heard(self.params.n_mels)
        self._kinds = Kinds(self.params.n_mels)
        self._watched = np.zeros(0, CANDIDATE)
        self._now = 0  # frames looked at
        self._told = 0  # frame of the last report
        self._searched = 0  # frame of the last look-up
        self._twins: dict[int, float] = {}  # tracks of the best recording when others were last looked for: frames to one's place
        self._turn = 0  # of the warps
        self._apart = 0  # frames from a look to the next at least, as there are too many listeners
        self._duration = np.inf  # seconds of all sound, once it is known

    def feed(self, peaks: Peaks, levels: Levels, upto: int) -> list[Event]:
        """peaks: PEAK [k], levels: int8 [t, n_mels] of the next frames; upto: frames whose peaks are decided."""
        self._search.feed(peaks)
        self._heard.feed(levels)
        events: list[Event] = []
        while (now := self.due) <= upto:
            events += self._look_at(now, self._claims.allowance(now), self._warps) if now == self._next_look() else self._again(now)
        return events

    def waited(self, seconds: float) -> None:
        """The sound had to wait so long, as others were heard. Who has too many listeners looks less often, rather than later and later."""
        apart = min(WAIT_PACE * max(0.0, seconds - SHORT_WAIT), VOTING_FRAMES * self.params.frame_seconds)
        self._apart = round(apart / self.params.frame_seconds)

    @property
    def due(self) -> int:
        """The frame of the next look or report: nothing happens before its peaks are decided."""
        return min(self._next_look(), self._told + max(self._look, REPORT))

    def _is_sparing(self) -> bool:
        """Whether to spend little on a look: nothing has changed for long, or there is no time."""
        return self._apart > 0 or self._now - self._claims.changed >= self._jury.window

    def _next_look(self) -> int:
        unchanged = (self._now - self._claims.changed) * self.params.frame_seconds
        pace = 1 if self._claims.is_fading else next(times for seconds, times in PACES if unchanged < seconds)
        return max(self._now + max(self._look, pace * LIVE_LOOK, self._apart), self._told + 1)  # never back, when it waits no longer

    def _again(self, now: int) -> list[Event]:
        """The last report, a little later."""
        later = (guess.at(self._elapsed(now)) for guess in self.guesses)
        self.guesses = tuple(guess for guess in later if not self._claims.has_ended(guess))
        return self._tell(now)

    def finish(self, peaks: Peaks, levels: Levels, upto: int, duration: float) -> list[Event]:
        """The last peaks and levels; upto: all frames; duration: seconds heard. Looks once more, asking less, and ends."""
        self._duration = duration
        events = self.feed(peaks, levels, upto)
        if upto > self._now:
            events += self._look_at(upto, self._claims.last_allowance(upto), len(WARPS), self._effort)
        return [*events, self._in_all(self._claims.end(duration))]

    def whole(self) -> tuple[Play | None, int, End]:
        """What a file was, after `finish`: the play that names it, how many other tracks were heard, and the end that says so."""
        play, others, end = self._claims.whole(self._duration)
        return play, others, self._in_all(end)

    def _in_all(self, end: End) -> End:
        return replace(end, heard=self._kinds.mostly, tracks=self.index.count())

    # One look

    def _look_at(self, now: int, extra_bits: float, warps: int, effort: float = 1.0) -> list[Event]:
        before, self._now = self._now, now
        self._forget_before(now - self._jury.window)
        field = self._field(now)
        if field is None:
            return self._report(now, ())
        watched = self._watched.copy()
        watched["place"] += watched["speed"] * (now - before)
        look = Look(now, field, extra_bits, warps, effort)
        return self._report(now, self._guess(self._best(look, *self._found(look, watched)), look))

    def _found(self, look: Look, watched: Candidates) -> tuple[Judged, Ranking]:
        """Judge the candidates under watch and those nominated: by plain hits, then by warped ones, then by all that may be read. Stop
        as soon as one is sure."""
        self._search.is_read_out()
        judged, best = self._plain(look, watched)
        if not best.is_sure(SPARE_BITS if look.effort > 1 else 0.0):  # a relative may be sure at the speed of what it is not
            judged, best = self._warped(look, judged, best)
        if not best.is_sure() and look.effort > 1 and not self._search.is_read_out():
            judged, best = self._deep(look, judged, best)
        return judged, best

    def _best(self, look: Look, judged: Judged, best: Ranking) -> Ranking:
        """The best of those found, more exactly; the candidates under watch are then those of this look."""
        if best.is_sure() and not self._is_claimed(best):
            judged = self._judged(look, judged, bend(best_now(judged), self._jury.fine_window))
        if len(judged):
            self._jury.refine(judged, look.field, look.now)
        best = self._jury.rank(judged, look.extra_bits, look.heard)
        if self._is_doubtful(look, best):
            best = self._jury.rank(judged, look.extra_bits, look.heard, self._decoy_fits(look))
        self._watch(judged, best)
        if self._claims.now is not None and not (self._is_claimed(best) and best.is_sure()):
            self._follow(self._claims.now, judged, look)
        return best.naming(self._claims.now.track.id if self._claims.now else None)

    def _all_twins(self, look: Look, best: Ranking) -> list[int]:
        """The other tracks that hold the best one's recording, also those that were no candidates at this look: those that were twins when
        others were last looked for, if they still are, and where there are many, those that the hits nominate besides."""
        first = best.candidates[0]
        track = int(first["track"])
        if self._searched < look.now and track in self._twins:
            return sorted(self._twins.keys() - {track})
        found = [best.copies, self._copies(first, self._twins_before(first), 0)]
        if sum(map(len, found)) >= MANY_TWINS:
            found.append(self._copies(first, self._search.deep(look.now, PLAIN, MOST_TWINS, TWIN_EFFORT), look.heard))
        places = {int(row["track"]): float(row["place"] - first["place"]) for rows in found for row in rows}
        twins = {other: place for other, place in places.items() if other != track}
        self._twins = {track: 0.0, **twins} if twins else {}
        return list(twins)

    def _twins_before(self, first: Any) -> Candidates:
        """The tracks of the best recording of the last such look, where they are if the first one is one of them."""
        known = self._twins if int(first["track"]) in self._twins else {}
        out = np.zeros(len(known), CANDIDATE)
        out["track"], out["speed"] = list(known), first["speed"]
        out["place"] = first["place"] + np.array(list(known.values())) - known.get(int(first["track"]), 0.0)
        return out

    def _copies(self, first: Any, candidates: Candidates, heard: int) -> Candidates:
        """Those of the candidates that hold the same recording as the first one, for the last `heard` frames, or somewhat more."""
        return candidates[self._jury.copies(first, candidates, heard)] if len(candidates) else candidates

    def _follow(self, claim: Guess, judged: Judged, look: Look) -> None:
        """Notes until when what is claimed was heard, where it goes on or went on as it did, though another is the best by now."""
        seconds = self.params.frame_seconds
        place = claim.offset / seconds + claim.speed * look.now
        goes_on = (judged["track"] == claim.track.id) & (np.abs(judged["place"] - place) < SAME_LINE) & (judged["fit"] >= REFINE_FIT)
        for row in judged[goes_on][:1]:
            self._claims.follow(self._jury.heard_span(row, look.field, look.now)[1] * seconds)

    def _is_claimed(self, best: Ranking) -> bool:
        """Whether the best one's recording is claimed, by whichever of its tracks."""
        return any(self._claims.is_for(track) for track in (best.track, *best.twins))

    def _plain(self, look: Look, watched: Candidates) -> tuple[Judged, Ranking]:
        """Judge the candidates under watch, and nominees of the plain look-up unless the claim goes on and the last search is recent."""
        if self._claims.now is not None and look.now - self._searched < SEARCH_PAUSE and not self._claims.is_fading:
            judged, best = self._ranked(look, watched[:FOLLOWED])
            if self._is_claimed(best) and best.is_sure(SPARE_BITS):
                return judged, best
        self._searched = look.now
        budget = SPARING_BUDGET if self._is_sparing() else BUDGET
        return self._with(look, watched, self._search.nominees(look.now, NOMINEES, budget))

    def _with(self, look: Look, watched: Candidates, nominees: Candidates) -> tuple[Judged, Ranking]:
        """Those watched, and the nominees; when little is to be spent the last of these only if one of the others is sure."""
        first = SPARING_NOMINEES if self._is_sparing() else NOMINEES
        judged, best = self._ranked(look, watched, nominees[:first])
        if len(nominees) <= first or not best.is_sure():
            return judged, best
        judged = self._judged(look, judged, nominees[first:])
        return judged, self._jury.rank(judged, look.extra_bits, look.heard)

    def _warped(self, look: Look, judged: Judged, best: Ranking) -> tuple[Judged, Ranking]:
        """Add candidates of the next warps to those judged, some warps at a time, until more than enough speaks for one."""
        turns = [WARPS[(self._turn + k) % len(WARPS)] for k in range(look.warps)]
        self._turn = (self._turn + len(turns)) % len(WARPS)
        return self._with_warps(look, judged, best, turns, lambda warp: self._search.warped(look.now, warp, WARP_NOMINEES))

    def _deep(self, look: Look, judged: Judged, best: Ranking) -> tuple[Judged, Ranking]:
        """The same for every warp and for none, with all the effort that may be made."""
        nominate = lambda warp: self._search.deep(look.now, warp, DEEP_NOMINEES, look.effort)  # noqa: E731
        return self._with_warps(look, judged, best, [PLAIN, *WARPS], nominate)

    def _with_warps(
        self, look: Look, judged: Judged, best: Ranking, warps: Sequence[Warp], nominate: Callable[[Warp], Candidates]
    ) -> tuple[Judged, Ranking]:
        for first in range(0, len(warps), WARPS_AT_ONCE):
            nominees = np.concatenate([nominate(warp) for warp in warps[first : first + WARPS_AT_ONCE]])
            judged = self._judged(look, judged, nominees)
            best = self._jury.rank(judged, look.extra_bits, look.heard)
            if best.is_sure(SPARE_BITS):
                break
        return judged, best

    def _ranked(self, look: Look, *candidates: Candidates) -> tuple[Judged, Ranking]:
        judged = self._jury.judge(np.concatenate(candidates), look.field, look.now)
        return judged, self._jury.rank(judged, look.extra_bits, look.heard)

    def _judged(self, look: Look, judged: Judged, more: Candidates) -> Judged:
        return np.concatenate([judged, self._jury.judge(more, look.field, look.now)])

    def _is_doubtful(self, look: Look, best: Ranking) -> bool:
        """Whether there is a new best guess, and there are too few others to say what chance would do."""
        if best.track is None or self._is_claimed(best):
            return False
        return best.bits[0] + look.extra_bits > 0 and (best.rivals < FEW_RIVALS or self.index.count() < FEW_TRACKS)

    def _decoy_fits(self, look: Look) -> list[float]:
        """The fits of candidates that cannot be right, found as others are."""
        decoys = np.concatenate([self._search.warped(look.now, warp, DECOY_NOMINEES) for warp in DECOYS])
        return [fit + WARP_COST for fit in self._jury.judge(decoys, look.field, look.now)["fit"].tolist()]

    def _forget_before(self, frame: int) -> None:
        self._search.forget(frame)
        self._heard.forget(frame)

    def _field(self, now: int) -> Field | None:
        """Of the levels up to those that the last peak needed to be decided: no more, however much is here already."""
        end = min(now + self.params.peak_ahead + self.params.rank_ahead, self._heard.first + len(self._heard.levels))
        self._kinds.feed(self._heard.levels[self._kinds.upto - self._heard.first : max(end - self._heard.first, 0)])
        return self._heard.field(end) if end > self._heard.first else None

    def _watch(self, judged: Judged, ranking: Ranking) -> None:
        """Keeps the best, of different tracks and recordings: many copies would leave no room for rivals."""
        order = distinct(judged[np.argsort(-judged["fit"], kind="stable")])
        is_twin = np.isin(order["track"], ranking.twins)
        is_claimed = order["track"] == (self._claims.now.track.id if self._claims.now else None)
        few = (_turn_of_its_kind(order["track"]) < WATCHED_A_TRACK) & (~is_twin | is_claimed | (np.cumsum(is_twin) <= WATCHED_TWINS))
        best = order[few][:WATCHED]
        self._watched = np.zeros(len(best), CANDIDATE)
        for name in ("track", "place", "speed", "pitch"):
            self._watched[name] = best[name]

    # Answers

    def _guess(self, best: Ranking, look: Look) -> tuple[Guess, ...]:
        """One guess a recording, best first, without those whose track has ended."""
        guesses = [self._describe(candidate, bits, look.now) for candidate, bits in zip(best.candidates, best.bits, strict=True)]
        if guesses and guesses[0] is not None:
            guesses[0] = self._in_full(guesses[0], best, look)
        own = guesses[0].twin_ids if guesses and guesses[0] is not None else frozenset()  # which may come up elsewhere, too
        return shared([guess for guess in guesses if guess is not None and guess.track.id not in own])

    def _describe(self, candidate: Any, bits: float, now: int) -> Guess | None:
        track = self._track(int(candidate["track"]))
        seconds, speed = self.params.frame_seconds, float(candidate["speed"])
        offset = (float(candidate["place"]) - speed * now) * seconds
        if track is None:
            return None
        guess = Guess(track, (), 0.0, bits, 0.0, offset, speed, float(candidate["pitch"])).at(self._elapsed(now))
        return None if self._claims.has_ended(guess) else guess

    def _in_full(self, guess: Guess, best: Ranking, look: Look) -> Guess:
        """The first guess with its twins, and with the time for which it is heard."""
        ids = self._all_twins(look, best)
        twins = [self._track(track_id) for track_id in ids[:LISTED_TWINS]]
        gone = {track_id for track_id, track in zip(ids, twins, strict=False) if track is None}
        first, last = self._jury.heard_span(best.candidates[0], look.field, look.now)
        return replace(
            guess,
            twins=tuple(track for track in twins if track is not None),
            twin_ids=frozenset(ids) - gone,
            first_heard=first * self.params.frame_seconds,
            last_heard=last * self.params.frame_seconds,
        )

    def _track(self, track_id: int) -> Track | None:
        try:
            return self.index.track(track_id)
        except MissingError:  # removed since the look-up
            return None

    def _elapsed(self, now: int) -> float:
        return min(now * self.params.frame_seconds + self.params.delay, float(self._duration))

    def _report(self, now: int, guesses: tuple[Guess, ...]) -> list[Event]:
        self.guesses = guesses
        self.absent = max(0.0, 1.0 - sum(g.confidence for g in guesses))
        changes = self._claims.hear(guesses, now, self._elapsed(now))
        if any(isinstance(change, Lost) for change in changes):
            self._forget_before(now - self._jury.short_window)  # what spoke for a claim that is lost would soon speak again
        return [*changes, *self._tell(now)]

    def _tell(self, now: int) -> list[Event]:
        self._told = now
        seen = [self._sight.look(self._search.peaks, now, self._elapsed(now), self.guesses)] if self._sight else []
        return [*seen, Guesses(self._elapsed(now), self.guesses, self.absent, self._kinds.lately)]


def _turn_of_its_kind(values: NDArray[np.uint32]) -> NDArray[np.int64]:
    """How many equal values stand before each: [7, 7, 2, 7] -> [0, 1, 0, 2]."""
    order = np.argsort(values, kind="stable")
    first = np.searchsorted(values[order], values[order])
    out = np.empty(len(values), np.int64)
    out[order] = np.arange(len(values)) - first
    return out


