"""Rules only tighten: nothing that is added, worse or unknown lets anybody be reached."""

from collections.abc import Callable
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.contacts.ledger import joined
from gateway.contacts.model import (
    ACQUAINTED,
    UNKNOWN,
    Consent,
    ConsentState,
    Objection,
    Standing,
    Suppression,
)
from gateway.contacts.rules import ALLOWED, Check, Subject, judge, lenient, silent
from gateway.errors import REASONS
from gateway.listlimit import ListLimit, Relied
from gateway.model import Channel, Contact, Requirement
from tests.contacts.judging import PHONE, SMS

channels = st.none() | st.sampled_from(("sms", "call", "email"))
purposes = st.sampled_from(("marketing", SMS, "marketing.advertising", "essential", "essential.service"))
who = st.sampled_from(("+33199009900", "mg01"))
suppressions = st.builds(Suppression, channel=channels, purpose=st.none() | purposes, sender=st.none() | who)
times = st.none() | st.sampled_from((1.75e9, 1.85e9))
consents = st.builds(
    Consent,
    channel=channels,
    purpose=st.none() | purposes,
    state=st.sampled_from(get_args(ConsentState)),
    until=times,
    proven=st.booleans(),
)
objections = st.builds(Objection, channel=channels, purpose=st.none() | purposes)
standings = st.builds(
    Standing,
    suppressions=st.lists(suppressions, max_size=3).map(tuple),
    consents=st.lists(consents, max_size=4).map(tuple),
    objections=st.lists(objections, max_size=1).map(tuple),
    restricted=st.none() | st.lists(st.none() | purposes, min_size=1, max_size=2).map(tuple),
    erased=st.sampled_from((False, False, False, True)),
    customer=times,
    zone=st.sampled_from((None, "Asia/Tokyo")),
    crowded=st.sampled_from((False, False, True)),
    linked=st.booleans(),
)
TPS = Relied("tps", ListLimit(max_age=5e7, warn_after=4e7))
ages = st.sampled_from((None, 1.7e9, 1.85e9))
minutes = st.none() | st.integers(0, 1440)
contacts = st.builds(
    Contact,
    require=st.sampled_from(get_args(Requirement)),
    start=minutes,
    end=minutes,
    days=st.lists(st.sampled_from(("mon", "wed", "sun")), max_size=2).map(tuple),
    timezone=st.sampled_from(("subject", "Europe/Paris", "America/New_York")),
    holidays=st.sampled_from((None, "subject", "FR")),
    countries=st.sampled_from(((), ("FR",), ("US",))),
    unknown_subject=st.sampled_from(("pass", "refuse")),
    lists=st.sampled_from(((), (), (TPS,))),
)
checks = st.builds(
    Check,
    rule=st.text("abc", min_size=1, max_size=3),
    mode=st.sampled_from(("enforce", "shadow")),
    contact=contacts,
    scope_purposes=st.lists(purposes, max_size=2).map(tuple),
    on_refusal=st.sampled_from(("refuse", "drop", "hold")),
)
subjects = st.builds(
    Subject, kind=st.sampled_from(("phone", "email", "record")), value=st.sampled_from(("+33612345678", None))
)
moments = st.floats(1.7e9, 1.9e9)
many_purposes = st.lists(purposes, max_size=3).map(tuple)
many_checks = st.lists(checks, max_size=3).map(tuple)


@settings(deadline=None)
@given(subjects, standings, channels, many_purposes, many_checks, checks, moments)
def test_adding_a_check_never_allows(
    subject: Subject,
    standing: Standing,
    channel: Channel | None,
    named: tuple[str, ...],
    held: tuple[Check, ...],
    added: Check,
    now: float,
) -> None:
    before = judge(subject, standing, channel, named, held, now)
    after = judge(subject, standing, channel, named, (*held, added), now)
    assert before.allowed or not after.allowed
    assert set(before.rules) <= set(after.rules)
    assert (after.reason in REASONS) is not after.allowed
    assert bool(after.rules) is not after.allowed


