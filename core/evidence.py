"""A candidate and what was heard -> how much speaks for it: the constellation disposes.

The reference's peaks are laid over what was heard, at the candidate's place, speed and pitch. Is there a peak where they should be? `Field`
(core/presence.py) says for each cell how likely. The fit is the sum of presences over the candidate's peaks in units of its standard
deviation under chance; it is looked for over small changes of place, speed and pitch.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from heapq import nlargest
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from core.candidates import Candidates
from core.constellation import Cells, Peaks
from core.index import Track
from core.params import Params
from core.presence import REACH, Field
from core.spectrogram import band_hertz
from core.warps import CENTS_PER_OCTAVE

PRIOR_PEAKS = 3.0  # added to the number of peaks, so that a few that agree by chance are not much

SHIFTS, OFFSETS = 3, 2 * REACH + 1  # bands and frames by which a candidate is moved, as many to either side
QUICK_STEP, CLOSE_STEP = 2, 1  # frames from an offset that is tried to the next
QUICK_SPEEDS, CLOSE_SPEEDS = np.ones(1), np.array([0.992, 1.0, 1.008])  # of the candidate's speed
CLOSE_LOOKS = 12  # candidates, the best by a quick look, that are tried at all offsets and speeds
FINE_STEPS = (  # offsets (frames), speeds (of the candidate's), cents: one after the other
    (np.arange(-1.0, 1.1, 0.25), 1.0 + np.arange(-0.012, 0.0121, 0.002), (0.0,)),
    (np.zeros(1), np.ones(1), tuple(range(-24, 25, 4))),
    (np.arange(-0.5, 0.6, 0.125), 1.0 + np.arange(-0.002, 0.0021, 0.0005), (0.0,)),
)

WARP_COST = 1.0  # fit taken from a candidate at another speed or pitch: there are many of them, and few records are played so
ODD_COST = 1.0  # and more from one whose pitch has nothing to do with its speed
PLAIN_SPEED = 0.012  # up to which a speed counts as the reference's
PLAIN_CENTS = 25.0
PAST_SHARE = 0.4  # of the fit expected of the last seconds that a candidate which still plays has at least, give or take
HEARD_SHARE = 0.25  # of a candidate's mean presence, that a stretch in which it is heard has at least; talk over it leaves more
RIVALS = 5  # wrong candidates that the best is compared with
RIVAL_FIT = 3.0  # that a rival has at least: what chance does where the library is small
TAIL_START = 0.09  # of the lead of the best wrong candidate: P(lead > x) = exp(-(x - start) / scale), fitted on wrong tracks
TAIL_SCALE = 0.263
EVEN_BITS = 6.5  # bits at which a guess is as likely right as wrong
CONFIDENCE_SLOPE = 1.8  # natural log odds a bit
MOST_BITS = 60.0  # more says no more
MOST_CONFIDENCE = 0.9999  # nothing measured here justifies more
CLAIM_CONFIDENCE = 0.99  # a guess at least this sure is a claim
TWIN_SHARE = 0.65  # of a track's peaks that another has at the same places, from which on both hold the same recording
TWIN_REACH = 1  # frames and bands by which those may differ

JUDGED = np.dtype(
    [
        ("track", "<u4"),
        ("place", "<f4"),
        ("speed", "<f4"),
        ("pitch", "<f4"),
        ("fit", "<f4"),
        ("peaks", "<i4"),
        ("recent", "<f4"),
    ]
)
"""A candidate where it fits best. fit: standard deviations over chance; peaks: how many of the reference's were looked for;
recent: the fit of the shortest window, less the least that the whole makes one expect there."""

Judged = NDArray[np.void]


@dataclass(frozen=True)
class Guess:
    """What may be playing."""

    track: Track
    twins: tuple[Track, ...]  # other tracks that hold the same recording; the first few of them
    confidence: float  # probability that this recording is what is heard
    bits: float  # -log2 of the chance that the best of all wrong candidates looks this good
    position: float  # seconds into the track now
    offset: float  # track time at query time 0, seconds
    speed: float  # heard tempo / reference tempo
    pitch_cents: float  # heard pitch against the reference
    twin_ids: frozenset[int] = frozenset()  # the ids of all twins that are known
    first_heard: float = 0.0  # seconds into the sound: since when it is heard, as far as what is judged goes back,
    last_heard: float = 0.0  # and until when; of the best guess only

    def at(self, elapsed: float) -> "Guess":
        """The same with the position that the track has when `elapsed` seconds were heard."""
        return replace(self, position=self.offset + self.speed * elapsed)

    def to_json(self) -> dict[str, Any]:
        return {
            "track": self.track.to_json(),
            "twins": [t.to_json() for t in self.twins],
            "twins_total": len(self.twin_ids),
            "confidence": round(self.confidence, 6),
            "bits": round(self.bits, 2),
            "position": round(self.position, 3),
            "offset": round(self.offset, 3),
            "speed": round(self.speed, 5),
            "pitch_cents": round(self.pitch_cents, 1),
        }


def judge(
    candidates: Candidates, cells: Cells, edges: NDArray[np.int64], field: Field, now: int, windows: NDArray[np.int32], params: Params
) -> Judged:
    """Lays each candidate's constellation over the field, in each of the last `windows` frames (ascending), and keeps what fits best.

    candidates: CANDIDATE [n]; cells: those of each one's track around the field, from number edges[i] up to edges[i + 1].
    Returns JUDGED [n].
    """
    out = np.zeros(len(candidates), JUDGED)
    frame, band = _laid_out(candidates, cells, edges, params)
    all_of_them = np.arange(len(candidates))
    heard = (frame, band, edges, candidates["speed"], field.by_band, field.sounding, field.end - now, windows, field.variance)
    found = _coarse(all_of_them, *heard, QUICK_SPEEDS, QUICK_STEP)
    best = np.argsort(-found[:, 0], kind="stable")[:CLOSE_LOOKS]
    found[best] = _coarse(best, *heard, CLOSE_SPEEDS, CLOSE_STEP)
    out["track"] = candidates["track"]
    out["peaks"] = found[:, 1]
    out["speed"] = candidates["speed"] * found[:, 3]
    out["place"] = candidates["place"] - found[:, 2] * out["speed"]
    out["pitch"] = candidates["pitch"] + found[:, 4] * _cents_a_band(params)
    out["fit"] = found[:, 0] - warp_cost(out)
    expected = found[:, 0] * np.sqrt(found[:, 6] / np.maximum(found[:, 1], 1.0))
    out["recent"] = found[:, 5] - PAST_SHARE * expected
    return out


def warp_cost(judged: Judged) -> NDArray[np.float32]:
    """Fit taken from each for its speed and pitch: nothing at the reference's own; less where only one of them is changed, or both as by
    a record that turns faster, than where they have nothing to do with each other."""
    same_speed, same_pitch = np.abs(judged["speed"] - 1.0) <= PLAIN_SPEED, np.abs(judged["pitch"]) <= PLAIN_CENTS
    record = np.abs(judged["pitch"] - CENTS_PER_OCTAVE * np.log2(np.maximum(judged["speed"], 0.5))) <= PLAIN_CENTS
    warped = WARP_COST * ~(same_speed & same_pitch) + ODD_COST * ~(same_speed | same_pitch | record)
    return np.asarray(warped, np.float32)


def refine(judged: Any, peaks: Peaks, field: Field, now: int, window: int, params: Params) -> None:
    """Moves one JUDGED row to where it fits best on a fine grid of place, speed and pitch, between the cells of the field.

    peaks: PEAK [k] of its track around the field; window: frames before `now` that count.
    """
    frame = peaks["frame"].astype(np.float32)
    for offsets, speeds, cents in FINE_STEPS:
        place, speed, pitch = float(judged["place"]), float(judged["speed"]), float(judged["pitch"])
        bands = np.array([heard_bands(params, pitch + c)[peaks["band"]] for c in cents], np.float32)
        i, j, k = _fine(frame - np.float32(place), bands, field.presence, field.end - now, window, speed * speeds, offsets)
        judged["speed"] = speed * speeds[j]
        judged["place"] = place - offsets[i] * judged["speed"]
        judged["pitch"] = pitch + cents[k]


def heard_span(candidate: Any, cells: Cells, field: Field, now: int, params: Params) -> tuple[int, int]:
    """The query frames in which a JUDGED row is heard, (first, last + 1); (now, now) where it is nowhere.

    That is the stretch with the largest sum of presence over its peaks, each less a share of their mean; frames without sound cost nothing.
    cells: u32 [k] of its track around the field.
    """
    row = np.rint(((cells >> np.uint32(8)) - candidate["place"]) / candidate["speed"]).astype(np.int64) + now - field.first
    band = np.rint(heard_bands(params, float(candidate["pitch"]))[cells & np.uint32(255)]).astype(np.int64)
    inside = (row >= 0) & (row < now - field.first) & (band >= 0) & (band < params.n_mels)
    presence = field.presence[row[inside], band[inside]]
    if presence.sum() <= 0:
        return now, now
    total = np.concatenate([[0.0], np.cumsum(presence - HEARD_SHARE * presence.mean() * (presence != 0))])
    last = int(np.argmax(total))
    first = int(np.argmin(total[: last + 1]))
    rows = row[inside] + field.first
    return (int(rows[first]), int(rows[last - 1]) + 1) if first < last else (now, now)


def lead_bits(fit: float, rivals: Iterable[float]) -> float:
    """-log2 of the chance that the best of all wrong candidates leads its rivals as this one does.

    rivals: the fits of all candidates of other tracks. They are all wrong if this one is right, and there are more and better ones the
    larger the library and the more a query sounds like everything: what chance does is measured on the query itself. Chance fits spread
    with their size, so the lead is counted in square roots of it.
    """
    best = nlargest(RIVALS, [*rivals, *[RIVAL_FIT] * RIVALS])
    chance = (best[0] + sum(best) / RIVALS) / 2
    lead = (fit - chance) / math.sqrt(chance)
    return (lead - TAIL_START) / (TAIL_SCALE * math.log(2.0))


def confidences(bits: Sequence[float]) -> list[float]:
    """The calibrated probability of each guess to be right, given that at most one is; what they leave to 1 is for none of them."""
    odds = np.exp(CONFIDENCE_SLOPE * (np.minimum(bits, MOST_BITS) - EVEN_BITS))
    return [float(o) for o in MOST_CONFIDENCE * odds / (1.0 + odds.sum())]


CLAIM_BITS = EVEN_BITS + float(np.log(CLAIM_CONFIDENCE / (MOST_CONFIDENCE - CLAIM_CONFIDENCE))) / CONFIDENCE_SLOPE


def same_recording(peaks: Peaks, other: Peaks, shift: float) -> bool:
    """Whether `other` has at least `TWIN_SHARE` of the peaks, `shift` frames later. PEAK [k] each, of the same stretch."""
    cells, others = ((p["frame"].astype(np.uint32) << np.uint32(8)) | p["band"] for p in (peaks, other))
    return bool(same_recordings(cells, others, np.array([0, len(others)]), np.array([shift]))[0])


def same_recordings(
    cells: Cells, others: Cells, edges: NDArray[np.int64], shifts: NDArray[Any], share: float = TWIN_SHARE, steps: Sequence[int] = (0,)
) -> NDArray[np.bool_]:
    """The same for many others at once: bool [n].

    cells, others: u32 [k]; edges: the number of each other's first cell, int64 [n + 1]; shifts: frames, [n]; share: of the cells that is
    asked for; steps: frames by which a shift may be off, tried one by one.
    """
    found = np.zeros(len(shifts), bool)
    for step in steps:
        _find_same(cells, others, edges, np.rint(shifts).astype(np.int64) + step, share, found)
    return found


@njit(cache=True, nogil=True)
def _find_same(cells, others, edges, shifts, share, found):  # type: ignore[no-untyped-def]
    """Sets `found` for each other, where it is not set yet, of which a cell lies beside at least this share of the cells."""
    for k in range(len(shifts)):
        if found[k]:
            continue
        at = np.full(2 * TWIN_REACH + 1, edges[k])  # the first of the others not below each row of what is looked for: cells ascend
        count = 0
        for i in range(len(cells)):
            frame, band = np.int64(cells[i] >> np.uint32(8)) + shifts[k], np.int64(cells[i] & np.uint32(255))
            low, high = max(band - TWIN_REACH, 0), min(band + TWIN_REACH, 255)
            is_near = False
            for near in range(2 * TWIN_REACH + 1):
                row = (frame + near - TWIN_REACH) << 8
                while at[near] < edges[k + 1] and np.int64(others[at[near]]) < row + low:
                    at[near] += 1
                is_near |= at[near] < edges[k + 1] and np.int64(others[at[near]]) <= row + high
            count += is_near
        found[k] = len(cells) > 0 and count >= share * len(cells)


def _laid_out(
    candidates: Candidates, cells: Cells, edges: NDArray[np.int64], params: Params
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """All candidates' peaks in one row: track frames after the candidate's place, and the bands nearest to where they are heard."""
    pitches, which = np.unique(candidates["pitch"], return_inverse=True)
    heard = np.array([heard_bands(params, float(pitch)) for pitch in pitches], np.float32).reshape(len(pitches), params.n_mels)
    frame, band = _lay_out(cells, edges, candidates["place"], which, np.floor(heard + 0.5).astype(np.int32))
    return frame, band


@lru_cache(maxsize=512)
def heard_bands(params: Params, cents: float) -> NDArray[np.float32]:
    """For each band, where it is heard when the pitch is `cents` higher, float32 [n_mels], bands; far outside when it leaves the range."""
    hertz = band_hertz(params)
    heard = np.interp(hertz * 2.0 ** (cents / CENTS_PER_OCTAVE), hertz, np.arange(len(hertz)), left=-99.0, right=len(hertz) + 99.0)
    return np.asarray(heard, np.float32)


def _cents_a_band(params: Params) -> float:
    """Cents from a band to the next, in the middle of the range and above, where mel is logarithmic."""
    hertz = band_hertz(params)
    middle = len(hertz) // 2
    return float(CENTS_PER_OCTAVE * np.log2(hertz[middle + 1] / hertz[middle]))


@njit(cache=True, nogil=True)
def _lay_out(cells, edges, places, which, heard):  # type: ignore[no-untyped-def]
    frame, band = np.empty(len(cells), np.float32), np.empty(len(cells), np.int32)
    for c in range(len(places)):
        for i in range(edges[c], edges[c + 1]):
            frame[i] = np.float32(cells[i] >> np.uint32(8)) - places[c]
            band[i] = heard[which[c], cells[i] & np.uint32(255)]
    return frame, band


@njit(cache=True, nogil=True)
def _coarse(which, frame, band, edges, own_speeds, by_band, sounding, ahead, windows, variance, speeds, step):  # type: ignore[no-untyped-def]
    """For each candidate in `which` the best (fit, peaks, offset, speed ratio, shift) over the speeds, the windows, and shifts of some
    frames and of a band, and there the (fit, peaks) of the shortest window: float64 [n, 7].

    frame: track frames after the candidate's place, ascending; band: as heard; sounding: whether there is sound in each frame: without
    sound no peak is missing; ahead: frames of the field that lie after `now`.
    """
    bands, frames = by_band.shape[0], by_band.shape[1] - 2 * REACH
    out = np.zeros((len(which), 7), np.float64)
    sums, recent = np.zeros((SHIFTS, OFFSETS), np.float32), np.zeros((SHIFTS, OFFSETS), np.float32)
    outside = np.zeros(OFFSETS, np.int64)  # of the peaks counted, those that an offset moves out of the field
    to_row = np.float32(frames - ahead + 0.5)
    for row in range(len(which)):
        c = which[row]
        best = -99.0
        for speed in speeds:
            slowness = np.float32(1.0 / (own_speeds[c] * speed))
            n, w, recent_n = 0, 0, 0
            sums[:], outside[:] = 0.0, 0
            for i in range(edges[c + 1] - 1, edges[c] - 2, -1):
                at = frame[i] * slowness + to_row if i >= edges[c] else np.float32(-1.0)
                t = np.int32(at) if at >= 0 else -1
                while w < len(windows) and (t < 0 or t < frames - windows[w]):
                    for offset in range(0, OFFSETS, step):
                        scale = np.float32(1.0 / np.sqrt((n - outside[offset] + PRIOR_PEAKS) * variance))
                        for shift in range(SHIFTS):
                            fit = sums[shift, offset] * scale
                            if w == 0:
                                recent[shift, offset], recent_n = fit, n
                            if fit > best:
                                best = fit
                                out[row, 0], out[row, 1], out[row, 2], out[row, 3] = best, n, offset - REACH, speed
                                out[row, 4], out[row, 5], out[row, 6] = shift - SHIFTS // 2, recent[shift, offset], recent_n
                    w += 1
                if t < 0 or w == len(windows):
                    break
                b = band[i]
                if t < frames and sounding[t] and b >= 1 and b < bands - 1:
                    for shift in range(SHIFTS):
                        beside = by_band[b - SHIFTS // 2 + shift, t : t + OFFSETS]
                        for offset in range(0, OFFSETS, step):
                            sums[shift, offset] += beside[offset]
                    n += 1
                    if t < REACH or t >= frames - REACH:
                        for offset in range(0, OFFSETS, step):
                            outside[offset] += not 0 <= t + offset - REACH < frames
    return out


@njit(cache=True, nogil=True, fastmath=True)
def _fine(frame, bands, presence, ahead, window, speeds, offsets):  # type: ignore[no-untyped-def]
    """The numbers of the offset, speed and row of `bands` [m, k] with the largest sum of presence, interpolated between cells."""
    frames, n_bands = presence.shape
    now, first = np.float32(frames - ahead), np.float32(max(frames - window, 0))
    lower, share, base = np.empty(len(frame), np.int32), np.empty(len(frame), np.float32), np.empty(len(frame), np.float32)
    best, best_i, best_j, best_k = np.float32(-1e9), 0, 0, 0
    for k in range(bands.shape[0]):
        for p in range(len(frame)):
            band = bands[k, p]
            lower[p] = np.int32(band) if 0 <= band < n_bands - 1 else -1
            share[p] = band - lower[p]
        for j in range(len(speeds)):
            slowness = np.float32(1.0 / speeds[j])
            for p in range(len(frame)):
                base[p] = frame[p] * slowness + now
            for i in range(len(offsets)):
                total, offset = np.float32(0.0), np.float32(offsets[i])
                for p in range(len(frame)):
                    t, b = base[p] + offset, lower[p]
                    if b < 0 or t < first or t >= frames - 1:
                        continue
                    t0, y = np.int32(t), share[p]
                    x = t - t0
                    before = presence[t0, b] + (presence[t0, b + 1] - presence[t0, b]) * y
                    after = presence[t0 + 1, b] + (presence[t0 + 1, b + 1] - presence[t0 + 1, b]) * y
                    total += before + (after - before) * x
                if total > best:
                    best, best_i, best_j, best_k = total, i, j, k
    return best_i, best_j, best_k
