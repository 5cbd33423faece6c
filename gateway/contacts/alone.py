"""Whether people are to be left alone: their records are neither sent nor answered. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.contacts.grounds import hits, objected, restricted
from gateway.contacts.model import Standing
from gateway.contacts.normalise import normalise
from gateway.contacts.records import known
from gateway.model import Channel, Mode, OnRefusal, SubjectKind, Whom

Name = tuple[SubjectKind, str]
"""An identifier: its kind and canonical value."""


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """One rule about records that applies to the exchange. `channels` empty: suppressed on any.

    `whom`: which people are left alone. The erased are, whatever it names.
    """

    rule: str
    mode: Mode
    channels: tuple[Channel, ...] = ()
    on_refusal: OnRefusal = "refuse"
    whom: tuple[Whom, ...] = ("suppressed", "objected")


def names(
    kind: SubjectKind, value: str, country: str | None, space: str = "", *, bare: bool = False
) -> tuple[Name, ...]:
    """What a value is known by; nothing when it identifies nobody.

    `space` goes before a record id (`contacts.records`); with `bare` it is known as before, too. A record id
    can be the value of a unique property: what reads as an address or an international number is looked up as
    that too.
    """
    normal = normalise(kind, value, country)
    own: tuple[Name, ...] = () if normal is None else ((kind, normal),)
    if kind != "record":
        return own
    if normal is not None:
        ways = known(space, normal)
        own = tuple([(kind, way) for way in (ways if bare else ways[:1])])
    other: SubjectKind | None = "email" if "@" in value else "phone" if value.strip()[:1] == "+" else None
    normal = None if other is None else normalise(other, value, country)
    return own if other is None or normal is None else (*own, (other, normal))


def against(
    checks: Iterable[RecordCheck], standings: Iterable[Standing], purposes: tuple[str, ...], *, known: bool
) -> tuple[RecordCheck, ...]:
    """The checks that one record does not pass. `standings` are those of all who are named in it.

    `known` False: nobody in it could be recognised, so that none passes.
    """
    people = list(standings)
    return tuple(
        check for check in checks if not known or any(_left_alone(check, each, purposes) for each in people)
    )


def _left_alone(check: RecordCheck, standing: Standing, purposes: tuple[str, ...]) -> bool:
    if standing.erased:
        return True
    channels = check.channels or (None,)
    return any(_WHOM[whom](standing, channel, purposes) for whom in check.whom for channel in channels)


_WHOM: Final[Mapping[Whom, Callable[[Standing, Channel | None, tuple[str, ...]], bool]]] = {
    "suppressed": lambda of, *asked: any(hits(each, *asked) for each in of.suppressions),
    "objected": objected,
    "restricted": lambda of, _, purposes: restricted(of, purposes),
    "erased": lambda of, *_: of.erased,
}
