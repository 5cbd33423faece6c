"""What every store owes its tools: lists, histories, an order that stays, and an end."""

import itertools

import pytest
from msgspec.structs import replace

from gateway.contacts.model import Books, Entry
from gateway.errors import StoreError
from tests.contract.conftest import Opened, T, one, run, settled, suppressed

TEMPLATE = Entry(id="bloctel/2026-11", subject="", act="suppressed", at=5.0, channel="call", source="bloctel")


def _pseudonyms(count: int, first: int = 0) -> list[str]:
    return [f"{number:021d}A" for number in range(first, first + count)]


def test_a_list_is_suppressed_once(books: Books) -> None:
    people = [*_pseudonyms(2500), "plain", "x" * 300]
    assert books.suppress_many(T, people, TEMPLATE) == 2502
    assert books.suppress_many(T, [*people[::-1], "new", "new"], TEMPLATE) == 1
    assert books.suppress_many(T, [], TEMPLATE) == 0
    for person in (people[0], people[2499], "plain", "new"):
        wanted = replace(TEMPLATE, id=f"bloctel/2026-11:{person}", subject=person)
        assert books.history(T, person) == [wanted]
        assert [s.source for s in books.standings(T, [person])[0].suppressions] == ["bloctel"]
    assert len({entry.id for entry in books.entries(T)}) == 2503


def test_a_list_and_its_entries_are_the_same(books: Books) -> None:
    people = _pseudonyms(10)
    single = [replace(TEMPLATE, id=f"bloctel/2026-11:{person}", subject=person) for person in people]
    assert books.enter(T, single[:5]) == 5
    assert books.suppress_many(T, people, TEMPLATE) == 5
    assert books.enter(T, single) == 0
    assert books.suppress_many(T, people, replace(TEMPLATE, id="tps")) == 10
    assert [entry.id for entry in books.history(T, people[7])] == [single[7].id, f"tps:{people[7]}"]


def test_a_list_that_makes_no_sense_is_refused(books: Books) -> None:
    for wrong in ({"act": "maybe"}, {"at": float("nan")}):
        with pytest.raises(StoreError):
            books.suppress_many(T, ["p"], replace(TEMPLATE, **wrong))
    with pytest.raises(StoreError):
        books.suppress_many(T, ["p", ""], TEMPLATE)
    assert list(books.entries(T)) == []


def test_entries_are_gone_through_in_one_order(books: Books) -> None:
    added = [suppressed(number, f"p{number % 7}") for number in range(300)]
    for part in itertools.batched(added, 70):
        books.enter(T, part)
        books.enter("other", part[:3])
    everything = list(books.entries(T))
    assert everything == list(books.entries(T))
    assert {entry.id for entry in everything} == {entry.id for entry in added}
    for reached in (0, 1, 150, 299):
        assert list(books.entries(T, everything[reached].id)) == everything[reached + 1 :]


def test_entries_added_meanwhile_disturb_nobody(books: Books) -> None:
    books.enter(T, [suppressed(number) for number in range(20)])
    before = list(books.entries(T))
    under_way = books.entries(T)
    first = [next(under_way) for _ in range(5)]
    books.enter(T, [suppressed(number) for number in range(20, 40)])
    rest = list(under_way)
    assert [entry for entry in first + rest if entry in before] == before
    now = list(books.entries(T))
    assert [entry for entry in now if entry in before] == before
    assert {entry.id for entry in books.entries(T, before[-1].id)} >= {
        entry.id for entry in now[now.index(before[-1]) + 1 :]
    }


def test_after_an_id_that_is_not_there_is_an_error(books: Books) -> None:
    books.enter(T, [suppressed()])
    for absent in ("s2", "x:AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODw"):
        with pytest.raises(StoreError):
            list(books.entries(T, absent))
    assert list(books.entries(T, "s1")) == []


def test_a_history_is_the_subjects_own_and_in_order(books: Books) -> None:
    mine = [suppressed(number, at=float(9 - number)) for number in range(8)]
    for entry in mine:
        books.enter(T, [entry, replace(entry, id=f"q{entry.id}", subject="q")])
    books.link(T, [("p", "q")])
    assert books.history(T, "p") == mine


def test_what_was_written_is_there_when_opened_again(store: Opened) -> None:
    books = store.books()
    books.enter(T, [suppressed()])
    books.link(T, [("r", "p")])
    again = store.books()
    assert again.history(T, "p") == [suppressed()]
    assert list(again.links(T)) == [("r", "p")]


def test_a_closed_store_does_not_answer(store: Opened) -> None:
    if store.kind == "memory":
        return

    async def asked() -> None:
        ledger = store.ledger()
        await one(ledger)
        await settled(ledger.enter(T, [suppressed()]))
        ledger.close()
        ledger.close()
        assert not ledger.ready()
        with pytest.raises(StoreError):
            await one(ledger)
        with pytest.raises(StoreError):
            await settled(ledger.enter(T, [suppressed(2)]))
        with pytest.raises(StoreError):
            await settled(ledger.reserve(T, [], 1.0))

    run(asked)
    books = store.books()
    books.close()
    books.close()
    for asked_of in (
        lambda: books.enter(T, [suppressed(2)]),
        lambda: books.standings(T, ["p"]),
        lambda: books.history(T, "p"),
        lambda: list(books.entries(T)),
        lambda: books.link(T, [("r", "p")]),
    ):
        with pytest.raises(StoreError):
            asked_of()
