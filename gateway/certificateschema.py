"""The keys of `hushgate.yaml` about certificates: a listener's, an upstream's, the gateway's own. Pure.

Builders leave paths and references as written: `config` resolves them.
"""

from dataclasses import dataclass
from typing import Final

from gateway.ca import pins
from gateway.deployment import Tls
from gateway.strict.kinds import Word
from gateway.strict.shapes import Key, ListOf, Table
from gateway.strict.words import DURATION, PATH, SECRET, SecretRef

MINUTE: Final = 60.0
HOUR: Final = 3600.0
SHORTEST: Final = 10 * MINUTE
LONGEST: Final = 30 * 24 * HOUR
MOST_LEAVES: Final = 100_000

TLS: Final = Table(
    "tls",
    (
        Key("cert", PATH, "Certificate chain (PEM file).", True),
        Key("key", PATH, "Its private key (PEM file).", True),
        Key("client_ca", PATH, "CA of client certificates (PEM file); asks every caller for one."),
    ),
    Tls,
)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What the gateway shows an upstream that asks for a certificate; paths and reference as written."""

    cert: str
    key: str
    passphrase: SecretRef | None = None


CLIENT_CERTIFICATE: Final = Table(
    "client_certificate",
    (
        Key("cert", PATH, "Certificate chain (PEM file), read again when it changes.", True),
        Key("key", PATH, "Its private key (PEM file of mode 0600).", True),
        Key("passphrase", SECRET, "Opens the key; it is in clear when left out."),
    ),
    ClientCertificate,
    doc="Mutual TLS with the provider.",
)

PINS: Final = ListOf(Word("a pin such as sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", pins.read))
"""Of keys; one certificate of the verified chain must have one of them."""


@dataclass(frozen=True, slots=True)
class DraftCertificates:
    """The section as written."""

    dir: str
    validity: float
    cache: int
    passphrase: SecretRef | None = None


def _validity(text: str) -> float | None:
    seconds = DURATION.convert(text)
    return seconds if seconds is not None and SHORTEST <= seconds <= LONGEST else None


def _cache(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 1 <= int(text[:7]) <= MOST_LEAVES else None


CERTIFICATES: Final = Table(
    "certificates",
    (
        Key("dir", PATH, "Folder that `hushgate ca init` made: the root's certificate, intermediates.", True),
        Key("passphrase", SECRET, "Opens the intermediates' keys; they are in clear when left out."),
        Key(
            "validity",
            Word("a duration from 10m to 720h", _validity),
            "How long a minted certificate is valid.",
            default="24h",
        ),
        Key(
            "cache",
            Word(f"a whole number from 1 to {MOST_LEAVES}", _cache, bare=True),
            "Minted certificates kept per process.",
            default="1000",
        ),
    ),
    DraftCertificates,
    doc="The gateway's own certificate authority, for listeners that intercept.",
)
