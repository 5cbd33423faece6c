"""The root: its key, what it has issued and revoked. It may live on another machine than the gateway.

    ROOT/root.pem, root.key     mode 0600, encrypted if there is a passphrase, or a signer's line
    ROOT/ledger.json            hosts it vouches for, every intermediate it issued, and the revoked ones

The ledger is written before what it tells of leaves the folder: an unknown certificate cannot be revoked.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.ca import keystore, profile
from gateway.ca.authority import root_of
from gateway.ca.names import Subtrees
from gateway.ca.profile import BACKDATED, Parent, Span, key_id, moment, span_of, subtrees_of
from gateway.ca.signer import plugged
from gateway.errors import CertificateError
from gateway.plugged import Find
from gateway.secret import Secret

KEY: Final = "root.key"
CERTIFICATE: Final = "root.pem"
LEDGER: Final = "ledger.json"
DAY: Final = 86_400.0
YEARS: Final = 10 * 365
"""Days a root is valid."""
DAYS: Final = 30
"""Days an intermediate is valid."""
CRL_DAYS: Final = 90
"""Days until a list of revoked certificates has to be renewed: three rotations, each of which renews it."""
REASONS: Final = {
    "compromise": x509.ReasonFlags.key_compromise,
    "superseded": x509.ReasonFlags.superseded,
    "ended": x509.ReasonFlags.cessation_of_operation,
}


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An intermediate that was issued. Moments are seconds since the epoch, `serial` is hex."""

    name: str
    serial: str
    start: float
    end: float
    hosts: tuple[str, ...]
    revoked: float | None = None
    reason: str = ""


