"""A registry from a file into Redis and back, broken off half way, and one that does not arrive whole."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.contacts.copying import BATCH, copy
from gateway.contacts.model import Books, Entry
from gateway.contacts.redis.books import RedisBooks
from gateway.contacts.redisaddress import Address, Shared
from gateway.contacts.sqlite import SqliteBooks
from gateway.errors import StoreError
from tests import redisserver

T = "acme"
PAIRS = [(f"r{n}", f"p{n}") for n in range(30)] + [("r0", "p1")]


@pytest.fixture
def shared() -> Iterator[Books]:
    server = redisserver.shared()
    with server.client() as client:
        client.flushall()
    books = RedisBooks(Shared(Address("single", (("127.0.0.1", server.port),)), timeout=redisserver.PATIENCE))
    yield books
    books.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Books]:
    books = SqliteBooks(tmp_path / "state.db")
    acts = ("suppressed", "lifted", "granted", "withdrawn", "zone")
    for start in range(0, 5000, 1000):
        books.enter(
            T,
            [
                Entry(
                    id=f"e{n}",
                    subject=f"p{n % 700}",
                    act=acts[n % 5],  # type: ignore[arg-type]  # a table of acts
                    at=float(n // 3),
                    until=1e9 if n % 7 == 0 else None,
                    channel="sms" if n % 2 else None,
                    detail="Europe/Paris" if n % 5 == 4 else "",
                    evidence="ab" if n % 11 == 0 else "",
                )
                for n in range(start, start + 1000)
            ],
        )
    books.link(T, PAIRS)
    yield books
    books.close()


def whole(books: Books) -> tuple[list[Entry], list[tuple[str, str]]]:
    return list(books.entries(T)), sorted(books.links(T))


def test_there_and_back(file: Books, shared: Books, tmp_path: Path) -> None:
    done: list[int] = []
    copied = copy(file, shared, T, done.append)
    assert (copied.entries, copied.new, copied.links) == (5000, 5000, len(PAIRS))
    assert sum(done) == 5000 + len(PAIRS)
    assert whole(shared) == whole(file)
    people = [f"p{n}" for n in range(700)] + [f"r{n}" for n in range(30)]
    assert shared.standings(T, people) == file.standings(T, people)
    again = SqliteBooks(tmp_path / "again.db")
    try:
        assert copy(shared, again, T, done.append).new == 5000
        assert whole(again) == whole(file)
    finally:
        again.close()


class Broken:
    """A target that takes so many batches and then no more, or loses an entry of each."""

    def __init__(self, books: Books, batches: int, lost: int = 0) -> None:
        self._books, self._batches, self._lost = books, batches, lost

    def enter(self, tenant: str, entries: Sequence[Entry]) -> int:
        if not self._batches:
            raise StoreError("registry_unavailable", "broken off")
        self._batches -= 1
        return self._books.enter(tenant, entries[self._lost :])

    def __getattr__(self, name: str) -> object:
        return getattr(self._books, name)


def test_what_was_broken_off_goes_on(file: Books, shared: Books) -> None:
    with pytest.raises(StoreError, match="broken off"):
        copy(file, Broken(shared, 1), T, lambda _: None)  # type: ignore[arg-type]  # by __getattr__
    assert len(list(shared.entries(T))) == BATCH
    assert copy(file, shared, T, lambda _: None).new == 5000 - BATCH
    assert copy(file, shared, T, lambda _: None).new == 0
    assert whole(shared) == whole(file)


def test_what_does_not_arrive_is_told(file: Books, shared: Books) -> None:
    with pytest.raises(StoreError, match="not every entry"):
        copy(file, Broken(shared, 9, lost=1), T, lambda _: None)  # type: ignore[arg-type]  # by __getattr__
    shared.enter("other", [Entry(id="e1", subject="p1", act="erased", at=1.0)])
    file.enter("other", [Entry(id="e1", subject="p1", act="suppressed", at=1.0)])
    with pytest.raises(StoreError, match="not every entry"):
        copy(file, shared, "other", lambda _: None)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "gw")]) == 0
    config = tmp_path / "gw" / "hushgate.yaml"
    (tmp_path / "gw" / "var").mkdir()
    tenants = sorted(file.stem for file in (tmp_path / "gw" / "rules").glob("*.yaml"))
    common = ["-c", str(config), "--tenant", tenants[0]]
    assert main(["contacts", "suppress", "+33612345678", *common, "--kind", "phone"]) == 0
    server = redisserver.shared()
    with server.client() as client:
        client.flushall()
    url = f"redis://127.0.0.1:{server.port}"
    capsys.readouterr()
    assert main(["contacts", "copy", "-c", str(config), "--to", url, "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["tenant"] for one in told] == tenants
    assert {"tenant": tenants[0], "entries": 1, "new": 1, "links": 0} in told
    back = f"sqlite://{tmp_path / 'back.db'}"
    text = config.read_text().splitlines()
    moved = [f"state: {url}" if line.startswith("state:") else line for line in text]
    other = config.with_name("moved.yaml")
    other.write_text("\n".join(moved))
    assert main(["contacts", "show", "+33612345678", "-c", str(other), *common[2:]]) == 0
    assert "suppressed" in capsys.readouterr().out
    assert main(["contacts", "copy", "-c", str(other), "--to", back]) == 0
    for wrong in ("redis://a,b", "redis://:secret@a"):
        assert main(["contacts", "copy", "-c", str(config), "--to", wrong]) != 0
    assert "secret" not in "".join(capsys.readouterr())
