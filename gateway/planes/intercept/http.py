"""HTTP/2 and HTTP/3 of applications, put into HTTP/1.1 for the core, and its answers back.

mitmproxy's own way of doing so leaves out interim answers and trailers, and may ask a second question on a
link whose first is not answered.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final

import h11
from aioquic.h3.connection import ErrorCode as H3ErrorCode
from aioquic.h3.connection import HeadersState
from aioquic.h3.events import HeadersReceived
from h2.errors import ErrorCodes
from h2.events import StreamReset
from mitmproxy.connection import Connection, Server
from mitmproxy.http import Headers
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import HttpLayer
from mitmproxy.proxy.layers.http import (
    GetHttpConnection,
    HttpClient,
    HTTPMode,
    RegisterHttpConnection,
    SendHttp,
)
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestEndOfMessage,
    RequestHeaders,
    RequestTrailers,
    ResponseEndOfMessage,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._http1 import Http1Client
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.layers.http._http3 import Http3Server
from mitmproxy.proxy.layers.quic import (
    ClientQuicLayer,
    CloseQuicConnection,
    QuicStreamReset,
    QuicStreamStopSending,
)

from gateway.errors import PayloadError
from gateway.planes.intercept.refusal import Ended, HushgateRefusedHook

HOP_BY_HOP: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
"""Fields that no request of HTTP/3 may have (RFC 9114 section 4.2)."""
TAKEN_BACK: Final = 100
"""requests of one connection that may be reset beyond those that were answered in full"""
Commands = Generator[commands.Command, Any, None]
Pairs = tuple[tuple[bytes, bytes], ...]


@dataclass
class Interim(HttpEvent):
    """An informational answer of the core's, for the application."""

    status: int
    fields: Pairs

    @property
    def lines(self) -> list[tuple[bytes, bytes]]:
        """As HTTP/2 and HTTP/3 write it."""
        return [(b":status", b"%d" % self.status), *((name.lower(), value) for name, value in self.fields)]


class Trailing:
    """A reader of a body that keeps its trailers back."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.trailers: Pairs = ()

    def _kept(self, event: Any) -> Any:
        if isinstance(event, h11.EndOfMessage) and event.headers:
            self.trailers = tuple((bytes(name), bytes(value)) for name, value in event.headers)
            return h11.EndOfMessage()
        return event

    def __call__(self, buffer: Any) -> Any:
        """h11: what has come."""
        return self._kept(self._reader(buffer))

    def read_eof(self) -> Any:
        """h11: no more will come."""
        return self._kept(self._reader.read_eof())


class Inside(Http1Client):
    """One request and its answer on a link to the core, with trailers and interim answers."""

    _trailers: Headers | None = None
    body_reader: Any

    def send(self, event: HttpEvent) -> Commands:
        """mitmproxy: a part of the request.

        A body whose length is not said would be taken for the next request: it is sent in chunks.
        """
        if isinstance(event, RequestHeaders) and not event.end_stream:
            headers = event.request.headers
            if "content-length" not in headers:
                headers["transfer-encoding"] = "chunked"
        if isinstance(event, RequestTrailers):
            self._trailers = event.trailers
        elif isinstance(event, RequestEndOfMessage) and self._trailers and self._chunked:
            lines = b"".join(b"%b: %b\r\n" % pair for pair in self._trailers.fields)
            yield commands.SendData(self.conn, b"0\r\n" + lines + b"\r\n")
            yield from self.mark_done(request=True)
        else:
            yield from super().send(event)

    @property
    def _chunked(self) -> bool:
        request = self.request
        return request is not None and "chunked" in request.headers.get("transfer-encoding", "").lower()

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        """mitmproxy: bytes before the end of the answer's head."""
        while self.request and bytes(self.buf).startswith(b"HTTP/1.1 1") and (lines := self._head()):
            found = http1.read_response_head([bytes(line) for line in lines])
            interim = Interim(self.stream_id, found.status_code, found.headers.fields)
            yield SendHttp(interim, self.context.client)
        yield from super().read_headers(event)

    def _head(self) -> Any:
        return self.buf.maybe_extract_lines()

    def read_body(self, event: events.Event) -> Commands:
        """mitmproxy: bytes of the answer's body."""
        if not isinstance(self.body_reader, Trailing):
            self.body_reader = Trailing(self.body_reader)
        for command in super().read_body(event):
            ends = isinstance(command, ReceiveHttp) and isinstance(command.event, ResponseEndOfMessage)
            if ends and self.body_reader.trailers:
                yield ReceiveHttp(ResponseTrailers(self.stream_id, Headers(self.body_reader.trailers)))
            yield command


