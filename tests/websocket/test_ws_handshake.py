"""The opening handshake: what asks for a WebSocket, what is refused, and what fits as an answer."""

import pytest

from gateway.errors import REASONS, PayloadError, UpstreamError
from gateway.http1.head import RequestHead, ResponseHead, parse_request_head, parse_response_head
from gateway.websocket.closing import CODES, code_of
from gateway.websocket.frames import close_code
from gateway.websocket.handshake import accepting, asks, check, fits
from tests.wspeers import ACCEPT, KEY, asking, switching

ASKED = asking("/live", extra="Sec-WebSocket-Protocol: chat, super.v2\r\n")


def head(*changes: tuple[str, str]) -> RequestHead:
    """A handshake with some words replaced."""
    text = ASKED.decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_request_head(text.encode())


def answer(*changes: tuple[str, str], extra: str = "") -> ResponseHead:
    """What agrees, with some words replaced."""
    text = switching(extra)(b"").decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_response_head(text.encode(), "GET")


def test_a_handshake() -> None:
    assert asks(head())
    check(head())
    fits(head(), answer())
    fits(head(), answer(extra="Sec-WebSocket-Protocol: super.v2\r\n"))
    fits(
        head(),
        answer(
            ("Upgrade: websocket", "Upgrade: WebSocket"), ("Connection: Upgrade", "Connection: x, upgrade")
        ),
    )
    assert accepting(KEY.encode()) == ACCEPT.encode()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("Upgrade: websocket", "Upgrade: h2c, WebSocket"), True),
        (("Upgrade: websocket", "Upgrade: websocket/13"), True),
        (("Upgrade: websocket", "Upgrade: h2c"), False),
        (("Upgrade: websocket", "Upgrade: xwebsocket"), False),
        (("keep-alive, Upgrade", "keep-alive"), False),
    ],
)
def test_what_asks_for_one(change: tuple[str, str], expected: bool) -> None:
    assert asks(head(change)) is expected


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("Version: 13", "Version: 8"), "websocket_required"),
        (("Sec-WebSocket-Version: 13\r\n", ""), "websocket_required"),
        (("Version: 13", "Version: 13\r\nSec-WebSocket-Version: 13"), "websocket_required"),
        (("GET ", "POST "), "malformed_request"),
        (("HTTP/1.1", "HTTP/1.0"), "malformed_request"),
        (("Host:", "Content-Length: 1\r\nHost:"), "malformed_request"),
        (("Host:", "Transfer-Encoding: chunked\r\nHost:"), "malformed_request"),
        ((f"Sec-WebSocket-Key: {KEY}\r\n", ""), "malformed_request"),
        ((KEY, "AAECAwQFBgcICQoLDA0O"), "malformed_request"),
        ((KEY, "AAECAwQFBgcICQoLDA0ODx=="), "malformed_request"),
        ((KEY, KEY[:-2]), "malformed_request"),
        ((KEY, f"{KEY}\r\nSec-WebSocket-Key: {KEY}"), "malformed_request"),
        (("chat, super.v2", "chat, chat"), "malformed_request"),
        (("chat, super.v2", "chat,"), "malformed_request"),
        (("chat, super.v2", "a b"), "malformed_request"),
    ],
)
def test_a_handshake_that_is_none(change: tuple[str, str], reason: str) -> None:
    with pytest.raises(PayloadError) as caught:
        check(head(change))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "got",
    [
        answer((ACCEPT, "AAAA")),
        answer((f"Sec-WebSocket-Accept: {ACCEPT}\r\n", "")),
        answer((ACCEPT, f"{ACCEPT}\r\nSec-WebSocket-Accept: {ACCEPT}")),
        answer(("Upgrade: websocket", "Upgrade: h2c")),
        answer(("Upgrade: websocket\r\n", "")),
        answer(("Connection: Upgrade", "Connection: close")),
        answer(extra="Sec-WebSocket-Protocol: other\r\n"),
        answer(extra="Sec-WebSocket-Protocol: chat, super.v2\r\n"),
        answer(extra="Sec-WebSocket-Protocol: Chat\r\n"),
    ],
)
def test_an_answer_that_does_not_fit(got: ResponseHead) -> None:
    with pytest.raises(UpstreamError) as caught:
        fits(head(), got)
    assert caught.value.reason == "upstream_invalid"


def test_every_code_is_one_that_may_be_sent() -> None:
    assert CODES.keys() <= REASONS.keys()
    for reason in REASONS:
        assert close_code(code_of(reason).to_bytes(2)) == code_of(reason)
