"""Text of records that are alike but for ids, times, subjects and sizes: written as a text with gaps. Pure.

What is between the gaps is what the encoder (audit.chain) made of one of them, so that no record looks
different for having been written like this. A compiled kernel (native/textkernel.c) fills the gaps where it
is built; what it leaves, it hands to the function here that is its reference.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from msgspec.structs import replace

from gateway.audit.chain import Moment, encoder
from gateway.audit.record import Record
from gateway.native import load

_ID = "id"
_WHO = "subject"
_SAMPLE = 1_000_000_000_000_001
ANSWERED = ("response_bytes", "added_us", "total_us")
"""What differs between records of answers alike, in the order of a record's members."""
_kernel: Any = load("textkernel")


class Text(Protocol):
    """What `audit.chain.encoder` makes of such a record."""

    def __call__(
        self, identifier: str | bytes, at: float, subjects: Iterable[str], /, *numbers: int
    ) -> bytes:
        """`at` in epoch seconds, times in microseconds.

        Identifiers and subjects are of this gateway's making: nothing in them has to be escaped. Raises
        ValueError, OverflowError, OSError for what is no time.
        """
        ...


class Template:
    """Records like `record`, which says all of them but what `text` is given.

    A member is left out where it says nothing, so that records with nobody in them, of an empty body or of no
    microsecond are not like this.
    """

    __slots__ = ("record", "text")

    text: Text
    """Writes one of them."""

    def __init__(self, record: Record, moment: Moment, numbers: tuple[str, ...] = ANSWERED) -> None:
        """`moment`: see audit.chain.moments. `numbers`: members that `text` is given, in a record's order."""
        self.record = record
        samples = {name: _SAMPLE + at for at, name in enumerate(numbers)}
        of = replace(record, id=_ID, at=0.0, subjects=(_WHO,), **samples)
        gaps = (
            (b'"', b"1970-01-01T00:00:00.000000Z", b'"'),
            (b'"id":"', _ID.encode(), b'"'),
            (b'"subjects":["', _WHO.encode(), b'"]'),
            *((b":", b"%d" % number, b"") for number in samples.values()),
        )
        pieces = around(encoder()(of), gaps)
        rule = by_rule(pieces, moment)
        self.text = rule if _kernel is None else _kernel.Text(pieces, rule)


def around(text: bytes, gaps: Iterable[tuple[bytes, bytes, bytes]]) -> tuple[bytes, ...]:
    """The pieces of a text around gaps, which are said in the order they stand there: what is before each, in
    it, and after it. Raises ValueError where one is not there."""
    pieces, end = [], b""
    for before, sample, after in gaps:
        piece, text = text.split(before + sample + after, 1)
        pieces.append(end + piece + before)
        end = after
    return (*pieces, end + text)


def by_rule(pieces: Sequence[bytes], moment: Moment) -> Text:
    """Writes what is around gaps of a moment, an identifier, subjects and numbers, in Python alone."""
    gaps = (b"%b.%06dZ", b"%b", b"%b", *[b"%d"] * (len(pieces) - 4), b"")
    form = b"".join([piece.replace(b"%", b"%%") + gap for piece, gap in zip(pieces, gaps, strict=True)])
    return partial(_written, form, moment)


def _written(
    form: bytes, moment: Moment, identifier: str | bytes, at: float, subjects: Iterable[str], *numbers: int
) -> bytes:
    second, micros = moment(at)
    name = identifier.encode() if isinstance(identifier, str) else identifier
    people = '","'.join(subjects).encode()
    return form % (second, micros, name, people, *numbers)
