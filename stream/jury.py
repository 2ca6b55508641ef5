"""Candidates and what was heard -> the best tracks, and the bits that speak for each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.candidates import Candidates
from core.constellation import Cells, Peaks
from core.evidence import CLAIM_CONFIDENCE, EVEN_BITS, RIVALS, Judged, confidences, heard_span, judge, lead_bits, refine, same_recordings
from core.index import Index
from core.presence import Field
from stream.claims import MAX_GUESSES

WINDOW_SECONDS = 10.0  # of sound that an answer is judged by
SHORT_WINDOWS = (2.5, 5.0)  # seconds; the last so many are judged on their own too, as a track may just have begun
MARGIN = 1.01  # of the frames that a line covers, as its speed is not known well
SAME_LINE = 4.0  # frames by which two candidates of a track may differ and still be one
SAME_SPEED = 0.01
SAME_CENTS = 30.0
PAST = -1.0  # `recent` below which a candidate was playing and no longer is
FEW_PEAKS = 8  # that say nothing: a chord may be any song's
BITS_A_PEAK = 0.9  # that each further one can say at most
TWIN_FROM = 6.0  # fit of the best from which twins are looked for
TWIN_SHARE = 0.45  # of the best one's peaks that a twin has: two codecs may leave as few alike; of other music one in eight is
STILL_SHARE = 0.35  # the same of the last few seconds, which hold fewer peaks
TWIN_STEPS = (0, -2, 2, -4, 4)  # frames by which its place, which is not fitted finely, may be off, tried one by one
TWIN_FIT = 0.5  # of the best candidate's fit that a twin has at least
REFINE_FIT = 4.5  # of the best candidate from which it is fitted finely


@dataclass(frozen=True)
class Ranking:
    """The best candidates, one a recording, JUDGED [n], best first; the bits that speak for each; those of other tracks that hold the
    first's; how many candidates of other recordings the first was compared with."""

    candidates: Judged
    bits: list[float]
    copies: Judged
    rivals: int

    @property
    def track(self) -> int | None:
        """The best one's."""
        return int(self.candidates["track"][0]) if len(self.candidates) else None

    @property
    def twins(self) -> list[int]:
        """The other tracks that hold the best one's recording."""
        return [int(track) for track in self.copies["track"]]

    def naming(self, track: int | None) -> "Ranking":
        """The same with the first one's recording as this track has it, if it does."""
        others = self.copies["track"] != track
        if others.all():
            return self
        candidates = np.concatenate([self.copies[~others], self.candidates[1:]])
        return replace(self, candidates=candidates, copies=np.concatenate([self.candidates[:1], self.copies[others]]))

    def is_sure(self, spare: float = 0.0) -> bool:
        """Whether the best could be claimed with so many bits fewer."""
        return bool(self.bits) and confidences([bits - spare for bits in self.bits])[0] >= CLAIM_CONFIDENCE


