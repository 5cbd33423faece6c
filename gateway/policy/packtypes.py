"""Data maps as packs write them, with named types, and how they become plain lists of fields. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from gateway.hooks import Effect
from gateway.model import (
    DataMap,
    Field,
    Format,
    Guard,
    GuardKind,
    Holds,
    Messages,
    Operation,
    Partial,
    SubjectKind,
    SubjectRole,
    Unread,
    WebSocket,
)

MAX_FIELDS: Final = 2000
"""Fields of one carrier after types were put in: bounds what types in types can grow to."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A data map's value: a category (and subject), or the name of a type to put in.

    `record`: of a record id, what kind of record it is of.

    `format` says that the value is a document of its own, with `inner` as its data map.
    """

    category: str = ""
    subject: SubjectKind | None = None
    record: str = ""
    role: SubjectRole = "person"
    type: str | None = None
    format: Format | None = None
    inner: "Mapping[str, Entry]" = MappingProxyType({})
    guard: GuardKind | None = None
    holds: Holds | None = None
    of: str | None = None
    """The type whose fields a guard is about; none: the value's own category."""


Entries = Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Draft:
    """A data map in which types are still named."""

    carriers: Mapping[str, Entries]
    opaque: tuple[Unread, ...] = ()


NOTHING: Final = Draft({})


@dataclass(frozen=True, slots=True)
class Told:
    """model.Messages in which types are still named."""

    any: Draft | None = NOTHING
    kinds: Mapping[str, Draft] = MappingProxyType({})
    binary: Draft = NOTHING


@dataclass(frozen=True, slots=True)
class TalkDraft:
    """model.WebSocket in which types are still named."""

    by: tuple[str, ...]
    sends: Told
    receives: Told


@dataclass(frozen=True, slots=True)
class Plan:
    """An operation whose data maps still name types; `partial` is a name too."""

    operation: Operation
    request: Draft
    response: Draft
    partial: str | None = None
    websocket: TalkDraft | None = None


class TooMuchError(Exception):
    """Types that never end or grow beyond MAX_FIELDS; caught where a pack is built, never leaves it."""


def canonical(path: str) -> str:
    """A path without what may be left out: `$.` at the start, quotes around a plain key.

    >>> canonical("$.a.'b'"), canonical("$[].x"), canonical("'a.b'")
    ('a.b', '[].x', "'a.b'")
    """
    bare = path[1:].removeprefix(".") if path[:2] in ("$.", "$[") else path
    return re.sub(r"'([^.\[\]'*\s$]+)'", r"\1", bare)


def join(prefix: str, path: str) -> str:
    """A path below another one.

    >>> join("messages[]", "to"), join("$", "to"), join("a", "[].b"), join("a", "$")
    ('messages[].to', 'to', 'a[].b', 'a')
    """
    if "$" in (prefix, path):
        return path if prefix == "$" else prefix
    return prefix + ("" if path.startswith("[") else ".") + path


class Spread:
    """Puts types in where they are named. A type that does not exist adds nothing (it is noted elsewhere)."""

    def __init__(
        self, types: Mapping[str, Entries], partials: Mapping[str, Partial], provider: str = ""
    ) -> None:
        self._provider = provider
        self._types = types
        self._partials = partials

    def operation(self, plan: Plan) -> Operation:
        """The operation with its data maps. Raises TooMuchError."""
        hook, taped = plan.operation.hook, plan.operation.recording
        if taped is not None and taped.space:
            taped = msgspec.structs.replace(taped, space=self._space("record", taped.space))
        return msgspec.structs.replace(
            plan.operation,
            hook=hook and msgspec.structs.replace(hook, effects=tuple(map(self._effect, hook.effects))),
            recording=taped,
            partial=self._partials.get(plan.partial or ""),
            request=self._map(plan.request),
            response=self._map(plan.response),
            websocket=self._talk(plan.websocket) if plan.websocket else None,
        )

    def _effect(self, effect: Effect) -> Effect:
        return msgspec.structs.replace(effect, space=self._space(effect.kind, effect.space))

    def _space(self, subject: SubjectKind | None, record: str) -> str:
        """What goes before a record id in the registry."""
        if subject != "record":
            return ""
        return f"{self._provider}/{record}/" if record else f"{self._provider}/"

    def _talk(self, draft: TalkDraft) -> WebSocket:
        return WebSocket(by=draft.by, sends=self._told(draft.sends), receives=self._told(draft.receives))

    def _told(self, told: Told) -> Messages:
        return Messages(
            any=None if told.any is None else self._map(told.any),
            kinds={name: self._map(draft) for name, draft in told.kinds.items()},
            binary=self._map(told.binary),
        )

    def _map(self, draft: Draft) -> DataMap:
        carriers = {name: self._fields(entries) for name, entries in draft.carriers.items()}
        return DataMap(opaque=draft.opaque, **carriers)

    def _fields(self, entries: Entries) -> tuple[Field, ...]:
        fields: dict[str, Field] = {}
        for field in self._below("$", entries, ()):
            # a field written out goes before the same field of a type further down the file
            fields.setdefault(field.path, field)
            if len(fields) > MAX_FIELDS:
                raise TooMuchError(f"more than {MAX_FIELDS} fields in one place")
        return tuple(fields.values())

    def _field(self, path: str, entry: Entry) -> Field:
        return Field(
            path=path,
            category=entry.category,
            subject=entry.subject,
            space=self._space(entry.subject, entry.record),
            role=entry.role,
            format=entry.format,
            inner=self._fields(entry.inner) if entry.inner else (),
            guard=self._guard(entry),
            holds=entry.holds,
        )

    def _guard(self, entry: Entry) -> Guard | None:
        if entry.guard is None:
            return None
        if entry.of is None:
            return Guard(kind=entry.guard, names=(("", entry.category),))
        fields = self._fields(self._types.get(entry.of, {}))
        return Guard(kind=entry.guard, names=tuple((field.path, field.category) for field in fields))

    def _below(self, prefix: str, entries: Entries, trail: tuple[str, ...]) -> Iterator[Field]:
        for own, entry in sorted(entries.items(), key=lambda item: item[1].type is not None):
            path = join(prefix, own)
            if entry.type is None:
                yield self._field(path, entry)
            elif entry.type in trail:
                raise TooMuchError(f"type {entry.type!r} inside itself")
            else:
                yield from self._below(path, self._types.get(entry.type, {}), (*trail, entry.type))
