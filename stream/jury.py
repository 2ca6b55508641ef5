"""Candidates and what was heard -> the best tracks, and the bits that speak for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.candidates import Candidates
from core.constellation import Peaks
from core.evidence import CLAIM_CONFIDENCE, EVEN_BITS, RIVALS, Judged, confidences, judge, lead_bits, refine, same_recording
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
MAX_TWINS = 10  # candidates looked through for twins of the best
TWIN_FROM = 6.0  # fit of the best from which twins are looked for
TWIN_STEPS = (0.0, -2.0, 2.0)  # frames by which its place, which is not fitted finely, may be off, tried one by one
TWIN_FIT = 0.7  # of the best candidate's fit that a twin has at least
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
        first, last = _stretch(candidates, now - field.first)
        cells, edges = self._index.cells(list(zip(candidates["track"].tolist(), first.tolist(), last.tolist(), strict=True)))
        return judge(candidates, cells, edges, field, now, self._windows, self._index.params)

    def refine(self, judged: Judged, field: Field, now: int) -> None:
        """Fits the best candidate finely, if it is any good; the next look goes on from there."""
        best = best_now(judged)
        if best["fit"] >= REFINE_FIT:
            refine(best, self._stretch_of(best, self.fine_window), field, now, self.fine_window, self._index.params)

    def rank(self, judged: Judged, extra_bits: float, chance: Sequence[float] = ()) -> Ranking:
        """The best tracks. extra_bits: that they need besides; chance: fits of further candidates, which are wrong."""
        rows = list(zip(judged["fit"].tolist(), judged["track"].tolist(), judged["recent"].tolist(), strict=True))
        order = sorted((i for i, row in enumerate(rows) if row[2] > PAST), key=lambda i: -rows[i][0])
        firsts: dict[int, int] = {}  # the best of each track
        for i in order:
            firsts.setdefault(rows[i][1], i)
        best = judged[list(firsts.values())]
        twins = [int(best["track"][i]) for i in self._twins(best, extra_bits)]
        best = best[[track not in twins for track in firsts]][:MAX_GUESSES]
        bits = []
        for track, fit, peaks in zip(*(best[name].tolist() for name in ("track", "fit", "peaks")), strict=True):
            wrong = (rows[i][0] for i in order if rows[i][1] != track and rows[i][1] not in twins)
            bits.append(min(lead_bits(fit, [*islice(wrong, RIVALS), *chance]), BITS_A_PEAK * (peaks - FEW_PEAKS)) - extra_bits)
        return Ranking(best, bits, twins)

    def _twins(self, best: Judged, extra_bits: float) -> list[int]:
        """The numbers of the candidates that hold, where they fit, the same recording as the first; none where that is no matter, as the
        first would be no likely guess without these rivals."""
        first, *others = best["fit"].tolist() or [0.0]
        close = [i for i, fit in enumerate(others[: MAX_TWINS - 1], 1) if fit >= TWIN_FIT * first]
        if first < TWIN_FROM or not close or lead_bits(first, others[len(close) :]) - extra_bits < EVEN_BITS:
            return []
        mine, *others = (self._stretch_of(best[i], self.window) for i in (0, *close))
        shift = best["place"] - best["place"][0]
        near = [
            [same_recording(mine, other, float(shift[i] + step)) for step in TWIN_STEPS] for i, other in zip(close, others, strict=True)
        ]
        return [i for i, found in zip(close, near, strict=True) if any(found)]

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
