"""Whether a seed is in some bytes: as it is, or in an encoding that anybody would try. Pure.

All needles of a family begin alike, and so do their encodings: one search finds where any of them can be.
"""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote

from gateway.canary.seeds import Seed

Form = Callable[[str], bytes]
"""Encodes a text; a longer text's form begins with that of its beginning."""


def _aligned(encode: Callable[[bytes], bytes], shift: int, text: str) -> bytes:
    """Base64 of what stands `shift` bytes after a multiple of 3, without what depends on its neighbours."""
    data = b"\0" * shift + text.encode()
    return encode(data)[(0, 2, 3)[shift] : len(data) * 8 // 6]


def _home(text: str) -> bytes:
    """A phone number as it is written at home, without its country code; nothing of what is none."""
    return text.removeprefix("+33").encode() if text.startswith("+33") else b""


FOLDED: Final[Mapping[str, Form]] = {
    "plain": lambda text: text.lower().encode(),
    "digits": _home,
    "percent": lambda text: quote(text, safe="").lower().encode(),
    "every percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()).encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "escaped": lambda text: "".join(f"\\u{ord(c):04x}" for c in text).encode(),
}
"""Encodings looked for in any case."""
EXACT: Final[Mapping[str, Form]] = {
    f"{name} {shift}": partial(_aligned, encode, shift)
    for name, encode in (("base64", b64encode), ("base64url", urlsafe_b64encode))
    for shift in range(3)
}
"""Encodings in which case counts."""


@dataclass(frozen=True, slots=True)
class Haystack:
    """Bytes in which seeds are sought."""

    raw: bytes
    folded: bytes
    backwards: bytes

    @classmethod
    def of(cls, *parts: bytes) -> "Haystack":
        """Of several parts, a line end between them."""
        raw = b"\n".join(parts)
        folded = raw.lower()
        return cls(raw, folded, folded[::-1])

    def searches(self) -> Iterator[tuple[str, Form, bytes]]:
        """What is looked for where: (name, form, bytes)."""
        for name, form in FOLDED.items():
            yield name, form, self.folded
        yield "reversed", FOLDED["plain"], self.backwards
        for name, form in EXACT.items():
            yield name.partition(" ")[0], form, self.raw


def found(seeds: Iterable[Seed], hay: Haystack) -> dict[Seed, str]:
    """The seeds whose needle is in the haystack, with the first encoding it was seen in."""
    families: dict[str, list[Seed]] = {}
    for seed in seeds:
        families.setdefault(seed.family, []).append(seed)
    out: dict[Seed, str] = {}
    for family, members in families.items():
        for name, form, where in hay.searches():
            stem = form(family)
            at = where.find(stem) if stem else -1
            if at >= 0:
                forms = {form(seed.needle): seed for seed in members}
                for seed in _at(at, stem, forms, where):
                    out.setdefault(seed, name)
    return out


def _at(at: int, stem: bytes, forms: Mapping[bytes, Seed], where: bytes) -> Iterator[Seed]:
    """The seeds whose form stands at any place where their stem does, from the first such place on."""
    sizes = {len(form) for form in forms}
    while at >= 0:
        for size in sizes:
            seed = forms.get(where[at : at + size])
            if seed is not None:
                yield seed
        at = where.find(stem, at + 1)
