"""What plugins add to masking, as a value that is handed to whoever compiles plans. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.codecs.program import REMOVED, Masker
from gateway.masking.operators import REDACTED, text_of
from gateway.masking.table import Make

Span = tuple[int, int]
"""Start and end (exclusive) of what was found, in characters."""
Find = Callable[[str], Iterable[Span]]
"""Where in a text something personal stands. Spans are in order, do not overlap and are inside the text."""


@dataclass(frozen=True, slots=True)
class Custom:
    """Maskers by name, and detectors that run after the built-in ones."""

    maskers: Mapping[str, Make] = field(default_factory=dict)
    detectors: tuple[Find, ...] = ()

    def detecting(self, inner: Masker) -> Masker:
        """A detecting masker that also covers what the detectors of plugins find in what `inner` leaves.

        They see its answer and never what it hid, so nothing they do can bring that back.
        """
        if not self.detectors:
            return inner
        finders = self.detectors

        def detect(value: Any) -> Any:
            new = inner(value)
            for find in finders:
                if new is None or new is REMOVED or new.__class__ is bool:
                    return new
                text = text_of(new)
                spans = tuple(find(text))
                if spans:
                    # no part of a number can be a number again
                    new = cover(text, spans) if new.__class__ is str else None
            return new

        return detect


NOTHING_CUSTOM: Final = Custom()


def cover(text: str, spans: Iterable[Span]) -> str:
    """The text with `[redacted]` in place of each span.

    >>> cover("id AC-1 of Ana", [(3, 7)])
    'id [redacted] of Ana'
    """
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += (text[at:start], REDACTED)
        at = end
    return "".join((*parts, text[at:]))
