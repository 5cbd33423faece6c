"""What every store owes frequency caps: never one contact too many, however many ask at once."""

import asyncio
import threading
from itertools import count
from math import inf

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.contacts.ledger import LINKED
from gateway.contacts.model import Books, Cap, Ledger, Reservation
from tests.contract.conftest import PATIENCE, Opened, T, run, settled, soon
from tests.contract.memory import Memory

WEEK = 7 * 86400.0
CAP = Cap(name="calls", limit=3, window=WEEK)


async def ask(ledger: Ledger, name: str, now: float, subject: str = "p", *caps: Cap) -> float | None:
    wanted = Reservation(id=name, subject=subject, caps=caps or (CAP,))
    (answer,) = await settled(ledger.reserve(T, [wanted], now))
    return answer


def test_a_window_slides(store: Opened) -> None:
    async def asked() -> None:
        ledger = store.ledger()
        assert [await ask(ledger, f"r{at}", float(at)) for at in (10, 20, 30)] == [None] * 3
        assert await ask(ledger, "r40", 40.0) == 10 + WEEK
        assert await ask(ledger, "r41", 10 + WEEK - 1) == 10 + WEEK
        assert await ask(ledger, "r42", 10 + WEEK) is None
        assert await ask(ledger, "r43", 10 + WEEK) == 20 + WEEK
        assert await ask(ledger, "other", 40.0, "q") is None
        assert await ask(ledger, "name", 40.0, "p", Cap(name="mails", limit=1, window=WEEK)) is None

    run(asked)


def test_whom_a_reservation_is_for_can_be_asked(store: Opened) -> None:
    async def asked() -> None:
        ledger, other = store.ledger(), store.ledger()
        assert await settled(ledger.reserved(T, ["a"], 10.0)) == [None]
        assert await ask(ledger, "a", 10.0, "p" * 22) is None
        assert await ask(ledger, "called:x/0", 10.0, "q") is None
        found = await settled(other.reserved(T, ["called:x/0", "none", "a"], 11.0))
        assert found == ["q", None, "p" * 22]
        assert await settled(other.reserved("another", ["a"], 11.0)) == [None]
        await settled(ledger.release(T, ["a"]))
        assert await settled(other.reserved(T, ["a"], 11.0)) == [None]

    run(asked)


def test_a_known_reservation_is_answered_as_before(store: Opened) -> None:
    async def asked() -> None:
        ledger, other = store.ledger(), store.ledger()
        assert await ask(ledger, "a", 10.0) is None
        assert await ask(ledger, "a", 11.0) is None
        assert await ask(other, "a", 12.0) is None
        twice = Reservation(id="b", subject="p", caps=(CAP,))
        assert await settled(ledger.reserve(T, [twice, twice], 13.0)) == [None, None]
        assert await ask(ledger, "c", 14.0) is None
        assert await ask(ledger, "d", 15.0) == await ask(other, "d", 15.0) == 10 + WEEK
        assert await ask(ledger, "a", 16.0) is None

    run(asked)


def test_under_every_cap_or_under_none(store: Opened) -> None:
    daily, weekly = Cap(name="daily", limit=1, window=86400.0), Cap(name="weekly", limit=2, window=WEEK)

    async def asked() -> None:
        ledger = store.ledger()
        assert await ask(ledger, "a", 0.0, "p", daily, weekly) is None
        assert await ask(ledger, "b", 1.0, "p", weekly, daily) == 86400.0
        assert await ask(ledger, "c", 2.0, "p", weekly) is None
        assert await ask(ledger, "d", 90_000.0, "p", daily, weekly) == WEEK
        assert await ask(ledger, "e", 90_000.0, "p", daily) is None
        assert await ask(ledger, "f", 90_001.0, "p", Cap(name="never", limit=0, window=1.0)) == inf

    run(asked)


def test_what_was_not_made_is_given_back(store: Opened) -> None:
    async def asked() -> None:
        ledger = store.ledger()
        assert [await ask(ledger, name, 1.0) for name in "abcd"] == [None, None, None, 1 + WEEK]
        await settled(ledger.release(T, ["b", "d", "never asked"]))
        await settled(ledger.release("other", ["a"]))
        await settled(ledger.release(T, []))
        assert [await ask(ledger, name, 2.0) for name in "de"] == [None, 1 + WEEK]

    run(asked)


