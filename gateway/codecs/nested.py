"""Documents inside values: XML in a form field, JSON in a part, cookies in a header. Pure.

The inner program's slots stand in the outer program's table too: one tally and one record tell of both.
"""

from collections.abc import Collection

from gateway.codecs.program import Found, Limits, Tally
from gateway.codecs.steps import Inner
from gateway.errors import PayloadError

_WITHIN = Limits()
"""What holds the value has kept to its own limits already; these bound depth and number of fields."""


def found(inner: Inner, value: str, place: str) -> list[Found]:
    """Subjects in a value; ordinals are those of the inner document. Raises PayloadError."""
    if not value:
        return []
    codec = inner.codec
    try:
        hits = codec.find(codec.parse(_bytes(value), _WITHIN), inner.program)
    except PayloadError as error:
        raise _placed(error, place) from error
    return [Found(hit.slot + inner.offset, hit.value, hit.ordinal, hit.droppable) for hit in hits]


def rewritten(inner: Inner, value: str, tally: Tally, place: str, drop: Collection[int] = ()) -> str:
    """The value as its program leaves it: itself where nothing changed. Raises PayloadError."""
    if not value:
        return value
    codec, program = inner.codec, inner.program
    own = Tally.of(program)
    try:
        document = codec.rewrite(codec.parse(_bytes(value), _WITHIN), program, own, drop)
        out = codec.dump(document)
    except PayloadError as error:
        raise _placed(error, place) from error
    _add(tally, own, inner.offset)
    # Always what was understood: JSON that repeats a key is not passed on as it stood.
    text = out.decode()
    return value if text == value else text


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _placed(error: PayloadError, place: str) -> PayloadError:
    return error.at(f"{place}, {error.place}" if error.place else place)


def _add(tally: Tally, own: Tally, offset: int) -> None:
    for index, (seen, masked) in enumerate(zip(own.seen, own.masked, strict=True), offset):
        tally.seen[index] += seen
        tally.masked[index] += masked
    tally.subjects += [(index + offset, value) for index, value in own.subjects]
    tally.unmapped += own.unmapped
