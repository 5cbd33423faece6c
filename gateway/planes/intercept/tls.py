"""TLS towards applications: one context for each host, kept, so that sessions can be resumed."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from mitmproxy.proxy.layers.quic import QuicTlsSettings
from OpenSSL import SSL

from gateway import tlsserver
from gateway.deployment import Tls
from gateway.planes.intercept.believed import Believed

CAPACITY: Final = 1000
"""contexts kept"""
PROTOCOLS: Final = (b"h2", b"http/1.1")
UNRECOGNISED: Final = b"\x15\x03\x03\x00\x02\x02\x70"
"""A fatal alert: this name is not served here (RFC 6066 section 3)."""


class Leaf(Protocol):
    """A certificate for one host: the chain that is shown, and its key."""

    @property
    def chain_pem(self) -> bytes:
        """The leaf first."""

    @property
    def key_pem(self) -> bytes:
        """PKCS#8 in clear."""


Mint = Callable[[str, Sequence[str]], Leaf]
"""A host's certificate, minted or remembered, with those names of the upstream's own that may stand in it.
Raises HushgateError."""


class Contexts:
    """Server contexts by host name. `client_ca`: ask for a certificate, and verify it when there is one.

    `sessions`: the context that is made once for all processes of a listener (gateway.tlsserver).
    """

    def __init__(self, mint: Mint, tls: Tls | None, sessions: SSL.Context | None = None) -> None:
        self._mint = mint
        self._tls = tls
        self.clients = Believed(tls.client_ca) if tls and tls.client_ca else None
        """Whose certificates of applications are believed."""
        self._sessions = sessions or tlsserver.context(tls)
        self._own = self._made(_Files(tls), "") if tls else None
        self._kept: OrderedDict[str, tuple[Leaf, SSL.Context]] = OrderedDict()

    @property
    def asks(self) -> bool:
        """Whether applications may say who they are by a certificate."""
        return self.clients is not None

    def own(self) -> SSL.Context | None:
        """What the listener itself shows, to applications that speak TLS to the proxy."""
        return self._own

    def renew(self) -> None:
        """Read the listener's own certificate again. Its files were found usable."""
        if self._tls is not None:
            self._own = self._made(_Files(self._tls), "")

    def of(self, host: str, names: Sequence[str] = ()) -> SSL.Context:
        """What is shown in the name of a host. `names`: of its upstream's certificate, if one was seen."""
        leaf = self._mint(host, names)
        kept = self._kept.get(host)
        if kept is not None and kept[0] is leaf:
            self._kept.move_to_end(host)
            return kept[1]
        made = self._made(leaf, host)
        self._kept[host] = leaf, made
        if len(self._kept) > CAPACITY:
            self._kept.popitem(last=False)
        return made

    def quic(self, host: str, names: Sequence[str] = ()) -> QuicTlsSettings:
        """The same for QUIC."""
        leaf = self._mint(host, names)
        first, *rest = x509.load_pem_x509_certificates(leaf.chain_pem)
        key = load_pem_private_key(leaf.key_pem, None)
        return QuicTlsSettings(["h3"], first, rest, cast("EllipticCurvePrivateKey", key))

    def connection(self, shown: SSL.Context) -> SSL.Connection:
        """The server's end of a connection."""
        return tlsserver.connection(self._sessions, shown)

    def _made(self, leaf: Leaf, host: str) -> SSL.Context:
        context = tlsserver.context(self._tls)
        first, *rest = x509.load_pem_x509_certificates(leaf.chain_pem)
        context.use_certificate(first)
        for certificate in rest:
            context.add_extra_chain_cert(certificate)
        context.use_privatekey(load_pem_private_key(leaf.key_pem, None))
        context.set_alpn_select_callback(_chosen)
        tlsserver.bind(context, host, b"".join(each.fingerprint(SHA256()) for each in rest))
        return context


class _Files:
    """A listener's own certificate."""

    def __init__(self, tls: Tls) -> None:
        self.chain_pem = Path(tls.cert).read_bytes()
        self.key_pem = Path(tls.key).read_bytes()


def _chosen(connection: SSL.Connection, offered: Sequence[bytes]) -> object:
    """The first of ours that is offered; none: the handshake goes on without (HTTP/1.1)."""
    served = connection.get_app_data() or PROTOCOLS
    return next((name for name in served if name in offered), SSL.NO_OVERLAPPING_PROTOCOLS)
