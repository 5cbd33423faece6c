"""Registries in files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.contacts.model import Entry, Standing
from gateway.contacts.sqlite import SqliteBooks, SqliteRegistry
from gateway.contacts.sqlite.fold import folding

T = "tenant"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def books(path: Path) -> Iterator[SqliteBooks]:
    store = SqliteBooks(path)
    yield store
    store.close()


def moved(books: SqliteBooks) -> None:
    """Have all links moved to where they are looked up."""
    for _ in folding(books._connection):
        pass


def suppressed(number: int | str = 1, subject: str = "p", at: float = 1.0, source: str = "cli") -> Entry:
    return Entry(id=f"s{number}", subject=subject, act="suppressed", at=at, source=source)


def lifted(number: int = 1, subject: str = "p", at: float = 2.0) -> Entry:
    return Entry(id=f"l{number}", subject=subject, act="lifted", at=at)


@pytest.fixture(params=["mapped", "pragma"])
def registry(path: Path, request: pytest.FixtureRequest) -> Iterator[SqliteRegistry]:
    """Both ways of noticing a commit: the mapped index, and where there is none, the pragma."""
    store = SqliteRegistry(path)
    assert store._watch._index is not None
    if request.param == "pragma":
        store._watch._index = None
    yield store
    store.close()


def one(store: SqliteRegistry, pseudonym: str = "p", tenant: str = T) -> Standing:
    (standing,) = store.standings(tenant, [pseudonym])
    return standing
