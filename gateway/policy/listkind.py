"""How old lists may be: in rule files and presets of jurisdictions, and what holds of both. Pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from gateway.contacts.rules import Check
from gateway.listlimit import ListLimit, Relied
from gateway.model import Rule
from gateway.strict.shapes import Fault, Key, Table
from gateway.strict.words import DAYS


def _list_limit(max_age: float, warn_after: float | None = None) -> ListLimit | Fault:
    if warn_after is not None and warn_after >= max_age:
        return Fault("warn_after", "a warning that comes too late", "fewer days than 'max_age'")
    return ListLimit(max_age=max_age, warn_after=0.75 * max_age if warn_after is None else warn_after)


LIST: Final = Table(
    "list",
    (
        Key("max_age", DAYS, "From this age on it is not imported any more, nor relied on.", True),
        Key(
            "warn_after",
            DAYS,
            "From this age on there is a warning; three quarters of `max_age` when left out.",
        ),
    ),
    _list_limit,
    doc="How old a list of people not to be contacted (a national register, say) may be.",
)


Limits = Mapping[str, ListLimit]
NO_LIMITS: Final[Limits] = MappingProxyType({})


def limited(rules: Iterable[Rule], own: Limits, law: Limits) -> tuple[tuple[Rule, ...], dict[str, ListLimit]]:
    """The rules with the limits of the lists they rely on, and the limits of all lists that there are.

    A list has the limit that the file says, or a law; of both the stricter one.
    """
    made = tuple(rules)
    relied = {each.name for rule in made if rule.contact for each in rule.contact.lists}
    known = dict(own)
    for name in sorted(relied & law.keys()):
        known[name] = law[name].strictest(own.get(name))
    return tuple(_relying(rule, known) for rule in made), known


def relied(checks: Iterable[Iterable[Check]]) -> dict[str, ListLimit]:
    """The lists that checks of several channels rely on."""
    every = (each for some in checks for check in some for each in check.contact.lists)
    return {each.name: each.limit for each in every if each.limit}


def _relying(rule: Rule, known: Limits) -> Rule:
    contact = rule.contact
    if contact is None or not contact.lists:
        return rule
    lists = tuple(Relied(each.name, known.get(each.name)) for each in contact.lists)
    return replace(rule, contact=replace(contact, lists=lists))
