"""Messages of a WebSocket on real sockets: masked, guarded, on record, within limits, on both planes."""

import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import CloseConnection, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate

from gateway.audit.record import Record
from gateway.codecs.program import Limits
from gateway.contacts.model import UNKNOWN, Standing, Suppression
from gateway.errors import StoreError
from tests.plane import TIMEOUTS
from tests.planes.talking import PLANES, House, houses
from tests.planes.test_websocket import ended
from tests.world import RULES
from tests.wspeers import Frame, Wire, said, told, wrote

PACKED = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
ANA = {
    "event": "seen",
    "name": {"first": "Ana"},
    "email": "ana@example.com",
    "phone": "+33639980001",
    "n": 1.5,
}
MASKED = {**ANA, "email": "[redacted]", "phone": "**********01", "n": None}
TIGHT = Limits(max_body=2000)
TOKENS = RULES.replace(
    "user.demographic.date_of_birth: year}}", "user.contact.email: token}, reveal: user.contact}"
)
WITHHELD = "rules:\n  - {id: alone, records: {}, on_refusal: drop}\n"


@pytest.fixture(scope="module", params=PLANES)
def standing(request: pytest.FixtureRequest) -> Iterator[House]:
    yield from houses(request.param, limits=TIGHT)


@pytest.fixture
def house(standing: House) -> Iterator[House]:
    yield standing
    standing.tidy()


def heard(wire: Wire) -> Any:
    """The next message, which is JSON."""
    frame = wire.frame()
    assert frame.first == 0x81, frame
    return json.loads(frame.payload)


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


# ---- houses of their own --------------------------------------------------------------------------------


