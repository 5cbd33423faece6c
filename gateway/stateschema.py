"""The key `state` of `hushgate.yaml`: where the contact registry is. Pure; `config` resolves references."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from gateway.contacts.redisaddress import PATHS, PERSISTENCE, Address, Misread, Terms, is_shared, read
from gateway.strict.document import Node, Scalar
from gateway.strict.kinds import FLAG, INVALID, Invalid, Kind, Number, Word, one_of, wrong
from gateway.strict.report import Report
from gateway.strict.shapes import ByShape, Fault, Key, Table
from gateway.strict.words import DURATION, PATH, SECRET, SecretRef

LONGEST: Final = 60.0
"""seconds; beyond it an opt-out would take effect too late"""
EXAMPLES: Final = (
    "sqlite:// and a path, redis://host:port/0, redis+sentinel://host,host/service or "
    "redis+cluster://host,host (rediss... for TLS; no user or password within)"
)


@dataclass(frozen=True, slots=True)
class DraftState(Terms):
    """Where the registry is, as written: a path (a file), or an address (shared), paths, references."""

    path: str = ""
    address: Address | None = None
    folder: str | None = None
    bare: bool = True
    user: SecretRef | None = None
    password: SecretRef | None = None
    sentinel_user: SecretRef | None = None
    sentinel_password: SecretRef | None = None

    @property
    def references(self) -> tuple[SecretRef | None, ...]:
        """User and password, of the servers and of the Sentinels."""
        return self.user, self.password, self.sentinel_user, self.sentinel_password


SECRETS: Final = tuple(f"state.{key}" for key in ("user", "password", "sentinel_user", "sentinel_password"))
FILES: Final = tuple(f"state.{key}" for key in PATHS)


class _Url(Kind[DraftState]):
    """A URL; no problem quotes it: what stands here by mistake is one with a password in it."""

    expected = EXAMPLES

    def read(self, node: Node, report: Report) -> DraftState | Literal[Invalid.INVALID]:
        """Where the registry is."""
        if not isinstance(node, Scalar):
            return wrong(node, self.expected, report)
        path = node.text.removeprefix("sqlite://")
        if path != node.text and re.fullmatch(r"[^\x00-\x1f?#]+", path):
            return DraftState(path)
        found = read(node.text) if is_shared(node.text) else Misread("a text that is not shown")
        if isinstance(found, Misread):
            report.add(node, found.why, self.expected)
            return INVALID
        return DraftState(address=found)


def _staleness(text: str) -> float | None:
    seconds = DURATION.convert(text)
    return seconds if seconds is not None and 0.5 <= seconds <= LONGEST else None


URL: Final = _Url()
_STALENESS: Final = Word("a duration from 500ms to 1m", _staleness)


def _state(
    url: DraftState, folder: str | None = None, bare: bool = True, **rest: object
) -> DraftState | Fault:
    if url.address is None:
        given = [key for key, default in _SHARED.items() if rest.get(key, default) != default]
        if given:
            return Fault(given[0], f"{given[0]!r} of a file", "the URL of a shared registry")
        return DraftState(url.path, folder=folder, bare=bare)
    made = DraftState(address=url.address, folder=folder, bare=bare, **rest)  # type: ignore[arg-type]  # as TABLE reads them
    if (made.ca or made.client_cert) and not url.address.tls:
        return Fault("url", "files for TLS, and a scheme without it", "a scheme that begins with rediss")
    if bool(made.client_cert) != bool(made.client_key):
        return Fault("client_cert", "half of a certificate and key", "'client_cert' and 'client_key'")
    if (made.sentinel_user or made.sentinel_password) and url.address.kind != "sentinel":
        return Fault("url", "a login for Sentinel, and an address that is none", "redis+sentinel://...")
    return made


_SHARED: Final = {
    name: default.default
    for name, default in DraftState.__dataclass_fields__.items()
    if name not in ("path", "address", "folder", "bare")
}
"""Keys that only a shared registry has, and what they are when left out."""

TABLE: Final = Table(
    "state",
    (
        Key("url", URL, "Where the registry is.", True),
        Key(
            "folder",
            PATH,
            "Folder of what this machine keeps for itself; that of the file, or of the access log's.",
        ),
        Key(
            "bare_record_ids",
            FLAG,
            "Whether what was entered under record ids alone, before these were told apart by provider and "
            "type, or in another spelling of them, still forbids. `false` of a registry without such entries "
            "saves a lookup.",
            default="true",
            to="bare",
        ),
        Key("user", SECRET, "User of the servers' access list (ACL); the default one when left out."),
        Key("password", SECRET, "Its password."),
        Key("sentinel_user", SECRET, "User of the Sentinels."),
        Key("sentinel_password", SECRET, "Its password."),
        Key("ca", PATH, "CA file (PEM) to trust instead of the system's."),
        Key("client_cert", PATH, "Certificate chain (PEM file) shown to servers that ask for one."),
        Key("client_key", PATH, "Its private key (PEM file of mode 0600)."),
        Key(
            "staleness",
            _STALENESS,
            "How old an answer may be. While the servers are away it is how long remembered ones are given.",
            default="5s",
        ),
        Key("timeout", DURATION, "How long an answer is waited for.", default="1s"),
        Key(
            "persistence",
            one_of(*PERSISTENCE),
            "When an entry counts: on the servers' disk (`strict`: appendfsync always, or Redis 7.2), handed "
            "to their system (`written`: appendonly, kept when Redis dies but not when its machine does), or "
            "`none` (a server may forget opt-outs). Servers that do less get no entries.",
            default="strict",
        ),
        Key(
            "replicas",
            Number(0, 16),
            "Replicas that must have an entry; 1 with Sentinel or Cluster, else 0.",
        ),
    ),
    _state,
    doc="The contact registry: a file of this machine, or Redis servers that several instances share.",
)
STATE: Final = ByShape(URL, TABLE)
