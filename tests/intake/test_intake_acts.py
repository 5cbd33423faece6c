"""What may be told of a subject, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contacts.model import Entry
from gateway.intake.acts import AHEAD, TAKES, fault
from gateway.intake.ages import DAY, aged
from gateway.intake.moments import moment, spelt
from gateway.listlimit import ListLimit

NOW = 1_800_000_000.0


def entry(act: str = "suppressed", **more: object) -> Entry:
    members = {
        "id": "i",
        "subject": "s",
        "at": NOW,
        "detail": "Europe/Paris" if act == "zone" else "",
        **more,
    }
    return Entry(act=act, **members)  # type: ignore[arg-type]


@pytest.mark.parametrize("act", TAKES)
def test_every_act_can_be_told(act: str) -> None:
    assert fault(entry(act), NOW) == ""


def test_the_mark_of_a_list_cannot() -> None:
    assert fault(entry("imported"), NOW)


@pytest.mark.parametrize(
    ("act", "more", "word"),
    [
        ("suppressed", {"channel": "fax"}, "channel"),
        ("suppressed", {"purpose": "marketting"}, "purpose"),
        ("suppressed", {"sender": "x\ny"}, "sender"),
        ("suppressed", {"until": NOW + 1}, "until"),
        ("suppressed", {"at": NOW + AHEAD + 1}, "at"),
        ("suppressed", {"at": float("nan")}, "at"),
        ("suppressed", {"at": -1.0}, "at"),
        ("suppressed", {"department": "d" * 201}, "department"),
        ("granted", {"until": NOW}, "until"),
        ("granted", {"evidence": "AB" * 32}, "evidence"),
        ("granted", {"sender": "x"}, "sender"),
        ("erased", {"channel": "sms"}, "channel"),
        ("zone", {"detail": "Mars/Phobos"}, "time zone"),
        ("zone", {"detail": "../etc/passwd"}, "time zone"),
        ("restricted", {"channel": "sms"}, "channel"),
    ],
)
def test_what_cannot_be_meant_is_told_by_member(act: str, more: dict[str, object], word: str) -> None:
    assert word in fault(entry(act, **more), NOW)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-02", 86_400.0),
        ("1970-01-02T01:00:00+01:00", 86_400.0),
        ("1970-01-02 00:00:00", 86_400.0),
        ("1793500000", 1_793_500_000.0),
        ("01/02/2026", None),
        ("1960-01-01", None),
        ("", None),
        ("nan", None),
        ("1e9", None),
    ],
)
def test_moments(text: str, at: float | None) -> None:
    assert moment(text) == at


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_none(text: str) -> None:
    at = moment(text)
    assert at is None or at >= 0


def test_a_moment_is_spelt_so_that_it_is_read_back() -> None:
    assert spelt(1_793_500_000.0) == "2026-11-01T02:26:40Z"
    assert moment(spelt(1_793_500_000.25)) == 1_793_500_000.25


@pytest.mark.parametrize(("days", "state"), [(0, "fresh"), (20, "fresh"), (26, "ageing"), (31, "stale")])
def test_a_list_ages(days: int, state: str) -> None:
    limit = ListLimit(max_age=30 * DAY, warn_after=25 * DAY)
    age = aged("bloctel", NOW - days * DAY, limit, NOW)
    assert age.state == state
    assert f"{days} days old" in age.said
    assert aged("bloctel", NOW - days * DAY, None, NOW).state == "fresh"
