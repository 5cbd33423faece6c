"""Who is to be left alone, and by which of their names they are known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contacts.alone import RecordCheck, against, names
from gateway.contacts.model import Consent, Standing, Suppression
from gateway.model import Channel, SubjectKind

ANY, CALLS = RecordCheck("any", "enforce"), RecordCheck("calls", "enforce", ("call", "sms"))


@pytest.mark.parametrize(
    ("kind", "value", "known"),
    [
        ("email", "Bo@Example.com", [("email", "bo@example.com")]),
        ("email", "no address", []),
        ("phone", "06 39 98 00 01", [("phone", "+33639980001")]),
        ("phone", "see notes", []),
        ("record", "101", [("record", "101")]),
        ("record", "Bo@Example.com", [("record", "Bo@Example.com"), ("email", "bo@example.com")]),
        ("record", "+33 6 39 98 00 01", [("record", "+33 6 39 98 00 01"), ("phone", "+33639980001")]),
        ("record", "0639980001", [("record", "0639980001")]),
        ("record", "", []),
    ],
)
def test_names(kind: SubjectKind, value: str, known: list[tuple[str, str]]) -> None:
    assert list(names(kind, value, "FR")) == known


@given(st.sampled_from(("phone", "email", "record")), st.text(max_size=80))
def test_any_text_has_names_or_none(kind: SubjectKind, value: str) -> None:
    assert all(name for _, name in names(kind, value, None))


@pytest.mark.parametrize(
    ("channel", "purpose", "purposes", "failed"),
    [
        (None, None, (), ["any", "calls"]),
        ("email", None, (), ["any"]),
        ("sms", None, ("marketing",), ["any", "calls"]),
        ("sms", "essential", ("marketing",), []),
        (None, "marketing", ("essential", "marketing.communications"), ["any", "calls"]),
        ("call", "marketing", (), ["any", "calls"]),
    ],
)
def test_suppressions_count_where_they_apply(
    channel: Channel | None, purpose: str | None, purposes: tuple[str, ...], failed: list[str]
) -> None:
    standing = Standing(suppressions=(Suppression(channel=channel, purpose=purpose),))
    made = against((ANY, CALLS), [Standing(), standing], purposes, known=True)
    assert [check.rule for check in made] == failed


def test_a_consent_does_not_undo_a_suppression_and_none_is_asked_for() -> None:
    agreed = Standing(consents=(Consent(state="confirmed"),))
    assert against((ANY,), [agreed], (), known=True) == ()
    assert against((ANY,), [agreed, Standing(suppressions=(Suppression(),))], (), known=True) == (ANY,)


def test_whom_nobody_recognises_no_check_lets_through() -> None:
    assert against((ANY, CALLS), [], (), known=False) == (ANY, CALLS)


suppressions = st.builds(
    Suppression,
    channel=st.sampled_from((None, "call", "email")),
    purpose=st.sampled_from((None, "marketing", "essential")),
)


@given(st.lists(suppressions), suppressions, st.sampled_from(((), ("marketing",), ("essential.service",))))
def test_one_more_suppression_only_takes_away(
    some: list[Suppression], more: Suppression, purposes: tuple[str, ...]
) -> None:
    before = against((ANY, CALLS), [Standing(suppressions=tuple(some))], purposes, known=True)
    after = against((ANY, CALLS), [Standing(suppressions=(*some, more))], purposes, known=True)
    assert set(before) <= set(after)
