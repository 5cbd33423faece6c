"""A rule case: one exchange, what is known of the people in it, and what must come out. Pure.

JSON in a case is held as text (see `gateway.exchange.casefile`), so that `1.10` stays `1.10`.
"""

from typing import Literal

from gateway.contacts.model import Act, Consent, Entry, Suppression
from gateway.model import Channel, Struct, SubjectKind

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


class EntryExpectation(Struct):
    """An entry that a webhook must add; what is None is not looked at."""

    act: Act
    subject: tuple[SubjectKind, str] | None = None
    channel: Channel | None = None
    purpose: str | None = None
    source: str | None = None
    department: str | None = None


class WebhookExpectation(Struct):
    """What must become of a webhook; what is None is not looked at. `entries`: all that it adds, in order."""

    status: int | None = None
    reason: str | None = None
    entries: tuple[EntryExpectation, ...] | None = None


class CaseWebhook(Struct):
    """What a provider sent before the case's request: signed as it signs, or (`forged`) by somebody else.

    `path` is what stands behind the route's prefix. `client` is the application it is meant for, None: the
    case's own.
    """

    provider: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    client: str | None = None
    department: str = ""
    forged: bool = False
    expect: WebhookExpectation = WebhookExpectation()


class RecordExpectation(Struct):
    """What the access log must say of the request; what is None is not looked at. `fields` is a set."""

    operation: str | None = None
    client: str | None = None
    fields: tuple[str, ...] | None = None
    subjects: tuple[tuple[SubjectKind, str], ...] | None = None


class MessageExpectation(Struct):
    """What the other side of a WebSocket must get of a message: JSON text, a payload, or bytes of frames."""

    json: str | None = None
    payload: bytes | None = None
    wire: bytes | None = None


class CaseMessage(Struct):
    """What one side of a WebSocket says, in frames (an application's are masked), and what must pass."""

    sends: bool
    """by the application"""
    wire: bytes
    passes: MessageExpectation | None = None
    masked: int | None = None


class Passed(Struct):
    """What passed of a message: frames, what they say, and how many values of it were masked."""

    wire: bytes = b""
    payload: bytes = b""
    masked: int = 0


class Expectation(Struct):
    """What must come out; what is None is not looked at. `json` is JSON text, `rules` is a set.

    Of a WebSocket: `close` is the code it ended with, `records` the phases of what is on record, in order,
    `messages` what is expected of each.
    """

    effect: Effect
    status: int | None = None
    reason: str | None = None
    rules: tuple[str, ...] | None = None
    body: str | None = None
    json: str | None = None
    upstream_request: SentExpectation | None = None
    masked: int | None = None
    dropped: int | None = None
    record: RecordExpectation | None = None
    close: int | None = None
    records: tuple[str, ...] | None = None
    messages: tuple[CaseMessage, ...] = ()


class Case(Struct):
    """One case. `at` is seconds since the epoch; `address` where the upstream's name leads.

    `lists`: when those were made that are imported (name, moment).
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
    webhooks: tuple[CaseWebhook, ...] = ()
    lists: tuple[tuple[str, float], ...] = ()
    at: float | None = None
    address: str | None = None
    region: str | None = None
    operator: str | None = None
    asked_from: str | None = None
    response: CaseResponse | None = None
    websocket: tuple[CaseMessage, ...] | None = None
    """what both sides say once it is open, one after the other"""


class Sent(Struct):
    """The request as it went upstream."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Heard(Struct):
    """What became of a webhook. `entries` are of pseudonyms; of whom the case names, as `called` says."""

    status: int
    reason: str
    entries: tuple[Entry, ...]


class Logged(Struct):
    """What the access log says of a request: who did what to which fields, and of whom (as in Heard)."""

    operation: str = ""
    client: str = ""
    fields: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


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
    close: int = 0
    records: tuple[str, ...] = ()
    messages: tuple[Passed, ...] = ()
    heard: tuple[Heard, ...] = ()
    """One for each webhook that came in before."""
    record: Logged = Logged()


def called(kind: SubjectKind, value: str) -> str:
    """How somebody whom a case names is called in what came out of it."""
    return f"{kind} {value}"
