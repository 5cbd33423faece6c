"""WebSocket through both planes on real sockets: the handshake, and what passes unchanged or not at all."""

import json
import time
from collections.abc import Iterator

import pytest
from h2.connection import H2Connection
from h2.events import ConnectionTerminated
from h2.settings import SettingCodes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.planes.talking import PLANES, House, ended, houses
from tests.websocket.test_ws_frames import INVALID, VALID
from tests.wspeers import ACCEPT, KEY, Wire, said, switching, told, wrote

PACKED = "Sec-WebSocket-Extensions: permessage-deflate\r\n"


@pytest.fixture(scope="module", params=PLANES)
def standing(request: pytest.FixtureRequest) -> Iterator[House]:
    yield from houses(request.param)


@pytest.fixture
def house(standing: House) -> Iterator[House]:
    yield standing
    standing.tidy()


def closed(app: Wire, provider: Wire) -> None:
    """End it as it should be ended."""
    app.send(said(b"\x03\xe8", 0x88))
    assert provider.frame().code == 1000
    provider.send(told(b"\x03\xe8", 0x88))
    assert app.frame().code == 1000
    assert app.rest() == b"" and provider.rest() == b""


# ---- the handshake --------------------------------------------------------------------------------------


def test_a_handshake(house: House) -> None:
    offer = "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: x-y; z=1, permessage-deflate\r\n"
    app, provider = house.open(
        "/raw?x=1",
        extra=offer + "Cookie: c=1\r\nOrigin: http://a\r\n",
        agreed="Sec-WebSocket-Protocol: b\r\nX-More: 1\r\n",
    )
    asked = provider.head.split(b"\r\n")
    assert asked[0] == b"GET /raw?x=1 HTTP/1.1"
    for line in (
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Key: " + KEY.encode(),
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Protocol: a, b",
        b"Sec-WebSocket-Extensions: permessage-deflate",
        b"Cookie: c=1",
        b"Origin: http://a",
    ):
        assert asked.count(line) == 1, line
    assert b"key-support" not in provider.head
    for line in (
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Accept: " + ACCEPT.encode(),
        b"Sec-WebSocket-Protocol: b",
        b"X-More: 1",
    ):
        assert app.head.split(b"\r\n").count(line) == 1, line
    closed(app, provider)
    records = house.records(app)
    assert [record.phase for record in records] == ["intent", "stream", "outcome"]
    assert [record.status for record in records] == [0, 101, 101]
    assert (records[-1].close, records[-1].effect, records[-1].operation) == (1000, "allow", "raw")


