from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Residency, Upstream
from gateway.residency.bases import Under, ends, void
from gateway.residency.judge import Gate, ResidencyCheck
from gateway.residency.law import Regime
from gateway.residency.locate import AddressTable
from gateway.transfers import Basis

TODAY = date(2026, 11, 21)
TABLE = AddressTable(
    [("52.0.0.0/8", "US", "AWS"), ("54.0.0.0/8", "US", "Twilio"), ("31.0.0.0/8", "IL", "AWS")]
)
AMERICA, TWILIO, ISRAEL = "52.1.0.1", "54.0.0.1", "31.0.0.1"
DECLARED = {AMERICA: ("US", "AWS"), TWILIO: ("US", "Twilio"), ISRAEL: ("IL", "AWS")}
NAME, MAIL = "user.name", "user.contact.email"

DPF = Basis(kind="dpf", recipients=("Twilio",))
SHIELD = Basis(kind="privacy_shield", recipients=("Twilio",))
CLAUSES = Basis(kind="scc", recipients=("Twilio",), since="2026-01-01", until="2027-01-01", ref="annex 3")


def gate(
    *bases: Basis,
    data: tuple[str, ...] = (NAME, MAIL),
    on: date = TODAY,
    law: Regime = "EU",
    consents: tuple[str, ...] = (),
    confirmed: bool = False,
    agreed: bool = False,
    at: str = "54.0.0.1",
) -> Gate:
    region, operator = DECLARED[at]
    upstream = Upstream(name="u", provider="sms", url="https://x.example", region=region, operator=operator)
    check = ResidencyCheck("r", "enforce", Residency(regions=("EEA",), bases=bases), data, confirmed)
    return Gate((check,), TABLE, upstream, on, under=Under(law, consents, "sms"), agreed=agreed)


@pytest.mark.parametrize(
    ("bases", "address", "permitted"),
    [
        ((), TWILIO, False),
        ((DPF,), TWILIO, True),
        ((DPF,), AMERICA, False),
        ((DPF,), ISRAEL, False),
        ((SHIELD,), TWILIO, False),
        ((SHIELD, CLAUSES), TWILIO, True),
        ((CLAUSES,), AMERICA, False),
        ((Basis(kind="scc", recipients=("SMS",), ref="x"),), AMERICA, True),
        ((Basis(kind="adequacy"),), ISRAEL, True),
        ((Basis(kind="adequacy", countries=("IL",)),), ISRAEL, True),
        ((Basis(kind="adequacy", countries=("NZ",)),), ISRAEL, False),
        ((Basis(kind="adequacy", countries=("US",)),), AMERICA, False),
        ((Basis(kind="tenant_consent", consent="us"),), AMERICA, False),
        ((Basis(kind="explicit_consent", consent="third_party_sharing"),), AMERICA, False),
        ((Basis(kind="dpf", recipients=("Twilio",), data=(NAME,)),), TWILIO, False),
        ((Basis(kind="dpf", recipients=("Twilio",), data=("user",)),), TWILIO, True),
        ((Basis(kind="dpf", recipients=("Twilio",), data=(NAME,)), CLAUSES), TWILIO, True),
    ],
)
def test_what_a_basis_covers(bases: tuple[Basis, ...], address: str, permitted: bool) -> None:
    judged = gate(*bases, at=address).explain(address)
    assert (judged.reason == "") is permitted
    assert judged.reason in ("", "region_not_allowed")
    assert (judged.categories == ()) is permitted


def test_the_categories_that_no_basis_covers_are_named() -> None:
    judged = gate(Basis(kind="dpf", recipients=("Twilio",), data=(NAME,))).explain(TWILIO)
    assert judged.categories == (MAIL,) and judged.bases == ("dpf",)
    assert judged.told == "user.contact.email to US (Twilio)"


def test_a_basis_of_some_data_says_nothing_of_a_call_without_any() -> None:
    named = Basis(kind="dpf", recipients=("Twilio",), data=(NAME,))
    assert gate(named, data=())(TWILIO) is None
    assert gate(DPF, data=())(TWILIO)


@pytest.mark.parametrize(
    ("basis", "law", "first", "end"),
    [
        (DPF, "EU", date(2023, 7, 10), None),
        (DPF, "UK", date(2023, 10, 12), None),
        (DPF, "CH", date(2024, 9, 15), None),
        (SHIELD, "EU", date(2016, 7, 12), date(2020, 7, 16)),
        (SHIELD, "CH", date(2017, 4, 12), date(2020, 9, 8)),
        (CLAUSES, "EU", date(2026, 1, 1), date(2027, 1, 1)),
    ],
)
def test_a_basis_begins_and_ends_on_its_day(basis: Basis, law: Regime, first: date, end: date | None) -> None:
    day = timedelta(days=1)
    assert not gate(basis, on=first - day, law=law)(TWILIO)
    assert gate(basis, on=first, law=law)(TWILIO)
    assert ends(basis, Under(law), first) == end
    if end:
        assert gate(basis, on=end - day, law=law)(TWILIO)
        assert not gate(basis, on=end, law=law)(TWILIO)


def test_a_void_basis_counts_once_it_is_confirmed() -> None:
    assert "US-PRIVACY-SHIELD fell on 2020-07-16" in void(SHIELD, Under(), TODAY)
    assert gate(SHIELD, confirmed=True)(TWILIO)
    assert not gate(SHIELD, confirmed=True, at=AMERICA)(AMERICA)
    assert "unknown to the law" in void(SHIELD, Under("UK"), TODAY)


def test_consents() -> None:
    asked = Basis(kind="explicit_consent", consent="third_party_sharing")
    assert gate(asked, agreed=True, at=AMERICA)(AMERICA) and not gate(asked, at=AMERICA)(AMERICA)
    given_ = Basis(kind="tenant_consent", consent="us")
    assert gate(given_, consents=("us",), at=AMERICA)(AMERICA)
    assert not gate(given_, consents=("eu",), at=AMERICA)(AMERICA)


def test_without_what_is_in_the_way_a_request_may_go() -> None:
    full = gate(Basis(kind="dpf", recipients=("Twilio",), data=(NAME,)))
    assert full.but_for(frozenset("r"), frozenset((MAIL,)))(TWILIO)
    assert full.but_for(frozenset("r"), frozenset((MAIL,)))(AMERICA) is None
    assert full.but_for(frozenset(), frozenset((MAIL,)))(TWILIO) is None
    assert full.but_for(frozenset("r"), frozenset((NAME, MAIL)))("10.0.0.1") is None


BASES = (DPF, SHIELD, CLAUSES, Basis(kind="adequacy"), Basis(kind="scc", recipients=("sms",), data=(NAME,)))


@given(st.lists(st.sampled_from(BASES), max_size=3), st.sampled_from(BASES), st.dates(date(1999, 1, 1)))
def test_more_bases_allow_more_and_nothing_else(held: list[Basis], more: Basis, on: date) -> None:
    for address in (AMERICA, TWILIO, ISRAEL):
        before, after = (gate(*bases, on=on, at=address).explain(address) for bases in (held, [*held, more]))
        assert set(after.categories) <= set(before.categories)
        assert before.reason or not after.reason
