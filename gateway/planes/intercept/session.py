"""One intercepted connection: who it is from, what it was made to, and whether a request fits that. Pure."""

from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import Any

from gateway.errors import PayloadError
from gateway.policy.identity import Peer
from gateway.policy.origins import Origins, split_host


@dataclass(slots=True)
class Session:
    """What is known of a connection, filled in as it becomes known.

    `begun` is monotonic seconds since when something is waited for, and `waits` which of the timeouts bounds
    that. `settled`: what it is has been found out, and who reads it has deadlines. `broken`: an answer was
    broken off, and its end must not look like one.

    `explicit`: the application knows that it speaks to a proxy, and has not made a tunnel yet. `target`: the
    host name it asked to be connected to, `port` its port; where it named an address, that is `address`.
    `sni`: the name in its TLS handshake. `means`: the host, with port, that every request is for, whatever it
    says. `passed`: a tunnel that is not looked into, by the connection `opened` or to where it was made to.
    `refused`: that it leads nowhere is on record. `shown`: our certificate was; `asked`: a
    request has come since.
    """

    peer: Peer
    begun: float = 0.0
    waits: str = "idle"
    settled: bool = False
    broken: bool = False
    explicit: bool = False
    target: bytes | None = None
    port: int | None = None
    sni: bytes | None = None
    tls: bool = False
    means: bytes | None = None
    passed: bool = False
    refused: bool = False
    shown: bool = False
    asked: bool = False
    address: bytes | None = None
    opened: tuple[Any, Any] | None = None

    def heads_for(self, host: str, port: int) -> None:
        """Where the network or SOCKS says it was to go; an address says nothing of a name."""
        self.port = port
        named = host.lower().encode("ascii", "replace")
        try:
            ip_address(host)
        except ValueError:
            self.target = named
        else:
            self.address = named

    def hears(self, now: float) -> None:
        """Bytes of something that is not whole yet: a CONNECT, a handshake, the first words of a protocol."""
        if self.waits != "head":
            self.waits, self.begun = "head", now

    def rests(self, now: float) -> None:
        """It was whole, and has been answered: whatever is next may take its time to begin."""
        self.waits, self.begun = "idle", now

    @property
    def name(self) -> bytes | None:
        """The host this connection is for, as far as it has said."""
        means = split_host(self.means)[0] if self.means else None
        return self.sni or self.target or means or self.address

    def check(self, host: bytes, origins: Origins) -> None:
        """A request for `host` (of its head, already checked) may go on to the core. Raises PayloadError.

        A name in the handshake or the tunnel that is not the one in the request hides where it goes: what
        is meant is not guessed (RFC 9110 7.4, 15.5.20).
        """
        if self.means is not None:
            return
        name, port = split_host(host)
        for said in (self.target, self.sni):
            if said is not None and said != name:
                raise PayloadError("host_mismatch", "not the host the connection was made to", "host")
        if self.port is not None and port is not None and port != self.port:
            raise PayloadError("host_mismatch", "not the port the connection was made to", "host")
        if not origins.names_host(name):
            raise PayloadError("host_not_allowed", "", "host")


def proxy_key(field: bytes | None) -> str | None:
    """SHA-256 (lower-case hex) of the key in a Proxy-Authorization field; None without one.

    `Basic` (RFC 7617): the password is the key, the user name says nothing. `Bearer`: the token is. Raises
    PayloadError for anything else.
    """
    if field is None:
        return None
    scheme, _, rest = field.strip().partition(b" ")
    key = rest.strip()
    if scheme.lower() == b"basic":
        try:
            key = b64decode(key, validate=True).partition(b":")[2]
        except (Base64Error, ValueError):
            key = b""
    elif scheme.lower() != b"bearer":
        key = b""
    if not key:
        raise PayloadError("proxy_authentication_required", "", "proxy-authorization")
    return sha256(key).hexdigest()
