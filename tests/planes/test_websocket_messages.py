"""Messages of a WebSocket on real sockets: masked, guarded, on record, within limits, on both planes."""

import json
import socket
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import CloseConnection, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate

from gateway.codecs.program import Limits
from tests.planes.talking import ANA, MASKED, PLANES, House, ended, heard, houses
from tests.wspeers import Frame, Wire, said, told, wrote

PACKED = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
TIGHT = Limits(max_body=2000)


@pytest.fixture(scope="module", params=PLANES)
def standing(request: pytest.FixtureRequest) -> Iterator[House]:
    yield from houses(request.param, limits=TIGHT)


@pytest.fixture
def house(standing: House) -> Iterator[House]:
    yield standing
    standing.tidy()


# ---- masked ---------------------------------------------------------------------------------------------


def test_what_is_received_is_masked_and_on_record(house: House) -> None:
    app, provider = house.open("/live")
    provider.send(told(json.dumps(ANA)))
    assert heard(app) == MASKED
    app.send(said('{"event": "find",  "email": "ana@example.com"}'))
    assert provider.frame().payload == b'{"event":"find","email":"ana@example.com"}'
    provider.sock.close()
    assert app.rest() == b""
    intent, stream, received, sent, outcome = house.records(app)
    assert (intent.phase, stream.phase, outcome.phase) == ("intent", "stream", "outcome")
    assert (received.phase, received.received, received.sent) == ("message", 1, 0)
    assert (
        received.masked == {"user.contact.email": 1, "user.contact.phone_number": 1}
        and received.unmapped == 1
    )
    assert received.seen["user.name.first"] == 1 and len(received.subjects) == 2
    assert (sent.phase, sent.sent, sent.seen) == ("message", 1, {"user.contact.email": 1})
    assert sent.subjects[0] in received.subjects, "the same person"
    assert (outcome.sent, outcome.received, outcome.subjects_more) == (1, 1, 3)
    assert outcome.masked == received.masked and outcome.seen["user.contact.email"] == 2
    assert outcome.response_bytes == len(json.dumps(ANA))
    assert sent.at >= received.at >= stream.at


def test_kinds_have_maps_of_their_own(house: House) -> None:
    app, provider = house.open("/live")
    plain = {"event": "plain", "email": "ana@example.com", "more": {"phone": "+33639980001"}}
    provider.send(told(json.dumps(plain)))
    assert heard(app) == plain | {"more": plain["more"]}
    provider.send(told('{"event": "other", "email": "a@b.fr", "event": "plain"}'))
    assert app.frame().payload == b'{"event":"plain","email":"a@b.fr"}', "only the reading it was decided on"
    provider.send(told('{"event": 7, "email": "a@b.fr"}'), told('["plain"]'))
    assert heard(app)["email"] == "[redacted]" and heard(app) == ["[redacted]"]


def test_fragments_are_one_message_and_pings_go_first(house: House) -> None:
    app, provider = house.open("/live")
    data = json.dumps(ANA).encode()
    provider.send(told(data[:10], 0x01), told("now", 0x89), told("", 0x00), told(data[10:], 0x80))
    assert app.frame() == Frame(0x89, b"now", False)
    assert heard(app) == MASKED
    app.send(said("now", 0x8A))
    assert provider.frame().payload == b"now"


@pytest.mark.parametrize(
    "agreed",
    ["", "; server_no_context_takeover; client_no_context_takeover", "; server_max_window_bits=9"],
)
def test_compressed_messages_are_read_and_written(house: House, agreed: str) -> None:
    """Against another library's compression, in both modes, over several messages."""
    offer = f"Sec-WebSocket-Extensions: permessage-deflate{agreed}\r\n"
    app, provider = house.open("/live", extra=offer, agreed=offer)
    extension = PerMessageDeflate()
    extension.finalize(f"permessage-deflate{agreed}")
    client = Connection(ConnectionType.CLIENT, extensions=[extension])
    theirs = PerMessageDeflate()
    theirs.finalize(f"permessage-deflate{agreed}")
    server = Connection(ConnectionType.SERVER, extensions=[theirs])
    for at in range(3):
        provider.send(server.send(TextMessage(json.dumps(ANA))))
        assert json.loads(message(client, app)) == MASKED, at
        app.send(client.send(TextMessage('{"event": "find", "email": "ana@example.com"}')))
        assert json.loads(message(server, provider))["email"] == "ana@example.com"
    app.send(client.send(Ping(b"x")), client.send(CloseConnection(1000, "bye")))
    assert provider.take(2)[0] == 0x89


def message(peer: Connection, wire: Wire) -> str:
    """The next text message, as another library reads it."""
    text = ""
    while True:
        frame_head = wire.take(2)
        size = frame_head[1] & 0x7F
        more = wire.take(2) if size == 126 else b""
        length = int.from_bytes(more) if more else size
        peer.receive_data(frame_head + more + wire.take(length + (4 if frame_head[1] & 0x80 else 0)))
        for event in peer.events():
            assert isinstance(event, TextMessage)
            text += str(event.data)
            if event.message_finished:
                return text


def test_words_are_masked_as_one_value(house: House) -> None:
    app, provider = house.open("/words")
    provider.send(told("Ana is here"))
    assert app.frame().payload == b"[redacted]"
    app.send(said("Ana is there"))
    assert provider.frame().payload == b"Ana is there"


def test_who_may_see_binary_messages_gets_them(house: House) -> None:
    app, provider = house.open("/kinds", client="admin")
    provider.send(told(b"\x00\xff" * 9, 0x82))
    assert app.frame().payload == b"\x00\xff" * 9
    app, provider = house.open("/kinds")
    provider.send(told(b"\x00\xff" * 9, 0x82))
    ended(app, provider, 1008)
    assert house.last(app).reason == "access_denied" and house.last(app).rules == ("view:support",)


