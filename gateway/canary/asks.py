"""What is asked about the made-up person: a request that an operation lets pass, with values of theirs. Pure.

Nothing of it goes anywhere. It is there so that acts come as far as their answers, and to see that nothing of
a request is in the access log.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final
from urllib.parse import urlencode

from gateway.canary.allowed import Allowed
from gateway.canary.bodies import INSIDE
from gateway.canary.places import shape
from gateway.canary.seeds import Seeds
from gateway.canary.sower import Planted, Sower
from gateway.model import Field, Operation, View
from gateway.policy.matchers import personal

_ANYTHING: Final = Allowed(View(show=("user", "system")), (), "pass", {"": inf})


@dataclass(frozen=True, slots=True)
class Ask:
    """The body of a request with its media type, and what was planted in it."""

    type: bytes = b""
    body: bytes = b""
    planted: tuple[Planted, ...] = ()


def ask_of(operation: Operation, seeds: Seeds) -> Ask:
    """A request for an act; a read is asked for without a body, as it always was let through."""
    if not operation.act:
        return Ask()
    sower = Sower(_ANYTHING, seeds, INSIDE)
    for carrier, (kind, make) in _BODIES.items():
        lines = tuple(_passing(getattr(operation.request, carrier)))
        if lines:
            body = make(sower, lines)
            return Ask(kind, body, tuple(sower.planted))
    return Ask()


def _passing(lines: tuple[Field, ...]) -> Iterator[Field]:
    """Lines whose values are people's and no question: a guard would refuse one about hidden fields."""
    for line in lines:
        plain = line.guard is None and line.format is None and "*" not in line.path
        if plain and (line.subject or personal(line.category)):
            yield line


def _json(sower: Sower, lines: tuple[Field, ...]) -> bytes:
    spot, ways = shape(lines)
    sower.notes = 1 << 30  # a note is of fields no map names: in a request nobody looks for them
    tree: Any = sower.tree(spot, (), ways)
    return json.dumps(tree).encode()


def _form(sower: Sower, lines: tuple[Field, ...]) -> bytes:
    return urlencode({line.path: sower.flat(line.path, [line.category]) for line in lines}).encode()


_BODIES: Final[Mapping[str, tuple[bytes, Any]]] = {
    "json": (b"application/json", _json),
    "form": (b"application/x-www-form-urlencoded", _form),
}
"""By part of a data map: what a request is written as."""
