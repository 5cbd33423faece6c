"""What every store owes a person with several identifiers: what forbids counts for all of them."""

import pytest

from gateway.contacts.grounds import CROWDED, SUPPRESSED, forbidden
from gateway.contacts.ledger import LINKED, LOOKED, fold, joined
from gateway.contacts.model import UNKNOWN, Books, Entry
from tests.contract.conftest import Opened, T, one, plain, run, settled, soon, suppressed

MAIL, PHONE, RECORD, OTHER = "mail", "phone", "record", "other record"


def granted(subject: str) -> Entry:
    return Entry(id=f"g{subject}", subject=subject, act="granted", at=1.0, purpose="marketing")


def counts(books: Books, subject: str) -> dict[str, object]:
    return plain(books.standings(T, [subject])[0])


def test_pairs_are_kept_once(books: Books) -> None:
    books.link(T, [(RECORD, MAIL), (RECORD, MAIL)])
    books.link(T, [(RECORD, MAIL), (RECORD, PHONE)])
    books.link(T, [])
    assert sorted(books.links(T)) == [(RECORD, MAIL), (RECORD, PHONE)]
    assert list(books.links("other")) == []


def test_who_counts_for_whom(books: Books) -> None:
    books.link(T, [(RECORD, MAIL), (RECORD, PHONE), (OTHER, MAIL), (OTHER, "work")])
    linked = {subject: sorted(books.linked(T, subject)) for subject in (MAIL, PHONE, RECORD, OTHER, "nobody")}
    assert linked == {
        MAIL: sorted([OTHER, PHONE, RECORD, "work"]),
        PHONE: sorted([RECORD, MAIL]),
        RECORD: sorted([MAIL, PHONE]),
        OTHER: sorted([MAIL, "work"]),
        "nobody": [],
    }


def test_a_standing_tells_whether_there_are_links(books: Books) -> None:
    books.link(T, [(RECORD, MAIL)])
    assert [s.linked for s in books.standings(T, [RECORD, MAIL, PHONE])] == [True, True, False]
    books.link(T, [(RECORD, PHONE)])
    assert [s.linked for s in books.standings(T, [RECORD, MAIL, PHONE])] == [True, True, True]


def test_what_forbids_counts_from_near_and_far(books: Books) -> None:
    books.link(T, [(RECORD, MAIL), (RECORD, PHONE)])
    stop = suppressed(1, PHONE, source="stop")
    books.enter(T, [stop, Entry(id="o", subject=PHONE, act="objected", at=1.0)])
    for subject in (PHONE, RECORD, MAIL):
        assert counts(books, subject)["suppressions"] == frozenset(fold([stop]).suppressions)
        assert "objections" in counts(books, subject)
    assert counts(books, OTHER) == {}
    books.link(T, [(OTHER, MAIL)])
    assert counts(books, OTHER) == {}


def test_what_allows_counts_from_nearby_alone(books: Books) -> None:
    books.link(T, [(RECORD, MAIL), (RECORD, PHONE)])
    books.enter(T, [granted(PHONE), Entry(id="c", subject=PHONE, act="customer", at=1.0)])
    assert set(counts(books, PHONE)) == set(counts(books, RECORD)) == {"consents", "customer"}
    assert counts(books, MAIL) == {}
    books.enter(T, [granted(RECORD)])
    assert set(counts(books, MAIL)) == {"consents"}


def test_a_person_is_joined_from_its_parts(books: Books) -> None:
    books.link(T, [(RECORD, MAIL), (RECORD, PHONE), (OTHER, PHONE), (OTHER, "work")])
    for number, subject in enumerate((MAIL, PHONE, RECORD, OTHER, "work")):
        books.enter(T, [suppressed(number, subject, source=subject), granted(subject)])
        books.enter(T, [Entry(id=f"r{number}", subject=subject, act="restricted", at=1.0, purpose=None)])
    own = {s: fold(books.history(T, s)) for s in (MAIL, PHONE, RECORD, OTHER, "work")}
    assert counts(books, PHONE) == plain(
        joined(own[PHONE], [own[RECORD], own[OTHER]], [own[MAIL], own["work"]])
    )
    assert counts(books, MAIL) == plain(joined(own[MAIL], [own[RECORD]], [own[PHONE]]))
    assert counts(books, RECORD) == plain(joined(own[RECORD], [own[MAIL], own[PHONE]]))


