"""The compiled kernel that looks requests through (gateway/native/scankernel.c), with its types. Pure.

None where it is not built: exchange.restoring and codecs.params are the references, and decide the rest.
"""

from typing import Protocol

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


_module = load("scankernel")

clear: Clear | None = None if _module is None else _module.clear
fields: FieldsClear | None = None if _module is None else _module.fields
pairs: Pairs | None = None if _module is None else _module.pairs
