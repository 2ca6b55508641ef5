"""Which track the file at a path belongs to: (hash of the path) -> track, in a database of the index.

As `segments` does, this takes lmdb's transactions and does not import it.
"""

import hashlib
import os
from typing import Any

from core.segments import key, number


class Paths:
    """The database `db`; None in an index of an older version that was opened to be read."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def holder(self, txn: Any, path: str) -> int | None:
        """Return the id of the track whose file this is, None where there is none."""
        row = txn.get(_key(path), db=self._db) if self._db is not None else None
        return None if row is None else number(row)

    def claim(self, txn: Any, path: str, track_id: int) -> int | None:
        """Make this the path of a track. Returns the id of the other track that had it, None where no other had. No path is no claim."""
        if not path:
            return None
        holder = self.holder(txn, path)
        txn.put(_key(path), key(track_id), db=self._db)
        return None if holder == track_id else holder

    def release(self, txn: Any, path: str, track_id: int) -> None:
        """Forget the path, unless another track has it by now."""
        if self.holder(txn, path) == track_id:
            txn.delete(_key(path), db=self._db)


def _key(path: str) -> bytes:
    """Return a key of 32 bytes: LMDB's may have 511, and a path more."""
    return hashlib.sha256(os.fsencode(path)).digest()
