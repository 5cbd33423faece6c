"""Whether a rule's scope covers an exchange: one small test per narrowing key, in a table. Pure.

A test answers None when it does not stand in the way, or the reason why the rule does not apply. Where the
exchange leaves something open (no purpose stated, a broad category), the rule applies: the strictest reading.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase

from gateway.model import Client, DataMap, Field, Operation, Rule, Scope, Upstream, overlaps


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of an exchange before any byte of its body: the facts rules are narrowed by."""

    client: Client
    purposes: tuple[str, ...]
    provider: str
    operation: Operation
    upstream: Upstream
    upstream_countries: frozenset[str]
    today: date

    @property
    def name(self) -> str:
        """`provider.operation_id`, what operation globs are matched against."""
        return f"{self.provider}.{self.operation.id}"


def categories(operation: Operation) -> frozenset[str]:
    """Every personal data category an operation's data map names, in either direction."""
    talk = operation.websocket
    spoken = (*talk.sends.maps, *talk.receives.maps) if talk else ()
    return _named((operation.request, operation.response, *spoken))


def sent(operation: Operation) -> frozenset[str]:
    """The same of what is sent alone."""
    talk = operation.websocket
    return _named((operation.request, *(talk.sends.maps if talk else ())))


def _named(maps: tuple[DataMap, ...]) -> frozenset[str]:
    fields = (f.category for m in maps for carrier in CARRIERS for f in _all(getattr(m, carrier)))
    opaque = (unread.category for m in maps for unread in m.opaque)
    return frozenset(c for c in (*fields, *opaque) if personal(c))


CARRIERS = ("path", "query", "headers", "cookies", "form", "json", "csv", "xml", "multipart", "text")
"""The parts of a data map that list fields."""


def _all(fields: tuple[Field, ...]) -> Iterator[Field]:
    for field in fields:
        yield field
        yield from _all(field.inner)


def personal(category: str) -> bool:
    """Whether a category is personal data: everything outside `system`."""
    return category != "system" and not category.startswith("system.")


def _roles(scope: Scope, it: Situation) -> bool:
    return it.client.role in scope.roles


def _clients(scope: Scope, it: Situation) -> bool:
    return it.client.id in scope.clients


def _purposes(scope: Scope, it: Situation) -> bool:
    return not it.purposes or any(overlaps(a, b) for a in scope.purposes for b in it.purposes)


def _providers(scope: Scope, it: Situation) -> bool:
    return it.provider in scope.providers


def _operations(scope: Scope, it: Situation) -> bool:
    return any(fnmatchcase(it.name, glob) for glob in scope.operations)


def _channels(scope: Scope, it: Situation) -> bool:
    recording = it.operation.recording
    channel = it.operation.channel or (recording and recording.channel)
    return channel in scope.channels or (channel == "sms" and "whatsapp" in scope.channels)


def _regions(scope: Scope, it: Situation) -> bool:
    from gateway.residency.law import expand

    return bool(expand(scope.regions, adequacy=False, on=it.today) & it.upstream_countries)


def recipient(names: tuple[str, ...], provider: str, operator: str) -> bool:
    """Whether one of the names is the provider's, or that of who runs its upstream (in any case)."""
    return any(name in (provider, operator.casefold()) for name in map(str.casefold, names))


def _recipients(scope: Scope, it: Situation) -> bool:
    return recipient(scope.recipients, it.provider, it.upstream.operator)


def _data(scope: Scope, it: Situation) -> bool:
    return any(overlaps(a, b) for a in scope.data for b in categories(it.operation))


_TESTS: tuple[tuple[str, Callable[[Scope, Situation], bool]], ...] = (
    ("roles", _roles),
    ("clients", _clients),
    ("providers", _providers),
    ("recipients", _recipients),
    ("operations", _operations),
    ("channels", _channels),
    ("purposes", _purposes),
    ("regions", _regions),
    ("data", _data),
)


def in_force(rule: Rule, on: date) -> bool:
    """Whether a rule's own dates cover a day."""
    began = rule.since is None or date.fromisoformat(rule.since) <= on
    return began and (rule.until is None or on < date.fromisoformat(rule.until))


def obstacle(rule: Rule, it: Situation, given: tuple[str, ...]) -> str | None:
    """Why `rule` does not apply in this situation, or None when it does. `given`: tenant consents given."""
    if rule.since and it.today < date.fromisoformat(rule.since):
        return f"in force from {rule.since}"
    if rule.until and it.today >= date.fromisoformat(rule.until):
        return f"in force until {rule.until}"
    lifted = next((c for c in rule.consents if c in given), None)
    if lifted:
        return f"lifted by the tenant's consent {lifted}"
    if rule.spared and recipient(rule.spared, it.provider, it.upstream.operator):
        return "lifted for this recipient"
    for key, test in _TESTS:
        if getattr(rule.scope, key) and not test(rule.scope, it):
            return f"narrowed by {key}"
    return None
