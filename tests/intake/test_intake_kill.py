"""An importer that is killed at any moment: what it had entered stays, and the next run makes it whole."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.contacts.sqlite import SqliteBooks
from gateway.intake import importing
from gateway.intake.checkpoint import Checkpoint
from gateway.intake.table import digest
from tests.architecture import ROOT
from tests.intake.intakes import LIST, NAMED, T, take, written

ROWS = 3_000
DYING = """
import os, signal, sys
from pathlib import Path
from gateway.contacts.sqlite import SqliteBooks
from gateway.intake import importing
from gateway.intake.checkpoint import Checkpoint
from tests.intake.intakes import take

importing.BATCH = importing.LISTED = 100
calls = int(sys.argv[3])


def dying(name):
    def around(real):
        def call(*args, **named):
            global calls
            calls -= 1
            if calls == 0 and name == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            found = real(*args, **named)
            if calls == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return found
        return call
    return around


SqliteBooks.suppress_many = dying(sys.argv[4])(SqliteBooks.suppress_many)
Checkpoint.write = dying(sys.argv[4])(Checkpoint.write)
take(SqliteBooks(Path(sys.argv[2])), Path(sys.argv[1]))
"""


@pytest.mark.parametrize(("calls", "when"), [(1, "after"), (2, "before"), (17, "after"), (38, "before")])
def test_a_killed_import_is_made_whole_by_the_next(
    tmp_path: Path, calls: int, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "phone\n" + "".join(f"+336{n:08d}\n" for n in range(ROWS)))
    state = tmp_path / "state.db"
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(path), str(state), str(calls), when],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    books = SqliteBooks(state)
    entered = len(list(books.entries(T)))
    counted = Checkpoint(tmp_path / "imports", T, LIST.batch).read(digest(path))
    assert counted.rows <= entered < ROWS, "a checkpoint never leads"
    monkeypatch.setattr(importing, "BATCH", 100)
    counts = take(books, path)
    assert (counts.rows, counts.resumed) == (ROWS, counted.line)
    assert {entry.subject for entry in books.entries(T)} == {
        NAMED("phone", f"+336{n:08d}") for n in range(ROWS)
    }
    assert len(list(books.entries(T))) == ROWS
    books.close()
