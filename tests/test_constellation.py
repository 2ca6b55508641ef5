"""Frames become peaks: compared with slow versions that do the obvious, in any split, and through packing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core import constellation
from core.constellation import (
    LEVELS_PER_DB,
    MAX_FRAME,
    MAX_PACKED_RANK,
    PEAK,
    SILENT_LEVEL,
    UNITS_PER_DB,
    Constellation,
    pack,
    reference,
    sounding_seconds,
    unpack,
    unpack_cells,
)
from core.params import Params
from core.spectrogram import SILENCE_DB

PARAMS = Params()
SMALL = replace(PARAMS, n_mels=16)


def some_frames(count, params=PARAMS, seed=0):
    """Frames like those of music: smooth, with sparks in them, and a silent stretch."""
    rng = np.random.default_rng(seed)
    frames = np.cumsum(rng.normal(0, 1, (count, params.n_mels)), axis=0) * 0.1 - 20 + 15 * (rng.random((count, params.n_mels)) < 0.05)
    frames[count // 2 : count // 2 + 5] = SILENCE_DB
    return np.maximum(frames, SILENCE_DB).astype(np.float32)


def units(frames):
    return np.rint((frames.astype(np.float64) - SILENCE_DB) * UNITS_PER_DB).astype(np.int32)


def in_blocks(frames, sizes, params):
    """(peaks, levels) of the frames, fed in blocks of these sizes in turn."""
    picker, peaks, levels, at = Constellation(params), [], [], 0
    while at < len(frames):
        for size in sizes:
            peaks.append(picker.feed(frames[at : at + size]))
            levels.append(picker.levels)
            at += size
    peaks.append(picker.feed(frames[:0], last=True))
    assert picker.upto == len(frames)
    return np.concatenate(peaks), np.concatenate([*levels, picker.levels])


def slow_white(block, params):
    """Each cell less the mean around it, float64 [t, n_mels], 1/32 dB."""
    out = np.empty(block.shape)
    for t in range(len(block)):
        around = block[max(t - params.mean_past, 0) : t + params.mean_ahead + 1].astype(np.float64)
        out[t] = block[t] - params.whiteness * around.mean(axis=0) - (1 - params.whiteness) * around.mean()
    return out


def slow_maxima(white, past, ahead, reach, floor):
    found = []
    for t, b in np.ndindex(white.shape):
        value = white[t, b]
        around = [
            (white[i, j], (i, j))
            for i in range(max(t - past, 0), min(t + ahead + 1, len(white)))
            for j in range(max(b - reach, 0), min(b + reach + 1, white.shape[1]))
        ]
        if value >= floor and all(other < value or (other == value and at >= (t, b)) for other, at in around):
            found.append((t, b, value))
    return np.array(found, np.int32).reshape(-1, 3)


def slow_ranks(frame, strength, past, ahead):
    return [
        sum(
            (strength[j] > strength[i] or (strength[j] == strength[i] and j < i)) and frame[i] - past <= frame[j] <= frame[i] + ahead
            for j in range(len(frame))
        )
        for i in range(len(frame))
    ]


def test_whitening_takes_the_mean_away():
    block = units(some_frames(120))
    white = constellation._whiten(block, 0, 0, len(block), PARAMS.mean_past, PARAMS.mean_ahead, PARAMS.whiteness)
    np.testing.assert_allclose(white, slow_white(block, PARAMS), atol=1)


def test_whitening_worked_by_hand():
    block = np.array([[0, 4], [2, 6], [40, 80]], np.int32)
    white = constellation._whiten(block, 0, 0, 2, 1, 1, 0.5)
    # frame 0: over frames 0 and 1 the bands' means are 1 and 5, of both 3; so 0 - .5 - 1.5 and 4 - 2.5 - 1.5
    # frame 1: over frames 0 to 2 they are 14 and 30, of both 22; so 2 - 7 - 11 and 6 - 15 - 11
    assert white.tolist() == [[-2, 0], [-16, -20]]


@given(arrays.arrays(np.int16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-2, 4)))
def test_maxima_are_those_of_the_slow_version(white):
    found = constellation._local_maxima(white, 0, 0, len(white), 2, 1, 2, 1)
    np.testing.assert_array_equal(found, slow_maxima(white, 2, 1, 2, 1))


def test_maxima_of_a_longer_sound():
    white = np.random.default_rng(1).normal(0, 300, (80, 40)).astype(np.int16)
    found = constellation._local_maxima(white, 0, 0, len(white), 5, 3, 3, 64)
    np.testing.assert_array_equal(found, slow_maxima(white, 5, 3, 3, 64))


def test_maxima_count_frames_from_the_start_of_the_sound():
    white = np.zeros((4, 5), np.int16)
    white[2, 3] = 9
    assert constellation._local_maxima(white, 100, 101, 104, 2, 1, 2, 1).tolist() == [[102, 3, 9]]
    assert constellation._local_maxima(white, 100, 103, 104, 2, 1, 2, 1).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9), st.integers(0, 3)), max_size=25), st.integers(0, 12), st.integers(0, 12))
def test_ranks_are_those_of_the_slow_version(points, now, until):
    waiting = np.array(sorted(points), np.int32).reshape(-1, 3)
    frame, band, strength = waiting.T
    ranks = np.array(slow_ranks(frame, strength, 3, 1), int)
    given_out = (now <= frame) & (frame < until) & (ranks < 2)
    peaks = np.empty(len(waiting), PEAK)
    count, kept = constellation._ranked(waiting, now, until, 3, 1, 2, peaks)
    for name, column in (("frame", frame), ("band", band), ("strength", strength), ("rank", ranks)):
        np.testing.assert_array_equal(peaks[name][:count], column[given_out])
    assert kept == np.count_nonzero(frame < until - 3)


def test_the_whole_chain_is_that_of_the_slow_version():
    params = replace(SMALL, rank_past=20, query_rank=3)
    frames = some_frames(90, params)
    peaks, levels = in_blocks(frames, [len(frames)], params)
    white = constellation._whiten(units(frames), 0, 0, len(frames), params.mean_past, params.mean_ahead, params.whiteness)
    slow = slow_maxima(white, params.peak_past, params.peak_ahead, params.peak_bands, params.peak_floor * UNITS_PER_DB)
    strengths = slow[:, 2] * LEVELS_PER_DB // UNITS_PER_DB
    ranks = np.array(slow_ranks(slow[:, 0], strengths, params.rank_past, params.rank_ahead))
    kept = ranks < params.query_rank
    assert 0 < kept.sum() < len(kept)
    for name, column in (("frame", slow[:, 0]), ("band", slow[:, 1]), ("strength", strengths), ("rank", ranks)):
        np.testing.assert_array_equal(peaks[name], column[kept])
    silent = units(frames) == 0
    assert np.all(levels[silent] == SILENT_LEVEL)
    np.testing.assert_array_equal(levels[~silent], np.clip(white >> 3, SILENT_LEVEL + 1, 127)[~silent])


@pytest.mark.parametrize("sizes", [[1], [2], [3], [7], [50], [1, 0, 40, 2]], ids=str)
def test_any_split_gives_the_same_to_the_bit(sizes):
    frames = some_frames(300)
    whole = in_blocks(frames, [300], PARAMS)
    assert len(whole[0]) > 100
    for one, other in zip(in_blocks(frames, sizes, PARAMS), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_decisions_are_local():
    """What comes later than the look-ahead changes nothing."""
    frames = some_frames(200)
    loud = frames.copy()
    loud[150:] += 30
    until = 150 - PARAMS.look_ahead
    one, other = (in_blocks(f, [200], PARAMS)[0] for f in (frames, loud))
    np.testing.assert_array_equal(one[one["frame"] < until], other[other["frame"] < until])


def test_peaks_come_as_soon_as_they_are_decided():
    picker = Constellation(PARAMS)
    picker.feed(some_frames(100))
    assert picker.upto == 100 - PARAMS.look_ahead


def test_silence_has_no_peaks():
    peaks, levels = in_blocks(np.full((100, PARAMS.n_mels), SILENCE_DB, np.float32), [30], PARAMS)
    assert len(peaks) == 0
    assert np.all(levels == SILENT_LEVEL)


def test_loudness_does_not_matter():
    frames = np.maximum(some_frames(200), -60)
    one, louder = (in_blocks(f, [200], PARAMS)[0] for f in (frames, frames + np.float32(12)))
    np.testing.assert_array_equal(one, louder)


def test_no_sound_at_all():
    peaks, levels = in_blocks(np.zeros((0, PARAMS.n_mels), np.float32), [1], PARAMS)
    assert (len(peaks), levels.shape) == (0, (0, PARAMS.n_mels))


def test_a_reference_keeps_its_strongest():
    peaks = np.zeros(4, PEAK)
    peaks["rank"] = [0, PARAMS.reference_rank - 1, PARAMS.reference_rank, 29]
    assert reference(peaks, PARAMS)["rank"].tolist() == [0, PARAMS.reference_rank - 1]


def test_sounding_seconds():
    peaks = np.zeros(3, PEAK)
    assert sounding_seconds(peaks[:0], PARAMS) == 0
    peaks["frame"] = [10, 12, 1000]  # 3 frames with sound between, then one with its surroundings
    reach = round(0.1 / PARAMS.frame_seconds)
    assert sounding_seconds(peaks, PARAMS) == pytest.approx((2 + 2 * reach + 1 + 1) * PARAMS.frame_seconds)


PEAKS = st.lists(
    st.tuples(st.integers(0, MAX_FRAME - 1), st.integers(0, 255), st.just(0), st.integers(0, MAX_PACKED_RANK)), unique_by=lambda p: p[:2]
)


@given(PEAKS, st.integers(-5, MAX_FRAME), st.integers(-5, MAX_FRAME))
def test_packing_round_trip(points, first, last):
    peaks = np.array(sorted(points), PEAK)
    packed = pack(peaks)
    assert len(packed) == -(-37 * len(peaks) // 8)
    np.testing.assert_array_equal(unpack(packed), peaks)
    within = peaks[(peaks["frame"] >= first) & (peaks["frame"] < last)]
    np.testing.assert_array_equal(unpack(memoryview(packed), first, last), within)
    cells = unpack_cells(packed, first, last)
    np.testing.assert_array_equal(cells, within["frame"].astype(np.uint32) << 8 | within["band"])


def test_packing_keeps_no_strengths_and_the_ranks_of_references():
    peaks = np.array([(3, 4, 50, 7), (5, 6, 70, 200)], PEAK)
    assert unpack(pack(peaks)).tolist() == [(3, 4, 0, 7), (5, 6, 0, MAX_PACKED_RANK)]
    assert PARAMS.reference_rank <= MAX_PACKED_RANK
