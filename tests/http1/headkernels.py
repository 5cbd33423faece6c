"""The compiled kernel for heads beside its reference: the same result, or None; never more, never else.

Under the sanitizers (LD_PRELOAD as the compiler's `-print-file-name=libasan.so` says):
    python -m gateway.native.build --sanitize build/sanitized
    export ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=... HUSHGATE_SANITIZED=build/sanitized
    python -m pytest tests/http1/test_headkernel.py tests/http1/test_headkernel_forward.py
"""

import re

from hypothesis import strategies as st

from gateway.http1 import grammar
from gateway.http1.kernel import ReadRequest, ReadResponse, ReadSized
from gateway.native import FOLDER
from tests.native.kernels import kernel

native = kernel("headkernel")
read_request: ReadRequest = native.request
read_response: ReadResponse = native.response
read_sized: ReadSized = native.sized

KNOWN = re.findall(
    r"""(?:HOP|END)\("([^"]+)"\)|\{"([A-Za-z-]+)", ROLE""", (FOLDER / "headkernel.c").read_text()
)
NAMES = sorted(one or other for one, other in KNOWN)
"""Names the kernel has a table entry for."""


def head(*lines: bytes) -> bytes:
    return b"\r\n".join(lines) + b"\r\n\r\n"


REQUESTS = [
    head(b"GET / HTTP/1.1", b"Host: a"),
    head(
        b"GET /hubspot/crm/v3/objects/contacts/101?properties=email,phone HTTP/1.1",
        b"Host: Gate.example:8080",
        b"Accept-Encoding: gzip, deflate",
        b"User-Agent: hubspot-api-client-python; 12.0.0",
        b"accept: */*",
        b"Connection: keep-alive",
        b"HUSHGATE-KEY: hg_0123",
        b"X-Own-Name: caf\xe9 \x80",
    ),
    head(
        b"POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1",
        b"Host: 127.0.0.1:65535",
        b"Content-Length: 48",
        b"Content-Type: application/x-www-form-urlencoded",
        b"Authorization: Basic QUM6dG9r",
        b"connection: Close",
    ),
    head(
        b'PATCH /a%20b%2Fc?d=%7e"<>[]^`{|}??;&x HTTP/1.1',
        b"Host: under_score-1.example",
        b"Transfer-Encoding: Chunked",
        b"TE: trailers",
    ),
    head(
        b"DELETE /x HTTP/1.1",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AA",
        b"Host: ...",
        b"Content-Length: 0",
    ),
    *(head(method + b" /? HTTP/1.1", b"Host: -:1") for method in grammar.METHODS),
]
RESPONSES = [
    head(b"HTTP/1.1 200 OK"),
    head(b"HTTP/1.1 204", b"Server: x"),
    head(b"HTTP/1.1 304 ", b'ETag: W/"a"', b"Content-Length: 5"),
    head(b"HTTP/1.1 100 Continue"),
    head(
        b"HTTP/1.1 200 OK",
        b"Date: Sat, 21 Nov 2026 10:00:00 GMT",
        b"Content-Type: application/json;charset=utf-8",
        b"Content-Length: 812",
        b"Connection: keep-alive",
        b"CF-Ray: 8e0a-FRA",
        b"Vary: origin, Accept-Encoding",
        b"X-HubSpot-Correlation-Id: 0b3c",
        b"Set-Cookie: a=b; Path=/",
    ),
    head(b"HTTP/1.1 999  \xe9 spaced ", b"transfer-encoding: CHUNKED", b"Connection: CLOSE"),
    head(b"HTTP/1.1 500 Internal Server Error", b"Content-Length: 999999999999999999"),
]


DECLINED_REQUESTS = {
    "nothing": b"",
    "HTTP/1.0": b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "an empty line first": b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a rare method": b"PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tunnel": b"CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "absolute-form": b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "asterisk-form": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "a fragment": b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
    "a backslash": b"GET /\\a HTTP/1.1\r\nHost: a\r\n\r\n",
    "a bad escape": b"GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a cut escape": b"GET /%",
    "no Host": b"GET / HTTP/1.1\r\nAccept: a\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
    "an empty Host": b"GET / HTTP/1.1\r\nHost: \r\n\r\n",
    "a port too large": b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n",
    "a port too long": b"GET / HTTP/1.1\r\nHost: a:000080\r\n\r\n",
    "a port missing": b"GET / HTTP/1.1\r\nHost: a:\r\n\r\n",
    "a name missing": b"GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
    "user information": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "a list field repeated": b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nx: 2\r\n\r\n",
    "both framings": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "another coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "a signed length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
    "an octal length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 01\r\n\r\n",
    "a long length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1111111111111111111\r\n\r\n",
    "lengths in a list": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
    "other options": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x\r\n\r\n",
    "an expectation": b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
    "a tab": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\tb\r\n\r\n",
    "a folded line": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "an underscore": b"POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 1\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "a NUL": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0\r\n\r\n",
    "a bare LF": b"GET / HTTP/1.1\nHost: a\n\n",
    "a bare CR": b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
    "the end missing": b"GET / HTTP/1.1\r\nHost: a\r\n",
    "bytes after the end": b"GET / HTTP/1.1\r\nHost: a\r\n\r\nX",
    "two heads": b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
}


# ---- generated heads ------------------------------------------------------------------------------------


CASED = [spelt for name in NAMES for spelt in (name, name.lower(), name.upper(), name.swapcase())]
FIELD_NAMES = st.sampled_from(CASED) | st.text(st.sampled_from("aZ09-"), min_size=1, max_size=9)
VALUES = st.text(st.sampled_from('ab1 ,;=:/"\\~\xe9\xff\t\x7f'), max_size=10) | st.sampled_from(
    ["close", "Keep-Alive", "chunked", "100-continue", "upgrade", "0", "17", "a.example", "a:80", "x, y"]
)