class Jury:
    """Reads the constellations of candidates, lays them over what was heard, and compares them."""

    def __init__(self, index: Index) -> None:
        self._index = index
        windows = [round(seconds / index.params.frame_seconds) for seconds in (*SHORT_WINDOWS, WINDOW_SECONDS)]  # frames
        self.short_window, self.fine_window, self.window = windows
        self._windows = np.array([*windows[:-1], 2 * self.window], np.int32)

    def judge(self, candidates: Candidates, field: Field, now: int) -> Judged:
        """Each of the CANDIDATE [n] that is not much like an earlier one, where it fits best: JUDGED [m]."""
        candidates = distinct(candidates)
        cells, edges = self._cells(candidates, now - field.first)
        return judge(candidates, cells, edges, field, now, self._windows, self._index.params)

    def refine(self, judged: Judged, field: Field, now: int) -> None:
        """Fits the best candidate finely, if it is any good; the next look goes on from there."""
        best = best_now(judged)
        if best["fit"] >= REFINE_FIT:
            refine(best, self._stretch_of(best, self.fine_window), field, now, self.fine_window, self._index.params)

    def rank(self, judged: Judged, extra_bits: float, heard: int, chance: Sequence[float] = ()) -> Ranking:
        """The best tracks. extra_bits: that they need besides; heard: the last frames, in which twins are alike; chance: fits of further
        candidates, which are wrong."""
        rows = list(zip(judged["fit"].tolist(), judged["track"].tolist(), judged["recent"].tolist(), strict=True))
        order = sorted((i for i, row in enumerate(rows) if row[2] > PAST), key=lambda i: -rows[i][0])
        firsts: dict[int, int] = {}  # the best of each track
        for i in order:
            firsts.setdefault(rows[i][1], i)
        best = judged[list(firsts.values())]
        is_twin = self._twins(best, extra_bits, heard)
        copies, best = best[is_twin], best[~is_twin]
        rivals, best = len(best) - 1, best[:MAX_GUESSES]
        own, bits = set(copies["track"].tolist()), []
        for track, fit, peaks in zip(*(best[name].tolist() for name in ("track", "fit", "peaks")), strict=True):
            wrong = (rows[i][0] for i in order if rows[i][1] != track and rows[i][1] not in own)
            bits.append(min(lead_bits(fit, [*islice(wrong, RIVALS), *chance]), BITS_A_PEAK * (peaks - FEW_PEAKS)) - extra_bits)
        return Ranking(best, bits, copies, rivals)

    def _twins(self, best: Judged, extra_bits: float, heard: int) -> NDArray[np.bool_]:
        """Whether each candidate holds, where it fits, the same recording as the first: bool [n]. None where that would not matter: even
        without these rivals the first would not be a likely guess."""
        first, *others = best["fit"].tolist() or [0.0]
        close = 1 + sum(fit >= TWIN_FIT * first for fit in others)
        out = np.zeros(len(best), bool)
        if first >= TWIN_FROM and close > 1 and lead_bits(first, others[close - 1 :]) - extra_bits >= EVEN_BITS:
            out[1:close] = self.copies(best[0], best[1:close], heard)
        return out

    def heard_span(self, candidate: Any, field: Field, now: int) -> tuple[int, int]:
        """The frames in which a candidate is heard, (first, last + 1)."""
        cells, _ = self._cells(np.atleast_1d(candidate), now - field.first)
        return heard_span(candidate, cells, field, now, self._index.params)

    def copies(self, best: Any, others: Candidates | Judged, heard: int) -> NDArray[np.bool_]:
        """Which of the others hold, where they are, the same recording as the best: for the last `heard` frames and still: bool [n]."""
        lately = self._alike(best, others, self.short_window, STILL_SHARE)
        return lately if heard <= self.short_window else lately & self._alike(best, others, heard, TWIN_SHARE)

    def _alike(self, best: Any, others: Candidates | Judged, window: int, share: float) -> NDArray[np.bool_]:
        """Which of the others have this share of the best one's peaks in the last `window` frames: bool [n]. All, if it has hardly any."""
        mine, _ = self._cells(np.atleast_1d(best), window)
        if len(mine) < FEW_PEAKS:
            return np.ones(len(others), bool)
        cells, edges = self._cells(others, window)
        shift = others["place"] - best["place"] - (others["speed"] - best["speed"]) * window / 2  # in the middle
        return same_recordings(mine, cells, edges, shift, share, TWIN_STEPS)

    def _cells(self, candidates: Candidates | Judged, window: int) -> tuple[Cells, NDArray[np.int64]]:
        """The cells of each one's track in the last `window` frames, in one row, and the number of each one's first."""
        first, last = _stretch(candidates, window)
        return self._index.cells(list(zip(candidates["track"].tolist(), first.tolist(), last.tolist(), strict=True)))

    def _stretch_of(self, candidate: Any, window: int) -> Peaks:
        first, last = _stretch(candidate, window)
        return self._index.constellation(int(candidate["track"]), int(first), int(last))


def best_now(judged: Judged) -> Any:
    """The row, not a copy, that fits best of those that still play."""
    return judged[int(np.argmax(np.where(judged["recent"] > PAST, judged["fit"], 0.0)))]


def distinct(candidates: Candidates) -> Candidates:
    """The candidates without those that say about the same as an earlier one."""
    near = candidates["track"].astype(np.int64)
    for name, step, size in (("place", SAME_LINE, 1 << 20), ("speed", SAME_SPEED, 1 << 8), ("pitch", SAME_CENTS, 1 << 8)):
        near = near * size + (candidates[name] // step).astype(np.int64) + size // 2
    _, firsts = np.unique(near, return_index=True)
    return candidates[np.sort(firsts)]


def _stretch(candidates: Candidates, window: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The track frames that the last `window` frames of each cover."""
    back = (window + SAME_LINE) * candidates["speed"] * MARGIN
    return (candidates["place"] - back).astype(np.int64), (candidates["place"] + 3 * SAME_LINE).astype(np.int64)
