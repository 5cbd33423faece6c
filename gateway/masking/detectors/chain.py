"""Groups of digits that stand near each other, joined, to ask at each for a number. Pure."""

import re
from itertools import islice
from typing import NamedTuple

from gateway.masking.detectors.hit import Span

_group = re.compile(r"[0-9]+").finditer


class Chain(NamedTuple):
    """All digits of a part of a text, and where its groups begin and end among them."""

    digits: str
    starts: list[Span]
    """(place in `digits`, place in the text) of each group, in order"""
    ends: dict[int, tuple[int, int]]
    """place in `digits` after a group -> (place in the text after it, the group's number)"""


def chain(text: str, span: Span, most: int) -> Chain:
    """The first `most` groups of a part of a text."""
    found: list[str] = []
    starts: list[Span] = []
    ends: dict[int, tuple[int, int]] = {}
    at = 0
    for number, group in enumerate(islice(_group(text, *span), most)):
        start, end = group.span()
        starts.append((at, start))
        at += end - start
        ends[at] = (end, number)
        found.append(group[0])
    return Chain("".join(found), starts, ends)
