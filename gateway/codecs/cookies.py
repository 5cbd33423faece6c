"""Cookies: the value of a `Cookie` or a `Set-Cookie` field (RFC 6265 sections 4.1.1 and 4.2.1). Pure.

A cookie's value may be percent-encoded, as most applications write what is not ASCII; it is then read so.
Pieces that were not changed keep their exact text. Attributes of a `Set-Cookie` are not data.
"""

import re
from collections.abc import Collection
from urllib.parse import quote, unquote_to_bytes

from gateway.codecs.params import treat
from gateway.codecs.program import REMOVED, Found, Limits, Program, Tally, by_steps
from gateway.codecs.steps import compiled
from gateway.errors import InternalError, PayloadError

Piece = tuple[str | None, str, str]
"""Name (None: an attribute, or nothing at all), value as it is understood, text between two `;`."""

_read = re.compile(r"[ \t]*([^=;\x00-\x20\x7f]*)=([^;\x00-\x1f\x7f]*?)[ \t]*").fullmatch
_odd = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search


class CookiesCodec:
    """The Codec of one field's value. A document is a list of Pieces; `single`: only one is a cookie."""

    def __init__(self, place: str, *, single: bool) -> None:
        self._place = place
        self._single = single

    def parse(self, body: bytes, limits: Limits) -> list[Piece]:
        """Split at `;`. Raises PayloadError for control characters and too many cookies."""
        if len(body) > limits.max_body:
            raise PayloadError("body_too_large", "longer than the limit", self._place)
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise self._refusal("a cookie that cannot be read") from error
        pieces = text.split(";")
        if _odd(text) or len(pieces) > limits.max_fields:
            raise self._refusal("a control character, or more cookies than the limit")
        return [
            (None, "", piece) if self._single and at else self._piece(piece)
            for at, piece in enumerate(pieces)
        ]

    def find(self, document: list[Piece], program: Program) -> list[Found]:
        """Subjects in order; a cookie is never dropped."""
        ready = compiled(program)
        hits = [(ready.names.get(name, ready.rest), value) for name, value, _ in document if name is not None]
        who = [(slot, value) for slot, value in hits if slot >= 0 and ready.slots[slot].subject is not None]
        return [Found(slot, value, ordinal, False) for ordinal, (slot, value) in enumerate(who)]

    def rewrite(
        self, document: list[Piece], program: Program, tally: Tally, drop: Collection[int] = ()
    ) -> list[Piece]:
        """A new list; a cookie that is removed goes with its `;`. Raises InternalError for a drop."""
        if drop:
            raise InternalError("a cookie cannot be dropped", self._place)
        ready = compiled(program)
        out: list[Piece] = []
        for piece in document:
            name, value, text = piece
            new = value if name is None else treat(name, value, ready, tally)
            if new is value:
                out.append(piece)
            elif new is not REMOVED:
                shown = "" if new is None else str(new)
                lead = text[: len(text) - len(text.lstrip(" \t"))]
                out.append((name, shown, f"{lead}{name}={quote(shown, safe=_PLAIN)}"))
            elif self._single:
                out.append((name, "", f"{name}="))
        if out and out[0] is not document[0]:
            out[0] = (out[0][0], out[0][1], out[0][2].lstrip(" \t"))
        return out

    def dump(self, document: list[Piece]) -> bytes:
        """The pieces, joined."""
        return ";".join([text for _, _, text in document]).encode()

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """Read, rewrite and write."""
        return by_steps(self, body, program, tally, limits)

    def _piece(self, text: str) -> Piece:
        if not text.strip(" \t"):
            return None, "", text
        match = _read(text)
        # A piece without `=` is a cookie without a name to some, a name without a value to others.
        return (match[1], _value(match[2]), text) if match else ("", text.strip(" \t"), text)

    def _refusal(self, detail: str) -> PayloadError:
        return PayloadError("malformed_request", detail, self._place)


COOKIE = CookiesCodec("cookie", single=False)
SET_COOKIE = CookiesCodec("set-cookie", single=True)

_PLAIN = "!#$&'()*+-./:<=>?@[]^_`{|}~"
"""Signs of cookie-octet that need no escape."""


def _value(text: str) -> str:
    bare = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    try:
        return unquote_to_bytes(bare).decode() if "%" in bare else bare
    except UnicodeDecodeError:
        return bare
