"""What every store owes: entries are kept once, in order, and are what standings follow from."""

import asyncio
import hashlib
import itertools
from collections.abc import Sequence
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from gateway.contacts.ledger import fold
from gateway.contacts.model import UNKNOWN, Act, Books, Entry, Standing
from gateway.errors import StoreError
from gateway.model import Channel
from tests.contract.conftest import Opened, T, one, plain, run, settled, soon, suppressed

FULL = Entry(
    id="full",
    subject="AAECAwQFBgcICQoLDA0ODw",
    act="granted",
    at=1_700_000_000.25,
    channel="sms",
    purpose="marketing",
    sender="+33700000000",
    source="form",
    department="sales",
    text="v3",
    evidence="ab" * 32,
    detail="of two",
    until=1_800_000_000.5,
)
SUBJECTS = (
    "p",
    "AAECAwQFBgcICQoLDA0ODw",
    "AAECAwQFBgcICQoLDA0ODx",  # the same sixteen bytes to a careless decoder
    "AAECAwQFBgcICQoLDA0OD",
    "list:bloctel",
    "é – \N{GRINNING FACE}",
    "'; DROP TABLE ledger; --",
    "x" * 5000,
)


def test_nothing_is_known_of_a_stranger(store: Opened, books: Books) -> None:
    assert books.standings(T, []) == []
    assert books.standings(T, ["a", "b", "a"]) == [UNKNOWN] * 3
    assert not books.history(T, "a") and not books.linked(T, "a") and not list(books.entries(T))

    async def asked() -> None:
        ledger = store.ledger()
        assert await settled(ledger.standings(T, [])) == []
        assert ledger.ready()  # one that is shared has to be reached first
        assert await settled(ledger.standings(T, ["a", "b", "a"])) == [UNKNOWN] * 3

    run(asked)


def test_an_entry_is_kept_as_it_was_given(books: Books) -> None:
    bare = Entry(id="bare", subject=FULL.subject, act="lifted", at=0.0)
    assert books.enter(T, [FULL, bare]) == 2
    assert books.history(T, FULL.subject) == [FULL, bare]
    assert list(books.entries(T)) == [FULL, bare]


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("shape", ["{}", "list:{}", "{}:AAECAwQFBgcICQoLDA0ODw", "BBECAwQFBgcICQoLDA0ODw"])
def test_any_subject_and_id_is_found_again(books: Books, subject: str, shape: str) -> None:
    entry = replace(FULL, id=shape.format(subject), subject=subject)
    assert books.enter(T, [entry]) == 1
    assert books.enter(T, [entry]) == 0
    assert books.history(T, subject) == [entry] == list(books.entries(T))
    answers = books.standings(T, SUBJECTS)
    assert [a != UNKNOWN for a in answers] == [other == subject for other in SUBJECTS]


def test_an_id_is_added_once_whatever_it_says(books: Books) -> None:
    first, second = suppressed(1, source="a"), suppressed(1, "q", source="b")
    assert books.enter(T, [first, second, first]) == 1
    assert books.enter(T, [second, suppressed(2)]) == 1
    assert books.history(T, "q") == []
    assert list(books.entries(T)) == [first, suppressed(2)]


@pytest.mark.parametrize("turn", [1, -1])
def test_an_id_that_names_a_subject_may_be_anothers(books: Books, turn: int) -> None:
    named, other = FULL.subject, "BAECAwQFBgcICQoLDA0ODw"
    entries = [replace(FULL, id=f"x:{named}"), replace(FULL, id=f"x:{named}", subject=other)][::turn]
    assert [books.enter(T, [entry]) for entry in entries] == [1, 0]
    assert list(books.entries(T)) == entries[:1]
    assert (
        books.enter(T, [replace(FULL, id=f"y:{named}"), replace(FULL, id=f"x:{other}", subject=other)]) == 2
    )