# ---- refused --------------------------------------------------------------------------------------------

BOMB = zlib.compressobj(9, zlib.DEFLATED, -15)
BOMBED = (BOMB.compress(bytes(100_000)) + BOMB.flush(zlib.Z_SYNC_FLUSH))[:-4]
FROM_PROVIDER = {
    "no JSON": (told("Ana"), 1007, "unparseable_response"),
    "no UTF-8": (told(b'"\xff"'), 1007, "unparseable_response"),
    "deep": (told("[" * 300 + "]" * 300), 1007, "unparseable_response"),
    "binary": (told(b"Ana", 0x82), 1003, "unsupported_media_type"),
    "too large": (told('"' + "a" * 2000 + '"'), 1009, "response_too_large"),
    "too large, in fragments": (
        told('"' + "a" * 1990, 0x01) + told("a" * 20 + '"', 0x80),
        1009,
        "response_too_large",
    ),
    "too large, and never whole": (
        told('"' + "a" * 1990, 0x01) + told("a" * 20, 0x00),
        1009,
        "response_too_large",
    ),
    "too large, announced": (wrote(0x81, b"a" * 70_000), 1009, "response_too_large"),
    "too large, inflated": (told(BOMBED, 0xC1), 1009, "response_too_large"),
    "no deflate": (told(b"\xff\xff", 0xC1), 1007, "unparseable_response"),
    "no frame": (told("", 0x83), 1002, "upstream_invalid"),
}


@pytest.mark.parametrize("name", FROM_PROVIDER)
def test_what_a_provider_says_that_is_not_read(house: House, name: str) -> None:
    data, code, reason = FROM_PROVIDER[name]
    app, provider = house.open("/live", extra=PACKED, agreed=PACKED)
    provider.send(told(json.dumps(ANA)) + data)
    assert heard(app) == MASKED, "what came before it goes on"
    ended(app, provider, code)
    last = house.last(app)
    assert (last.reason, last.close, last.effect, last.received) == (reason, code, "error", 1)


FROM_APPLICATION = {
    "no JSON": ("/live", said("x"), 1007, "unparseable_body"),
    "binary": ("/live", said(b"x", 0x82), 1003, "unsupported_media_type"),
    "a kind that is not named": ("/kinds", said('{"data": {"type": "bye"}}'), 1008, "unknown_operation"),
    "no kind": ("/kinds", said('{"type": "hello"}'), 1008, "unknown_operation"),
    "a mask written back": (
        "/live",
        said('{"event": "note", "email": "[redacted]"}'),
        1008,
        "masked_value_written",
    ),
    "too large": ("/live", said('"' + "a" * 2000 + '"'), 1009, "body_too_large"),
    "not masked": ("/live", told("{}"), 1002, "websocket_invalid"),
}


@pytest.mark.parametrize("name", FROM_APPLICATION)
def test_what_an_application_says_that_does_not_pass(house: House, name: str) -> None:
    path, data, code, reason = FROM_APPLICATION[name]
    app, provider = house.open(path)
    good = '{"data":{"type":"hello"}}' if path == "/kinds" else '{"event":"find","email":"ana@example.com"}'
    app.send(said(good) + data)
    assert provider.frame().payload == good.encode()
    ended(app, provider, code)
    last = house.last(app)
    assert (last.reason, last.close, last.effect, last.sent) == (reason, code, "error", 1)


@given(st.lists(st.integers(1, 120), min_size=1, max_size=10), st.integers(0, 200))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_where_bytes_and_fragments_are_cut_does_not_matter(house: House, sizes: list[int], cut: int) -> None:
    app, provider = house.open("/live")
    text = json.dumps(ANA).encode()
    data = told(text[:cut], 0x01) + told("p", 0x89) + told(text[cut:], 0x80) + told(text)
    at = 0
    for size in [*sizes, len(data)]:
        provider.send(data[at : at + size])
        at += size
    assert app.frame().first == 0x89
    assert heard(app) == MASKED and heard(app) == MASKED
    house.tidy()
    provider.sock.close()


@given(st.binary(max_size=200))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_end_or_pass(house: House, data: bytes) -> None:
    """What a provider sends never shows what is hidden, and whatever it is the record says how it ended."""
    app, provider = house.open("/live")
    provider.send(told(json.dumps(ANA)) + data)
    provider.sock.shutdown(socket.SHUT_WR)
    assert b"ana@example.com" not in app.rest()
    assert house.last(app).phase == "outcome"
    house.tidy()
    provider.sock.close()


@pytest.mark.parametrize(("mine", "path"), [(0, "/raw"), (1, "/live")])
def test_a_side_that_does_not_read_stops_the_other_one(house: House, mine: int, path: str) -> None:
    """Memory is bounded, nothing is lost, and nothing is sent on before it is read."""
    ends = house.open(path)
    here, there = ends[mine], ends[1 - mine]
    data = (said if mine == 0 else told)(json.dumps({"event": "plain", "x": "a" * 1900}) + " " * 50) * 30
    here.sock.settimeout(0.5)
    sent = 0
    with pytest.raises(TimeoutError):
        while sent < 500_000_000:
            sent += here.sock.send(data[sent % len(data) :])
    assert sent < 100_000_000, "it has to stop somewhere"
    if path == "/raw":
        got = 0
        while got < sent:
            part = there.take(min(len(data), sent - got))
            assert part == data[: len(part)]
            got += len(part)
        return
    for _ in range(sent * 30 // len(data)):
        assert len(there.frame().payload) > 1900
