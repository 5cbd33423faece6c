"""Takes a table in: batch by batch into the books, resumable, with a file of what was rejected."""

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.contacts.model import Books, Entry
from gateway.intake.checkpoint import Checkpoint, Progressed
from gateway.intake.columns import RowReader, Taken
from gateway.intake.table import Fault, Row, Source

BATCH: Final = 5_000
"""entries to a transaction"""
LISTED: Final = 200_000
"""subjects of a plain list to one call, which is fastest with many"""

Told = Callable[[int, int], None]
"""(bytes read, bytes in all)."""


class Rejects:
    """A CSV of line numbers and reasons, made when there is the first; no value of a line is in it."""

    def __init__(self, path: Path | None, *, goes_on: bool) -> None:
        self._path = path
        self._goes_on = goes_on
        self._waiting: list[tuple[int, str]] = []
        self.reasons: Counter[str] = Counter()

    def add(self, line: int, reason: str) -> None:
        """Note one; it is written by `flush`."""
        self.reasons[reason] += 1
        if self._path is not None:
            self._waiting.append((line, reason))
            if len(self._waiting) > LISTED:
                self.flush()

    def flush(self) -> None:
        """Write what waits, before a checkpoint counts it. Raises OSError."""
        if self._path is None or not self._waiting:
            return
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if self._goes_on else os.O_TRUNC)
        with os.fdopen(os.open(self._path, flags, 0o600), "w", encoding="utf-8", newline="") as file:
            write = csv.writer(file)
            if not self._goes_on:
                write.writerow(("line", "reason"))
            write.writerows(self._waiting)
        self._waiting, self._goes_on = [], True


@dataclass(slots=True)
class Counts:
    """What became of a file's rows; `new` are entries that were not there yet."""

    rows: int = 0
    entries: int = 0
    new: int = 0
    links: int = 0
    rejected: int = 0
    resumed: int = 0
    """Line behind which this run began; 0 at the start."""
    reasons: dict[str, int] = field(default_factory=dict)


class Import:
    """One run over one file. `books` None: a dry run, which only counts."""

    def __init__(
        self,
        books: Books | None,
        tenant: str,
        read: RowReader,
        checkpoint: Checkpoint,
        file: str,
        rejects: Rejects,
    ) -> None:
        self._books = books
        self._tenant = tenant
        self._read = read
        self._checkpoint = checkpoint
        self._rejects = rejects
        self._at = Progressed(file)
        self._subjects: list[str] = []
        self._entries: list[Entry] = []
        self._pairs: list[tuple[str, str]] = []
        self.counts = Counts()

    def resume(self, at: Progressed, source: Source) -> None:
        """Go on behind what an earlier run took in."""
        self._at = at
        counts = self.counts
        counts.rows, counts.new, counts.rejected, counts.resumed = at.rows, at.new, at.rejected, at.line
        source.skip(at.line)

    def run(self, source: Source, rows: Iterator[Row], told: Told) -> Counts:
        """Take in what is left of the rows. Raises StoreError, PayloadError, OSError."""
        counts, read, before = self.counts, self._read.read, source.line
        for line, cells in rows:
            if counts.rows % BATCH == 0:
                told(source.position, source.size)
                # a batch ends before this row: its lines are known to be behind the batch's
                if self._full():
                    self._flush(before)
            before = source.line
            counts.rows += 1
            taken = cells if isinstance(cells, Fault) else read(cells)
            if isinstance(taken, str):
                self._subjects.append(taken)
            elif isinstance(taken, Taken):
                self._entries += taken.entries
                self._pairs += taken.pairs
            else:
                counts.rejected += 1
                self._rejects.add(line, taken.reason)
        self._flush(before)
        if self._books is not None:
            self._checkpoint.clear()
        told(source.size, source.size)
        counts.reasons = dict(self._rejects.reasons.most_common())
        return counts

    def _full(self) -> bool:
        return bool(self._entries) or self.counts.rows - self._at.rows >= LISTED

    def _flush(self, line: int) -> None:
        """Enter what waits, then note that all up to this line was."""
        counts = self.counts
        counts.entries += len(self._entries) + len(self._subjects)
        counts.links += len(self._pairs)
        if self._books is not None:
            counts.new += self._enter(self._books)
        self._rejects.flush()
        if self._books is not None:
            self._at = Progressed(self._at.file, line, counts.rows, counts.new, counts.rejected)
            self._checkpoint.write(self._at)
        else:
            self._at = Progressed(self._at.file, 0, counts.rows)
        self._subjects, self._entries, self._pairs = [], [], []

    def _enter(self, books: Books) -> int:
        new = 0
        if self._pairs:
            books.link(self._tenant, self._pairs)
        if self._entries:
            new += books.enter(self._tenant, self._entries)
        if self._subjects:
            new += books.suppress_many(self._tenant, self._subjects, self._read.template)
        return new