def test_tenants_are_apart(store: Opened, books: Books) -> None:
    assert books.enter(T, [suppressed()]) == 1
    books.link(T, [("r", "p")])
    assert books.standings("other", ["p"]) == [UNKNOWN]
    assert not books.history("other", "p") and not books.linked("other", "p")
    assert not list(books.entries("other"))
    assert books.enter("other", [suppressed(source="theirs")]) == 1
    assert [s.source for s in books.standings("other", ["p"])[0].suppressions] == ["theirs"]
    assert [s.source for s in books.standings(T, ["p"])[0].suppressions] == [""]


@pytest.mark.parametrize("act", get_args(Act))
def test_every_act_is_kept_and_counts_as_folded(store: Opened, books: Books, act: Act) -> None:
    entry = replace(FULL, act=act, detail="Europe/Paris")
    assert books.enter(T, [entry]) == 1
    assert plain(books.standings(T, [entry.subject])[0]) == plain(fold([entry]))
    assert books.history(T, entry.subject) == [entry]

    async def asked() -> None:
        assert plain(await one(store.ledger(), entry.subject)) == plain(fold([entry]))

    run(asked)


@pytest.mark.parametrize("channel", [None, *get_args(Channel)])
@pytest.mark.parametrize(
    ("purpose", "sender"), [(None, None), ("marketing", None), (None, "+331"), ("x", "y")]
)
def test_every_scope_is_lifted_by_itself_alone(
    books: Books, channel: Channel | None, purpose: str | None, sender: str | None
) -> None:
    scope: dict[str, Any] = {"channel": channel, "purpose": purpose, "sender": sender}
    other = suppressed("other", purpose="elsewhere", channel="call")
    books.enter(T, [suppressed(1, **scope), other])
    assert len(books.standings(T, ["p"])[0].suppressions) == 2
    books.enter(T, [Entry(id="l", subject="p", act="lifted", at=2.0, **scope)])
    assert plain(books.standings(T, ["p"])[0]) == plain(fold([other]))


def _choose[X](options: Sequence[X], *seed: object) -> X:
    return options[hashlib.sha256(repr(seed).encode()).digest()[0] % len(options)]


def _some(seed: int, number: int) -> Entry:
    return Entry(
        id=f"e{number}",
        subject=_choose("pq", seed, number, "subject"),
        act=_choose(get_args(Act), seed, number, "act"),
        at=_choose((0.0, 1.0, 2.0, 3.0), seed, number, "at"),
        channel=_choose((None, "sms", "call"), seed, number, "channel"),
        purpose=_choose((None, "marketing"), seed, number, "purpose"),
        sender=_choose((None, "me"), seed, number, "sender"),
        until=_choose((None, 5.0), seed, number, "until"),
        detail="Europe/Paris",
    )


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_entered_counts_as_folded(books: Books, seed: int) -> None:
    for part in itertools.batched([_some(seed, number) for number in range(40)], 1 + seed):
        assert books.enter(T, part) == len(part)
        for subject, standing in zip("pq", books.standings(T, ["p", "q"]), strict=True):
            assert plain(standing) == plain(fold(books.history(T, subject)))


def test_time_does_not_change_a_standing(books: Books) -> None:
    books.enter(T, [replace(FULL, until=1_700_000_001.0), replace(FULL, id="c", act="customer", until=2.0)])
    (standing,) = books.standings(T, [FULL.subject])
    assert [c.state for c in standing.consents] == ["granted"]
    assert [c.until for c in standing.consents] == [1_700_000_001.0]
    assert standing.consents[0].proven
    assert standing.customer == 2.0


def test_a_hundred_people_at_once(store: Opened, books: Books) -> None:
    people = [f"p{number}" for number in range(100)]
    books.enter(T, [suppressed(person, person, source=person) for person in people[::3]])
    books.link(T, [("record", people[1])])
    books.enter(T, [suppressed("record", "record", source="linked")])

    def sources(standings: Sequence[Standing]) -> list[str | None]:
        return [s.suppressions[0].source if s.suppressions else None for s in standings]

    wanted: list[str | None] = [p if number % 3 == 0 else None for number, p in enumerate(people)] + ["p0"]
    wanted[1:2] = ["linked"]

    async def asked() -> None:
        ledger = store.ledger()
        for _ in range(2):
            assert sources(await settled(ledger.standings(T, [*people, "p0"]))) == wanted

    run(asked)
    assert sources(books.standings(T, [*people, "p0"])) == wanted
    many = [f"m{number}" for number in range(3000)]
    assert books.standings(T, [*many, "p0"])[-1].suppressions


