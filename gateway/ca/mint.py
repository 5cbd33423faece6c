"""Leaves by the host: minted when first asked for, kept while they are fresh, a bounded number of them.

The only state is the cache; whoever mints from several threads shares one lock.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import clock
from gateway.ca import keystore, names, profile
from gateway.ca.authority import Authority, Issuer
from gateway.ca.profile import BACKDATED, Span

VALIDITY: Final = 24 * 3600.0
"""Seconds a leaf is valid from when it is minted."""
FRESH: Final = 0.25
"""Part of its validity that must be left of a leaf that is given out again."""
CAPACITY: Final = 1000
"""Leaves kept: about 5 MB."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A server's certificate with its own key: what a TLS server shows for one host.

    `chain_pem` is the leaf and then its intermediate; `key_pem` is PKCS#8 in clear: it is for memory only.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    names: tuple[str, ...]
    span: Span
    issuer: Issuer

    @property
    def chain_pem(self) -> bytes:
        """Leaf and intermediate, PEM; clients have the root."""
        return keystore.encoded(self.certificate) + self.issuer.pem

    @property
    def key_pem(self) -> bytes:
        """Its private key, PEM."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def mint(issuer: Issuer, sans: tuple[str, ...], now: float, validity: float = VALIDITY) -> Leaf:
    """A leaf for these names, which are inside the issuer's constraints. It does not outlive its issuer."""
    key = profile.new_key()
    span = Span(max(now - BACKDATED, issuer.span.start), min(now + validity, issuer.span.end))
    return Leaf(profile.leaf(issuer.parent, sans, key.public_key(), span), key, sans, span, issuer)


class Minter:
    """Leaves of an authority, by their names; the least recently used goes first when there are too many.

    `validity` is seconds, `capacity` a number of leaves, `now` a clock (seconds since the epoch).
    """

    __slots__ = ("_authority", "_capacity", "_kept", "_lock", "_now", "_validity")

    def __init__(
        self,
        authority: Authority,
        validity: float = VALIDITY,
        capacity: int = CAPACITY,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._authority = authority
        self._validity = validity
        self._capacity = capacity
        self._now = now
        self._kept: OrderedDict[tuple[str, ...], Leaf] = OrderedDict()
        self._lock = threading.Lock()

    def leaf(self, host: str, sans: Sequence[str] = ()) -> Leaf:
        """A leaf for a host, with those names of the upstream's certificate (`sans`) that may stand in it.

        Raises CertificateError (host outside the constraints, no valid intermediate, signer away), and
        UpstreamError when `sans` are of other hosts.
        """
        now = self._now()
        with self._lock:
            issuer = self._authority.issuer(now)
            wanted = names.chosen(host, sans, issuer.subtrees)
            kept = self._kept.get(wanted)
            if kept is None or not self._good(kept, issuer, now):
                kept = self._kept[wanted] = mint(issuer, wanted, now, self._validity)
            self._kept.move_to_end(wanted)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
            return kept

    def replace(self, authority: Authority) -> None:
        """Go on with another authority: leaves whose issuer it does not hold are dropped."""
        with self._lock:
            self._authority = authority
            known = {issuer.pem for issuer in authority.issuers}
            for wanted in [wanted for wanted, leaf in self._kept.items() if leaf.issuer.pem not in known]:
                del self._kept[wanted]

    def __len__(self) -> int:
        return len(self._kept)

    def _good(self, leaf: Leaf, issuer: Issuer, now: float) -> bool:
        """Minted by who issues now, and with time left: all there is, where the issuer itself ends soon."""
        left = leaf.span.end - now
        enough = left > self._validity * FRESH or (leaf.span.end >= issuer.span.end and left > 0)
        return enough and leaf.issuer.pem == issuer.pem
