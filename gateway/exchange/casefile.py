"""`rules/<tenant>/cases/*.yaml` -> Case: the format of rule cases as one schema. Pure."""

from typing import Any, Final, get_args
from urllib.parse import urlencode

from msgspec.structs import replace

from gateway.audit.record import Phase
from gateway.errors import REASONS
from gateway.exchange.case import (
    Case,
    CaseRequest,
    CaseResponse,
    CaseWebhook,
    EntryExpectation,
    Expectation,
    RecordExpectation,
    SentExpectation,
    WebhookExpectation,
)
from gateway.exchange.casejson import JsonText
from gateway.exchange.caseknown import ACT, CHANNEL, KNOWN, MOMENT, SUBJECT
from gateway.exchange.casetalk import ANY_TEXT, BASE64, MESSAGE
from gateway.policy.taxonomy import OPERATOR_NAME, REGION
from gateway.strict.document import read
from gateway.strict.kinds import FLAG, Number, mapped, one_of
from gateway.strict.report import Report
from gateway.strict.shapes import ByShape, Document, Fault, Key, ListOf, MapOf, Table
from gateway.strict.words import ADDRESS, HEADER, NAME, TEXT, pattern

_STATUS: Final = Number(200, 599)
_ANSWERED: Final = Number(101, 599)
_COUNT: Final = Number(0, 1_000_000)


_BYTES_KEY: Final = Key("base64", BASE64, "The body's bytes, in base64.")
_PATH: Final = pattern("a path that begins with '/', query included", r"/[\x21-\x7e]*")
_METHOD: Final = one_of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_HEADERS: Final = MapOf(HEADER, TEXT)
_FORM: Final = MapOf(ANY_TEXT, ListOf(ANY_TEXT, one=True, unique=False))
_REASON: Final = mapped({reason: reason for reason in REASONS}, expected="a reason of refusal")

Pairs = tuple[tuple[str, str], ...]


def _pairs(form: dict[str, tuple[str, ...]]) -> Pairs:
    return tuple((name, value) for name, values in form.items() for value in values)


def _message(
    headers: dict[str, str] | None,
    body: str | None,
    json: str | None,
    form: dict[str, tuple[str, ...]] | None = None,
    base64: bytes | None = None,
) -> tuple[Pairs, bytes] | Fault:
    """(headers, bytes); the content type is added where a case does not name one."""
    written = {"body": body, "json": json, "form": form, "base64": base64}
    given = [name for name, value in written.items() if value is not None]
    if len(given) > 1:
        return Fault(given[1], f"{given[0]!r} and {given[1]!r}", "one of body, json, form, base64")
    out = tuple((headers or {}).items())
    kinds = {"json": "application/json", "form": "application/x-www-form-urlencoded", "body": "text/plain"}
    kinds["base64"] = "application/octet-stream"
    if given and not any(name.lower() == "content-type" for name, _ in out):
        out += (("Content-Type", kinds[given[0]]),)
    text = urlencode(_pairs(form)) if form is not None else (json if json is not None else body or "")
    return out, text.encode() if base64 is None else base64


def _request(
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: str | None = None,
    json: str | None = None,
    form: dict[str, tuple[str, ...]] | None = None,
    base64: bytes | None = None,
) -> CaseRequest | Fault:
    made = _message(headers, body, json, form, base64)
    if isinstance(made, Fault):
        return made
    return CaseRequest(method=method, path=path, headers=made[0], body=made[1])


def _webhook(
    provider: str,
    path: str = "",
    headers: dict[str, str] | None = None,
    body: str | None = None,
    json: str | None = None,
    form: dict[str, tuple[str, ...]] | None = None,
    **rest: object,
) -> CaseWebhook | Fault:
    made = _message(headers, body, json, form)
    if isinstance(made, Fault):
        return made
    return CaseWebhook(provider=provider, path=path, headers=made[0], body=made[1], **rest)  # type: ignore[arg-type]  # the schema has checked the types