@pytest.fixture(params=PLANES)
def plane(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_tokens_are_restored_and_do_not_come_back_in_clear(plane: str) -> None:
    with House(plane, rules=TOKENS) as house:
        app, provider = house.open("/live")
        provider.send(told(json.dumps(ANA)))
        token = heard(app)["email"]
        assert token != ANA["email"] and "ana" not in token
        app.send(said(json.dumps({"event": "find", "email": token})))
        assert heard(provider)["email"] == "ana@example.com"
        provider.send(told(json.dumps({"event": "plain", "text": "for ana@example.com"})))
        assert heard(app)["text"] == f"for {token}"
        other = token[:8] + ("a" if token[8] != "a" else "b") + token[9:]
        app.send(said(json.dumps({"event": "find", "email": other})))
        ended(app, provider, 1008)
        assert house.last(app).reason == "token_invalid"
        restored = next(record for record in house.records(app) if record.restored)
        assert (restored.phase, restored.restored) == ("message", {"user.contact.email": 1})


class Held:
    """A log that accepts when it is told to."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.hold = False
        self.fail = False
        self.waiting: list[Callable[[], None]] = []

    def append(self, record: Record, accepted: Callable[[Exception | None], None]) -> None:
        """Take a record now, or later, or not."""
        if self.fail and record.phase == "message":
            accepted(StoreError("audit_unavailable", ""))
        elif self.hold and record.phase == "message":
            self.waiting.append(lambda: self.inner.append(record, accepted))
        else:
            self.inner.append(record, accepted)

    def ready(self) -> bool:
        """Yes."""
        return True

    def close(self) -> None:
        """The log behind it."""
        self.inner.close()


@pytest.mark.parametrize("by", ["application", "provider"])
def test_no_record_no_release(plane: str, by: str) -> None:
    """A message waits for its record, and so does what comes after it; the other direction does not."""
    with House(plane) as house:
        app, provider = house.open("/live")
        log = Held(house.gate.log)
        house.gate.worker.services = replace(house.gate.worker.services, log=log)
        app, provider = house.open("/live")
        log.hold = True
        here, there = (app, provider) if by == "application" else (provider, app)
        say, answer = (said, told) if by == "application" else (told, said)
        here.send(say('{"event": "find", "email": "ana@example.com"}'), say("p", 0x89))
        there.send(answer("q", 0x89))
        assert here.frame().payload == b"q"
        _until(lambda: bool(log.waiting))
        there.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            there.sock.recv(1)
        there.sock.settimeout(10)
        house.gate.loop.loop.call_soon_threadsafe(log.waiting.pop())
        assert b"find" in there.frame().payload
        log.hold, log.fail = False, True
        here.send(say('{"event": "find", "email": "ana@example.com"}'))
        while (frame := there.frame()).first != 0x88:
            assert frame.first == 0x89
        assert frame.code == 1013
        assert house.last(app).reason == "audit_unavailable"


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


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


def test_nothing_moves_for_too_long(plane: str) -> None:
    with House(plane, timeouts=replace(TIMEOUTS, websocket=0.5)) as house:
        app, provider = house.open("/live")
        ended(app, provider, 1001)
        assert house.last(app).reason == "request_timeout"


def test_a_gateway_that_stops_says_so(plane: str) -> None:
    with House(plane) as house:
        app, provider = house.open("/live")
        house.gate.drain()
        ended(app, provider, 1001)
        assert house.last(app).reason == "draining"


def test_other_rules_end_it(plane: str) -> None:
    with House(plane) as house:
        app, provider = house.open("/raw")
        house.gate.replace(RULES)
        ended(app, provider, 1012)
        assert house.last(app).reason == "rules_replaced"


def test_residency_is_judged_on_the_address(plane: str) -> None:
    elsewhere = "rules:\n  - {id: stay, residency: {data: user, regions: [DE]}}\n"
    with House(plane, rules=RULES + elsewhere) as house:
        app = house.ask(house.asking("/live"))
        assert app.head.startswith(b"HTTP/1.1 451 ") and house.provider.heads == []
        assert house.last(app).rules == ("stay",)


def test_a_close_that_is_not_answered_is_the_end(plane: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with House(plane) as house:
        house.gate.worker.timeouts = {**house.gate.worker.timeouts, "closing": 0.3}
        app, provider = house.open("/raw")
        app.send(said(b"\x03\xe8", 0x88))
        assert provider.frame().code == 1000
        assert provider.rest() == b"" and app.rest() == b""
        assert house.last(app).close == 1000


def test_a_quiet_one_lives_as_long_as_it_may(plane: str) -> None:
    """Longer than anything else waits, which has deadlines of its own."""
    waits = replace(TIMEOUTS, idle=0.5, answer=0.5, progress=0.5, body=0.5, websocket=60)
    with House(plane, timeouts=waits) as house:
        app, provider = house.open("/raw")
        time.sleep(2.5)
        provider.send(told("still here"))
        assert app.frame().payload == b"still here"
        house.tidy()
        provider.sock.close()


def test_rules_end_at_midnight(plane: str) -> None:
    with House(plane) as house:
        house.gate.worker.now = lambda: 86_400 * 20_000 - 0.2
        app, provider = house.open("/raw")
        time.sleep(0.3)
        provider.send(told("late"))
        ended(app, provider, 1012)
        assert house.last(app).reason == "rules_replaced"


class Alone:
    """A registry in which some are to be left alone."""

    def __init__(self) -> None:
        self.people: set[str] = set()

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        """Of everybody."""
        del tenant
        return [Standing(suppressions=(Suppression(),)) if p in self.people else UNKNOWN for p in pseudonyms]

    def ready(self) -> bool:
        """Yes."""
        return True

    def close(self) -> None:
        """Nothing to close."""


def test_who_is_to_be_left_alone_is_left_out(plane: str) -> None:
    registry = Alone()
    with House(plane, rules=RULES + WITHHELD, registry=registry) as house:
        registry.people.add(house.gate.snapshot.pseudonymiser("acme")("email", "ana@example.com"))
        app, provider = house.open("/live")
        others = {**ANA, "email": "bo@example.com"}
        provider.send(told(json.dumps(ANA)), told(json.dumps(others)), told(json.dumps(ANA)))
        assert heard(app) == MASKED
        app.send(said('{"event": "find", "email": "ana@example.com"}'))
        ended(app, provider, 1008)
        last = house.last(app)
        assert (last.reason, last.dropped, last.received, last.sent) == ("record_withheld", 2, 3, 0)
        assert last.rules and "alone" in last.rules