class Opening(HttpClient):
    """A link that is opened for one request."""

    def _handle_event(self, event: events.Event) -> Commands:
        error = yield commands.OpenConnection(self.context.server)
        if not error:
            self.child_layer = Inside(self.context)
            self._handle_event = self.child_layer.handle_event  # type: ignore[method-assign]  # as layers do
            yield from self._handle_event(event)
        yield RegisterHttpConnection(self.context.server, error)


class Streams(HttpLayer):
    """The requests of one connection, each on a link of its own."""

    def __init__(self, context: Context, made: "Callable[[Context], Http2 | Http3]") -> None:
        super().__init__(context, HTTPMode.transparent)
        self.spoken = made(context.fork())
        self.connections[context.client] = self.spoken

    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> Commands:
        """mitmproxy: a connection is wanted for a request."""
        del reuse
        context = self.context.fork()
        context.server = Server(address=event.address)
        opening = self.connections[context.server] = Opening(context)
        self.waiting_for_establishment[context.server].append(event)
        yield from self.event_to_child(opening, events.Start())

    def gathered(self, server: Connection) -> int:
        """Bytes of the answer that comes from a link and that the application has not taken yet."""
        found = [number for number, stream in self.streams.items() if stream.context.server is server]
        return sum(map(self.spoken.gathered, found))


def _quiet(event: Any) -> Any:
    """Without a page of mitmproxy's own: an answer that failed is a stream that is reset."""
    if isinstance(event, ResponseProtocolError):
        return ResponseProtocolError(event.stream_id, "", ErrorCode.KILL)
    return event


class Http2(Http2Server):
    """HTTP/2 of an application. What breaks its rules ends the connection (RFC 9113 5.4.1), on record."""

    _taken_back = 0

    def handle_h2_event(self, event: Any) -> Generator[commands.Command, Any, Any]:
        """h2: a request that is taken back at once costs its sender nothing, and us all of its beginning."""
        if isinstance(event, StreamReset):
            self._taken_back += 1
            if self._taken_back > TAKEN_BACK:
                yield from self.protocol_error("", ErrorCodes.ENHANCE_YOUR_CALM)
                return True
        return (yield from super().handle_h2_event(event))

    def protocol_error(self, message: str, error_code: int = ErrorCodes.PROTOCOL_ERROR) -> Commands:
        """mitmproxy: such a thing was received."""
        error = PayloadError("malformed_request", "", "http2")
        yield HushgateRefusedHook(Ended(self.context.client, error))
        yield from super().protocol_error(message, error_code)

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, ResponseEndOfMessage):
            self._taken_back = max(0, self._taken_back - 1)
        if not isinstance(event, Interim):
            yield from super()._handle_event(_quiet(event))
        elif self.is_open_for_us(event.stream_id):
            self.h2_conn.send_headers(event.stream_id, event.lines)
            yield commands.SendData(self.conn, self.h2_conn.data_to_send())

    def gathered(self, stream: int) -> int:
        """Bytes that wait for the application's window."""
        return sum(len(part.data) for part in self.h2_conn.stream_buffers.get(stream, ()))


class Http3(Http3Server):
    """HTTP/3 of an application, likewise (RFC 9114 section 8)."""

    _taken_back = 0

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, Interim):
            self.h3_conn.send_headers(event.stream_id, event.lines)
            stream = self.h3_conn._stream[event.stream_id]  # noqa: SLF001 - aioquic has no interim answers
            stream.headers_send_state = HeadersState.INITIAL
            yield from self.h3_conn.transmit()
            return
        if isinstance(event, ResponseEndOfMessage):
            self._taken_back = max(0, self._taken_back - 1)
        elif isinstance(event, QuicStreamReset | QuicStreamStopSending):
            self._taken_back += 1
            if self._taken_back > TAKEN_BACK:
                self.h3_conn.close_connection(H3ErrorCode.H3_EXCESSIVE_LOAD)
        for command in super()._handle_event(_quiet(event)):
            if isinstance(command, CloseQuicConnection):
                error = PayloadError("malformed_request", "", "http3")
                yield HushgateRefusedHook(Ended(self.context.client, error))
            yield command

    def parse_headers(self, event: HeadersReceived) -> RequestHeaders:
        """mitmproxy: a request. Raises ValueError."""
        if any(
            name in HOP_BY_HOP or (name == b"te" and value != b"trailers") for name, value in event.headers
        ):
            raise ValueError("a field that is HTTP/1.1's")
        return super().parse_headers(event)

    def gathered(self, stream: int) -> int:
        """Bytes that wait to be sent, or acknowledged."""
        [layer] = [layer for layer in self.context.layers if isinstance(layer, ClientQuicLayer)]
        found = layer.quic._streams.get(stream) if layer.quic else None  # noqa: SLF001 - aioquic has no public sum
        return len(found.sender._buffer) if found else 0  # noqa: SLF001 - as above
