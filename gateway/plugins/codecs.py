"""A plugin's codec as one of ours. It reads and writes; what is masked is decided and done by us.

So it cannot leave anything out of masking but by not reading it, and then it is not written either: what it
writes is read again and has to be what was masked, to the last value.
"""

from collections.abc import Collection
from typing import Any, Final

from gateway.codecs.json import JSON
from gateway.codecs.program import Found, Limits, Program, Tally, by_steps
from gateway.codecs.scalars import CONTAINERS
from gateway.errors import PayloadError
from gateway.plugins.api import Codec, Document, Unreadable
from gateway.plugins.guard import Guard

MOST_VALUES: Final = 1_000_000
"""values of one document, containers included"""
_UNREADABLE: Final = object()
_SCALARS: Final = frozenset((str, int, bool, type(None)))


class PluginCodec:
    """The Codec around a plugin. Raises PayloadError for the sender's mistakes, PluginError for its own."""

    __slots__ = ("_guard", "_plugin")

    def __init__(self, plugin: Codec, guard: Guard) -> None:
        self._plugin = plugin
        self._guard = guard

    def parse(self, body: bytes, limits: Limits) -> Document:
        """Read a body."""
        if len(body) > limits.max_body:
            raise PayloadError("body_too_large", "the body is larger than the limit", "body")
        document = self._guard.call(self._decode, body)
        if document is _UNREADABLE:
            raise PayloadError("unparseable_body", "the body is not of its content type", "body")
        return self._owned(document, limits.max_depth)

    def find(self, document: Any, program: Program) -> list[Found]:
        """Subjects in document order."""
        return JSON.find(document, program)

    def rewrite(self, document: Any, program: Program, tally: Tally, drop: Collection[int] = ()) -> Document:
        """Run the program over the document, in place."""
        made: Document = JSON.rewrite(document, program, tally, drop)
        return made

    def dump(self, document: Document) -> bytes:
        """Serialise, and see that it says what the document says and nothing else."""
        guard = self._guard
        body = guard.call(self._plugin.encode, self._owned(document, None))
        if body.__class__ is not bytes:
            raise guard.failed("it wrote what are no bytes")
        again = guard.call(self._decode, body)
        if again is _UNREADABLE or not same(self._owned(again, None), document):
            raise guard.failed("what it wrote is not what was masked")
        return body

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """Parse, rewrite and dump."""
        return by_steps(self, body, program, tally, limits)

    def _decode(self, body: bytes) -> object:
        try:
            return self._plugin.decode(body)
        except Unreadable:
            return _UNREADABLE

    def _owned(self, document: object, max_depth: int | None) -> Document:
        """A copy in plain containers that nobody else holds, as masking changes it in place."""
        holder: list[Document] = []
        work: list[tuple[object, Any, Any, int]] = [(document, holder, None, 1)]
        left = MOST_VALUES
        while work:
            value, into, key, depth = work.pop()
            if value.__class__ in _SCALARS:
                made: Any = value
            elif value.__class__ is dict or value.__class__ is list:
                if max_depth is not None and depth > max_depth:
                    raise PayloadError("unparseable_body", "the body is nested deeper than the limit", "body")
                left -= len(value)
                if left < 0:
                    raise PayloadError("body_too_large", "the body has more values than the limit", "body")
                made = self._container(value, work, depth)
            else:
                raise self._guard.failed("a document holds what is neither text, number nor container")
            if key is None:
                into.append(made)
            else:
                into[key] = made
        return holder[0]

    def _container(self, value: Any, work: list[tuple[object, Any, Any, int]], depth: int) -> Any:
        if value.__class__ is list:
            copy: Any = [None] * len(value)
            work += [(item, copy, at, depth + 1) for at, item in enumerate(value)]
            return copy
        if any(key.__class__ is not str for key in value):
            raise self._guard.failed("a document has a key that is no text")
        copy = dict.fromkeys(value)
        work += [(item, copy, key, depth + 1) for key, item in value.items()]
        return copy


def same(a: Any, b: Any) -> bool:
    """Whether two documents say the same, kinds included: `True` is not 1.

    Order of members does not count, nor does what holds nothing: null, and containers of nothing but that. A
    format need not be able to write what masking left empty.
    """
    empty = hollow(a) | hollow(b)
    work = [(a, b)]
    while work:
        a, b = work.pop()
        if a.__class__ is not b.__class__:
            return False
        if a.__class__ is dict:
            a, b = ({k: v for k, v in c.items() if v is not None and id(v) not in empty} for c in (a, b))
            if a.keys() != b.keys():
                return False
            work += [(value, b[key]) for key, value in a.items()]
        elif a.__class__ is list:
            a, b = ([v for v in c if v is not None and id(v) not in empty] for c in (a, b))
            if len(a) != len(b):
                return False
            work += zip(a, b, strict=True)
        elif a != b:
            return False
    return True


def hollow(document: Any) -> set[int]:
    """Identities of the containers in which there is nothing."""
    every = [document] if document.__class__ in CONTAINERS else []
    for container in every:
        every += [value for value in _values(container) if value.__class__ in CONTAINERS]
    empty: set[int] = set()
    for container in reversed(every):
        if all(value is None or id(value) in empty for value in _values(container)):
            empty.add(id(container))
    return empty


def _values(container: Any) -> Any:
    return container.values() if container.__class__ is dict else container
