"""The compiled kernel that looks requests through (gateway/native/scankernel.c), with its types. Pure.

None where it is not built: exchange.restoring, codecs.params and exchange.contactpath are the references, and
decide the rest.
"""

from typing import Any, Final, Protocol

from gateway.native import load


class Clear(Protocol):
    """Whether bytes hold no sign of a token, nor an escape that could hide one.

    `host` is searched in any case (it is lower-case), `word` as it is and followed by `rest` letters, digits,
    `-`, `_`; `run` are digits in a row, whatever separators stand between them.
    """

    def __call__(self, raw: bytes, host: bytes, word: bytes, rest: int, run: int, /) -> bool:
        """False: it may."""
        ...


class FieldsClear(Protocol):
    """The same of all values of header fields, which hold no `%` either."""

    def __call__(
        self, headers: list[tuple[bytes, bytes]], host: bytes, word: bytes, rest: int, run: int, /
    ) -> bool:
        """False: they may."""
        ...


class Pairs(Protocol):
    """Reads `a=1&b=2` as PairsCodec.parse does, fewer than `most` separators; None for what is odd."""

    def __call__(self, body: bytes, most: int, /) -> list[tuple[str | None, str, bytes]] | None:
        """Name (None: an empty piece), value, piece."""
        ...


class Outlined(Protocol):
    """What follows `front`, the decimal length of just that, and `rest`, which begins with CR; else None."""

    def __call__(self, raw: bytes, front: bytes, rest: bytes, /) -> bytes | None:
        """The body."""
        ...


Groups = tuple[tuple[tuple[Any, int], ...], ...]
"""(key, piece of a form) of what is told of it"""


class Forms(Protocol):
    """Reads forms whose names are those, in that order, of one that was read, if they need no closer look."""

    def add(self, names: tuple[bytes, ...], groups: Groups, told: Any, /) -> None:
        """Have forms with these names read. Others may be forgotten.

        `names`: what stands before each value, with the `=`. Raises ValueError for what no form of up to
        MAX_PIECES pieces has.
        """

    def read(self, body: bytes, /) -> Any:
        """(told, sure, a list of (key, value) per group) of a form that holds none of the signs.

        Not `sure`: it holds a byte that was given as a doubt, as it came or without its escapes. None: it may
        hold a sign, or has other names, or is odd.
        """
        ...


class MakeForms(Protocol):
    """`host` and `run` as in Clear; `words` are followed by so many letters. Raises ValueError, TypeError."""

    def __call__(
        self, host: bytes, run: int, words: tuple[tuple[bytes, int], ...], doubts: bytes, most: int, /
    ) -> Forms:
        """`most`: bytes of a form."""
        ...


MAX_PIECES: Final = 32
_module = load("scankernel")

clear: Clear | None = None if _module is None else _module.clear
fields: FieldsClear | None = None if _module is None else _module.fields
pairs: Pairs | None = None if _module is None else _module.pairs
outlined: Outlined | None = None if _module is None else _module.outlined
forms: MakeForms | None = None if _module is None else _module.Forms
