"""Whether one recipient may be reached: what the registry forbids, what rules require."""

from typing import get_args

import pytest

from gateway.contacts.model import UNKNOWN, Consent, Objection, Standing, Suppression
from gateway.contacts.rules import REGISTRY_RULE, Check, Subject, Verdict, caps, judge
from gateway.model import Channel, Contact, Frequency, Requirement
from tests.contacts.judging import NOON, PHONE, SMS, consent, needs, verdict


def test_a_stranger_may_be_contacted_where_no_rule_speaks() -> None:
    assert verdict(UNKNOWN) == Verdict(True)


@pytest.mark.parametrize("channel", [*get_args(Channel), None])
def test_a_global_suppression_refuses_without_any_rule(channel: Channel | None) -> None:
    found = verdict(Standing(suppressions=(Suppression(),)), channel=channel)
    assert (found.allowed, found.reason, found.rules) == (False, "contact_suppressed", (REGISTRY_RULE,))
    assert found.on_refusal == "refuse" and found.retry_after is None


@pytest.mark.parametrize(
    ("suppression", "refused"),
    [
        (Suppression(channel="sms"), True),
        (Suppression(channel="call"), False),
        (Suppression(purpose="marketing"), True),
        (Suppression(purpose=SMS), True),
        (Suppression(purpose=SMS + ".weekly"), True),
        (Suppression(purpose="essential"), False),
        (Suppression(purpose="market"), False),
        (Suppression(channel="sms", purpose="marketing"), True),
        (Suppression(channel="call", purpose="marketing"), False),
    ],
)
def test_a_scoped_suppression_refuses_what_it_meets(suppression: Suppression, refused: bool) -> None:
    standing = Standing(suppressions=(suppression,))
    assert verdict(standing).allowed is not refused
    assert verdict(standing, purposes=("essential.service.x", SMS)).allowed is not (
        refused or suppression.purpose == "essential"
    )


@pytest.mark.parametrize("suppression", [Suppression(purpose="marketing"), Suppression(channel="call")])
def test_what_is_not_known_is_read_strictly(suppression: Suppression) -> None:
    assert not verdict(Standing(suppressions=(suppression,)), channel=None, purposes=()).allowed


def test_an_opt_out_of_news_does_not_stop_a_password_reset() -> None:
    standing = Standing(suppressions=(Suppression(purpose="marketing"),))
    assert verdict(standing, purposes=("essential.service.authentication",)).allowed


@pytest.mark.parametrize(
    ("consents", "enough"),
    [
        ((), False),
        ((consent("granted"),), True),
        ((consent("confirmed"),), True),
        ((consent("pending"),), False),
        ((consent("granted", "sms"),), True),
        ((consent("granted", "call"),), False),
        ((consent("granted", "sms", "marketing"),), True),
        ((consent("granted", None, SMS),), True),
        ((consent("granted", None, SMS + ".weekly"),), False),
        ((consent("granted", None, "essential"),), False),
        ((consent("granted", "sms", SMS), consent("withdrawn")), False),
        ((consent("granted", "sms", SMS), consent("withdrawn", None, "marketing")), False),
        ((consent("granted", "sms", SMS), consent("expired", "sms")), False),
        ((consent("granted"), consent("withdrawn", "sms", SMS)), False),
        ((consent("granted"), consent("withdrawn", "call")), True),
        ((consent("granted"), consent("pending", None, "essential")), True),
    ],
)
def test_consent_must_cover_and_must_not_be_withdrawn(consents: tuple[Consent, ...], enough: bool) -> None:
    for order in (consents, consents[::-1]):
        found = verdict(Standing(consents=order), needs("consent", "marketing"))
        assert found.allowed is enough
        assert found.reason == ("" if enough else "contact_without_consent")
        assert found.rules == (() if enough else ("needs",))


