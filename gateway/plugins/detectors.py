"""A plugin's detector as one of ours: spans that make no sense are its failure, not ours."""

from typing import Final

from gateway.masking.custom import Find, Span
from gateway.plugins.api import Detector
from gateway.plugins.guard import Guard

MOST_SPANS: Final = 10_000
"""spans in one text; more is a detector that runs wild"""


def finding(plugin: Detector, guard: Guard) -> Find:
    """Asks the plugin, and answers its spans in order and without overlap."""

    def spans(text: str) -> list[Span]:
        # an iterator runs while it is read: that belongs to the call
        found: list[Span] = []
        for span in plugin.find(text):
            found.append(span)
            if len(found) > MOST_SPANS:
                break
        return found

    def find(text: str) -> tuple[Span, ...]:
        found = guard.call(spans, text)
        if not found:
            return ()
        if len(found) > MOST_SPANS:
            raise guard.failed("it found more than can be")
        size = len(text)
        for span in found:
            if not _is_span(span, size):
                raise guard.failed("it answered what is no span of the text")
        return merged(found)

    return find


def _is_span(span: object, size: int) -> bool:
    if span.__class__ is not tuple or len(span) != 2:
        return False
    start, end = span
    if start.__class__ is not int or end.__class__ is not int:
        return False
    return bool(0 <= start < end <= size)


def merged(spans: list[Span]) -> tuple[Span, ...]:
    """Spans in order, those that touch or overlap as one.

    >>> merged([(5, 9), (0, 2), (7, 12)])
    ((0, 2), (5, 12))
    """
    out: list[Span] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return tuple(out)
