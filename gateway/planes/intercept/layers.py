"""What comes next on an intercepted connection, from its first bytes: TLS, HTTP, a relay, or its end."""

import re
from collections.abc import Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from mitmproxy.connection import ConnectionState, Server
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ClientTLSLayer, HttpLayer
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.tls import parse_client_hello
from OpenSSL import SSL

from gateway.errors import HushgateError, InternalError, PayloadError
from gateway.http1.grammar import FIELD_LINE
from gateway.planes.intercept.http import Http2, Http3, Streams
from gateway.planes.intercept.names import Names
from gateway.planes.intercept.quic import Quic
from gateway.planes.intercept.refusal import Ended, HushgateRefusedHook
from gateway.planes.intercept.session import Session
from gateway.planes.intercept.tls import UNRECOGNISED

if TYPE_CHECKING:
    from gateway.planes.intercept.plane import Interceptor

INSIDE: Final = -1
"""The port of servers that are links to the core: no name or address has it."""
CORE: Final = "core"
RELAYED: Final = "relayed"
"""The host of such a server when the application's own bytes go to the core (else they are mitmproxy's)."""
MOST: Final = 64 * 1024
"""bytes looked at before it is known what they are"""
CONNECT: Final = b"CONNECT "
_METHOD: Final = re.compile(rb"[A-Z]{3,20} ")
_TARGET: Final = re.compile(rb"CONNECT (?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5} HTTP/1\.[01]")

Commands = Generator[commands.Command, Any, None]


class Closed(layer.Layer):
    """Ends the connection, with a last word where the protocol has one."""

    def __init__(self, context: Context, error: HushgateError, word: bytes = b"") -> None:
        super().__init__(context)
        self._error = error
        self._word = word

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Start):
            client = self.context.client
            yield HushgateRefusedHook(Ended(client, self._error))
            if self._word:
                yield commands.SendData(client, self._word)
            yield commands.CloseConnection(client)


class Relay(layer.Layer):
    """Bytes as they are, between the application and a server: a link to the core, or a tunnel's address."""

    def __init__(self, context: Context, plane: "Interceptor") -> None:
        super().__init__(context)
        self._plane = plane

    def _handle_event(self, event: events.Event) -> Commands:
        client, server = self.context.client, self.context.server
        if isinstance(event, events.Start):
            if (yield commands.OpenConnection(server)):
                yield commands.CloseConnection(client)
        elif isinstance(event, events.DataReceived):
            yield commands.SendData(server if event.connection == client else client, event.data)
        elif isinstance(event, events.ConnectionClosed):
            yield from self._ended(server if event.connection == client else client)

    def _ended(self, other: Any) -> Commands:
        """One side will send no more; the other one hears so, and both end when neither does."""
        client, server = self.context.client, self.context.server
        self._plane.look_at_end(client, server)
        reads = (client.state | server.state) & ConnectionState.CAN_READ
        if reads and not self._plane.link_is_closed(server):
            yield commands.CloseTcpConnection(other, half_close=True)
            return
        for connection in (server, client):
            if connection.state is not ConnectionState.CLOSED:
                yield commands.CloseConnection(connection)


class Tls(ClientTLSLayer):
    """TLS with an application. It is told of the end (RFC 8446 6.1) of what was not broken off."""

    def __init__(self, context: Context, session: Session) -> None:
        super().__init__(context)
        self._session = session

    def send_close(self, command: commands.CloseConnection) -> Commands:
        """mitmproxy: no more is sent."""
        if self.tls is not None and not self._session.broken:
            with suppress(SSL.Error):  # not in the middle of a handshake
                self.tls.shutdown()
            yield from self.tls_interact()
        yield from super().send_close(command)


def _connect(plane: "Interceptor", context: Context, data: bytes) -> layer.Layer | None:
    """A CONNECT that mitmproxy may read; any other goes to the core, which refuses it."""
    if b"\r\n\r\n" not in data:
        return None
    line, *fields = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    if _TARGET.fullmatch(line) and all(map(FIELD_LINE.fullmatch, fields)):
        return HttpLayer(context, HTTPMode.regular)
    return relay(plane, context)


def choose(plane: "Interceptor", session: Session, context: Context, data: bytes) -> layer.Layer | None:
    """The next layer; None: more bytes are needed to know. Raises HushgateError."""
    if data:
        session.hears(plane.tick())
    found = _chosen(plane, session, context, data)
    session.settled = isinstance(found, Relay | HttpLayer) and not session.explicit
    session.settled = session.settled or isinstance(found, Relay | Names)
    return found


def _chosen(plane: "Interceptor", session: Session, context: Context, data: bytes) -> layer.Layer | None:
    if session.passed:
        return Relay(context, plane)
    if not session.explicit and session.port is None and session.means is None:
        session.heads_for(*context.server.address[:2])
    if context.client.transport_protocol != "tcp":
        return _datagrams(plane, session, context)
    if len(data) > MOST:
        raise PayloadError("protocol_not_allowed", "")
    if starts_like_tls_record(data):
        return _tls(plane, session, context, data)
    if session.explicit and CONNECT.startswith(data[: len(CONNECT)]):
        return _connect(plane, context, data)
    if session.tls and context.client.alpn == b"h2":
        return _streams(plane, context, Http2)
    if not _METHOD.match(data):
        if len(data) < 3 or (data[:20].isalpha() and len(data) < 20):
            return None
        raise PayloadError("protocol_not_allowed", "")
    return relay(plane, context)


def _datagrams(plane: "Interceptor", session: Session, context: Context) -> layer.Layer:
    """Names asked for in a tunnel, or QUIC where that is taken; HTTP/3 within it, and nothing else."""
    if plane.resolves(session):
        return Names(context)
    if context.client.tls:
        if session.tls and context.client.alpn == b"h3":
            return _streams(plane, context, Http3)
    elif plane.takes_quic(session):
        return Quic(context, plane)
    raise PayloadError("protocol_not_allowed", "")


def _tls(plane: "Interceptor", session: Session, context: Context, data: bytes) -> layer.Layer | None:
    if session.explicit:
        if plane.contexts.own() is None or context.client.tls:
            raise PayloadError("protocol_not_allowed", "")
        return Tls(context, session)
    if session.tls:
        raise PayloadError("protocol_not_allowed", "TLS within TLS")
    try:
        hello = parse_client_hello(data)
    except ValueError:
        raise PayloadError("protocol_not_allowed", "not a TLS handshake") from None
    if hello is None:
        return None
    session.sni = hello.sni.lower().encode() if hello.sni else None
    plane.admit_tls(session)
    if session.passed:
        return Relay(context, plane)
    session.tls = True
    return Tls(context, session)


def _streams(plane: "Interceptor", context: Context, made: type[Http2] | type[Http3]) -> Streams:
    found = plane.streams[context.client.id] = Streams(context, made)
    return found


def relay(plane: "Interceptor", context: Context, verdict: str = RELAYED) -> layer.Layer:
    """To the core."""
    context.server = Server(address=(verdict, INSIDE))
    return Relay(context, plane)


def closed(context: Context, error: HushgateError) -> Closed:
    """The end of a connection, said in TLS where that is what it is about."""
    word = UNRECOGNISED if error.reason in ("host_mismatch", "host_not_allowed") else b""
    return Closed(context, error, word)


UNDECIDED: Final = InternalError("")
"""What a connection ends with when nothing else was decided about it."""
