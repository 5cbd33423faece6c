"""Keys of a WireGuard listener: the gateway's own, and the public ones of who may connect, in one file.

A file of mode 0600, JSON: {"private_key": KEY, "clients": {NAME: {"public_key": KEY, "number": N}}}, where a
KEY is base64 of 32 bytes (X25519). A client's private key is given out once and never kept.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gateway.ca import keystore
from gateway.model import Struct

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
MOST: Final = 500
"""clients of one listener"""


class Client(Struct):
    """Who may connect. `number`, from 2 on, makes its addresses within the tunnel."""

    public_key: str
    number: int

    @property
    def addresses(self) -> tuple[str, str]:
        """What it is to call itself, IPv4 and IPv6."""
        return f"10.77.{self.number >> 8}.{self.number & 255}", f"fd77::{self.number:x}"


class _Kept(Struct):
    private_key: str
    clients: dict[str, Client]


@dataclass(frozen=True, slots=True)
class Keys:
    """What the file holds."""

    private: str
    clients: Mapping[str, Client]

    def __repr__(self) -> str:
        return f"Keys({len(self.clients)} clients)"


def new_key() -> str:
    """A private key."""
    return b64encode(X25519PrivateKey.generate().private_bytes_raw()).decode()


def public_key(private: str) -> str:
    """The public key of a private one."""
    key = X25519PrivateKey.from_private_bytes(b64decode(private, validate=True))
    return b64encode(key.public_key().public_bytes_raw()).decode()


def load(file: Path) -> Keys:
    """The keys of a file. Raises ConfigError, never with anything of a key."""
    keystore.closed(file)
    try:
        kept = msgspec.json.decode(keystore.content(file), type=_Kept)
        public_key(kept.private_key)
        for client in kept.clients.values():
            if len(b64decode(client.public_key, validate=True)) != 32 or not 2 <= client.number < 65_535:
                raise ValueError
    except (msgspec.DecodeError, ValueError):
        raise keystore.wrong(file, "no keys of WireGuard", "what `hushgate wireguard init` made") from None
    return Keys(kept.private_key, kept.clients)


def create(file: Path) -> Keys:
    """A new file without clients. Raises FileExistsError, OSError."""
    made = Keys(new_key(), {})
    keystore.create(file, _written(made))
    return made


def add(file: Path, name: str) -> tuple[str, Client]:
    """Let a new client in: its private key, which is kept nowhere. Raises ConfigError for a name in use."""
    held = load(file)
    if len(held.clients) >= MOST:
        raise keystore.wrong(file, f"{MOST} clients", "no more than that: make another listener")
    if name in held.clients or not NAME.fullmatch(name):
        found = f"the client {name!r} again" if name in held.clients else f"{name!r}"
        raise keystore.wrong(file, found, "a new name (lower-case letters, digits, '-', '_', '.')")
    number = max((client.number for client in held.clients.values()), default=1) + 1
    private = new_key()
    client = Client(public_key=public_key(private), number=number)
    _put(file, replace(held, clients={**held.clients, name: client}))
    return private, client


def remove(file: Path, name: str) -> None:
    """Let a client in no longer. Raises ConfigError for one that is not there."""
    held = load(file)
    if name not in held.clients:
        raise keystore.wrong(file, f"no client {name!r}", f"one of {', '.join(held.clients) or 'none'}")
    _put(file, replace(held, clients={n: client for n, client in held.clients.items() if n != name}))


def client_config(held: Keys, private: str, client: Client, endpoint: str) -> str:
    """What `wg-quick` and the apps take: everything goes through the tunnel, names are asked for in it."""
    four, six = client.addresses
    return (
        f"[Interface]\nPrivateKey = {private}\nAddress = {four}/32, {six}/128\nDNS = 10.77.0.1\n\n"
        f"[Peer]\nPublicKey = {public_key(held.private)}\nAllowedIPs = 0.0.0.0/0, ::/0\n"
        f"Endpoint = {endpoint}\n"
    )


def _put(file: Path, held: Keys) -> None:
    keystore.replace(file, _written(held), 0o600)


def _written(held: Keys) -> bytes:
    clients = {name: msgspec.to_builtins(client) for name, client in held.clients.items()}
    return json.dumps({"private_key": held.private, "clients": clients}, indent=1).encode() + b"\n"
