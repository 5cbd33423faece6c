"""What every store owes rules that rely on a list: how old the newest one is, in force everywhere at once."""

from gateway.contacts.model import Entry
from gateway.contacts.relied import subject
from tests.contract.conftest import Opened, T, one, run, settled, soon


def imported(at: float) -> Entry:
    return Entry(id=f"i{at}", subject=subject("tps"), act="imported", at=at, source="list:tps")


def test_the_newest_import_counts_wherever_it_was_made(store: Opened) -> None:
    async def asked() -> None:
        ledger, other = store.ledger(), store.ledger()
        assert (await one(ledger, subject("tps"))).dated is None
        await settled(other.enter(T, [imported(200.0)]))
        await soon(ledger, subject("tps"), lambda standing: standing.dated == 200.0)
        await settled(other.enter(T, [imported(100.0)]))
        await settled(other.enter(T, [imported(300.0)]))
        await soon(ledger, subject("tps"), lambda standing: standing.dated == 300.0)
        known = await settled(ledger.standings(T, [subject("ctps"), subject("tps")]))
        assert [standing.dated for standing in known] == [None, 300.0]
        assert (await one(ledger, subject("tps"), "other")).dated is None

    run(asked)