@pytest.mark.parametrize("forbids", ["before", "after"])
def test_a_link_takes_effect_on_standings_that_were_asked_for(
    store: Opened, books: Books, forbids: str
) -> None:
    async def asked() -> None:
        ledger, worker = store.ledger(), store.ledger()
        assert await settled(ledger.standings(T, [MAIL, PHONE, RECORD])) == [UNKNOWN] * 3
        if forbids == "before":
            await settled(worker.enter(T, [suppressed(1, PHONE)]))
        ledger.link(T, [(RECORD, MAIL)])
        worker.link(T, [(RECORD, PHONE), (RECORD, PHONE)])
        worker.link(T, [(RECORD, PHONE)])
        if forbids == "after":
            await soon(ledger, MAIL, lambda _: len(books.linked(T, MAIL)) == 2)
            await settled(worker.enter(T, [suppressed(1, PHONE)]))
        for subject in (MAIL, RECORD, PHONE):
            for by in (ledger, worker):
                await soon(by, subject, lambda standing: bool(standing.suppressions))
        lifting = Entry(id="l", subject=PHONE, act="lifted", at=2.0)
        await settled(ledger.enter(T, [lifting]))
        for subject in (MAIL, RECORD, PHONE):
            await soon(worker, subject, lambda standing: not standing.suppressions)
            assert not (await one(ledger, subject)).suppressions

    run(asked)


def test_links_are_kept_when_the_worker_ends(store: Opened, books: Books) -> None:
    async def linked() -> None:
        ledger = store.ledger()
        ledger.link(T, [(RECORD, f"i{number}") for number in range(40)])
        ledger.close()

    run(linked)
    assert len(list(books.links(T))) == 40


@pytest.mark.parametrize("side", [0, 1], ids=["a record of many", "an identifier of many"])
def test_of_one_with_too_many_links_only_what_forbids_is_told(store: Opened, books: Books, side: int) -> None:
    others = [f"o{number}" for number in range(LINKED + 1)]
    pairs = [("hub", other) if side == 0 else (other, "hub") for other in others]
    forbidding = [suppressed(1, "hub"), Entry(id="w", subject="hub", act="withdrawn", at=1.0, channel="sms")]
    books.enter(T, [granted("hub"), Entry(id="c", subject="hub", act="customer", at=1.0), *forbidding])
    books.link(T, pairs[:LINKED])
    assert len(books.linked(T, "hub")) == LINKED
    assert set(counts(books, "hub")) == {"suppressions", "consents", "customer"}
    books.link(T, pairs)

    async def asked() -> None:
        standings = await settled(store.ledger().standings(T, ["hub", "stranger"]))
        assert [plain(s) for s in standings] == [plain(fold(forbidding)), {}]

    run(asked)
    assert counts(books, "hub") == plain(fold(forbidding))


def test_too_many_far_links_count_too(books: Books) -> None:
    books.enter(T, [granted(MAIL)])
    books.link(T, [(RECORD, MAIL), *((RECORD, f"o{number}") for number in range(LINKED + 1))])
    assert counts(books, MAIL) == {}
    assert set(counts(books, "stranger")) == set()


@pytest.mark.parametrize("side", [0, 1], ids=["a record of many", "an identifier of many"])
def test_the_no_of_the_last_one_that_is_looked_at_is_seen(books: Books, side: int) -> None:
    others = [f"o{number:04}" for number in range(LOOKED)]
    books.link(T, [("hub", other) if side == 0 else (other, "hub") for other in others])
    assert len(books.linked(T, "hub")) == LOOKED
    # Stores look in an order of their own: each of these is the last in some.
    for last in (others[-1], others[0], others[LINKED]):
        books.enter(T, [suppressed(last, last, source=last)])
    standing, other = books.standings(T, ["hub", others[-1]])
    assert {each.source for each in standing.suppressions} == {others[-1], others[0], others[LINKED]}
    assert not standing.crowded and not other.crowded
    assert forbidden(standing, "call", ()) == SUPPRESSED


@pytest.mark.parametrize("side", [0, 1], ids=["a record of many", "an identifier of many"])
def test_whose_links_cannot_all_be_looked_at_is_reached_by_nobody(
    store: Opened, books: Books, side: int
) -> None:
    others = [f"o{number:04}" for number in range(LOOKED + 1)]
    books.link(T, [("hub", other) if side == 0 else (other, "hub") for other in others])

    async def asked() -> None:
        ledger = store.ledger()
        (alone,) = await settled(ledger.standings(T, ["hub"]))
        listed, stranger = await settled(store.ledger().standings(T, ["hub", "stranger"]))
        assert alone.crowded and listed.crowded and not stranger.crowded
        assert forbidden(alone, "email", ("essential",)) == CROWDED

    run(asked)
