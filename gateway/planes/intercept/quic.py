"""QUIC with an application, which is asked for its certificate where the listener has a `client_ca`.

aioquic has that part of the handshake (RFC 8446 section 4.3.2), and checks that whoever shows a certificate
has its key; that it asks at all is a private switch of it, and whom to believe is left to us (`believed`).
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import QuicErrorCode, QuicFrameType
from aioquic.tls import AlertDescription
from aioquic.tls import Context as TlsContext
from mitmproxy.proxy import commands
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.quic import ClientQuicLayer

if TYPE_CHECKING:
    from gateway.planes.intercept.plane import Interceptor

SWITCH: Final = "_request_client_certificate"
BAD_CERTIFICATE: Final = QuicErrorCode.CRYPTO_ERROR + AlertDescription.bad_certificate


def can_ask() -> bool:
    """Whether this aioquic has what asks for certificates."""
    return hasattr(QuicConnection, "_initialize") and hasattr(TlsContext(is_client=False), SWITCH)


class Quic(ClientQuicLayer):
    """mitmproxy's, with a certificate of the application."""

    def __init__(self, context: Context, plane: "Interceptor") -> None:
        super().__init__(context, plane.tick)
        self._plane = plane

    def start_tls(self, original_destination_connection_id: bytes | None) -> Generator[Any, Any, None]:
        """mitmproxy: make the connection. Its TLS is made with its first datagram, and has to ask by then."""
        yield from super().start_tls(original_destination_connection_id)
        if self.quic is not None and self._plane.contexts.asks:
            _asking(self.quic)

    def receive_handshake_data(
        self, data: bytes
    ) -> Generator[commands.Command, Any, tuple[bool, str | None]]:
        """mitmproxy: bytes of the handshake. One with a certificate that is not believed is none."""
        done, error = yield from super().receive_handshake_data(data)
        if done and self.quic is not None and self._plane.sessions[self.context.client.id].refused:
            self.quic.close(BAD_CERTIFICATE, QuicFrameType.CRYPTO, "bad certificate")
            yield from self.tls_interact()
            return False, "bad certificate"
        return done, error


def _asking(quic: QuicConnection) -> None:
    begin = quic._initialize  # noqa: SLF001 - there is no other way to its TLS before the first datagram

    def begun(peer_cid: bytes) -> None:
        begin(peer_cid)
        setattr(quic.tls, SWITCH, True)

    quic._initialize = begun  # type: ignore[method-assign]  # noqa: SLF001 - as above
