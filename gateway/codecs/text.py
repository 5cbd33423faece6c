"""Plain text: one value, which is the whole body. Pure.

The path `$` (or the name `*`) of a program selects it; else it goes to the unmapped masker, which looks for
personal data in it. What is searched for may span lines, so text is held whole, up to the limit of a record.
"""

from collections.abc import Collection
from typing import Any

from gateway.codecs.params import treat
from gateway.codecs.program import REMOVED, Found, Limits, Program, Stream, Tally
from gateway.codecs.scalars import text_of
from gateway.codecs.steps import compiled
from gateway.codecs.stream import too_large
from gateway.errors import InternalError, PayloadError

WHOLE = "$"
MARK = "\ufeff"


class TextCodec:
    """The Codec of `text/plain` in UTF-8. A document is the text, with its mark if it has one."""

    def parse(self, body: bytes, limits: Limits) -> str:
        """Decode strictly. NUL is refused: so UTF-16 looks to a reader of UTF-8. Raises PayloadError."""
        if len(body) > limits.max_body:
            raise PayloadError("body_too_large", "the body is larger than the limit", "body")
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise PayloadError("unparseable_body", "the body is not UTF-8", "body") from error
        if "\0" in text:
            raise PayloadError("unparseable_body", "a NUL", "body")
        return text

    def find(self, document: str, program: Program) -> list[Found]:
        """The text itself, where a program knows it as a subject."""
        ready = compiled(program)
        index = ready.names.get(WHOLE, ready.rest)
        value = document.removeprefix(MARK)
        if index < 0 or ready.slots[index].subject is None or not value:
            return []
        return [Found(index, value, 0, False)]

    def rewrite(self, document: str, program: Program, tally: Tally, drop: Collection[int] = ()) -> str:
        """What stands in place of the text. Raises InternalError when something is to be dropped."""
        if drop:
            raise InternalError("nothing can be dropped from a text", "body")
        value = document.removeprefix(MARK)
        if not value:
            return document
        new = treat(WHOLE, value, compiled(program), tally)
        return document if new is value else document[: len(document) - len(value)] + _text(new)

    def dump(self, document: str) -> bytes:
        """The text in UTF-8."""
        return document.encode()

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """Read, rewrite and write."""
        return self.dump(self.rewrite(self.parse(body, limits), program, tally))

    def stream(self, program: Program, tally: Tally, limits: Limits) -> Stream:
        """A stream that lets everything go at the end, and refuses more than one record may hold."""
        return _TextStream(self, program, tally, limits)


class _TextStream:
    def __init__(self, codec: TextCodec, program: Program, tally: Tally, limits: Limits) -> None:
        self._codec = codec
        self._run = program, tally, limits
        self._limit = limits.max_record
        self._held = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._held += data
        if len(self._held) > self._limit:
            raise too_large("body")
        return b""

    def finish(self) -> bytes:
        return self._codec.transform(bytes(self._held), *self._run)


def _text(value: Any) -> str:
    return "" if value is None or value is REMOVED else value if value.__class__ is str else text_of(value)


TEXT = TextCodec()
