"""Which codec reads which media type. A type that is not here is refused. Pure."""

import re
from collections.abc import Mapping

from gateway.codecs.json import JSON
from gateway.codecs.params import FORM
from gateway.codecs.program import Codec
from gateway.errors import PayloadError

CODECS: Mapping[str, Codec] = {
    "application/json": JSON,
    "application/x-www-form-urlencoded": FORM,
    "+json": JSON,
}
"""By media type, or by structured syntax suffix (RFC 6839)."""

CHARSETS = frozenset(("utf-8", "us-ascii"))

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE = re.compile(rb"[ \t]*(" + _TOKEN + rb"/" + _TOKEN + rb")[ \t]*")
# RFC 9110 section 5.6.6 allows an empty parameter (`;;`); no client needs it, so it is refused here.
_PARAMETER = re.compile(
    rb";[ \t]*(" + _TOKEN + rb")=(" + _TOKEN + rb'|"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t -~])*")[ \t]*'
)


def media_type(content_type: bytes | None) -> str:
    """`type/subtype` in lower case. Raises PayloadError for a missing or malformed Content-Type.

    >>> media_type(b"Application/JSON; charset=utf-8")
    'application/json'
    """
    return _parse(content_type)[0]


def codec_for(content_type: bytes | None) -> Codec:
    """The codec of a Content-Type. Raises PayloadError("unsupported_media_type"), for its charset too."""
    if content_type is None:
        raise _unsupported("the content type is missing")
    quick = _USUAL.get(content_type)
    if quick is not None:
        return quick
    kind, charsets = _parse(content_type)
    if not CHARSETS.issuperset(charsets):
        raise _unsupported("the charset is not UTF-8")
    codec = CODECS.get(kind)
    if codec is None and "+" in kind and not kind.endswith("/+json"):
        codec = CODECS.get(kind[kind.rindex("+") :])
    if codec is None:
        raise _unsupported("no codec reads this content type")
    return codec


def _parse(content_type: bytes | None) -> tuple[str, list[str]]:
    """The media type and the values of its charset parameters."""
    match = _TYPE.match(content_type or b"")
    if content_type is None or match is None:
        raise _unsupported("the content type is missing or malformed")
    at = match.end()
    charsets: list[str] = []
    while at < len(content_type):
        parameter = _PARAMETER.match(content_type, at)
        if parameter is None:
            raise _unsupported("the content type is malformed")
        if parameter[1].lower() == b"charset":
            charsets.append(parameter[2].strip(b'"').decode("latin-1").lower())
        at = parameter.end()
    return match[1].decode("ascii").lower(), charsets


def _unsupported(detail: str) -> PayloadError:
    return PayloadError("unsupported_media_type", detail, "content-type")


_USUAL: Mapping[bytes, Codec] = {
    b"application/json": JSON,
    b"application/json;charset=utf-8": JSON,
    b"application/json; charset=utf-8": JSON,
    b"application/x-www-form-urlencoded": FORM,
}
"""What nearly all traffic says, found without parsing."""
