"""TLS towards upstreams: what is trusted, what is shown, and which chain was verified."""

import ssl
import sys
from pathlib import Path

from gateway.errors import UpstreamError
from gateway.model import Upstream
from gateway.parent import Parent

_Files = tuple[str | None, str | None, str | None]
_Stamp = tuple[int, int]


def context_for(upstream: Upstream) -> ssl.SSLContext:
    """TLS 1.2 or later, the upstream's certificate verified, ours shown if there is one.

    Raises ssl.SSLError or OSError for files that cannot be used.
    """
    context = ssl.create_default_context(cafile=upstream.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if upstream.client_cert:
        # without a password OpenSSL would ask the terminal for one
        context.load_cert_chain(upstream.client_cert, upstream.client_key, upstream.client_passphrase or "")
    return context


class Contexts:
    """Contexts by the files they are made of; made anew when those of a client certificate change.

    Only its event loop touches it.
    """

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[_Files, tuple[_Stamp, ssl.SSLContext]] = {}

    def of(self, upstream: Upstream) -> ssl.SSLContext:
        """The context of an upstream. Raises UpstreamError for files that cannot be used."""
        files = upstream.ca, upstream.client_cert, upstream.client_key
        try:
            stamp = _stamp(upstream)
            kept = self._made.get(files)
            if kept is None or kept[0] != stamp:
                kept = self._made[files] = stamp, context_for(upstream)
        except OSError as error:
            raise UpstreamError("upstream_untrusted", "the gateway's own TLS files cannot be used") from error
        return kept[1]

    def of_parent(self, parent: Parent) -> ssl.SSLContext:
        """The context of a proxy. Raises OSError for files that cannot be used."""
        key = parent.ca, None, "proxy"
        if key not in self._made:
            context = ssl.create_default_context(cafile=parent.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._made[key] = (0, 0), context
        return self._made[key][1]


def _stamp(upstream: Upstream) -> _Stamp:
    """When the client certificate's files last changed."""
    files = upstream.client_cert, upstream.client_key
    first, second = (Path(file).stat().st_mtime_ns if file else 0 for file in files)
    return first, second


def chain_of(connection: ssl.SSLObject) -> tuple[bytes, ...]:
    """The chain that was verified, DER, leaf first; the root is its last."""
    if sys.version_info >= (3, 13):
        return tuple(connection.get_verified_chain())
    # Python 3.12 has it, but without a public name
    chain = connection._sslobj.get_verified_chain()  # type: ignore[attr-defined]  # noqa: SLF001
    return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain)
