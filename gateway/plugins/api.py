"""What the author of a plugin needs, and nothing else: three kinds of plugins, as values.

    from gateway.plugins.api import Masker

    def make(context):
        return lambda value: value[:2] + "..."

    PLUGINS = [Masker("site_code", make, partial=True)]

Everything here is called on the way of live traffic: no I/O, no state, no clock, and quick.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Document = dict[str, "Document"] | list["Document"] | str | int | bool | None
"""What a codec makes of a body. Numbers whose text counts (`1.10`) are strings."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a masker is made for: one data category of one tenant."""

    category: str
    """`user.contact.phone_number`"""
    pseudonym: Callable[[str], str]
    """A text's keyed pseudonym, 32 hexadecimal digits: the same for the same text, category and tenant, and
    for nobody else. It cannot be turned back."""


@dataclass(frozen=True, slots=True)
class Masker:
    """A masking operator: `with: <name>` in a rule, `mask: {category: <name>}` in a view.

    `make` is called once per tenant and category. What it returns gets every value as text (a number as its
    digits; never null, a truth value or an empty text) and answers what stands in its place, or None to hide
    the value whole. `partial` declares that the answer shows part of the value; see docs/plugins.md for how
    much of it.
    """

    name: str
    make: Callable[[Context], Callable[[str], str | None]]
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds personal data in texts that no data map names: start and end (exclusive), in characters."""

    name: str
    find: Callable[[str], Iterable[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Codec:
    """Reads and writes one media type. `name` is that type, in lower case and without parameters.

    `decode` gives the document that data maps select from with JSON paths; it raises Unreadable for what is
    no body of this type. `encode` writes a document; `decode` has to read the same from it again.
    """

    name: str
    decode: Callable[[bytes], Document]
    encode: Callable[[Any], bytes]


Plugin = Masker | Detector | Codec


class Unreadable(Exception):  # noqa: N818 - what an author raises, in the author's words
    """Raised by `decode`: the body is not of this type. Whatever else it raises counts as its own failure."""
