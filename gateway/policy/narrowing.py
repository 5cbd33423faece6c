"""What narrows a rule, beside its kind or inside it, as a table. Pure."""

from dataclasses import dataclass
from typing import Final, get_args

import msgspec

from gateway.model import Channel, Contact, Direction, Records, Residency, Scope
from gateway.policy.taxonomy import CATEGORY, OPERATOR_NAME, REGION, USE
from gateway.strict.kinds import Kind, one_of
from gateway.strict.shapes import Fault, Key, ListOf
from gateway.strict.words import GLOB, NAME

Narrow = dict[str, tuple[str, ...] | str]
"""Narrowing keys as written in one place: field of Scope -> value."""


def many[T](kind: Kind[T]) -> ListOf[T]:
    """One or several, as rule files write most things."""
    return ListOf(kind, one=True)


CHANNEL: Final = one_of(*get_args(Channel))
NARROWING: Final = (
    Key("roles", many(NAME), "Only for clients with one of these roles."),
    Key("clients", many(NAME), "Only for these clients (their `id`)."),
    Key("purposes", many(USE), "Only when the client acts for one of these data uses."),
    Key("providers", many(NAME), "Only for these providers."),
    Key("recipients", many(OPERATOR_NAME), "Only for these: a provider, or who runs an upstream."),
    Key("operations", many(GLOB), "Only for operations whose `provider.operation` matches a pattern (`*`)."),
    Key("channels", many(CHANNEL), "Only for operations that reach a person on one of these channels."),
    Key("direction", one_of(*get_args(Direction)), "Only for requests, or only for responses."),
    Key("regions", many(REGION), "Only for upstreams in one of these regions."),
    Key("data", many(CATEGORY), "Only for operations that carry one of these data categories."),
)


def narrowing(*without: str) -> tuple[Key, ...]:
    """The keys but for some."""
    return tuple(key for key in NARROWING if key.name not in without)


@dataclass(frozen=True, slots=True)
class Part:
    """A kind's mapping: its own value, and the narrowing written inside it. `preset` is one of a law."""

    narrow: Narrow
    contact: Contact | None = None
    residency: Residency | None = None
    records: Records | None = None
    preset: str | None = None


def merged(parts: list[Narrow]) -> Scope | Fault:
    """The scope of a rule from all places where it is narrowed."""
    scope: Narrow = {}
    for part in parts:
        for name, value in part.items():
            if name in scope:
                return Fault(name, f"{name!r} both in the rule and inside its kind", "each key in one place")
            scope[name] = value
    return msgspec.convert(scope, Scope)
