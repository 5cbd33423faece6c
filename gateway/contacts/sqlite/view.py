"""A read transaction that is kept over many lookups: to take and give back its locks costs a tenth of one.

It is kept no longer than nothing is committed, so that a lookup in it sees what one by itself would see, and
a log of writes that has grown is read without it: whoever holds a part of the log keeps it from beginning
anew.
"""

import contextlib
import sqlite3
from typing import Final

from gateway.contacts.sqlite.watch import Watch

FRAMES: Final = 1000
"""pages in the write-ahead log beyond which none is kept: with so many it is carried into the file"""


class View:
    """Of one connection, whose own word is taken for whether one is kept. Raises sqlite3.Error.

    One that cannot be ended is tried again by the next lookup, which fails until it is: nobody reads in it.
    """

    __slots__ = ("_connection", "_watch")

    def __init__(self, connection: sqlite3.Connection, watch: Watch) -> None:
        self._connection = connection
        self._watch = watch

    def keep(self) -> None:
        """From the next statement on, unless commits go unnoticed, or the log has grown."""
        frames = self._watch.frames
        if frames is not None and frames <= FRAMES and not self._connection.in_transaction:
            self._connection.execute("BEGIN")

    def end(self) -> None:
        """No longer."""
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")

    def drop(self) -> None:
        """No longer, whatever went wrong."""
        with contextlib.suppress(sqlite3.Error):
            self.end()