worse = st.one_of(
    suppressions.map(lambda each: lambda of: replace(of, suppressions=(*of.suppressions, each))),
    objections.map(lambda each: lambda of: replace(of, objections=(*of.objections, each))),
    consents.filter(lambda each: each.state not in ("granted", "confirmed")).map(
        lambda each: lambda of: replace(of, consents=(*of.consents, each))
    ),
    st.just(lambda of: replace(of, erased=True)),
    st.just(lambda of: replace(of, crowded=True)),
    st.just(lambda of: replace(of, restricted=(None,))),
    st.just(lambda of: replace(of, customer=None)),
    st.just(lambda of: replace(of, consents=tuple(replace(c, proven=False) for c in of.consents))),
)
"""What can only take away from a standing."""


@settings(deadline=None)
@given(subjects, standings, channels, many_purposes, many_checks, worse, moments)
def test_what_is_worse_never_allows(
    subject: Subject,
    standing: Standing,
    channel: Channel | None,
    named: tuple[str, ...],
    held: tuple[Check, ...],
    worsen: Callable[[Standing], Standing],
    now: float,
) -> None:
    if standing == UNKNOWN:  # nothing known of a record, and something bad: it is known then
        held = tuple(check for check in held if check.contact.unknown_subject == "pass")
    before = judge(subject, standing, channel, named, held, now)
    after = judge(subject, worsen(standing), channel, named, held, now)
    assert before.allowed or not after.allowed


@settings(deadline=None)
@given(standings, channels, many_purposes, many_checks, moments)
def test_knowing_less_never_allows_more(
    standing: Standing, channel: Channel | None, named: tuple[str, ...], held: tuple[Check, ...], now: float
) -> None:
    known = judge(PHONE, standing, channel, named, (), now)
    assert known.allowed or not judge(PHONE, standing, None, named, (), now).allowed
    assert known.allowed or not judge(PHONE, standing, channel, (), (), now).allowed
    named_sender = judge(PHONE, standing, channel, named, (), now, ("+33199009901",))
    assert named_sender.allowed or not known.allowed


@settings(deadline=None)
@given(subjects, standings, channels, many_purposes, many_checks, ages, moments)
def test_an_older_list_never_allows_more(
    subject: Subject,
    standing: Standing,
    channel: Channel | None,
    named: tuple[str, ...],
    held: tuple[Check, ...],
    made: float | None,
    now: float,
) -> None:
    younger = judge(subject, standing, channel, named, held, now, dated={"tps": now})
    older = judge(subject, standing, channel, named, held, now, dated={"tps": made and min(made, now)})
    assert younger.allowed or not older.allowed
    assert older.allowed or not judge(subject, standing, channel, named, held, now).allowed


MILD = Contact(require="no_suppression")
mild = st.lists(
    st.builds(
        Check,
        rule=st.just("a"),
        mode=st.sampled_from(("enforce", "shadow")),
        contact=st.just(MILD) | contacts | contacts.map(lambda each: replace(each, require="no_suppression")),
    ),
    max_size=2,
).map(tuple)


@settings(deadline=None)
@given(
    st.sampled_from((UNKNOWN, ACQUAINTED, Standing(linked=True))),
    channels,
    many_purposes,
    mild,
    moments,
    st.lists(who, max_size=1).map(tuple),
)
def test_what_is_lenient_never_stops_a_stranger(
    standing: Standing,
    channel: Channel | None,
    named: tuple[str, ...],
    mild: tuple[Check, ...],
    now: float,
    by: tuple[str, ...],
) -> None:
    assert silent((standing, UNKNOWN))
    verdict = judge(PHONE, standing, channel, named, mild, now, by, home="FR")
    if lenient(mild):
        assert verdict is ALLOWED
    if all(check.contact == MILD for check in mild):
        assert lenient(mild)


def test_who_is_linked_with_strangers_is_silent_and_nobody_else() -> None:
    assert joined(UNKNOWN, [UNKNOWN]) == joined(UNKNOWN, [UNKNOWN], [UNKNOWN]) == ACQUAINTED
    assert silent((ACQUAINTED, UNKNOWN, Standing(), Standing(linked=True))) and silent(())
    for known in ({"erased": True}, {"crowded": True}, {"customer": 1.0}, {"zone": "x"}, {"restricted": ()}):
        assert not silent((UNKNOWN, Standing(**known, linked=True)))
        assert not silent((Standing(**known), UNKNOWN))