def test_a_persons_identifiers_are_counted_together(store: Opened, books: Books) -> None:
    async def asked() -> None:
        ledger = store.ledger()
        assert await ask(ledger, "a", 1.0, "mail") is None
        books.link(T, [("record", "mail"), ("record", "phone")])
        assert await ask(ledger, "b", 2.0, "phone") is None
        assert await ask(ledger, "c", 3.0, "record") is None
        for subject in ("mail", "phone", "record"):
            assert await ask(ledger, f"d{subject}", 4.0, subject) == 1 + WEEK
        assert await ask(ledger, "e", 4.0, "stranger") is None

    run(asked)


_TENANTS = count()
PEOPLE = [("record", "mail"), ("record", "phone"), ("other record", "phone"), ("third", "desk")]
NAMES = sorted({name for pair in PEOPLE for name in pair})
STEPS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.integers(1, 3), st.sampled_from([0, 10, 50, 100]))
    | st.sampled_from(PEOPLE),
    max_size=24,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whoever_is_linked_is_counted_as_one_person_in_any_order(
    store: Opened, steps: list[tuple[str, str] | tuple[str, int, int]]
) -> None:
    """Links come and contacts are made in any order; what a store says is what the model says."""
    model, tenant, books = Memory(), f"tenant {next(_TENANTS)}", store.books()

    async def asked() -> None:
        ledger, now = store.ledger(), 0.0
        for at, step in enumerate(steps):
            if len(step) == 2:
                books.link(tenant, [step])
                model.link(tenant, [step])
                continue
            subject, limit, later = step
            now += later
            wanted = [
                Reservation(id=f"r{at}", subject=subject, caps=(Cap(name="c", limit=limit, window=100.0),))
            ]
            assert await settled(ledger.reserve(tenant, wanted, now)) == model.reserve(tenant, wanted, now)

    run(asked)


def test_a_person_of_many_links_is_counted_whole(store: Opened, books: Books) -> None:
    many = LINKED + 10
    books.link(T, [("record", f"i{number}") for number in range(many)])

    async def asked() -> None:
        ledger = store.ledger()
        cap = Cap(name="many", limit=many, window=WEEK)
        for number in range(many):
            assert await ask(ledger, f"r{number}", 1.0, f"i{number}", cap) is None
        assert (
            await ask(ledger, "more", 2.0, "i0", cap)
            == await ask(ledger, "m", 2.0, "record", cap)
            == 1 + WEEK
        )

    run(asked)


def test_tenants_count_apart_and_a_list_is_answered_in_order(store: Opened) -> None:
    async def asked() -> None:
        ledger = store.ledger()
        wanted = [Reservation(id=name, subject="p", caps=(CAP,)) for name in "abcde"]
        wanted.insert(2, Reservation(id="free", subject="p", caps=()))
        full = 5 + WEEK
        assert await settled(ledger.reserve(T, wanted, 5.0)) == [None] * 4 + [full, full]
        assert await settled(ledger.reserve("other", wanted, 5.0)) == [None] * 4 + [full, full]
        assert await settled(ledger.reserve(T, [], 5.0)) == []

    run(asked)


@pytest.mark.parametrize("limit", [1, 7])
def test_eight_at_once_never_exceed_a_cap(store: Opened, limit: int) -> None:
    cap = Cap(name="c", limit=limit, window=WEEK)
    start = threading.Barrier(8)
    granted: list[str] = []

    def client(number: int) -> None:
        async def asked() -> None:
            ledger = store.store.ledger()  # closed here: what it holds may belong to its thread
            try:
                start.wait(PATIENCE)
                names = [f"{number}-{turn}" for turn in range(12)]
                answers = await asyncio.gather(*(ask(ledger, name, 1.0, "p", cap) for name in names))
                granted.extend(name for name, answer in zip(names, answers, strict=True) if answer is None)
            finally:
                ledger.close()

        run(asked)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == limit


def test_contacts_counted_stay_counted_when_the_worker_ends(store: Opened) -> None:
    async def asked() -> None:
        first = store.ledger()
        assert [await ask(first, name, 1.0) for name in "abc"] == [None] * 3
        first.close() if store.kind != "memory" else None
        second = store.ledger()
        assert await ask(second, "d", 2.0) == 1 + WEEK
        await soon(second, "p", lambda _: True)

    run(asked)
