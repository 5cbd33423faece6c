"""Closed by default, within a WebSocket: whatever breaks, nothing gets through, and the worker serves on."""

import zlib
from collections.abc import Iterator

import pytest

from gateway.codecs.json import JSON
from gateway.errors import HushgateError, StoreError
from gateway.exchange import switching, talking
from gateway.exchange.facts import Facts
from gateway.exchange.talking import Gathered, OneWay, Receives, Sends
from gateway.planes.driver import LaneDriver
from gateway.websocket.deflate import Deflater, Inflater
from gateway.websocket.frames import FrameReader
from tests.faultrows import COMMAND_ROWS
from tests.faults import Fault, Install, Said, breaking
from tests.faulttraffic import SECRET, UPSTREAMS
from tests.planes.talking import House, houses
from tests.wspeers import masked, said, told
from tests.wspeers import switching as agreeing

PACKED = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
NAMED = f'{{"name": {{"first": "{UPSTREAMS}"}}, "email": "ana@example.com"}}'
ASKED = f'{{"event": "find", "email": "{SECRET}"}}'
WHILE_OPEN: dict[str, Install] = {
    "Receive": COMMAND_ROWS["Receive"].install,
    "Pass": COMMAND_ROWS["Pass"].install,
    "frames": breaking(FrameReader, "_next"),
    "gathering": breaking(Gathered, "take"),
    "the kind of a message": breaking(OneWay, "_spoken"),
    "deciding on what is sent": breaking(Sends, "decide"),
    "deciding on what is received": breaking(Receives, "decide"),
    "a message as a request": breaking(talking, "ask"),
    "a message as an answer": breaking(talking, "masked"),
    "JSON": breaking(type(JSON), "parse", "transform"),
    "facts": breaking(Facts, "note"),
    "the log": breaking(LaneDriver, "_append"),
    "writing frames": breaking(talking, "frame"),
    "compression, taken off": breaking(Inflater, "message"),
    "compression, put on": breaking(Deflater, "message"),
}
AT_THE_START: dict[str, Install] = {
    "Switch": COMMAND_ROWS["Switch"].install,
    "the handshake's check": breaking(switching, "check"),
    "the answer's check": breaking(switching, "fits"),
    "what was agreed on": breaking(switching, "agreed"),
    "the answer's head": breaking(switching, "switched"),
    "lanes": breaking(OneWay, "__init__"),
}


@pytest.fixture(scope="module")
def standing() -> Iterator[House]:
    yield from houses("reverse")


@pytest.fixture
def house(standing: House) -> Iterator[House]:
    yield standing
    standing.tidy()


def works(house: House) -> None:
    """The worker serves on."""
    app, provider = house.open("/live", extra=PACKED, agreed=PACKED)
    app.send(said(ASKED))
    assert SECRET.encode() in provider.frame().payload
    provider.send(told(NAMED))
    assert UPSTREAMS.encode() in app.frame().payload
    house.tidy()
    provider.sock.close()
    assert house.last(app).phase == "outcome"


ONE_WAY = {
    "deciding on what is sent": "application",
    "a message as a request": "application",
    "deciding on what is received": "provider",
    "a message as an answer": "provider",
}
"""Those of `WHILE_OPEN` that only one side's messages meet."""
PLACES = [(n, by) for n in WHILE_OPEN for by in ("application", "provider") if ONE_WAY.get(n, by) == by]
LATE = ("Receive", "Pass")
"""Where these break, the message has been decided on and is on record."""
ERRORS = [RuntimeError(SECRET), StoreError("audit_unavailable", "of the house")]


@pytest.mark.parametrize("error", ERRORS, ids=["unforeseen", "house"])
@pytest.mark.parametrize(("name", "by"), PLACES)
def test_what_breaks_while_it_is_open(
    house: House,
    name: str,
    by: str,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fault = Fault()
    WHILE_OPEN[name](monkeypatch, fault)
    app, provider = house.open("/live", extra=PACKED, agreed=PACKED)
    first = 0xC1 if "compression" in name else 0x81
    fault.error = error
    if by == "application":
        app.send(said(_payload(ASKED, first), first))
    else:
        provider.send(told(_payload(NAMED, first), first))
    got, sent = app.rest(), provider.rest()
    fault.error = None
    assert fault.met, "the fault was not met: the row tests nothing"
    assert b"ana@example.com" not in got, "what is hidden"
    assert name == "Receive" or (UPSTREAMS.encode() not in got and SECRET.encode() not in masked(sent[6:]))
    assert b"\x88" in got and b"\x88" in sent, "both sides are told"
    last = house.last(app)
    assert (last.phase, last.effect) == ("outcome", "error") and last.reason
    assert name in LATE or (last.sent, last.received) == (0, 0)
    monkeypatch.undo()
    works(house)
    assert SECRET not in Said(caplog).text()


def _payload(text: str, first: int) -> bytes:
    if first != 0xC1:
        return text.encode()
    packed = zlib.compressobj(6, zlib.DEFLATED, -15)
    return (packed.compress(text.encode()) + packed.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize("name", AT_THE_START)
def test_what_breaks_before_it_is_open(
    house: House, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fault = Fault()
    AT_THE_START[name](monkeypatch, fault)
    fault.error = RuntimeError(SECRET)
    house.provider.answer = agreeing()
    app = house.ask(house.asking("/live"))
    fault.error = None
    assert fault.met
    assert app.head.startswith(b"HTTP/1.1 500 "), app.head
    assert house.last(app).reason == "internal_error"
    monkeypatch.undo()
    house.tidy()
    works(house)
    assert SECRET not in Said(caplog).text()


@pytest.mark.parametrize(
    "error", [RuntimeError(SECRET), HushgateError("internal_error", "a text of the house")]
)
def test_an_end_that_breaks_is_an_end(
    house: House, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Fault()
    COMMAND_ROWS["Hangup"].install(monkeypatch, fault)
    app, provider = house.open("/live")
    fault.error = error
    app.send(said("no JSON"))
    assert app.rest() == b"" and provider.rest() == b"", "both connections end, without a word"
    assert fault.met
    monkeypatch.undo()
    house.tidy()
    works(house)
