"""Cursors: places in a list that only the provider has to understand, sealed where they may hold data. Pure.

Providers put what they please into a cursor: a filter, an address, the last row. One that is a number or an
identifier is shown; any other becomes a token of the tenant's, which the gateway opens when it comes back.
"""

import re
from typing import Any, Final

from gateway.codecs.program import Masker
from gateway.errors import PayloadError
from gateway.masking.operators import redact
from gateway.masking.sealed import PREFIX
from gateway.masking.token import Tokens

CATEGORY: Final = "cursor"
"""What its token is sealed with: no data category, so that it is restored as a cursor and as nothing else."""

_harmless: Final = re.compile(
    r"[0-9]{1,20}|[A-Za-z]{0,8}[0-9a-f]{32}"
    r"|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
).fullmatch
"""A number, a UUID, or 32 hexadecimal digits behind a few letters, as identifiers are."""


def sealing(tokens: Tokens | None) -> Masker:
    """The masker of a cursor in an answer. What has no token (too long, not plain ASCII) is redacted."""

    def seal(value: Any) -> Any:
        if value.__class__ is not str or not value or _harmless(value):
            return value
        exact = value.isascii() and value.isprintable() and value == value.strip()
        token = tokens.make(CATEGORY, "text", value) if tokens is not None and exact else None
        return redact(value) if token is None else token

    return seal


def opening(tokens: Tokens | None, place: str) -> Masker:
    """The masker of a cursor in a request. Raises PayloadError for a token that is none of a cursor."""

    def open_(value: Any) -> Any:
        if value.__class__ is not str or tokens is None or not tokens.find(value):
            return value
        if not value.startswith(PREFIX):
            return value  # digits that may be a number's token are a cursor like any other
        revealed = tokens.reveal(value, place)
        if revealed.category != CATEGORY:
            raise PayloadError("token_not_allowed", "a token in place of a cursor", place)
        return revealed.value

    return open_
