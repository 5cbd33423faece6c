"""The benchmark of links asks about whom it linked: in the log, and once they are moved."""

from pathlib import Path

import pytest

from benchmarks import linking
from gateway.contacts.sqlite import SqliteBooks


def test_it_looks_up_whom_it_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking, "BOUND", 200)
    figures = linking.measured(tmp_path / "state.db", 250)
    assert len(figures["move_us_per_link"]) == 3  # type: ignore[arg-type]  # a list
    books = SqliteBooks(tmp_path / "state.db", create=False)
    links = list(books.links(linking.TENANT))
    assert len(links) == 500
    told = books.standings(linking.TENANT, [links[0][0], links[0][1], "nobody"])
    assert [standing.linked for standing in told] == [True, True, False]
    books.close()
