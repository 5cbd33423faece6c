"""A worked example of a plugin file: a masker and a detector for staff numbers, and a codec for vCards.

A staff number is `AC-` and five digits, the last of them a check digit (the sum of the others, modulo 10).
Explained line by line in docs/plugins.md.
"""

import re
from collections.abc import Callable, Iterator

from gateway.plugins.api import Codec, Context, Detector, Document, Masker, Unreadable

# ---- a masker: AC-12340 is shown as AC-***40, anything else by its pseudonym ----------------------------

_number = re.compile(r"(?<![A-Z0-9])AC-([0-9]{4})([0-9])(?![0-9])")


def mask_staff(context: Context) -> Callable[[str], str | None]:
    """Shows the last two digits of a staff number."""

    def mask(value: str) -> str | None:
        found = _number.fullmatch(value.strip())
        if found is None:
            return "staff-" + context.pseudonym(value)[:8]
        return f"AC-***{found[1][-1]}{found[2]}"

    return mask


# ---- a detector -----------------------------------------------------------------------------------------


def find_staff(text: str) -> Iterator[tuple[int, int]]:
    """Staff numbers whose check digit is right."""
    for found in _number.finditer(text):
        if sum(map(int, found[1])) % 10 == int(found[2]):
            yield found.span()


# ---- a codec: vCards (RFC 6350) as [{"FN": [{"value": "Ana Martin"}], "TEL": [...]}] --------------------

_line = re.compile(r"([A-Za-z0-9-]+)((?:;[^:]*)?):(.*)")


def decode_cards(body: bytes) -> Document:
    """One member per property name, a list of its lines: their parameters, if any, and their value."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Unreadable from None
    cards: list[Document] = []
    card: dict[str, Document] | None = None
    for line in re.sub(r"\r?\n[ \t]", "", text).splitlines():
        found = _line.fullmatch(line)
        if found is None:
            raise Unreadable
        name, parameters, value = found[1].upper(), found[2][1:], found[3]
        if name == "BEGIN" and card is None:
            card = {}
        elif name == "END" and card is not None:
            cards.append(card)
            card = None
        elif card is not None and name not in ("BEGIN", "END"):
            lines = card.setdefault(name, [])
            entry: dict[str, Document] = {"parameters": parameters} if parameters else {}
            lines.append({**entry, "value": value})  # type: ignore[union-attr]  # a list, as was just made
        else:
            raise Unreadable
    if card is not None:
        raise Unreadable
    return cards


def encode_cards(cards: list[dict[str, list[dict[str, str]]]]) -> bytes:
    """The same lines, those of one name together. A property that was removed is left out."""
    out: list[str] = []
    for card in cards:
        out.append("BEGIN:VCARD")
        for name, lines in card.items():
            out += [f"{name}{_parameters(line)}:{line['value']}" for line in lines if "value" in line]
        out.append("END:VCARD")
    return "".join(f"{line}\r\n" for line in out).encode()


def _parameters(line: dict[str, str]) -> str:
    return f";{line['parameters']}" if "parameters" in line else ""


PLUGINS = [
    Masker("staff_number", mask_staff, partial=True),
    Detector("staff_number", find_staff),
    Codec("text/vcard", decode_cards, encode_cards),
]
