"""Text of records that are alike but for ids, times, subjects and sizes: written as a text with gaps. Pure.

What is between the gaps is what the encoder (audit.chain) made of one of them, so that no record looks
different for having been written like this.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from gateway.audit.chain import Moment, encoder
from gateway.audit.record import Record

_ID = "id"
_WHO = "subject"
_SAMPLE = 1_000_000_000_000_001
ANSWERED = ("response_bytes", "added_us", "total_us")
"""What differs between records of answers alike, in the order of a record's members."""


class Template:
    """Records like `record`, which says all of them but what `text` is given.

    A member is left out where it says nothing, so that records with nobody in them, of an empty body or of no
    microsecond are not like this.
    """

    __slots__ = ("_moment", "_written", "record")

    def __init__(self, record: Record, moment: Moment, numbers: tuple[str, ...] = ANSWERED) -> None:
        """`moment`: see audit.chain.moments. `numbers`: members that `text` is given, in a record's order."""
        self.record = record
        self._moment = moment
        samples = {name: _SAMPLE + at for at, name in enumerate(numbers)}
        of = replace(record, id=_ID, at=0.0, subjects=(_WHO,), **samples)
        text = encoder()(of).replace(b"%", b"%%")
        gaps = (
            (b'"1970-01-01T00:00:00.000000Z"', b'"%b.%06dZ"'),
            (b'"id":"%b"' % _ID.encode(), b'"id":"%b"'),
            (b'"subjects":["%b"]' % _WHO.encode(), b'"subjects":["%b"]'),
            *((b":%d" % number, b":%d") for number in samples.values()),
        )
        for sample, gap in gaps:
            text = text.replace(sample, gap, 1)
        self._written = text

    def text(self, identifier: bytes, at: float, subjects: Iterable[str], *numbers: int) -> bytes:
        """What `audit.chain.encoder` makes of such a record. `at` in epoch seconds, times in microseconds.

        Identifiers and subjects are of this gateway's making: nothing in them has to be escaped.
        """
        second, micros = self._moment(at)
        people = '","'.join(subjects).encode()
        return self._written % (second, micros, identifier, people, *numbers)
