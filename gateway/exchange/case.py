"""A rule case: one exchange, what is known of the people in it, and what must come out. Pure.

JSON in a case is held as text (see `gateway.exchange.casefile`), so that `1.10` stays `1.10`.
"""

from typing import Literal

from gateway.contacts.model import Consent, Entry, Suppression
from gateway.model import Struct, SubjectKind

Effect = Literal["allow", "refuse", "error"]


class Known(Struct):
    """What the registry knows of one subject, by the identifier as it would stand in traffic.

    `entries` are lines of its ledger, `linked` identifiers seen in one record with it, `reached` moments
    (epoch seconds) of contacts that count under every limit.
    """

    kind: SubjectKind
    value: str
    suppressions: tuple[Suppression, ...] = ()
    consents: tuple[Consent, ...] = ()
    entries: tuple[Entry, ...] = ()
    linked: tuple[tuple[SubjectKind, str], ...] = ()
    reached: tuple[float, ...] = ()


class CaseRequest(Struct):
    """What the application asks. `path` is the upstream's, query included; `body` is encoded already."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class CaseResponse(Struct):
    """What the upstream answers; `body` is encoded already.

    `chunks`: the same body in the parts in which it comes, its length untold.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    chunks: tuple[bytes, ...] = ()


class SentExpectation(Struct):
    """What must be sent upstream; what is None is not looked at. `nothing`: no request at all."""

    nothing: bool = False
    path: str | None = None
    json: str | None = None
    form: tuple[tuple[str, str], ...] | None = None
    body: str | None = None


class Expectation(Struct):
    """What must come out; what is None is not looked at. `json` is JSON text, `rules` is a set."""

    effect: Effect
    status: int | None = None
    reason: str | None = None
    rules: tuple[str, ...] | None = None
    body: str | None = None
    json: str | None = None
    upstream_request: SentExpectation | None = None
    masked: int | None = None
    dropped: int | None = None


class Case(Struct):
    """One case. `at` is seconds since the epoch; `address` where the upstream's name leads.

    `region` and `operator` are what the deployment declares of the upstream, where that is not what the
    pack says of its first host. `asked_from` is where the deployment's networks say the caller's address is;
    None: of that nothing is known.
    """

    name: str
    file: str
    client: str
    upstream: str
    """the provider asked"""
    request: CaseRequest
    expect: Expectation
    purpose: str | None = None
    registry: tuple[Known, ...] = ()
    at: float | None = None
    address: str | None = None
    region: str | None = None
    operator: str | None = None
    asked_from: str | None = None
    response: CaseResponse | None = None


class Sent(Struct):
    """The request as it went upstream."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Outcome(Struct):
    """What came out of running a case. `reason` is empty unless the exchange was refused or failed."""

    effect: Effect
    status: int
    reason: str = ""
    rules: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    upstream_request: Sent | None = None
    masked: int = 0
    dropped: int = 0
