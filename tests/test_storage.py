"""LMDB on disks that are full or damaged: a clear error, nothing lost, and it works again when there is room."""

import collections
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from core.errors import StorageError
from core.index import Index
from core.storage import LOCK_BYTES, Storage
from tests.disks import fill, full_disk, grow
from tests.test_index import heard, songs

ROOT = Path(__file__).parent.parent
NAMES = ("one", "two")
NOBODY = 65_534  # a user id that owns nothing


def test_what_is_written_is_read(tmp_path):
    storage = Storage(tmp_path / "index", NAMES, readonly=False)
    before = storage.revision
    with storage.write() as txn:
        txn.put(b"key", b"value", db=storage.db["one"])
    with storage.read() as txn:
        assert bytes(txn.get(b"key", db=storage.db["one"])) == b"value"
    assert storage.revision == before + 1
    assert storage.bytes == (tmp_path / "index" / "data.mdb").stat().st_size
    storage.close()


def test_a_database_that_is_missing_has_no_handle(tmp_path):
    Storage(tmp_path / "index", NAMES[:1], readonly=False).close()
    storage = Storage(tmp_path / "index", NAMES, readonly=True)
    assert list(storage.db) == ["one"]
    storage.close()


def test_a_damaged_file_is_said(tmp_path):
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "data.mdb").write_bytes(b"nonsense" * 10_000)
    with pytest.raises(StorageError, match="backup in its place"):
        Storage(tmp_path / "index", NAMES, readonly=True)


@contextmanager
def another_user():
    """Root may write anywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("readonly", [True, False])
def test_an_index_of_somebody_else_is_said(readonly):
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        Storage(Path(folder) / "index", NAMES, readonly=False).close()
        for file in (Path(folder) / "index").iterdir():
            file.chmod(0o444)
        with another_user(), pytest.raises(StorageError, match="whose library it is"):
            Storage(Path(folder) / "index", NAMES, readonly=readonly)


def test_a_copy_is_made_while_it_is_written(tmp_path):
    (tmp_path / "copy").mkdir()
    with Index(tmp_path / "index") as index:
        index.add(songs(1))
        with index._storage.write():
            index._storage.copy(tmp_path / "copy")
    with Index(tmp_path / "copy") as copied:
        assert heard(copied, 1) == [1]


def test_the_table_of_readers_has_its_room_from_the_start(tmp_path):
    """LMDB maps it: a page for which the disk has no room would kill the process."""
    Storage(tmp_path / "index", NAMES, readonly=False).close()
    assert (tmp_path / "index" / "lock.mdb").stat().st_blocks * 512 >= LOCK_BYTES


def opened_by_another(folder):
    code = f"from core.index import Index; Index({str(folder)!r})"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_opening_on_a_full_disk_is_an_error_and_no_crash(tmp_path):
    with full_disk(tmp_path / "disk", 1 << 20) as disk:
        fill(disk)
        done = opened_by_another(disk / "index")
        assert done.returncode == 1
        assert "StorageError: " in done.stderr
        assert "make room on its disk" in done.stderr
        (disk / "filling").unlink()
        assert opened_by_another(disk / "index").returncode == 0
        (disk / "index" / "lock.mdb").unlink()  # as after a backup was put in its place
        fill(disk)
        assert opened_by_another(disk / "index").returncode == 1


def test_a_disk_that_fills_up_loses_nothing(tmp_path):
    with full_disk(tmp_path / "disk", 3 << 20) as disk, Index(disk / "index") as index:
        with pytest.raises(StorageError, match="make room on its disk"):
            collections.deque(index.add(songs(seed)) for seed in range(1, 1000))
        count = index.tracks().total
        assert 20 < count < 1000
        some = [*range(1, count, 9), count]
        assert [heard(index, seed) for seed in some] == [[seed] for seed in some]
        assert list(index.check()) == []
        grow(disk, 20 << 20)
        assert index.add(songs(5000))[0][0].id == count + 1
        assert [heard(index, seed) for seed in (1, count, 5000)] == [[1], [count], [count + 1]]
