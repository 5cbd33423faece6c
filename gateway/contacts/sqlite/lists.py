"""What a list that was taken in at once says of everybody on it, kept with its name in one word. Pure."""

import json
from typing import Any, Final

from gateway.contacts.model import Entry

_MARK: Final = "\x1f"
_AFTER: Final = "\x20"
Values = tuple[Any, ...]
"""What stands in a row of the ledger after tenant, subject and key."""


def word(name: str, values: Values) -> str:
    """The word of a list and what it says."""
    return f"{name}{_MARK}{json.dumps(values)}"


def name_of(text: str) -> str:
    """The name in such a word: JSON has no control characters."""
    return text.rpartition(_MARK)[0]


def bounds(name: str) -> tuple[str, str]:
    """Between which texts the words of a list are, and few others."""
    return name + _MARK, name + _AFTER


def said(text: str) -> Entry:
    """What is said of everybody, as an entry of nobody's."""
    return entry("", "", *json.loads(text.rpartition(_MARK)[2]))


def entry(
    name: str,
    subject: str,
    act: Any,
    channel: Any,
    purpose: str | None,
    sender: str | None,
    source: str | None,
    department: str | None,
    text: str | None,
    evidence: str | None,
    detail: str | None,
    at: float,
    until: float | None,
) -> Entry:
    """An entry of a row's values; texts that are empty take no room in it."""
    return Entry(
        id=name,
        subject=subject,
        act=act,
        at=at,
        channel=channel,
        purpose=purpose,
        sender=sender,
        source=source or "",
        department=department or "",
        text=text or "",
        evidence=evidence or "",
        detail=detail or "",
        until=until,
    )


def values(entry: Entry) -> Values:
    """The other way round."""
    return (
        entry.act,
        entry.channel,
        entry.purpose,
        entry.sender,
        entry.source or None,
        entry.department or None,
        entry.text or None,
        entry.evidence or None,
        entry.detail or None,
        float(entry.at),
        None if entry.until is None else float(entry.until),
    )