def _response(
    status: int,
    headers: dict[str, str] | None = None,
    body: str | None = None,
    json: str | None = None,
    chunks: tuple[str, ...] = (),
    base64: bytes | None = None,
) -> CaseResponse | Fault:
    if chunks and not (body is None and json is None and base64 is None):
        return Fault("chunks", "'chunks' beside another body", "one of body, json, base64, chunks")
    made = _message(headers, "".join(chunks) if chunks else body, json, base64=base64)
    if isinstance(made, Fault):
        return made
    parts = tuple(chunk.encode() for chunk in chunks)
    return CaseResponse(status=status, headers=made[0], body=made[1], chunks=parts)


def _sent(
    path: str | None = None,
    json: str | None = None,
    form: dict[str, tuple[str, ...]] | None = None,
    body: str | None = None,
) -> SentExpectation:
    return SentExpectation(path=path, json=json, form=None if form is None else _pairs(form), body=body)


def _expectation(**values: object) -> Expectation | Fault:
    if values.get("effect") == "allow" and "reason" in values:
        return Fault("reason", "a reason for what is allowed", "no reason, or effect 'refuse' or 'error'")
    return Expectation(**values)  # type: ignore[arg-type]  # the schema has checked the types


_REQUEST: Final = Table(
    "the request",
    (
        Key("method", _METHOD, "HTTP method.", required=True),
        Key(
            "path",
            _PATH,
            "Path of the provider's API, query included, without the route's prefix.",
            required=True,
        ),
        Key("headers", _HEADERS, "Header fields beside the client's own."),
        Key("body", ANY_TEXT, "The body as text."),
        Key("json", JsonText(), "The body as a JSON document."),
        Key("form", _FORM, "The body as form fields."),
        _BYTES_KEY,
    ),
    _request,
)
_RESPONSE: Final = Table(
    "the response",
    (
        Key("status", _ANSWERED, "Status of the upstream's answer; 101 opens a WebSocket.", required=True),
        Key("headers", _HEADERS, "Header fields."),
        Key("body", ANY_TEXT, "The body as text."),
        Key("json", JsonText(), "The body as a JSON document."),
        _BYTES_KEY,
        Key(
            "chunks",
            ListOf(ANY_TEXT, unique=False),
            "The body as texts that come one after another, its length untold.",
        ),
    ),
    _response,
)
_ADDED: Final = Table(
    "an entry that is added",
    (
        Key("act", ACT, "What it says.", required=True),
        Key("subject", SUBJECT, "Of whom."),
        Key("channel", CHANNEL, "On which channel."),
        Key("purpose", NAME, "For which purpose."),
        Key("source", TEXT, "Where it comes from."),
        Key("department", TEXT, "The department that the webhook's route names."),
    ),
    EntryExpectation,
)
_HEARD: Final = Table(
    "what becomes of a webhook",
    (
        Key("status", _STATUS, "Status of the answer to the provider."),
        Key("reason", _REASON, "Why it went no further."),
        Key("entries", ListOf(_ADDED, least=0), "All that it adds to the registry, in order."),
    ),
    WebhookExpectation,
    some=("status", "reason", "entries"),
)
_WEBHOOK: Final = Table(
    "a webhook",
    (
        Key("provider", NAME, "Who sends it. It is signed as that provider signs.", required=True),
        Key("path", _PATH, "What stands behind the prefix of its route, query included."),
        Key("headers", _HEADERS, "Header fields beside the signature."),
        Key("body", ANY_TEXT, "The body as text."),
        Key("json", JsonText(), "The body as a JSON document."),
        Key("form", _FORM, "The body as form fields."),
        Key("client", NAME, "The application it is meant for; that of the case if left out."),
        Key("department", TEXT, "The department that its route names."),
        Key("forged", FLAG, "Whether somebody signed it who does not know the secret."),
        Key("expect", _HEARD, "What must become of it."),
    ),
    _webhook,
)
_LOGGED: Final = Table(
    "what the access log says",
    (
        Key("operation", TEXT, "The operation that was recognised."),
        Key("client", NAME, "The application that asked."),
        Key("fields", ListOf(TEXT, least=0), "Names of the fields it writes, in any order."),
        Key("subjects", ListOf(SUBJECT, least=0), "The people in it, in any order."),
    ),
    RecordExpectation,
    some=("operation", "client", "fields", "subjects"),
)
_SENT: Final = Table(
    "the request sent upstream",
    (
        Key("path", _PATH, "Its path and query."),
        Key("json", JsonText(), "Its body as JSON, compared exactly; the order of members does not count."),
        Key("form", _FORM, "Its form fields, in order."),
        Key("body", ANY_TEXT, "Its body, byte for byte."),
    ),
    _sent,
    some=("path", "json", "form", "body"),
)
_NOTHING: Final = mapped({"nothing": SentExpectation(nothing=True)})
_EXPECT: Final = Table(
    "the expectation",
    (
        Key("effect", one_of("allow", "refuse", "error"), "The decision.", required=True),
        Key("status", _ANSWERED, "Status of the answer to the application."),
        Key("reason", _REASON, "Why it was refused."),
        Key("rules", ListOf(TEXT, least=0), "Ids of the views and rules that determined it, in any order."),
        Key("body", ANY_TEXT, "The answer's body, byte for byte."),
        Key(
            "json",
            JsonText(),
            "The answer's body as JSON, compared exactly; the order of members does not count.",
        ),
        Key("upstream_request", ByShape(_NOTHING, _SENT), "What was sent upstream, or `nothing`."),
        Key("masked", _COUNT, "How many values were masked."),
        Key("dropped", _COUNT, "How many recipients, or records, were left out."),
        Key("close", Number(1000, 4999), "The code a WebSocket ended with."),
        Key(
            "records",
            ListOf(one_of(*get_args(Phase)), unique=False),
            "What is on record of it, in order: of a WebSocket `intent`, `stream`, a `message` for each that "
            "holds something, `outcome`.",
        ),
        Key("record", _LOGGED, "What the access log says of it."),
    ),
    _expectation,
)
_KEYS: Final = (
    Key("name", TEXT, "What the case shows, in a sentence.", required=True),
    Key("client", NAME, "Id of the client that asks.", required=True),
    Key("purpose", NAME, "The purpose it states."),
    Key("upstream", NAME, "The provider it asks.", required=True),
    Key("request", _REQUEST, "What it asks.", required=True),
    Key("registry", ListOf(KNOWN), "What is known of the people in it; nobody is known otherwise."),
    Key("lists", MapOf(NAME, MOMENT), "Lists that are imported, and when each was made."),
    Key("webhooks", ListOf(_WEBHOOK), "What providers sent before, a minute apart, in order."),
    Key("at", MOMENT, "When; 2026-04-01T12:00:00Z if left out."),
    Key("address", ADDRESS, "The IP address that the provider's name leads to."),
    Key("region", REGION, "Where the upstream stands; where the pack says if left out."),
    Key("operator", OPERATOR_NAME, "Who runs it; whom the pack names if left out."),
    Key("from", REGION, "Where the client asks from; nobody knows if left out.", to="asked_from"),
    Key("response", _RESPONSE, "What the upstream answers."),
    Key(
        "websocket",
        ListOf(MESSAGE, least=0),
        "What both sides of the WebSocket say that the call opens, one by one. The fields of a handshake are "
        "added to the request, where `response` is left out the answer agrees, and a Close ends "
        "it where no message is one.",
    ),
    Key("expect", _EXPECT, "What must come out.", required=True),
)


def _case(file: str, lists: dict[str, float] | None = None, **values: Any) -> Case | Fault:
    case = Case(file=file, lists=tuple((lists or {}).items()), **values)
    if case.websocket is None:
        switched = case.response is not None and case.response.status < _STATUS.least
        no = Fault("response", "a status below 200 without 'websocket'", "'websocket'")
        return no if switched else case
    if case.request.method != "GET":
        return Fault("websocket", "'websocket' of another call than a GET", "a GET")
    return replace(case, expect=replace(case.expect, messages=case.websocket))


def _table(file: str) -> Table[Case]:
    return Table("a rule case", _KEYS, lambda **values: _case(file, **values))


CASE: Final = _table("")


def schema(file: str) -> Document[Case]:
    """The schema of one case file."""
    return Document(_table(file))


def load_case(data: bytes, file: str) -> Case:
    """Read a case file. Raises ConfigError with every problem found."""
    report = Report(file)
    return schema(file).take(read(data, report), report)
