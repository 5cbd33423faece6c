"""A proxy that stands between the gateway and where it connects to. Pure, imports nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parent:
    """An HTTP proxy asked by CONNECT: host, port, whether TLS is spoken to it, and whom to trust (PEM file).

    `authorization` is the resolved value of Proxy-Authorization, hidden from reprs by the loader.
    """

    host: str
    port: int
    tls: bool = False
    ca: str | None = None
    authorization: str | None = None
