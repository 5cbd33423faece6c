"""A real Interceptor on real sockets: a Gate whose callers come through mitmproxy.

with Upstream(...) as upstream, Proxy(upstream) as proxy:
    with proxy.tunnel("127.0.0.1") as sock: ...
"""

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import trustme

from gateway.deployment import Interception, Tls
from gateway.planes.intercept.plane import Interceptor
from gateway.planes.intercept.tls import Contexts
from tests.plane import PATIENCE, Gate
from tests.world import KEYS


@dataclass(frozen=True)
class Shown:
    """A leaf as the plane takes it."""

    chain_pem: bytes
    key_pem: bytes


@cache
def authority() -> trustme.CA:
    """What mints in tests."""
    return trustme.CA()


@cache
def leaf(host: str, names: tuple[str, ...] = ()) -> Shown:
    """Its certificate for a host."""
    return shown(authority(), *(names or (host,)))


def shown(issuer: trustme.CA, *names: str) -> Shown:
    """A leaf of an authority's, with its chain."""
    made = issuer.issue_cert(*names)
    return Shown(b"".join(b.bytes() for b in made.cert_chain_pems), made.private_key_pem.bytes())


def trusting(*protocols: str) -> ssl.SSLContext:
    """A client that has our root, and no other: to read the system's takes longer than most tests."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    context.set_alpn_protocols(list(protocols or ("http/1.1",)))
    return context


def basic(key: bytes, user: bytes = b"app") -> str:
    """A Proxy-Authorization line."""
    return f"Proxy-Authorization: Basic {base64.b64encode(user + b':' + key).decode()}\r\n"


class Proxy(Gate):
    """A Gate whose worker is an Interceptor."""

    def __init__(
        self,
        upstream: Any,
        *,
        mode: str = "proxy",
        others: Any = "refuse",
        quic: Any = "refuse",
        listens: Tls | None = None,
        mint: Callable[..., Any] = leaf,
        at: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(upstream, **options)
        self._interception = Interception(mode=mode, others=others, quic=quic)
        self._listens = listens
        self._mint = mint
        self._at = at

    async def _start(self) -> None:
        await super()._start()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        for server in self.worker._servers:
            server.close()
        contexts = Contexts(self._mint, self._listens)
        self.worker: Any = Interceptor(
            self._config,
            self.snapshot,
            self.log,
            self.registry,
            self.metrics,
            self._interception,
            contexts,
        )
        self.port = await self.worker.listen("127.0.0.1", self._at, None)
        self._running = asyncio.ensure_future(self.worker.run(self._stop))

    @property
    def host(self) -> str:
        """What the tests' upstream is called in requests."""
        return self.upstream.url.partition("//")[2]

    def connect_line(self, target: str = "", key: bytes = KEYS["support"], extra: str = "") -> bytes:
        """A CONNECT request."""
        target = target or self.host
        auth = basic(key) if key else ""
        return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{auth}{extra}\r\n".encode()

    def tunnel(self, target: str = "", *, key: bytes = KEYS["support"]) -> socket.socket:
        """A connection through a tunnel that was granted."""
        sock = self.connect()
        try:
            sock.sendall(self.connect_line(target, key))
            got = b""
            while b"\r\n\r\n" not in got:
                more = sock.recv(1)
                assert more, got
                got += more
            assert got.startswith(b"HTTP/1.1 200 "), got
        except BaseException:
            sock.close()
            raise
        return sock

    def tls(
        self,
        name: str = "127.0.0.1",
        *,
        key: bytes = KEYS["support"],
        protocols: tuple[str, ...] = ("http/1.1",),
        context: ssl.SSLContext | None = None,
    ) -> ssl.SSLSocket:
        """A tunnel with TLS in it."""
        context = context or trusting(*protocols)
        sock = self.tunnel(key=key)
        try:
            wrapped = context.wrap_socket(sock, server_hostname=name)
        except BaseException:
            sock.close()
            raise
        wrapped.settimeout(PATIENCE)
        return wrapped


def write(folder: Path, name: str, data: bytes) -> str:
    """A file's path."""
    path = folder / name
    path.write_bytes(data)
    return str(path)
