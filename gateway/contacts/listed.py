"""Addresses that one field lists (RFC 5322 address lists), and the field without some of them. Pure.

Read with the standard library's parser. What two readers could take for different people is not read at all:
groups, defects, an @ in a name, two addresses where one was expected.
"""

from dataclasses import dataclass, field
from email.policy import SMTP
from typing import Final

from gateway.contacts.normalise import normalise

MOST: Final = 1000
"""addresses in one field"""
_PARTING: Final = ",;"
_CLOSING: Final = {"<": ">", "(": ")", '"': '"'}


@dataclass(slots=True)
class Listed:
    """A field's text in parts, each with the sign that ends it; `gone`: numbers of parts that are left out.

    `addresses` are the canonical ones of the parts that are no empty ones: (part, address).
    """

    parts: list[str]
    addresses: list[tuple[int, str]]
    gone: set[int] = field(default_factory=set)

    @property
    def emptied(self) -> bool:
        """Whether nobody is left."""
        return len(self.gone) == len(self.addresses)

    @property
    def text(self) -> str:
        """The field without those that are gone; of the rest every byte, but for what parted them."""
        kept = [part for number, part in enumerate(self.parts) if number not in self.gone]
        text = "".join(kept)
        last = len(self.parts) - 1
        if last in self.gone:
            text = text.rstrip().removesuffix(",").removesuffix(";")
        return text.lstrip() if 0 in self.gone else text


def listed(text: str, country: str | None) -> Listed | None:
    """None for a text that is not surely a list of addresses, or a single one with a name."""
    parts = _parts(text)
    if parts is None or len(parts) > MOST:
        return None
    found: list[tuple[int, str]] = []
    for number, part in enumerate(parts):
        bare = part.rstrip(_PARTING).strip() if part[-1:] in _PARTING else part.strip()
        if not bare:
            continue
        address = normalise("email", bare, country) or _named(bare, country)
        if address is None:
            return None
        found.append((number, address))
    return Listed(parts, found) if found else None


def _parts(text: str) -> list[str] | None:
    """Cut behind commas and semicolons that stand in no quotes, comment or angle brackets."""
    parts, begin, closing, at = list[str](), 0, list[str](), 0
    while at < len(text):
        sign = text[at]
        if sign == "\\" and closing and closing[-1] != ">":
            at += 1
        elif closing and sign == closing[-1]:
            closing.pop()
        elif sign in _CLOSING and (not closing or (closing[-1] == ")" and sign == "(")):
            closing.append(_CLOSING[sign])
        elif not closing and sign in _PARTING:
            parts.append(text[begin : at + 1])
            begin = at + 1
        at += 1
    parts.append(text[begin:])
    return None if closing else parts


def _named(text: str, country: str | None) -> str | None:
    """The address of one mailbox with a name."""
    if not text.isprintable():
        return None
    header = SMTP.header_factory("to", text)
    groups = header.groups
    if header.defects or len(groups) != 1 or groups[0].display_name is not None:
        return None
    addresses = groups[0].addresses
    if len(addresses) != 1 or "@" in addresses[0].display_name or text.count("@") != 1:
        return None
    return normalise("email", addresses[0].addr_spec, country)