def test_every_purpose_under_the_rule_needs_consent() -> None:
    standing = Standing(consents=(consent("granted", None, SMS),))
    both = (SMS, "marketing.advertising")
    assert not verdict(standing, needs("consent", "marketing"), purposes=both).allowed
    assert not verdict(standing, needs("consent"), purposes=both).allowed
    assert verdict(standing, needs("consent", SMS), purposes=both).allowed
    assert verdict(standing, needs("consent", "marketing"), purposes=(SMS, "essential.service")).allowed


def test_without_a_known_purpose_all_of_the_rules_own_need_consent() -> None:
    part, whole = consent("granted", None, SMS), consent("granted", None, "marketing")
    assert not verdict(Standing(consents=(part,)), needs("consent", "marketing"), purposes=()).allowed
    assert verdict(Standing(consents=(whole,)), needs("consent", "marketing"), purposes=()).allowed
    assert not verdict(Standing(consents=(whole,)), needs("consent"), purposes=()).allowed
    assert verdict(Standing(consents=(consent("granted"),)), needs("consent"), purposes=()).allowed


def test_double_opt_in_needs_confirmation() -> None:
    granted, confirmed = consent("granted", "sms"), consent("confirmed", "sms", "marketing")
    assert not verdict(Standing(consents=(granted,)), needs("double_opt_in")).allowed
    assert verdict(Standing(consents=(granted, confirmed)), needs("double_opt_in")).allowed


def test_a_recipient_that_cannot_be_read_is_refused_where_a_rule_applies() -> None:
    nobody = Subject("phone", None)
    assert verdict(UNKNOWN, subject=nobody).allowed
    found = verdict(UNKNOWN, needs("no_suppression"), subject=nobody)
    assert (found.allowed, found.reason) == (False, "contact_unknown_recipient")


NIGHT = Contact(start=22 * 60, end=23 * 60, timezone="Europe/Paris")


def test_all_failures_are_reported_and_the_weightiest_gives_the_reason() -> None:
    checks = (
        Check("hours", "enforce", NIGHT),
        needs("consent"),
        Check("plain", "enforce", Contact()),
        Check("trial", "shadow", NIGHT),
    )
    found = verdict(Standing(suppressions=(Suppression(),)), *checks)
    assert found.rules == (REGISTRY_RULE, "hours", "needs", "plain")
    assert (found.reason, found.shadow, found.retry_after) == ("contact_suppressed", ("trial",), None)
    found = verdict(UNKNOWN, *checks)
    assert (found.reason, found.rules, found.retry_after) == (
        "contact_without_consent",
        ("hours", "needs"),
        None,
    )
    found = verdict(UNKNOWN, checks[0])
    assert (found.reason, found.rules, found.retry_after) == ("contact_outside_hours", ("hours",), 10 * 3600)


def test_a_wait_satisfies_every_rule_about_hours() -> None:
    evening = Check("evening", "enforce", Contact(start=12 * 60, end=22 * 60 + 30, timezone="Europe/Paris"))
    assert verdict(UNKNOWN, evening).allowed
    late = Check("late", "enforce", Contact(start=22 * 60, end=24 * 60, timezone="UTC"))
    found = verdict(UNKNOWN, evening, late)
    assert (found.reason, found.retry_after) == ("contact_outside_hours", None)


def test_shadow_rules_only_report() -> None:
    shadow = Check("trial", "shadow", Contact(require="consent"))
    assert verdict(UNKNOWN, shadow) == Verdict(True, shadow=("trial",))


@pytest.mark.parametrize(
    ("modes", "suppressed", "expected"),
    [
        (("drop",), False, "drop"),
        (("refuse",), False, "refuse"),
        (("drop", "refuse"), False, "refuse"),
        (("drop",), True, "drop"),
        ((), True, "refuse"),
    ],
)
def test_a_recipient_is_left_out_only_when_every_failed_rule_says_so(
    modes: tuple[str, ...], suppressed: bool, expected: str
) -> None:
    checks = [
        Check(mode, "enforce", Contact(require="consent"), (), "drop" if mode == "drop" else "refuse")
        for mode in modes
    ]
    standing = Standing(suppressions=(Suppression(),) if suppressed else ())
    assert verdict(standing, *checks).on_refusal == expected


