"""One person is read by one statement, and stands as they would among others."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contacts.compact import pack, unpack
from gateway.contacts.model import Act, Entry
from gateway.contacts.sqlite import SqliteBooks, SqliteRegistry
from gateway.contacts.sqlite import single as singles
from tests.contacts.conftest import T, moved, suppressed
from tests.contract.conftest import plain
from tests.contract.memory import Memory


def _name(*names: object) -> str:
    return unpack(repr(names).encode().ljust(16, b"-")[:16])


RECORDS = [_name("r", n) for n in range(4)]
OTHERS = [*(_name("m", n) for n in range(5)), "text"]
EVERYBODY = [*RECORDS, *OTHERS, "stranger"]
Link = tuple[str, str]
Said = tuple[str, Act, int]
LINK = st.tuples(st.sampled_from(RECORDS), st.sampled_from([*OTHERS, RECORDS[0]]))
LINKS = st.lists(LINK, max_size=8)
ACTS: Sequence[Act] = ("suppressed", "lifted", "granted", "withdrawn", "objected", "restricted", "erased")
SAID = st.tuples(st.sampled_from(EVERYBODY), st.sampled_from(ACTS), st.integers(1, 3))
LISTED = Entry(id="list", subject="", act="suppressed", at=2.0, channel="call", source="list")


def test_one_stands_as_among_others(books: SqliteBooks) -> None:
    tenants = itertools.count()

    @settings(max_examples=60, deadline=None)
    @given(LINKS, LINKS, st.sets(st.sampled_from(EVERYBODY)), st.lists(SAID, max_size=9))
    def agree(index: list[Link], log: list[Link], listed: set[str], said: list[Said]) -> None:
        tenant, model = str(next(tenants)), Memory()
        entries = [
            Entry(id=f"e{n}", subject=who, act=act, at=float(at), channel="sms", source=str(n))
            for n, (who, act, at) in enumerate(said)
        ]
        for store in (books, model):
            store.suppress_many(tenant, sorted(listed), LISTED)
            store.enter(tenant, entries)
            store.link(tenant, index)
        moved(books)
        for store in (books, model):
            store.link(tenant, log)
        truth, together = model.standings(tenant, EVERYBODY), books.standings(tenant, EVERYBODY)
        for each, *told in zip(EVERYBODY, truth, together, strict=True):
            (alone,) = books.standings(tenant, [each])
            assert [plain(alone)] * 2 == [plain(standing) for standing in told]
            assert alone.linked == told[1].linked

    agree()


def _statements(registry: SqliteRegistry, one: str) -> int:
    seen: list[str] = []
    registry._connection.set_trace_callback(seen.append)
    registry.standings(T, [one])
    registry._connection.set_trace_callback(None)
    return sum(text.startswith(("SELECT", "WITH")) for text in seen)


@pytest.mark.parametrize("place", ["index", "log", "both"])
def test_one_statement_is_enough(registry: SqliteRegistry, books: SqliteBooks, place: str) -> None:
    books.suppress_many(T, [_name("m", 0), _name("on the list")], LISTED)
    links = [(_name("r", n), _name(kind, n)) for n in range(3) for kind in ("m", "p")]
    books.link(T, links)
    if place != "log":
        moved(books)
    if place == "both":
        books.link(T, links)
    registry.standings(T, [_name("on the list")])
    assert [_statements(registry, _name(*who)) for who in itertools.product("rmp", range(3))] == [1] * 9
    assert registry.standings(T, [_name("p", 0)])[0].suppressions


def test_what_linked_ones_said_is_read_apart_and_of_many_in_steps(
    registry: SqliteRegistry, books: SqliteBooks
) -> None:
    books.link(T, [("record", "mail"), ("record", "phone")])
    moved(books)
    books.enter(T, [suppressed(0, "phone")])
    registry.standings(T, ["somebody"])
    assert _statements(registry, "mail") == 2
    books.enter(T, [suppressed(n, "phone", source=str(n)) for n in range(1, singles.APART + 2)])
    registry.standings(T, ["somebody"])
    assert _statements(registry, "mail") == 2
    single = registry._people._single
    assert single.person(1, pack("mail")) is None and single.person(1, pack("phone")) is not None
    assert len(registry.standings(T, ["mail"])[0].suppressions) == 1


def test_whom_a_record_names_in_the_log_alone_counts_for_one_in_the_index(
    registry: SqliteRegistry, books: SqliteBooks
) -> None:
    books.link(T, [("record", "mail")])
    moved(books)
    books.link(T, [("record", "phone")])
    books.enter(T, [suppressed(1, "phone")])
    assert registry.standings(T, ["mail"])[0].suppressions
    assert registry.standings(T, ["record"])[0].suppressions