# ---- what makes no sense is an error, and nothing of it is kept -----------------------------------------

SENSELESS = {
    "no id": {"id": ""},
    "no subject": {"subject": ""},
    "no number": {"at": float("nan")},
    "endless": {"at": float("inf")},
    "before the epoch": {"at": -1.0},
    "no end": {"until": float("nan")},
    "half a character": {"subject": "\ud800"},
    "half a character in the source": {"source": "\ud800"},
    "another act": {"act": "maybe"},
    "another channel": {"channel": "fax"},
}


@pytest.mark.parametrize("wrong", SENSELESS.values(), ids=SENSELESS.keys())
def test_all_or_none(store: Opened, books: Books, wrong: dict[str, object]) -> None:
    entries = [suppressed(1), replace(FULL, **wrong), suppressed(2, "q")]
    with pytest.raises(StoreError) as error:
        books.enter(T, entries)
    assert error.value.reason == "registry_unavailable"
    assert list(books.entries(T)) == []

    async def entered() -> None:
        ledger = store.ledger()
        with pytest.raises(StoreError):
            await settled(ledger.enter(T, entries))
        assert await settled(ledger.enter(T, [suppressed(2, "q")])) == 1
        assert await one(ledger) == UNKNOWN

    run(entered)
    assert list(books.entries(T)) == [suppressed(2, "q")]


def test_a_tenant_without_a_name_is_none(books: Books) -> None:
    with pytest.raises(StoreError):
        books.enter("", [suppressed()])


# ---- what the worker enters -----------------------------------------------------------------------------


def test_once_answered_it_is_in_force_and_durable(store: Opened, books: Books) -> None:
    async def entered() -> None:
        ledger, other = store.ledger(), store.ledger()
        assert await one(ledger) == UNKNOWN == await one(other)
        for turn in range(1, 10):
            entry = suppressed(turn, at=2.0 * turn)
            lifting = Entry(id=f"l{turn}", subject="p", act="lifted", at=2.0 * turn + 1)
            assert await settled(ledger.enter(T, [entry, entry])) == 1
            assert (await one(ledger)).suppressions
            assert books.standings(T, ["p"])[0].suppressions
            await soon(other, "p", lambda standing: bool(standing.suppressions))
            assert await settled(other.enter(T, [lifting, suppressed(turn)])) == 1
            assert await one(other) == UNKNOWN
            await soon(ledger, "p", lambda standing: standing == UNKNOWN)
        assert await settled(ledger.enter(T, [])) == 0

    run(entered)
    assert len(list(books.entries(T))) == 18


def test_a_tools_entries_reach_an_open_ledger(store: Opened, books: Books) -> None:
    async def asked() -> None:
        ledger = store.ledger()
        people = [f"p{number}" for number in range(6000)]
        assert set(await settled(ledger.standings(T, people[:50]))) == {UNKNOWN}
        books.enter(T, [suppressed("q", "q")])
        books.enter(T, [suppressed("p0", "p0")])
        await soon(ledger, "p0", lambda standing: bool(standing.suppressions))
        assert await one(ledger, "p1") == UNKNOWN
        books.suppress_many(T, people[1:], suppressed("list"))
        await soon(ledger, "p49", lambda standing: bool(standing.suppressions))
        await soon(ledger, "p5999", lambda standing: bool(standing.suppressions))
        books.suppress_many("another", people, suppressed("list"))

    run(asked)


def test_many_entries_at_once_are_each_counted_once(store: Opened, books: Books) -> None:
    async def entered() -> None:
        ledgers = [store.ledger(), store.ledger()]
        work = [settled(ledgers[n % 2].enter(T, [suppressed(n // 2, f"p{n // 2}")])) for n in range(60)]
        assert sum(await asyncio.gather(*work)) == 30

    run(entered)
    assert len({entry.id for entry in books.entries(T)}) == 30