# ---- what the registry forbids --------------------------------------------------------------------------

YES = Consent(state="confirmed")


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (Standing(objections=(Objection(purpose="marketing"),)), "contact_objected"),
        (Standing(objections=(Objection(),)), "contact_objected"),
        (Standing(objections=(Objection(channel="call"),)), ""),
        (Standing(objections=(Objection(purpose="essential"),)), ""),
        (Standing(restricted=("essential.service",)), "contact_restricted"),
        (Standing(restricted=(None,)), "contact_restricted"),
        (Standing(restricted=("marketing", "essential")), ""),
        (Standing(erased=True, objections=(Objection(),), suppressions=(Suppression(),)), "contact_erased"),
        (Standing(objections=(Objection(),), suppressions=(Suppression(),)), "contact_objected"),
    ],
)
def test_no_consent_helps_against_what_forbids(standing: Standing, reason: str) -> None:
    agreed = Standing(
        consents=(YES,),
        suppressions=standing.suppressions,
        objections=standing.objections,
        restricted=standing.restricted,
        erased=standing.erased,
    )
    found = verdict(agreed, needs("consent"))
    assert (found.allowed, found.reason) == (not reason, reason)
    assert found.rules == ((REGISTRY_RULE,) if reason else ())


def test_a_restriction_leaves_nothing_where_no_purpose_is_known() -> None:
    assert not verdict(Standing(restricted=("marketing",)), purposes=()).allowed
    assert not verdict(Standing(restricted=("marketing",)), purposes=(SMS, "essential.service")).allowed


@pytest.mark.parametrize(
    ("scope", "senders", "stopped"),
    [
        (None, ("+33199009900",), True),
        ("+33199009900", ("+33199009900",), True),
        ("+33199009900", ("+33199009901",), False),
        ("+33199009900", (), True),
        ("+33199009900", ("+33199009901", "+33199009900"), True),
        ("+33199009900", ("mg0123",), True),
        ("mg0123", ("mg0124",), False),
        ("news@shop.example", ("billing@shop.example",), False),
    ],
)
def test_a_stop_to_one_sender_stops_that_one(
    scope: str | None, senders: tuple[str, ...], stopped: bool
) -> None:
    standing = Standing(suppressions=(Suppression(sender=scope),))
    assert judge(PHONE, standing, "sms", (SMS,), (), NOON, senders).allowed is not stopped


# ---- what a rule requires -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "enough"),
    [
        (Consent(state="granted", until=NOON + 1), True),
        (Consent(state="granted", until=NOON), False),
        (Consent(state="granted", at=NOON + 1), False),
        (Consent(state="pending", until=NOON + 1), False),
        (Consent(state="pending", until=NOON - 1), False),
    ],
)
def test_a_consent_has_its_time(given: Consent, enough: bool) -> None:
    assert verdict(Standing(consents=(given,)), needs("consent")).allowed is enough


def test_an_expired_consent_takes_its_scope_out_of_a_broader_one() -> None:
    both = (consent("granted"), Consent(state="granted", channel="sms", until=NOON - 1))
    assert not verdict(Standing(consents=both), needs("consent")).allowed
    assert verdict(Standing(consents=both), needs("consent"), channel="call").allowed


CUSTOMER, PAST = Standing(customer=NOON + 1), Standing(customer=NOON)
PROVEN = Consent(state="granted", proven=True)