REFUSED = {
    "an operation that is none": ("/status", {}, 403, "upgrade_required_refused"),
    "another version": ("/raw", {"Version: 13": "Version: 12"}, 426, "websocket_required"),
    "no upgrade": ("/raw", {"Upgrade: websocket": "Upgrade: h2c"}, 426, "websocket_required"),
    "a plain request": ("/raw", {"keep-alive, Upgrade": "keep-alive"}, 426, "websocket_required"),
    "a POST": ("/raw", {"GET ": "POST "}, 403, "unknown_operation"),
    "a HEAD": ("/raw", {"GET ": "HEAD "}, 400, "malformed_request"),
    "a key that is none": ("/raw", {KEY: "AAAA"}, 400, "malformed_request"),
    "extensions that are none": (
        "/raw",
        {"\r\n\r\n": "\r\nSec-WebSocket-Extensions: ;\r\n\r\n"},
        400,
        "malformed_request",
    ),
    "an unknown call": ("/unheard", {}, 403, "unknown_operation"),
    "a hidden field asked for": ("/live?filter=born", {}, 403, "hidden_field_queried"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_handshake_that_is_refused(house: House, name: str) -> None:
    path, changes, status, reason = REFUSED[name]
    before = len(house.provider.heads)
    raw = house.asking(path)
    for old, new in changes.items():
        assert old.encode() in raw
        raw = raw.replace(old.encode(), new.encode(), 1)
    app = house.ask(raw)
    assert app.head.startswith(b"HTTP/1.1 %d " % status), app.head
    assert house.last(app).reason == reason
    assert len(house.provider.heads) == before, "nothing was asked of the provider"


@pytest.mark.parametrize(
    "answer",
    [
        switching(accept="AAAA"),
        switching("Sec-WebSocket-Protocol: unasked\r\n"),
        switching("Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        lambda _: b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_an_answer_that_does_not_fit(house: House, answer: object) -> None:
    house.provider.answer = answer  # type: ignore[assignment]  # a table of functions
    app = house.ask(house.asking("/raw"))
    assert app.head.startswith(b"HTTP/1.1 502 ")
    last = house.last(app)
    assert (last.phase, last.effect, last.reason) == ("outcome", "error", "upstream_invalid")
    assert house.provider.taken().rest() == b"", "the provider's connection is ended"


def test_a_provider_that_declines(house: House) -> None:
    """Its answer is an answer like any other, and masked."""
    body = json.dumps({"message": "Ana has no right", "code": "x"}).encode()
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
        body
    )
    house.provider.answer = lambda _: head + body
    app = house.ask(house.asking("/live"))
    assert app.head.startswith(b"HTTP/1.1 403 ") and b"Hushgate-Masked: 2" in app.head
    assert b"Ana" not in app.head + app.take(20)
    assert [record.phase for record in house.records(app)] == ["intent", "outcome"]


def test_a_switch_that_nobody_asked_for(house: House) -> None:
    house.provider.answer = switching()
    app = house.ask(house.asking("/status").replace(b"Upgrade: websocket", b"Upgrade: h2c"))
    assert app.head.startswith(b"HTTP/1.1 502 ")


# ---- what passes ----------------------------------------------------------------------------------------


def by_client(data: bytes) -> bytes:
    """The same frames as an application writes them."""
    out, at = b"", 0
    while at < len(data):
        size = data[at + 1] & 0x7F
        form, wide = (7, 0) if size < 126 else (16, 2) if size == 126 else (64, 8)
        size = size if form == 7 else int.from_bytes(data[at + 2 : at + 2 + wide])
        start = at + 2 + wide
        out += wrote(data[at], data[start : start + size], b"\x01\x99\xfe\x10", bits=form)
        at = start + size
    return out


PASSES = {
    **{name: data for name, (data, _) in VALID.items() if "close" not in name},
    "compressed, as it may be": told(b"\xf2\x48\xcd\xc9\xc9\x07\x00", 0xC1)
    + told(b"\xf2\x00\x11\x00\x00", 0xC2),
    "compressed, in fragments": told(b"\xf2\x48", 0x41) + told(b"\xcd\xc9\xc9\x07\x00", 0x80),
    "what claims to be compressed": told(b"\xff\xff\xff", 0xC1),
    "text in pieces of characters": told("κ".encode()[:1], 0x01) + told("κόσμε".encode()[1:], 0x80),
    "all planes of Unicode": told("\x00\ud7ff\ue000\uffff\U0010ffff\ufffe"),
    "many": b"".join(told(f"{at}") for at in range(500)),
}


@pytest.mark.parametrize("name", PASSES)
def test_what_nothing_looks_into_passes_as_it_is(house: House, name: str) -> None:
    """Fragments, lengths, masks, control frames, compressed bits: byte for byte, both ways."""
    app, provider = house.open("/raw", extra=PACKED, agreed=PACKED)
    data = PASSES[name]
    provider.send(data)
    assert app.take(len(data)) == data
    mine = by_client(data)
    app.send(mine)
    assert provider.take(len(mine)) == mine
    closed(app, provider)
    last = house.last(app)
    assert (last.seen, last.masked, last.effect) == ({}, {}, "allow")
    assert last.sent == last.received > 0 or "p" in name


@pytest.mark.parametrize(
    "payload", [b"", b"\x03\xe8", b"\x03\xe9bye", b"\x0b\xb8" + b"r" * 123, b"\x13\x87", b"\x03\xf6"]
)
def test_a_close_passes_as_it_is(house: House, payload: bytes) -> None:
    """Its code and reason, and what the other side answers, whoever begins."""
    for first, second in ((0, 1), (1, 0)):
        ends = house.open("/raw")
        frames = said(payload, 0x88), told(payload, 0x88)
        ends[first].send(frames[first])
        assert ends[second].take(len(frames[first])) == frames[first]
        ends[second].send(frames[second])
        assert ends[first].take(len(frames[second])) == frames[second]
        assert ends[0].rest() == b"" and ends[1].rest() == b""
        last = house.last(ends[0])
        assert last.close == (int.from_bytes(payload[:2]) or 1005) and last.effect == "allow"


def test_what_comes_after_a_close_does_not_pass(house: House) -> None:
    app, provider = house.open("/raw")
    app.send(said(b"\x03\xe8", 0x88) + said("late"), said("later"))
    assert provider.frame().code == 1000
    provider.send(told("still"), told(b"\x03\xe8", 0x88))
    assert app.frame().payload == b"still" and app.frame().code == 1000
    assert provider.rest() == b""
    assert house.last(app).sent == 0


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=12))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_where_bytes_are_cut_does_not_matter(house: House, sizes: list[int]) -> None:
    app, provider = house.open("/raw")
    data = by_client(VALID["fragments"][0] + VALID["a ping between"][0] + VALID["126"][0] + told("a" * 9000))
    at = 0
    for size in [*sizes, len(data)]:
        app.send(data[at : at + size])
        at += size
    assert provider.take(len(data)) == data
    closed(app, provider)


# ---- what does not --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, (_, packs) in INVALID.items() if not packs])
def test_a_frame_that_is_not_valid(house: House, name: str) -> None:
    """What was said before it has passed; nothing of it does; both sides hear 1002."""
    data = INVALID[name][0]
    app, provider = house.open("/raw")
    provider.send(told("before") + data)
    assert app.frame().payload == b"before"
    ended(app, provider, 1002)
    last = house.last(app)
    assert (last.reason, last.close, last.effect) == ("upstream_invalid", 1002, "error")


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        pytest.param(told("a"), 1002, "websocket_invalid", id="not masked"),
        pytest.param(said("", 0x83), 1002, "websocket_invalid", id="an opcode"),
        pytest.param(said("", 0xC1), 1002, "websocket_invalid", id="compressed, which was not agreed on"),
        pytest.param(said(b"\x03\xed", 0x88), 1002, "websocket_invalid", id="a close code"),
        pytest.param(said(b"\x03\xe8\xff", 0x88), 1007, "unparseable_body", id="a close reason"),
        pytest.param(said(b"\xff"), 1007, "unparseable_body", id="no UTF-8"),
        pytest.param(said(b"\xc0\xaf"), 1007, "unparseable_body", id="overlong"),
        pytest.param(said(b"\xed\xa0\x80"), 1007, "unparseable_body", id="half a character"),
        pytest.param(said(b"\xf4\x90\x80\x80"), 1007, "unparseable_body", id="beyond Unicode"),
        pytest.param(said(b"\xce"), 1007, "unparseable_body", id="cut short"),
        pytest.param(
            said(b"\xce", 0x01) + said(b"\xce", 0x80), 1007, "unparseable_body", id="cut in fragments"
        ),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 1002, "websocket_invalid", id="another request"),
    ],
)
def test_what_an_application_may_not_say(house: House, data: bytes, code: int, reason: str) -> None:
    app, provider = house.open("/raw")
    app.send(said("before") + data)
    assert provider.frame().payload == b"before"
    ended(app, provider, code)
    last = house.last(app)
    assert (last.reason, last.close, last.sent) == (reason, code, 1)


