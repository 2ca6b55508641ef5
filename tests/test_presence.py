"""Where something is: what the network is given of each cell, what it makes of it, and what it has learned."""

import numpy as np
import pytest
from hearing import clip, fingerprint, white_noise

from core import presence
from core.constellation import SILENT_LEVEL
from core.presence import FEATURES, NETWORK, SURROUNDINGS, Field, Heard, Network, features


@pytest.fixture(scope="module")
def levels():
    return fingerprint(clip(0, 3, 4))[1]


def slow_surroundings(loudness, t, b, frames, bands):
    """The mean loudness of the cells around one, without itself; cells beyond the edges are as loud as usual."""
    (first, last), (near, far) = frames, bands
    beside = {sign * away for away in range(near, far + 1) for sign in (1, -1)}
    cells = [(t + step, b + away) for step in range(first, last + 1) for away in beside]
    cells = [cell for cell in cells if cell != (t, b)] or cells
    inside = [loudness[i, j] for i, j in cells if 0 <= i < len(loudness) and 0 <= j < loudness.shape[1]]
    return sum(inside) / len(cells)


@pytest.mark.parametrize(("t", "b"), [(60, 100), (0, 0), (3, 254), (1, 2)])
def test_surroundings_are_means_of_cells(levels, t, b):
    sounding = np.ones(len(levels), bool)
    _, loudness = presence._loud(levels, sounding, presence.Usual.of(levels, sounding))
    given = features(levels)[t, :, b]
    expected = [slow_surroundings(loudness, t, b, *cells) for cells in SURROUNDINGS]
    np.testing.assert_allclose(given[:-1], expected, atol=1e-5)


def test_a_level_is_taken_against_its_band_and_its_frame(levels):
    units = np.maximum(levels, presence.QUIETEST).astype(float)
    spread = units.std(axis=0) + presence.SPREAD_FLOOR
    above = units.mean(axis=1) - units.mean()
    expected = (units - units.mean(axis=0) - above[:, None]) / spread
    np.testing.assert_allclose(features(levels)[:, -1], expected, atol=1e-4)


def test_presence_is_what_the_network_says(levels):
    given = features(levels)
    hidden = np.maximum(np.einsum("hf,tfb->thb", NETWORK.inner, given) + NETWORK.bias[:, None], 0)
    said = np.clip(np.einsum("h,thb->tb", NETWORK.outer, hidden), -presence.MOST_PRESENCE, presence.MOST_PRESENCE)
    field = Field.of(levels, 7)
    np.testing.assert_allclose(field.presence, said - said.mean(), atol=1e-3)
    assert field.variance == pytest.approx(said.var() + presence.VARIANCE_FLOOR, rel=1e-3)
    assert (field.first, field.end) == (7, 7 + len(levels))


def test_frames_that_come_later_are_judged_as_if_all_came_at_once(levels):
    """While little is new, what is usual stays what it was; what a whole window says then differs little."""
    heard = Heard(levels.shape[1])
    for size in (presence.SETTLED, 5, 10, 12):
        end = len(heard.levels) + size
        heard.feed(levels[end - size : end])
        field, whole = heard.field(end), Field.of(levels[:end], 0)
        assert field.presence.shape == whole.presence.shape
        assert np.corrcoef(field.presence.ravel(), whole.presence.ravel())[0, 1] > 0.95


def test_frames_of_a_full_window_are_judged_once(levels):
    """Though what is usual is taken anew: the frames of both windows say the same, but for the windows' own means."""
    size, step = presence.SETTLED, presence.SETTLED // 3
    heard = Heard(levels.shape[1])
    heard.feed(levels[:size])
    before = heard.field(size).presence[step : size - presence.AROUND]
    heard.feed(levels[size : size + step] // 2)
    heard.forget(step)
    after = heard.field(size + step).presence[: len(before)]
    np.testing.assert_allclose(after - after.mean(), before - before.mean(), atol=1e-4)


def test_silence_says_nothing(levels):
    silent = np.full_like(levels, SILENT_LEVEL)
    assert not Field.of(silent, 0).presence.any()
    field = Field.of(np.concatenate([levels, silent]), 0)
    assert not field.presence[len(levels) :].any()
    assert field.presence[: len(levels)].any()


def test_it_has_learned_that_an_onset_is_a_peak_and_a_long_note_is_none():
    """In noise: a short tone is present where it is, more than a tone that lasts, and more than all that is around it."""
    levels = (np.random.default_rng(0).normal(0, 12, (300, 256))).astype(np.int8)
    levels[150:154, 120] = 60
    levels[:, 200] += 40
    field = Field.of(levels, 0)
    tone = field.presence[150:154, 120].max()
    assert tone > 2.5 * field.presence.std()
    assert tone > 2 * field.presence[100:200, 200].mean()
    assert tone > field.presence[150:154, 110:116].max() + field.presence.std()


def test_peaks_of_the_music_are_more_present_than_other_cells():
    peaks, levels = fingerprint(clip(1, 5, 6))
    noisy = fingerprint(clip(1, 5, 6) + 0.1 * white_noise(6))[1]
    for heard in (levels, noisy):
        field = Field.of(heard, 0)
        strong = peaks[peaks["rank"] < 8]
        assert field.presence[strong["frame"], strong["band"]].mean() > 2 * np.sqrt(field.variance)


def test_a_network_comes_back_from_its_file(tmp_path):
    rng = np.random.default_rng(0)
    network = Network(*(rng.normal(size=shape).astype(np.float32) for shape in ((4, FEATURES), 4, 4)))
    network.dump(tmp_path / "network.json")
    again = Network.load(tmp_path / "network.json")
    for name in ("inner", "bias", "outer"):
        np.testing.assert_allclose(getattr(again, name), getattr(network, name), atol=1e-4)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_network_is_fitted_to_what_it_is_shown():
    fit_presence = pytest.importorskip("benchmarks.fit_presence")
    rng = np.random.default_rng(1)
    right, wrong = rng.normal(size=(2, 2000, FEATURES)).astype(np.float32)
    right[:, 0] += 2
    network = fit_presence.fit(right, wrong, 8)
    said = [np.maximum(cells @ network.inner.T + network.bias, 0) @ network.outer for cells in (right, wrong)]
    assert said[0].mean() > said[1].mean() + 2
