"""Where we differ from what a corpus expects, row by row, and why. A row that starts to agree must leave."""

from collections.abc import Mapping


def _table(reasons: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {row: reason for reason, rows in reasons.items() for row in rows}


LLHTTP = _table(
    {
        "a lenient mode of llhttp, off by default there; there is no such mode here": (
            "llhttp/request/connection/Invalid whitespace token with `Connection` header field (lenient)",
            "llhttp/request/connection/Multiple tokens with folding",
            "llhttp/request/content-length/Missing CRLF-CRLF before body (lenient)",
            "llhttp/request/invalid/Only LFs present (lenient)",
            "llhttp/request/invalid/Spaces before headers (lenient)",
            "llhttp/request/lenient-header-value-relaxed/Control char in header value (relaxed)",
            "llhttp/request/lenient-headers/Empty headers separated by CR (lenient)",
            "llhttp/request/lenient-headers/Header value (lenient)",
            "llhttp/request/lenient-version/Invalid HTTP version (lenient)",
            "llhttp/request/sample/Line folding in header value with CRLF",
            "llhttp/request/sample/No LF after CR (lenient)",
            "llhttp/request/sample/X-SSL-Nonsense",
            "llhttp/request/transfer-encoding/POST with `Transfer-Encoding` and `Content-Length` (lenient)",
            "llhttp/request/transfer-encoding/POST with `chunked` before other transfer-coding (lenient)",
            "llhttp/request/transfer-encoding/Space after chunk header (lenient)",
            "llhttp/response/lenient-version/Invalid HTTP version (lenient)",
        ),
        "tunnels and HTTP/2 are not served on this side": (
            "llhttp/request/method/CONNECT request",
            "llhttp/request/method/CONNECT with body",
            "llhttp/request/method/PRI request HTTP2",
        ),
        "another protocol or version than HTTP/1.0 and HTTP/1.1": (
            "llhttp/request/method/ANNOUNCE request with RTSP",
            "llhttp/request/method/OPTIONS request with RTSP",
            "llhttp/request/sample/No HTTP version",
            "llhttp/response/sample/HTTP version 0.9",
            "llhttp/response/sample/ICE response",
            "llhttp/response/sample/RTSP response",
        ),
        "a method is a token (RFC 9110); one that no operation has is refused after identification": (
            "llhttp/request/invalid/HTTP protocol and ANNOUNCE method",
        ),
        "a backslash in a target is read as a slash by some": ("llhttp/request/uri/Quotes in URI",),
        "a request target has no fragment (RFC 9112 section 3.2)": ("llhttp/request/uri/Fragment in URI",),
        "user information in a target (RFC 9110 section 4.2.4)": (
            "llhttp/request/uri/`host:port` and basic auth",
        ),
        "an empty line between answers is a body whose framing was wrong": (
            "llhttp/response/connection/HTTP 100 first, then 400",
            "llhttp/response/connection/HTTP 304 with Content-Length",
            "llhttp/response/pipelining/Should parse multiple events",
            "llhttp/response/sample/Response starting with CRLF",
        ),
        "an answer's head all of whose lines end in LF is taken (RFC 9112 section 2.2); a mixture is not": (
            "llhttp/response/invalid/Only LFs present and no body",
            "llhttp/response/sample/No carriage ret",
        ),
        "a body in a transfer coding other than chunked could not be looked into": (
            (
                "llhttp/response/transfer-encoding/`chunkedchunked` transfer-encoding does not enable "
                "chunked enconding"
            ),
            "llhttp/response/transfer-encoding/`chunked` before other transfer-encoding",
            "llhttp/response/transfer-encoding/multiple transfer-encoding where chunked is not the last one",
        ),
    }
)

GUNICORN = _table(
    {
        "our limits are higher than the row's setting": (
            "gunicorn/invalid/006",
            "gunicorn/invalid/limit_header_default_01",
        ),
        "the row's body is shorter than its Content-Length": ("gunicorn/valid/099",),
        "X-Forwarded-* decide nothing here": ("gunicorn/invalid/019",),
        "a request target has no fragment (RFC 9112 section 3.2)": (
            "gunicorn/valid/005",
            "gunicorn/valid/009",
        ),
        "a body in a transfer coding other than chunked could not be looked into": (
            "gunicorn/valid/025",
            "gunicorn/valid/025_line",
            "gunicorn/valid/029",
            "gunicorn/valid/030",
            "gunicorn/valid/rfc9112_smuggle_gzip_chunked_01",
            "gunicorn/valid/rfc9112_smuggle_te_identity_chunked_01",
        ),
        "the row needs an unsafe setting of gunicorn's": (
            "gunicorn/valid/028",
            "gunicorn/valid/031compat2",
            "gunicorn/valid/040_compat",
            "gunicorn/valid/compat_obs_fold",
            "gunicorn/valid/compat_obs_fold_huge",
        ),
        "the PROXY protocol is not HTTP": ("gunicorn/valid/pp_02", "gunicorn/valid/pp_05"),
        "user information in a target (RFC 9110 section 4.2.4)": (
            "gunicorn/valid/rfc9112_target_absolute_userinfo_01",
        ),
        "tunnels are not served on this side": (
            "gunicorn/valid/rfc9112_target_authority_connect_01",
            "gunicorn/valid/rfc9112_target_authority_ipv6_01",
        ),
    }
)


def _curl(*numbers: int) -> tuple[str, ...]:
    return tuple(f"curl/test{number}" for number in numbers)


CURL = _table(
    {
        "a transfer coding other than one chunked: refused, the body could not be looked into": _curl(
            1123, 1124, 1125, 1170, 1482, 1483, 1493, 1617
        ),
        "both Content-Length and Transfer-Encoding (RFC 9112 section 6.1: may be an attack)": _curl(
            365, 1122, 1494, 1677
        ),
        "obsolete line folding (RFC 9112 section 5.2: a gateway may answer 502)": _curl(798, 1274),
        "bare LF inside chunked framing (RFC 9112 section 7.1)": _curl(341, 693, 1417),
        "bare LF and CRLF mixed in one head: likely injected": _curl(473),
        "Content-Type twice: which one a body is read as is what masking depends on": _curl(581),
        "HTTP/0.9": _curl(66),
        "the head never ends": _curl(1591, 1598),
        "the body is cut short; curl tries again, or was told to take it": _curl(3035, 3223),
        "a valid answer that curl itself was told to refuse, or did not come to ask for": _curl(
            *(24, 29, 38, 99, 152, 189, 274, 281, 293, 361, 457, 728, 1142, 1188, 1245, 1425, 1460, 1511),
            *(1533, 1637, 1647, 1683, 2009, 2084, 5009, 5019, 5020),
        ),
        "a valid answer with a content coding that the codecs refuse": _curl(221, 1618),
        "a valid answer to a request whose body curl could not send again": _curl(1072, 1073),
        "a valid first answer; the row leaves out the second, which is the bad one": _curl(
            471, 1079, 1479, 2107
        ),
        "a valid answer after a 101 that was not asked for: the plane's to refuse": _curl(1801),
    }
)
CURL_HEAD = frozenset(_curl(514))
"""Answers to HEAD that the row's command does not show as such."""