def test_within_a_frame_nothing_is_put(house: House) -> None:
    """A side that was sent half a frame is not told in the middle of it: its connection ends."""
    app, provider = house.open("/raw")
    app.send(wrote(0x81, b"a" * 100, b"mask")[:50])
    assert len(provider.take(50)) == 50
    provider.send(told("", 0x83))
    assert app.frame().code == 1002
    assert provider.rest() == b""


def test_a_side_that_is_gone(house: House) -> None:
    """Without a Close there is none: the other connection ends as this one did."""
    app, provider = house.open("/raw")
    provider.send(told("last"))
    provider.sock.close()
    assert app.frame().payload == b"last"
    assert app.rest() == b""
    assert (house.last(app).close, house.last(app).effect) == (1006, "allow")
    app, provider = house.open("/raw")
    app.send(said("last"))
    assert provider.frame().payload == b"last"
    app.sock.close()
    assert provider.rest() == b""
    assert house.last(app).close == 1006


def test_frames_sent_with_the_handshake_wait_for_its_answer(house: House) -> None:
    house.provider.answer = lambda asked: switching()(asked) + told("at once")
    app = house.ask(house.asking("/raw") + said("early"))
    provider = house.provider.taken()
    assert provider.frame().payload == b"early" and app.frame().payload == b"at once"
    closed(app, provider)


def test_over_http2_it_is_not_offered_and_who_tries_is_refused() -> None:
    """RFC 8441: the setting is not on, and an extended CONNECT ends the connection, on record."""
    pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")
    with House("intercept") as house, house.gate.tls(protocols=("h2",)) as sock:
        application = H2Connection()
        application.initiate_connection()
        application.send_headers(
            1,
            [
                (":method", "CONNECT"),
                (":protocol", "websocket"),
                (":scheme", "https"),
                (":path", "/raw"),
                (":authority", house.gate.host),
                ("sec-websocket-version", "13"),
            ],
        )
        sock.sendall(application.data_to_send())
        ended: list[object] = []
        while not any(isinstance(event, ConnectionTerminated) for event in ended) and (
            data := sock.recv(65536)
        ):
            ended += application.receive_data(data)
        assert not application.remote_settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL)
        assert any(isinstance(event, ConnectionTerminated) for event in ended)
        deadline = time.monotonic() + 30
        while not (records := house.gate.records()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert records[-1].reason == "malformed_request" and house.provider.heads == []
