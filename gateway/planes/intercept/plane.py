"""One worker's interception: its connections, what is known of each, and their ways to the core or out."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import Any, Final

from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import Client, Server
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy.layers.quic import QuicTlsSettings
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from OpenSSL import SSL

from gateway.audit.record import TextLog
from gateway.contacts.model import Registry
from gateway.deployment import Config, Interception
from gateway.errors import InternalError, PayloadError, where
from gateway.metrics import Metrics
from gateway.planes.intercept.addon import Addon
from gateway.planes.intercept.http import Streams
from gateway.planes.intercept.inner import Inner
from gateway.planes.intercept.layers import INSIDE
from gateway.planes.intercept.link import Link
from gateway.planes.intercept.modes import Mode
from gateway.planes.intercept.modetable import mode_of
from gateway.planes.intercept.names import PORT, answer
from gateway.planes.intercept.outside import Outside, is_address, public
from gateway.planes.intercept.quiet import silence
from gateway.planes.intercept.refusal import refused
from gateway.planes.intercept.session import Session, proxy_key
from gateway.planes.intercept.tls import Contexts
from gateway.planes.reverse.worker import Worker
from gateway.policy.identity import Peer
from gateway.policy.origins import split_host
from gateway.policy.snapshot import Snapshot

log = logging.getLogger("hushgate.plane")

Way = Callable[[], Awaitable[tuple[Any, Any]]]
"""Opens a connection: what mitmproxy reads from and writes to. Raises OSError, UpstreamError."""
HTTPS: Final = 443
FLUSH: Final = 1.0
"""seconds that answers already given may take to leave when the worker stops"""


@dataclass(frozen=True, slots=True)
class Inside:
    """A link and the Caller at its end."""

    link: Link
    caller: Inner

    @property
    def busy(self) -> bool:
        """Whether a request is under way."""
        return self.caller.busy


class Interceptor(Worker):
    """A Worker whose Callers are at the ends of links. Only its event loop touches it."""

    def __init__(
        self,
        config: Config,
        snapshot: Snapshot,
        log: TextLog,
        registry: Registry,
        metrics: Metrics,
        interception: Interception,
        contexts: Contexts,
    ) -> None:
        super().__init__(config, snapshot, log, registry, metrics)
        self.contexts = contexts
        self.sessions: dict[str, Session] = {}
        self.links: dict[str, Inside] = {}
        self.streams: dict[str, Streams] = {}
        """What speaks HTTP/2 or HTTP/3, by connection."""
        self.ways: dict[str, Way] = {}
        self.master = _master(config)
        self.master.addons.add(Addon(self))
        silence(self.crashed)
        self._outside = Outside(config)
        self.interception = interception
        self._mode: Mode = mode_of(interception.mode, self)
        self._most = config.max_connections

    # ---- connections ----------------------------------------

    async def listen(self, host: str, port: int, context: ssl.SSLContext | None) -> int:
        """Listen on SO_REUSEPORT; returns the port."""
        del context  # mitmproxy's TLS is made by `contexts`
        return await self._mode.listen(host, port, self._servers)

    def welcome(self, client: Client) -> bool:
        """A connection has come in; False: there are too many."""
        self.sessions[client.id] = session = Session(
            Peer(str(client.peername[0]), intercepted=True), self.tick()
        )
        self._mode.begin(session)
        if len(self.sessions) <= self._most and not self.draining:
            return True
        self.metrics.add("hushgate_connections_refused")
        return False

    def forget_client(self, client: Client) -> None:
        """It has gone."""
        session = self.sessions.pop(client.id, None)
        if session is not None and session.opened is not None:
            session.opened[1].close()
        if session is not None and session.tls and session.shown and not session.asked:
            self.metrics.add("hushgate_handshakes_unused", self._host(session))
        self.streams.pop(client.id, None)

    # ---- what may pass ----------------------------------------

    async def admit_tunnel(self, session: Session, request: Any) -> None:
        """A CONNECT. Raises PayloadError, UpstreamError."""
        if not session.explicit:
            raise PayloadError("malformed_request", "a tunnel within a tunnel")
        fields = request.headers.get_all("proxy-authorization")
        if len(fields) > 1:
            raise PayloadError("malformed_request", "a field that must be single is repeated", "head")
        key = proxy_key(fields[0].encode("utf-8", "surrogateescape") if fields else None)
        peer = session.peer._replace(key=key)
        known = self.env.snapshot.directory.identify(None, peer) is not None
        if not known and (key is not None or not self.contexts.asks):
            raise PayloadError("proxy_authentication_required", "", "proxy-authorization")
        name = request.host.lower().strip("[]").encode("ascii", "replace")
        if not self.env.snapshot.origins.names_host(name):
            await self._pass(session, name, request.port, known)
        session.peer, session.explicit = peer, False
        session.target, session.port = name, request.port

    def admit_key(self, session: Session, key: bytes) -> None:
        """A key that was shown for the whole connection. Raises PayloadError."""
        peer = session.peer._replace(key=sha256(key).hexdigest())
        if not key or self.env.snapshot.directory.identify(None, peer) is None:
            raise PayloadError("proxy_authentication_required", "", "socks5")
        session.peer = peer

    def admit_tls(self, session: Session) -> None:
        """A handshake, whose SNI is known. Raises PayloadError."""
        name = session.name
        if session.sni is not None and session.target not in (None, session.sni):
            raise PayloadError("host_mismatch", "not the host the connection was made to", "tls")
        if session.means is None and (name is None or not self.env.snapshot.origins.names_host(name)):
            if self.interception.others == "refuse" or session.target is not None:
                raise PayloadError("host_not_allowed", "", "tls")
            if not self._mode.routed:
                self._pass_address(session)
            session.passed = True

    def _pass_address(self, session: Session) -> None:
        """To where only the gateway can go: for those it knows, to public addresses. Raises PayloadError."""
        if self.env.snapshot.directory.identify(None, session.peer) is None:
            raise PayloadError("unknown_client", "", "tls")
        if session.address is None or not ip_address(session.address.decode()).is_global:
            raise PayloadError("host_not_allowed", "an address that is not public", "tls")

    def resolves(self, session: Session) -> bool:
        """Whether names are asked for on this connection, and are answered."""
        return self._mode.resolves and session.port == PORT

    async def resolve(self, question: bytes) -> bytes:
        """The answer to a question for a name, b"" for none."""
        known = self.env.snapshot.origins.names_host if self.interception.others == "refuse" else _any
        return await answer(question, known)

    async def _pass(self, session: Session, name: bytes, port: int, known: bool) -> None:
        """A host nobody names: untouched where the deployment says so, to a public address by its name."""
        if self.interception.others == "refuse":
            raise PayloadError("host_not_allowed", "")
        if not known:
            raise PayloadError("proxy_authentication_required", "", "proxy-authorization")
        if is_address(name):
            raise PayloadError("host_not_allowed", "an address instead of a name")
        session.opened = await self._outside.open(*await public(name.decode(), port))
        session.passed = True

    def leaf(self, session: Session) -> SSL.Context | None:
        """What is shown to an application in the name of the host it means. Raises HushgateError."""
        session.shown = session.name is not None
        return self.contexts.of(*self._asked_for(session)) if session.shown else None

    def _asked_for(self, session: Session) -> tuple[str, tuple[str, ...]]:
        """A host, and the names of the certificate that its upstream last showed to this process.

        Nothing is connected to for a handshake: until a first request has gone out there are none.
        """
        name = session.name or b""
        if session.means is not None and not self.env.snapshot.origins.names_host(name):
            name = split_host(session.means)[0]  # another name for the port itself: ours is what there is
        return name.decode(), self._dialer.names.get(name.decode(), ())

    def takes_quic(self, session: Session) -> bool:
        """Whether QUIC is intercepted on this connection."""
        named = session.means is not None or session.port == HTTPS
        return self.interception.quic == "intercept" and named

    def quic_leaf(self, session: Session) -> QuicTlsSettings | None:
        """The same over QUIC. Raises HushgateError."""
        session.shown = session.name is not None
        return self.contexts.quic(*self._asked_for(session)) if session.shown else None

    # ---- ways ----------------------------------------

    def way_inside(self, data: ServerConnectionHookData, refusal: str | None, *, own: bool) -> None:
        """A link to a new Caller. `own`: it has the application's connection to itself, and may reset it."""
        server, session = data.server, self.sessions[data.client.id]
        session.asked = True
        sock = self._mode.socket_of(data.client) if own else None

        async def way() -> tuple[Link, Link]:
            link = Link(asyncio.get_running_loop(), {"socket": sock})
            caller = Inner(self, session, refusal)
            link.side = caller
            self.links[server.id] = Inside(link, caller)
            caller.connection_made(link.out)  # type: ignore[arg-type]  # as much of a transport as it uses
            return link, link

        self.ways[server.id] = way

    def way_outside(self, server: Server, session: Session) -> None:
        """To the address a tunnel was admitted to, or that the application itself connected to."""
        host, port = server.address

        async def way() -> tuple[Any, Any]:
            opened, session.opened = session.opened, None
            return opened or await self._outside.open(host, port)

        self.ways[server.id] = way

    def link_is_closed(self, server: Server) -> bool:
        """Whether the core is through with this connection, not only with writing to it."""
        inside = self.links.get(server.id)
        return server.address[1] == INSIDE and (inside is None or inside.link.closed)

    def look_at_end(self, client: Client, server: Server) -> None:
        """A connection to the core has ended: was an answer broken off?"""
        inside, session = self.links.get(server.id), self.sessions.get(client.id)
        if inside is not None and session is not None and inside.link.broken:
            session.broken = True

    # ---- trouble ----------------------------------------

    def untrusted(self, session: Session) -> None:
        """An application did not accept our certificate: it does not have our root, or has pinned another."""
        host = self._host(session)
        self.metrics.add("hushgate_certificates_refused", host)
        log.warning("an application did not accept the gateway's certificate for %s", host)

    def _host(self, session: Session) -> str:
        """The host a connection was for, if it is one of the deployment's."""
        name = session.name or b""
        return name.decode() if self.env.snapshot.origins.names_host(name) else "-"

    def broken(self, client: Client, error: object) -> None:
        """mitmproxy's own machinery has failed on a connection, which is ended: on record, once."""
        self.crashed((type(error), error, None))
        session = self.sessions.get(client.id)
        if session is not None and not session.refused:
            self.spawn(refused(self, session, InternalError("")), _nothing, _nothing)

    def crashed(self, exc_info: Any) -> None:
        """An exception nobody foresaw, in a hook or in mitmproxy: types and places only."""
        self.metrics.add("hushgate_exceptions")
        error = exc_info[1] if isinstance(exc_info, tuple) else None
        log.error("an intercepted connection was refused: %s", where(error) if error else "an error")

    def _look(self) -> None:
        super()._look()
        self.metrics.set("hushgate_connections", value=len(self.sessions))
        now = self.tick()
        for handler in self._mode.handlers:
            session = self.sessions.get(handler.client.id)
            if handler.talking:
                handler.timeout_watchdog.register_activity()
            if (
                session is not None
                and not session.settled
                and now - session.begun > self.timeouts[session.waits]
            ):
                session.settled = True
                late = PayloadError("request_timeout", "", "head")
                self.spawn(refused(self, session, late), _nothing, _nothing)
                handler.end()

    async def _drain(self) -> None:
        await super()._drain()
        await self._mode.end(FLUSH)


def _master(config: Config) -> Master:
    """mitmproxy's, with no add-on of its own but the one that declares options."""
    master = Master(Options(), asyncio.get_running_loop())
    master._legacy_log_events.uninstall()  # noqa: SLF001 - it would keep what is logged
    master.addons.add(Proxyserver())
    waits = config.timeouts
    longest = max(waits.idle, waits.answer, waits.progress, waits.body) + 1
    master.options.update(
        connection_strategy="lazy", tcp_timeout=int(longest), rawtcp=False, keep_host_header=True
    )
    return master


def _any(_: bytes) -> bool:
    """Every name may be found out."""
    return True


def _nothing(_: object) -> None:
    """Nobody waits for this."""
