"""The codec of bodies that are passed on without being read, as a rule of the data map allows. Pure."""

from collections.abc import Collection

from gateway.codecs.paths import compile_program
from gateway.codecs.program import Found, Limits, Program, Tally
from gateway.errors import InternalError, PayloadError

NOTHING = compile_program((), None)
"""The program that selects nothing and changes nothing."""


class UnreadCodec:
    """A document is the body itself; nothing is found in it."""

    def parse(self, body: bytes, limits: Limits) -> bytes:
        """The body. Raises PayloadError(body_too_large)."""
        if len(body) > limits.max_body:
            raise PayloadError("body_too_large", "the body is larger than the limit", "body")
        return body

    def find(self, _document: bytes, _program: Program) -> list[Found]:
        """Nobody."""
        return []

    def rewrite(self, document: bytes, _program: Program, _tally: Tally, drop: Collection[int] = ()) -> bytes:
        """The same body. Raises InternalError when something is to be dropped."""
        if drop:
            raise InternalError("nothing can be dropped from what is not read", "body")
        return document

    def dump(self, document: bytes) -> bytes:
        """The body."""
        return document

    def transform(self, body: bytes, _program: Program, _tally: Tally, limits: Limits) -> bytes:
        """The body, within the limit."""
        return self.parse(body, limits)


UNREAD = UnreadCodec()
