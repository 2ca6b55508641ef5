"""Which tracks changed since a revision."""

import lmdb
import pytest

from core.changes import Changes


@pytest.fixture
def env(tmp_path):
    with lmdb.open(str(tmp_path), max_dbs=1) as env:
        yield env


@pytest.fixture
def changes(env):
    return Changes(env.open_db(b"changes"))


def change(env, changes, *ids):
    """Returns the revision that this makes."""
    with env.begin(write=True) as txn:
        for track_id in ids:
            changes.note(txn, track_id)
        return txn.id()


def since(env, changes, revision):
    with env.begin() as txn:
        return changes.since(txn, revision)


def test_what_changed_after_a_revision(env, changes):
    first, second, third = (change(env, changes, *ids) for ids in ((1, 2), (2, 3), (2**63,)))
    assert since(env, changes, first - 1) == {1, 2, 3, 2**63}
    assert since(env, changes, first) == {2, 3, 2**63}
    assert since(env, changes, second) == {2**63}
    assert since(env, changes, third) == set()


def test_what_is_long_ago_is_forgotten(env, changes, monkeypatch):
    monkeypatch.setattr("core.changes.KEPT_REVISIONS", 3)
    revisions = [change(env, changes, track_id) for track_id in range(1, 9)]
    assert since(env, changes, revisions[-4]) == {6, 7, 8}
    assert since(env, changes, revisions[-5]) is None
    with env.begin() as txn:
        assert txn.stat(env.open_db(b"changes", txn))["entries"] == 3