class Ledger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the root remembers. `crl` is the number of its last list (RFC 5280 section 5.2.3)."""

    hosts: tuple[str, ...]
    crl_url: str = ""
    crl: int = 0
    issued: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Issued:
    """What a root gives out: a new intermediate, and its current list of revoked ones."""

    certificate: x509.Certificate
    crl: x509.CertificateRevocationList


@dataclass(frozen=True, slots=True)
class Root:
    """An opened root."""

    folder: Path
    parent: Parent
    ledger: Ledger

    @property
    def subtrees(self) -> Subtrees:
        """The names it issues for."""
        return Subtrees(self.ledger.hosts)


def create(
    folder: Path,
    hosts: Subtrees,
    now: float,
    passphrase: Secret | None = None,
    *,
    key: tuple[ec.EllipticCurvePrivateKey, bytes] | None = None,
    crl_url: str = "",
    days: int = YEARS,
    constrained: bool = False,
    organisation: str = profile.ORGANISATION,
) -> Root:
    """A new root in a folder of its own. `key` is one that a signer holds, and its line for the key file.

    `constrained` puts the hosts into the root itself: then other hosts need another root. Raises
    FileExistsError where there is one, ConfigError for a folder that others can look into.
    """
    keystore.folder(folder)
    private, text = key or _fresh(passphrase)
    span = Span(now - BACKDATED, now + days * DAY)
    name = profile.subject(f"{organisation} root {moment(now):%Y-%m-%d}", organisation)
    certificate = profile.root(name, private, span, hosts if constrained else None)
    keystore.create(folder / KEY, text)
    keystore.create(folder / CERTIFICATE, keystore.encoded(certificate), 0o644)
    made = Root(folder, Parent.of(certificate, private), Ledger(hosts.names, crl_url))
    _write(made)
    return made


def _fresh(passphrase: Secret | None) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    key = profile.new_key()
    return key, keystore.pem(key, passphrase)


def open_root(folder: Path, passphrase: Secret | None = None, find: Find = plugged) -> Root:
    """The root in a folder. Raises ConfigError."""
    keystore.private(folder)
    certificate = root_of(folder)
    key = keystore.key(folder / KEY, passphrase, find)
    if key.public_key() != certificate.public_key():
        raise keystore.wrong(folder / KEY, "the key of another certificate", "the root's own key")
    file = folder / LEDGER
    try:
        ledger = msgspec.json.decode(keystore.content(file), type=Ledger)
    except msgspec.MsgspecError:
        raise keystore.wrong(file, "no ledger", "what `hushgate ca init` wrote") from None
    return Root(folder, Parent.of(certificate, key), ledger)


def vouch(root: Root, hosts: Subtrees) -> Root:
    """The root with further names to issue for. Raises CertificateError where its certificate forbids one."""
    limits = subtrees_of(root.parent.certificate)
    if limits and not hosts.within(limits):
        raise CertificateError("certificate_unavailable", "the root itself is constrained to other names")
    ledger = msgspec.structs.replace(root.ledger, hosts=Subtrees.of((*root.ledger.hosts, *hosts.names)).names)
    return _write(replace(root, ledger=ledger))


def issue(
    root: Root, request: x509.CertificateSigningRequest, now: float, days: int = DAYS
) -> tuple[Root, Issued]:
    """Sign an intermediate for the names its request asks for.

    Raises CertificateError for names the root does not vouch for, a request that is none, or an ended root.
    """
    key, subtrees = _asked(request)
    if not subtrees.within(root.subtrees):
        raise CertificateError("certificate_unavailable", "the request asks for names outside the root's")
    own = span_of(root.parent.certificate)
    if not own.holds(now):
        raise CertificateError("certificate_unavailable", "the root is not valid now")
    # no two begin in the same second: the newest signs, and has to be known from the one before
    after = max((entry.start + 1 for entry in root.ledger.issued if entry.start < now), default=0.0)
    span = Span(max(now - BACKDATED, own.start, after), min(now + days * DAY, own.end))
    made = profile.intermediate(root.parent, request.subject, key, span, subtrees, root.ledger.crl_url)
    entry = Entry(
        key_id(key).hex()[:16], f"{made.serial_number:x}", int(span.start), int(span.end), subtrees.names
    )
    root = _with(root, (*root.ledger.issued, entry))
    return root, Issued(made, revocations(root, now))


def _asked(request: x509.CertificateSigningRequest) -> tuple[ec.EllipticCurvePublicKey, Subtrees]:
    key = request.public_key()
    if not request.is_signature_valid or not isinstance(key, ec.EllipticCurvePublicKey):
        raise CertificateError("certificate_unavailable", "the request is not signed by a key on P-256")
    subtrees = subtrees_of(request)
    if subtrees is None or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError("certificate_unavailable", "the request asks for no names, or is not on P-256")
    return key, Subtrees.of(subtrees.names)


def revoke(root: Root, name: str, now: float, reason: str) -> tuple[Root, x509.CertificateRevocationList]:
    """Put an intermediate on the list, by its name or serial. Raises CertificateError when there is none."""
    wanted = name.removeprefix("intermediate-").lower()
    chosen = [entry for entry in root.ledger.issued if wanted in (entry.name, entry.serial)]
    if not chosen:
        raise CertificateError("certificate_unavailable", "the root issued no intermediate of this name")
    changed = [
        msgspec.structs.replace(entry, revoked=entry.revoked or int(now), reason=entry.reason or reason)
        if entry in chosen
        else entry
        for entry in root.ledger.issued
    ]
    root = _with(root, tuple(changed))
    return root, revocations(root, now)


def renew(root: Root, now: float) -> tuple[Root, x509.CertificateRevocationList]:
    """The same list with a new end and the next number."""
    root = _with(root, root.ledger.issued)
    return root, revocations(root, now)


def revocations(root: Root, now: float, days: int = CRL_DAYS) -> x509.CertificateRevocationList:
    """The list of revoked intermediates (RFC 5280 section 5), valid for some days; ended ones leave it."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.parent.certificate.subject)
        .last_update(moment(now - BACKDATED))
        .next_update(moment(now + days * DAY))
        .add_extension(root.parent.authority, critical=False)
        .add_extension(x509.CRLNumber(root.ledger.crl), critical=False)
    )
    for entry in root.ledger.issued:
        if entry.revoked is not None and entry.end > now:
            builder = builder.add_revoked_certificate(_revoked(entry, entry.revoked))
    return builder.sign(root.parent.key, profile.HASH)


def _revoked(entry: Entry, since: float) -> x509.RevokedCertificate:
    return (
        x509.RevokedCertificateBuilder()
        .serial_number(int(entry.serial, 16))
        .revocation_date(moment(since))
        .add_extension(x509.CRLReason(REASONS[entry.reason]), critical=False)
        .build()
    )


def _with(root: Root, issued: tuple[Entry, ...]) -> Root:
    """The root with other entries and the next number for its list, written down."""
    ledger = msgspec.structs.replace(root.ledger, issued=issued, crl=root.ledger.crl + 1)
    return _write(replace(root, ledger=ledger))


def _write(root: Root) -> Root:
    text = msgspec.json.format(msgspec.json.encode(root.ledger), indent=2) + b"\n"
    keystore.replace(root.folder / LEDGER, text, 0o600)
    return root