@pytest.mark.parametrize(
    ("require", "standing", "enough"),
    [
        ("proven_consent", Standing(consents=(YES,)), False),
        ("proven_consent", Standing(consents=(PROVEN,)), True),
        ("proven_consent", Standing(consents=(PROVEN, consent("withdrawn", "sms"))), False),
        ("customer", CUSTOMER, True),
        ("customer", PAST, False),
        ("customer", Standing(consents=(YES,)), False),
        ("customer", Standing(customer=NOON + 1, consents=(consent("withdrawn", "sms"),)), False),
        ("customer", Standing(customer=NOON + 1, consents=(consent("withdrawn", "call"),)), True),
        ("consent_or_customer", CUSTOMER, True),
        ("consent_or_customer", Standing(consents=(YES,)), True),
        ("consent_or_customer", UNKNOWN, False),
        ("consent_or_customer", Standing(customer=NOON + 1, consents=(consent("withdrawn"),)), False),
        ("proven_consent_or_customer", Standing(consents=(YES,)), False),
        ("proven_consent_or_customer", CUSTOMER, True),
    ],
)
def test_proofs_and_customers(require: Requirement, standing: Standing, enough: bool) -> None:
    assert verdict(standing, needs(require)).allowed is enough


RECORD = Subject("record", "101")


@pytest.mark.parametrize(
    ("subject", "standing", "reached"),
    [
        (RECORD, UNKNOWN, False),
        (RECORD, Standing(linked=True), True),
        (RECORD, Standing(customer=NOON), True),
        (PHONE, UNKNOWN, True),
    ],
)
def test_a_record_nobody_has_seen_can_be_refused(subject: Subject, standing: Standing, reached: bool) -> None:
    strict = Check("known", "enforce", Contact(unknown_subject="refuse"))
    found = verdict(standing, strict, subject=subject)
    assert (found.allowed, found.reason) == (reached, "" if reached else "contact_unknown_recipient")
    assert verdict(standing, Check("any", "enforce", Contact()), subject=subject).allowed


def test_a_stored_zone_counts_before_those_of_the_number() -> None:
    morning = Check("hours", "enforce", Contact(start=8 * 60, end=21 * 60))
    assert verdict(UNKNOWN, morning).allowed
    found = verdict(Standing(zone="America/Los_Angeles"), morning)
    assert (found.reason, found.retry_after) == ("contact_outside_hours", 5 * 3600)
    address = Subject("email", "ana@example.com")
    assert not verdict(UNKNOWN, morning, subject=address).allowed
    assert verdict(Standing(zone="Europe/Paris"), morning, subject=address).allowed
    assert verdict(Standing(zone="Mars/Olympus"), morning).allowed, "as if none were known"


@pytest.mark.parametrize(
    ("number", "concerned"), [("+33612345678", True), ("+15005550006", False), ("+4915112345678", False)]
)
def test_a_rule_for_countries_is_about_their_numbers(number: str, concerned: bool) -> None:
    french = Check("fr", "enforce", Contact(require="consent", countries=("FR",)))
    assert verdict(UNKNOWN, french, subject=Subject("phone", number)).allowed is not concerned
    assert not verdict(UNKNOWN, french, subject=Subject("email", "a@b.example")).allowed


def test_a_hold_is_one_where_time_heals() -> None:
    hours = Check("hours", "enforce", NIGHT, (), "hold")
    assert verdict(UNKNOWN, hours).on_refusal == "hold"
    assert verdict(UNKNOWN, hours, needs("consent")).on_refusal == "refuse"
    assert verdict(Standing(suppressions=(Suppression(),)), hours).on_refusal == "refuse"


def test_every_limit_is_counted_under_its_rule_and_window() -> None:
    often = (Frequency(limit=3, window=604_800.0), Frequency(limit=1, window=86_400.0))
    limited = Check("often", "enforce", Contact(at_most=often))
    abroad = Check("us", "enforce", Contact(at_most=often[:1], countries=("US",)))
    limiting, counted = caps((limited, abroad, Check("plain", "enforce", Contact())), PHONE)
    assert limiting == [limited]
    assert [(cap.name, cap.limit) for cap in counted] == [("often/604800", 3), ("often/86400", 1)]
    assert verdict(UNKNOWN, limited).allowed, "how often is not judged from a standing"
