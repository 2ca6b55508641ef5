"""What a look-up expects of each hash: which table holds, what it says, and that it comes back from its file."""

import numpy as np
import pytest

from core import worth
from core.hashes import KINDS, PAIRS, TRIPLES
from core.warps import DECOYS, PITCHES, PLAIN, RECORD_SPEEDS, TEMPOS, Warp
from core.worth import REACH, Worth, dump, load, situation

SITUATIONS = {worth.PLAIN, worth.RECORD, worth.TEMPO, worth.PITCH}
every_table = pytest.mark.parametrize("table", load().values(), ids=[f"{name} {kind.name}" for name, kind in load()])


def test_a_warp_tells_the_situation():
    assert situation(PLAIN) == worth.PLAIN
    assert {situation(Warp.record(speed)) for speed in RECORD_SPEEDS} == {worth.RECORD}
    assert {situation(Warp(tempo, 0.0)) for tempo in TEMPOS} == {worth.TEMPO}
    assert {situation(Warp(1.0, cents)) for cents in PITCHES} == {worth.PITCH}
    assert {situation(warp) for warp in DECOYS} == {worth.PITCH}


def test_the_worth_of_a_hash_is_a_product_of_factors():
    """Of the logarithms the sum; beyond the last value that was fitted, the last holds."""
    table = Worth.of([np.array([-1.0, -2.0, -4.0]), np.array([0.5, 0.25]), np.array([0.0])], [0], np.zeros((1, REACH + 1)))
    traits = np.array([[0, 0, 0], [1, 1, 0], [2, 1, 9], [200, 255, 7]], np.uint8)
    assert table.of_hashes(traits).tolist() == [-0.5, -1.75, -3.75, -3.75]
    assert table.of_hashes(traits[:0]).tolist() == []


def test_tables_come_back(tmp_path, monkeypatch):
    tables = {
        (name, kind.number): Worth.of(
            [np.array([-1.2344, -2.0]), *[np.array([0.001])] * (2 * kind.peaks - 2)],
            [0, kind.moved([1] * kind.peaks), -5],
            np.array([[-1.0, -2.0, -3.4567]] * 3),
        )
        for name in SITUATIONS
        for kind in KINDS
    }
    dump(tables, tmp_path / "worth.json")
    monkeypatch.setattr(worth, "WORTH_FILE", tmp_path / "worth.json")
    again = load.__wrapped__()
    assert {(name, kind.number) for name, kind in again} == set(tables)
    for (name, kind), table in again.items():
        before = tables[name, kind.number]
        np.testing.assert_array_equal(table.moves, before.moves)
        for field in ("traits", "chances"):
            np.testing.assert_allclose(getattr(table, field), getattr(before, field), atol=0.0006)
            assert getattr(table, field).dtype == np.float32


def test_there_is_a_table_for_each_situation_and_kind():
    assert set(load()) == {(name, kind) for name in SITUATIONS for kind in KINDS}
    for (_, kind), table in load().items():
        assert len(table.traits) == 2 * kind.peaks - 1  # each peak's rank, and how many stronger partners each earlier one has
        assert table.chances.shape == (len(table.moves), REACH + 1)
        assert 0 in table.moves
        assert len(set(table.moves.tolist())) == len(table.moves) < 128
        assert np.isfinite(table.traits).all()


@every_table
def test_the_longest_reach_is_worth_least(table):
    """Of each move, what the last frame of reach adds is less likely than what is nearer."""
    assert np.all(table.chances[:, -1] < table.chances[:, :-1].max(axis=1))


@every_table
def test_no_move_is_as_likely_as_none(table):
    none = table.chances.max(axis=1)[table.moves == 0]
    assert np.all(table.chances.max(axis=1)[table.moves != 0] <= none)


@every_table
def test_strong_peaks_are_worth_more_than_weak_ones(table):
    """By the rank of the latest peak, and by how many partners are stronger than each."""
    kind = next(kind for (_, kind), other in load().items() if other is table)
    of_rank = table.traits[0]
    assert of_rank[:5].mean() > of_rank[15:20].mean() > of_rank[30:].mean()
    for of_order in table.traits[kind.peaks :]:
        assert of_order[0] > of_order[3] > of_order[-1]


def test_what_was_moved_is_worth_less_than_what_was_not():
    strong = {kind: np.zeros((1, 2 * kind.peaks - 1), np.uint8) for kind in (PAIRS, TRIPLES)}

    def chance(name, kind):
        table = load()[name, kind]
        return float(table.of_hashes(strong[kind])[0] + table.chances[table.moves == 0].max())

    for kind in KINDS:
        assert chance(worth.PLAIN, kind) > max(chance(name, kind) for name in SITUATIONS - {worth.PLAIN})
