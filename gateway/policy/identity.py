"""Who is calling: a key, a certificate, or a source network -> exactly one client of one tenant. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from gateway.model import Client

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Identity:
    """A client and the tenant it belongs to."""

    tenant: str
    client: Client


class Peer(NamedTuple):
    """The other end of a connection: source address, and the SANs of its verified certificate.

    `key`: lower-case hex SHA-256 of the key it showed for the whole connection, to a proxy. `intercepted`: it
    means the provider itself, not the gateway.
    """

    address: str
    sans: tuple[str, ...] = ()
    key: str | None = None
    intercepted: bool = False


class Directory:
    """Every client of every tenant, found by the means it identifies itself with.

    A key that is presented decides alone which clients come into question, then a certificate, then the
    source network; every means a client is configured with must hold. Not exactly one client: nobody (401).
    """

    def __init__(self, clients: Iterable[Identity]) -> None:
        self._by_key: dict[str, list[Identity]] = defaultdict(list)
        self._by_san: dict[str, list[Identity]] = defaultdict(list)
        self._by_network: list[Identity] = []
        self._networks: dict[str, Network] = {}
        for identity in clients:
            self._add(identity)

    def _add(self, identity: Identity) -> None:
        client = identity.client
        if client.key:
            self._by_key[client.key].append(identity)
        elif client.san:
            self._by_san[client.san].append(identity)
        elif client.networks:
            self._by_network.append(identity)
        for block in client.networks:
            self._networks.setdefault(block, ip_network(block))

    def identify(self, key: bytes | None, peer: Peer) -> Identity | None:
        """The one client these credentials stand for, or None when unknown or ambiguous.

        A key of the request's own goes before that of its connection.
        """
        digest = sha256(key).hexdigest() if key is not None else peer.key
        found = [i for i in self._candidates(digest, peer) if self._holds(i.client, digest, peer)]
        if len(found) != 1:
            return None
        return found[0] if self._agrees(found[0], peer) else None

    def _candidates(self, digest: str | None, peer: Peer) -> list[Identity]:
        if digest is not None:
            return self._by_key.get(digest, [])
        named = [i for san in peer.sans for i in self._by_san.get(san, ())]
        return named or self._by_network

    def _holds(self, client: Client, digest: str | None, peer: Peer) -> bool:
        if client.key and not (digest and compare_digest(client.key, digest)):
            return False
        if client.san and client.san not in peer.sans:
            return False
        return not client.networks or self._inside(client.networks, peer.address)

    def _inside(self, blocks: tuple[str, ...], address: str) -> bool:
        try:
            where: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        where = getattr(where, "ipv4_mapped", None) or where
        return any(where in self._networks[block] for block in blocks)

    def _agrees(self, found: Identity, peer: Peer) -> bool:
        """A key of one client on a certificate of another is ambiguous."""
        if found.client.san or not peer.sans:
            return True
        others = [i for san in peer.sans for i in self._by_san.get(san, ())]
        return not others or found in others
