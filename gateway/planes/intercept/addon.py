"""The add-on: what mitmproxy asks, answered from the Session and the core. Every hook first sets a refusal.

mitmproxy logs what a hook raises and goes on: with what was set first.
"""

from typing import TYPE_CHECKING, Any

from mitmproxy import http
from mitmproxy.connection import Client, Server
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.modes import Socks5AuthData
from mitmproxy.proxy.layers.quic import QuicTlsData
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import TlsData

from gateway.errors import HushgateError, PayloadError
from gateway.planes.intercept.believed import sans
from gateway.planes.intercept.layers import CORE, INSIDE, RELAYED, UNDECIDED, Closed, choose, closed
from gateway.planes.intercept.names import Asked
from gateway.planes.intercept.refusal import Ended, refused

if TYPE_CHECKING:
    from gateway.planes.intercept.plane import Interceptor

UNTRUSTED = ("unknown ca", "bad certificate", "certificate unknown", "certificate_unknown")
"""What a client says that does not accept a certificate (RFC 8446 section 6.2), in OpenSSL's words."""
HUNG_UP = "disconnected during the handshake"
"""What mitmproxy says of one that says nothing, and goes."""


class Addon:
    """mitmproxy's hooks."""

    def __init__(self, plane: "Interceptor") -> None:
        self._plane = plane

    # ---- connections ----------------------------------------

    def client_connected(self, client: Client) -> None:
        """mitmproxy: an application has connected."""
        client.error = "refused"
        if self._plane.welcome(client):
            client.error = None

    def client_disconnected(self, client: Client) -> None:
        """mitmproxy: it has gone."""
        self._plane.forget_client(client)

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """mitmproxy: what are these bytes?"""
        context = nextlayer.context
        nextlayer.layer = end = Closed(context, UNDECIDED)
        context.layers.remove(end)
        session = self._plane.sessions[context.client.id]
        try:
            nextlayer.layer = choose(self._plane, session, context, nextlayer.data_client())
        except HushgateError as error:
            nextlayer.layer = closed(context, error)

    async def hushgate_refused(self, ended: Ended) -> None:
        """A connection is ended."""
        await refused(self._plane, self._plane.sessions[ended.client.id], ended.error)

    async def hushgate_asked(self, asked: Asked) -> None:
        """A name is asked for within a tunnel."""
        asked.answer = await self._plane.resolve(asked.question)

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """mitmproxy: a connection is wanted. Only those that are given a way are made."""
        data.server.error = "refused"
        session = self._plane.sessions[data.client.id]
        verdict, port = data.server.address
        if port == INSIDE:
            refusal = None if verdict in (CORE, RELAYED) else verdict
            self._plane.way_inside(data, refusal, own=verdict == RELAYED)
        elif session.passed:
            self._plane.way_outside(data.server, session)
        else:
            return
        data.server.error = None

    # ---- TLS ----------------------------------------

    async def tls_start_client(self, start: TlsData) -> None:
        """mitmproxy: a handshake is to be made with an application. Without a connection, it is not."""
        start.ssl_conn = None
        plane = self._plane
        session = plane.sessions[start.conn.id]
        try:
            context = plane.contexts.own() if session.explicit else plane.leaf(session)
        except HushgateError as error:
            session.settled = True
            await refused(plane, session, error)
            return
        if context is None:
            return
        made = plane.contexts.connection(context)
        made.set_app_data((b"http/1.1",) if session.explicit else None)
        start.ssl_conn = made

    async def quic_start_client(self, start: QuicTlsData) -> None:
        """mitmproxy: the same over QUIC. Without settings, it is not."""
        start.settings = None
        plane = self._plane
        session = plane.sessions[start.conn.id]
        try:
            session.sni = start.conn.sni.lower().encode() if start.conn.sni else None
            plane.admit_tls(session)
            if session.passed:
                raise PayloadError("protocol_not_allowed", "", "quic")
            start.settings = plane.quic_leaf(session)
            session.tls = True
        except HushgateError as error:
            session.refused = True
            await refused(plane, session, error)

    async def socks5_auth(self, data: Socks5AuthData) -> None:
        """mitmproxy: a user and a password over SOCKS5. The password is a client's key."""
        data.valid = False
        session = self._plane.sessions[data.client_conn.id]
        try:
            self._plane.admit_key(session, data.password.encode())
        except HushgateError as error:
            session.settled = True
            await refused(self._plane, session, error)
        else:
            data.valid = True

    async def tls_established_client(self, data: TlsData) -> None:
        """mitmproxy: it was made. A certificate the application showed has been verified, but over QUIC."""
        session = self._plane.sessions[data.conn.id]
        session.rests(self._plane.tick())
        believed = self._plane.contexts.clients
        if believed is None or not data.conn.certificate_list:
            return
        shown = [certificate.to_cryptography() for certificate in data.conn.certificate_list]
        if isinstance(data, QuicTlsData):
            session.refused = True
            if not believed.vouch(shown):
                session.settled = True
                await refused(self._plane, session, PayloadError("malformed_request", "", "tls"))
                return
            session.refused = False
        session.peer = session.peer._replace(sans=sans(shown[0]) or session.peer.sans)

    async def tls_failed_client(self, data: TlsData) -> None:
        """mitmproxy: it failed; because our certificate was not accepted, or for another reason."""
        said = (data.conn.error or "").replace("_", " ")
        session = self._plane.sessions[data.conn.id]
        if session.settled:  # it was never begun, or took too long: that is on record
            return
        if any(word.replace("_", " ") in said for word in UNTRUSTED) or (session.shown and HUNG_UP in said):
            self._plane.untrusted(session)
            await refused(self._plane, session, PayloadError("certificate_refused", "", "tls"))
        else:
            await refused(self._plane, session, PayloadError("malformed_request", "", "tls"))

    # ---- HTTP ----------------------------------------

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """mitmproxy: a tunnel is asked for."""
        flow.response = http.Response.make(500)
        session = self._plane.sessions[flow.client_conn.id]
        try:
            await self._plane.admit_tunnel(session, flow.request)
        except HushgateError as error:
            head, body = await refused(self._plane, session, error, "CONNECT")
            flow.response = http.Response.make(head.status, body, tuple(head.headers))
        else:
            flow.response = None
        session.rests(self._plane.tick())

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """mitmproxy: a request that it has read (HTTP/2).

        It goes to the core in any case: to be refused there, unless this comes to its end.
        """
        request = flow.request
        named = request.authority, request.headers.get_all("host")
        _address(flow, "internal_error")
        request.stream = True
        if flow.error is None:
            _address(flow, _verdict(*named))

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """mitmproxy: the answer of the core. Anything else is none."""
        answer, flow.response = flow.response, http.Response.make(500)
        flow.response.stream = _nothing
        if is_inside(flow.server_conn):
            answer.stream = True
            flow.response = answer

    async def error(self, flow: http.HTTPFlow) -> None:
        """mitmproxy: a request failed. Whatever the core has seen, it has recorded."""
        if not is_inside(flow.server_conn):
            session = self._plane.sessions[flow.client_conn.id]
            await refused(self._plane, session, PayloadError("malformed_request", ""), flow.request.method)

    # ---- what is never let through ----------------------------------------

    def tcp_start(self, flow: Any) -> None:
        """mitmproxy: bytes that are not HTTP."""
        flow.kill()

    tcp_message = udp_start = udp_message = dns_request = dns_response = tcp_start


def is_inside(server: Server) -> bool:
    """Whether this is a link to the core that has been opened."""
    address = server.address
    return bool(address) and address[1] == INSIDE and server.timestamp_start is not None


def _nothing(data: bytes) -> bytes:
    """What goes on of the body of an answer that is none."""
    del data
    return b""


def _address(flow: http.HTTPFlow, verdict: str) -> None:
    """Where mitmproxy connects to for this request: a link to the core, in clear."""
    flow.request.scheme = "http"
    flow.request.data.host = verdict
    flow.request.data.port = INSIDE


def _verdict(authority: str, hosts: list[str]) -> str:
    """Two names for one place in a request hide which of them is meant (RFC 9113 section 8.3.1)."""
    if len(hosts) > 1 or (authority and hosts and hosts[0].lower() != authority.lower()):
        return "host_mismatch"
    return CORE
