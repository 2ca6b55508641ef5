"""LMDB as the index uses it: one environment a process, transactions, and what can be wrong with a disk. Nothing else imports lmdb."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import lmdb

from core.disk import MAP_SIZE, check_address_space, sync
from core.errors import StorageError

MAX_READERS = 512  # threads that read at a time, of all processes
LOCK_BYTES = 9 * 4096  # of the table that so many readers need: 64 bytes each, and a header
DAMAGE = (lmdb.CorruptedError, lmdb.InvalidError, lmdb.PageNotFoundError, lmdb.PanicError, lmdb.VersionMismatchError)
ADVICE = "make room on its disk, then try again"
NO_ROOM = (lmdb.DiskError, lmdb.MapFullError)


class Storage:
    """The LMDB environment in the folder `path`, made if it is not there, with the databases `names`. Raises StorageError.

    `db` are the handles of the databases; a database that is not there has none, which only an environment of another layout lacks.
    """

    def __init__(self, path: Path, names: Sequence[str], *, readonly: bool) -> None:
        self.path = path
        with self._faults():
            path.mkdir(parents=True, exist_ok=True)
            _allocate_lock(path / "lock.mdb", readonly)
            self.env = _open(path, len(names), readonly)
            try:
                self.env.reader_check()  # entries of processes that were killed would keep old pages from being reused
                self.db = self._open_databases(names, readonly)
            except BaseException:
                self.env.close()
                raise

    def _open_databases(self, names: Sequence[str], readonly: bool) -> dict[str, Any]:
        db = {}
        for name in names:
            with suppress(lmdb.NotFoundError):
                db[name] = self.env.open_db(name.encode(), create=not readonly)
        return db

    @contextmanager
    def read(self) -> Iterator[Any]:
        """A transaction that sees the state of this moment. What it gives is valid as long as it is open."""
        with self._faults(), self.env.begin(buffers=True) as txn:
            yield txn

    @contextmanager
    def write(self) -> Iterator[Any]:
        """A transaction for writing: all of it happens, or nothing. What it reads is valid until it writes."""
        with self._faults(), self.env.begin(write=True, buffers=True) as txn:
            yield txn

    def copy(self, folder: Path) -> None:
        """Writes a consistent, compact copy into an empty folder, whoever reads or writes meanwhile."""
        with self._faults():
            self.env.copy(str(folder), compact=True)
            sync(folder / "data.mdb")

    @property
    def revision(self) -> int:
        """Grows whenever anything was written, by whichever process."""
        return int(self.env.info()["last_txnid"])

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return int((self.env.info()["last_pgno"] + 1) * self.env.stat()["psize"])

    def close(self) -> None:
        self.env.close()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Tells what is wrong with the disk from what is wrong with us. LMDB calls a write that was cut short an input/output error."""
        try:
            yield
        except DAMAGE as error:
            raise StorageError(f"the index in {self.path} is damaged ({error}): put a backup in its place") from error
        except lmdb.Error as error:
            if isinstance(error, NO_ROOM) or os.strerror(errno.EIO) in str(error):
                raise StorageError(f"the index in {self.path} cannot be written ({error}): {ADVICE}") from error
            if os.strerror(errno.EROFS) in str(error):
                raise StorageError(f"the index in {self.path} cannot be changed: its file system may only be read") from error
            raise


def _open(path: Path, names: int, readonly: bool) -> Any:
    check_address_space()
    try:
        return lmdb.open(str(path), map_size=MAP_SIZE, max_dbs=names, max_readers=MAX_READERS, readonly=readonly)
    except lmdb.ReadonlyError as error:  # who only reads has to write into the table of readers, too
        raise StorageError(f"the index in {path} may not be opened: do this as the user whose library it is") from error


def _allocate_lock(path: Path, readonly: bool) -> None:
    """Takes the room of the table of readers now: LMDB maps it into memory, and to find no room then would kill the process.

    What has its room is left alone, for to close a file is to lose the locks that this process may hold on it.
    """
    if path.exists() and path.stat().st_blocks * 512 >= LOCK_BYTES:
        return
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.posix_fallocate(handle, 0, LOCK_BYTES)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"the index in {path.parent} cannot be opened ({error.strerror}): {ADVICE}") from error
        if not readonly:
            raise
