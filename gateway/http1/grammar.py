"""The grammar of RFC 9112 as compiled expressions, and the tables of field names with special rules. Pure.

Every repetition is possessive, so that matching is linear in the input. Each head has two expressions: the
general one accepts what RFC 9112 sections 2 to 5 allow; the canonical one only lines `Name: value` with one
space, a trimmed value that is not empty and has no tabs, and a name of letters, digits and hyphens: what real
clients send, and what can be split without looking twice.
"""

import re
from collections.abc import Mapping

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
"""RFC 9110 section 5.6.2."""
TEXT = rb"[\t -~\x80-\xff]*+"
"""field-value with its white space (RFC 9110 section 5.5): VCHAR, SP, HTAB, obs-text; no other control."""

_GENERAL = rb"(?:" + TOKEN + rb":" + TEXT + rb"\r\n)*+\r\n"
_CANONICAL = rb"(?:[A-Za-z0-9-]++: [!-~\x80-\xff][ -~\x80-\xff]*+(?<! )\r\n)*+\r\n"

# Narrower than a token: registered methods are upper-case letters and hyphens; any other is a probe. The
# target leaves out `#` (RFC 9112 section 3.2: no fragment) and `\`, which the URL parsers of browsers read as
# `/`; the other characters that RFC 3986 wants escaped (`"<>[]^{|}` and the back-quote) are sent raw by real
# clients and have one reading. One empty line before it: RFC 9112 section 2.2.
REQUEST_LINE = rb"(?:\r\n)?+([A-Z][A-Z-]{0,23}+) ([!\"$-\[\]-~]++) HTTP/1\.([01])\r\n"
# The space before an absent reason is left out by many servers.
STATUS_LINE = rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: (" + TEXT + rb"))?+\r\n"

REQUEST = re.compile(REQUEST_LINE + _GENERAL)
REQUEST_CANONICAL = re.compile(REQUEST_LINE + _CANONICAL)
RESPONSE = re.compile(STATUS_LINE + _GENERAL)
RESPONSE_CANONICAL = re.compile(STATUS_LINE + _CANONICAL)
FIELD_LINE = re.compile(TOKEN + rb":" + TEXT)
TRAILERS = re.compile(_GENERAL)
FIELDS = re.compile(rb"([^:\r\n]++):[ \t]*+([^\r\n]*+)\r\n")
"""Splits a field section that was matched before."""

BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
ABSOLUTE = re.compile(rb"(?i:(https?))://([^/?]++)([^?]*+)(\?.*+)?+")
HOST = re.compile(
    rb"(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]++|%[0-9A-Fa-f]{2})++|\[([0-9A-Fa-f:.]++)\])(?::([0-9]{1,5}+))?+"
)
"""uri-host [":" port] (RFC 3986 section 3.2.2), not empty; IPvFuture, which nobody has, is left out."""
OPTION = re.compile(TOKEN)

_QUOTED = rb"\"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+\""
CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,15}+)"
    rb"((?:[ \t]*+;[ \t]*+" + TOKEN + rb"(?:[ \t]*+=[ \t]*+(?:" + TOKEN + rb"|" + _QUOTED + rb"))?+)*+)"
)
"""chunk-size [chunk-ext] (RFC 9112 section 7.1); 15 digits keep the size below 2**60."""

METHODS: Mapping[bytes, str] = {
    name.encode(): name for name in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
}

HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection te transfer-encoding upgrade http2-settings "
    b"proxy-authenticate proxy-authorization proxy-authentication-info".split()
)
"""RFC 9110 section 7.6.1, and fields that say so themselves. Trailer describes the body: it stays."""

PROTECTED = frozenset(
    b"host content-length content-type content-encoding content-range authorization cookie set-cookie "
    b"location cache-control date etag expect range forwarded x-forwarded-for".split()
)
"""Fields that Connection may not name: without them the message means something else (RFC 9110 7.6.1)."""

OWN_PREFIX = b"hushgate-"

_SINGLE = b"content-length content-range content-type transfer-encoding "
SINGLE_REQUEST = frozenset(
    (
        _SINGLE + b"host authorization proxy-authorization expect from if-modified-since if-range "
        b"if-unmodified-since max-forwards range referer user-agent content-location content-disposition"
    ).split()
)
SINGLE_RESPONSE = frozenset((_SINGLE + b"location retry-after content-disposition").split())
"""Fields whose value is not a list: several lines have no single reading (RFC 9110 section 5.3)."""

TRAILER_REFUSED = frozenset(
    b"authorization connection content-length cookie expect host keep-alive proxy-authorization "
    b"proxy-connection set-cookie te transfer-encoding upgrade".split()
)
"""Framing, routing, authentication as trailers: an attack on whoever merges them (RFC 9110 section 6.5.1)."""
TRAILER_IGNORED = frozenset(
    b"accept-encoding age cache-control content-encoding content-range content-type if-match "
    b"if-modified-since if-none-match if-range if-unmodified-since location max-forwards pragma "
    b"proxy-authenticate range retry-after trailer vary warning www-authenticate".split()
)
"""Not allowed in a trailer section either, but sent by mistake: dropped."""

SHADOWS: Mapping[bytes, bytes] = {
    b"contentlength": b"content-length",
    b"transferencoding": b"transfer-encoding",
}
"""Framing fields without punctuation: some back ends (CGI) read `Content_Length` and its like as them."""
PUNCTUATION = b"!#$%&'*+.^_`|~-"
"""Token characters that are neither letters nor digits."""
