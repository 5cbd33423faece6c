"""Whether people are to be left alone: their records are neither sent nor answered. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.contacts.model import Standing
from gateway.contacts.normalise import normalise
from gateway.contacts.rules import hits
from gateway.model import Channel, Mode, OnRefusal, SubjectKind

Name = tuple[SubjectKind, str]
"""An identifier: its kind and canonical value."""


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """One rule about records that applies to the exchange. `channels` empty: suppressed on any."""

    rule: str
    mode: Mode
    channels: tuple[Channel, ...] = ()
    on_refusal: OnRefusal = "refuse"


def names(kind: SubjectKind, value: str, country: str | None) -> tuple[Name, ...]:
    """What a value is known by; nothing when it identifies nobody.

    A record id can be the value of a unique property: what reads as an address or an international number is
    looked up as that too.
    """
    normal = normalise(kind, value, country)
    own: tuple[Name, ...] = () if normal is None else ((kind, normal),)
    if kind != "record":
        return own
    other: SubjectKind | None = "email" if "@" in value else "phone" if value.strip()[:1] == "+" else None
    normal = None if other is None else normalise(other, value, country)
    return own if other is None or normal is None else (*own, (other, normal))


def against(
    checks: Iterable[RecordCheck], standings: Iterable[Standing], purposes: tuple[str, ...], *, known: bool
) -> tuple[RecordCheck, ...]:
    """The checks that one record does not pass. `standings` are those of all who are named in it.

    `known` False: nobody in it could be recognised, so that none passes.
    """
    entries = [entry for standing in standings for entry in standing.suppressions]
    return tuple(
        check
        for check in checks
        if not known
        or any(hits(entry, channel, purposes) for entry in entries for channel in check.channels or (None,))
    )
