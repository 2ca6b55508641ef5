"""Which tracks changed when, so that who has read them all need not do so again: (revision, track) in a database of the index.

A revision is the number of the transaction that wrote it. As `segments` does, this takes lmdb's transactions and does not import it.
"""

import struct
from typing import Any

KEPT_REVISIONS = 4096  # whose changes are remembered: a bound for what is stored, and for what is worth catching up with
ENTRY = struct.Struct(">QQ")  # revision, track


class Changes:
    """The database `db`."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def note(self, txn: Any, track_id: int) -> None:
        """Remembers that this transaction adds, alters or removes the track; forgets what is too long ago."""
        txn.put(ENTRY.pack(txn.id(), track_id), b"", db=self._db)
        cursor = txn.cursor(db=self._db)
        while cursor.first() and ENTRY.unpack(cursor.key())[0] <= txn.id() - KEPT_REVISIONS:
            cursor.delete()

    def since(self, txn: Any, revision: int) -> set[int] | None:
        """The tracks that changed after `revision`, as this transaction sees it; None when that is not remembered."""
        if revision < txn.id() - KEPT_REVISIONS:
            return None
        cursor = txn.cursor(db=self._db)
        found = cursor.set_range(ENTRY.pack(revision + 1, 0))
        return {ENTRY.unpack(key)[1] for key in cursor.iternext(values=False)} if found else set()
