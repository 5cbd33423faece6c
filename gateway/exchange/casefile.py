"""`rules/<tenant>/cases/*.yaml` -> Case: the format of rule cases as one schema. Pure."""

from base64 import b64decode
from datetime import UTC, datetime
from typing import Final, get_args
from urllib.parse import urlencode

from gateway.contacts.model import Act, Consent, Entry, Suppression
from gateway.errors import REASONS
from gateway.exchange.case import Case, CaseRequest, CaseResponse, Expectation, Known, SentExpectation
from gateway.exchange.casejson import JsonText
from gateway.policy.taxonomy import OPERATOR_NAME, REGION
from gateway.strict.document import read
from gateway.strict.kinds import Number, Word, mapped, one_of
from gateway.strict.report import Report
from gateway.strict.shapes import ByShape, Document, Fault, Key, ListOf, MapOf, Table
from gateway.strict.words import ADDRESS, HEADER, NAME, TEXT, pattern

_STATUS: Final = Number(200, 599)
_COUNT: Final = Number(0, 1_000_000)
_BODY: Final = Word("a text", lambda text: text)


def _bytes(text: str) -> bytes | None:
    try:
        return b64decode("".join(text.split()), validate=True)
    except ValueError:
        return None


_BYTES_KEY: Final = Key("base64", Word("bytes in base64", _bytes), "The body's bytes, in base64.")
_PATH: Final = pattern("a path that begins with '/', query included", r"/[\x21-\x7e]*")
_CHANNEL: Final = one_of("call", "sms", "mms", "whatsapp", "email", "chat", "social", "push")
_METHOD: Final = one_of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_HEADERS: Final = MapOf(HEADER, TEXT)
_FORM: Final = MapOf(_BODY, ListOf(_BODY, one=True, unique=False))
_REASON: Final = mapped({reason: reason for reason in REASONS}, expected="a reason of refusal")

Pairs = tuple[tuple[str, str], ...]


def _moment(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC).timestamp() if moment.tzinfo else None


_MOMENT: Final = Word("a moment with its offset such as 2026-04-01T10:00:00Z (RFC 3339)", _moment)


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


def _suppression(**values: str) -> Suppression:
    return Suppression(**values)  # type: ignore[arg-type]  # the schema has checked the words


def _consent(**values: str) -> Consent:
    return Consent(**values)  # type: ignore[arg-type]  # the schema has checked the words


def _known(
    subject: tuple[str, str],
    suppress: tuple[Suppression, ...] = (),
    consent: tuple[Consent, ...] = (),
    entries: tuple[dict[str, object], ...] = (),
    linked: tuple[tuple[str, str], ...] = (),
    reached: tuple[float, ...] = (),
) -> Known:
    kind, value = subject
    lines = [Entry(id=str(at), subject="", **{"at": 0.0, **line}) for at, line in enumerate(entries)]  # type: ignore[arg-type]  # as above
    return Known(
        kind=kind,  # type: ignore[arg-type]  # as above
        value=value,
        suppressions=suppress,
        consents=consent,
        entries=tuple(lines),
        linked=linked,  # type: ignore[arg-type]  # as above
        reached=reached,
    )


def _subject(**values: str) -> tuple[str, str]:
    [pair] = values.items()
    return pair


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
        Key("body", _BODY, "The body as text."),
        Key("json", JsonText(), "The body as a JSON document."),
        Key("form", _FORM, "The body as form fields."),
        _BYTES_KEY,
    ),
    _request,
)
_RESPONSE: Final = Table(
    "the response",
    (
        Key("status", _STATUS, "Status of the upstream's answer.", required=True),
        Key("headers", _HEADERS, "Header fields."),
        Key("body", _BODY, "The body as text."),
        Key("json", JsonText(), "The body as a JSON document."),
        _BYTES_KEY,
        Key(
            "chunks",
            ListOf(_BODY, unique=False),
            "The body as texts that come one after another, its length untold.",
        ),
    ),
    _response,
)
_SUBJECT: Final = Table(
    "the subject",
    (
        Key("phone", TEXT, "A phone number, as it may stand in a request."),
        Key("email", TEXT, "An e-mail address."),
        Key("record", TEXT, "A provider's record id."),
    ),
    _subject,
    exactly=("phone", "email", "record"),
)
_SUPPRESSION: Final = Table(
    "a suppression",
    (
        Key("channel", _CHANNEL, "Only this channel; every channel if left out."),
        Key("purpose", NAME, "Only this purpose; every purpose if left out."),
        Key("source", TEXT, "Where it comes from."),
    ),
    _suppression,
)
_CONSENT: Final = Table(
    "a consent",
    (
        Key(
            "state",
            one_of("pending", "granted", "confirmed", "withdrawn", "expired"),
            "Its state.",
            required=True,
        ),
        Key("channel", _CHANNEL, "Only this channel; every channel if left out."),
        Key("purpose", NAME, "Only this purpose; every purpose if left out."),
    ),
    _consent,
)
_ENTRY: Final = Table(
    "a line of the ledger",
    (
        Key("act", one_of(*get_args(Act)), "What it says.", required=True),
        Key("at", _MOMENT, "When; before everything else if left out."),
        Key("channel", _CHANNEL, "Only this channel; every channel if left out."),
        Key("purpose", NAME, "Only this purpose; every purpose if left out."),
        Key("sender", TEXT, "Only this sender; every sender if left out."),
        Key("until", _MOMENT, "When it ends."),
        Key("text", TEXT, "Version of the text agreed to."),
        Key("evidence", TEXT, "SHA-256 of the proof."),
        Key("detail", TEXT, "Of `zone`: where the subject lives."),
        Key("source", TEXT, "Where it comes from."),
    ),
    lambda **values: values,
)
_KNOWN: Final = Table(
    "a registry entry",
    (
        Key("subject", _SUBJECT, "Who.", required=True),
        Key("suppress", ListOf(_SUPPRESSION, one=True), "Why they must not be contacted."),
        Key("consent", ListOf(_CONSENT, one=True), "What they agreed to."),
        Key("entries", ListOf(_ENTRY, one=True), "Lines of their ledger."),
        Key("linked", ListOf(_SUBJECT, one=True), "Identifiers seen in one record with this one."),
        Key("reached", ListOf(_MOMENT, one=True), "When they were reached before, under every limit."),
    ),
    _known,
    some=("suppress", "consent", "entries", "linked", "reached"),
)
_SENT: Final = Table(
    "the request sent upstream",
    (
        Key("path", _PATH, "Its path and query."),
        Key("json", JsonText(), "Its body as JSON, compared exactly; the order of members does not count."),
        Key("form", _FORM, "Its form fields, in order."),
        Key("body", _BODY, "Its body, byte for byte."),
    ),
    _sent,
    some=("path", "json", "form", "body"),
)
_NOTHING: Final = mapped({"nothing": SentExpectation(nothing=True)})
_EXPECT: Final = Table(
    "the expectation",
    (
        Key("effect", one_of("allow", "refuse", "error"), "The decision.", required=True),
        Key("status", _STATUS, "Status of the answer to the application."),
        Key("reason", _REASON, "Why it was refused."),
        Key("rules", ListOf(TEXT, least=0), "Ids of the views and rules that determined it, in any order."),
        Key("body", _BODY, "The answer's body, byte for byte."),
        Key(
            "json",
            JsonText(),
            "The answer's body as JSON, compared exactly; the order of members does not count.",
        ),
        Key("upstream_request", ByShape(_NOTHING, _SENT), "What was sent upstream, or `nothing`."),
        Key("masked", _COUNT, "How many values were masked."),
        Key("dropped", _COUNT, "How many recipients were left out."),
    ),
    _expectation,
)
_KEYS: Final = (
    Key("name", TEXT, "What the case shows, in a sentence.", required=True),
    Key("client", NAME, "Id of the client that asks.", required=True),
    Key("purpose", NAME, "The purpose it states."),
    Key("upstream", NAME, "The provider it asks.", required=True),
    Key("request", _REQUEST, "What it asks.", required=True),
    Key("registry", ListOf(_KNOWN), "What is known of the people in it; nobody is known otherwise."),
    Key("at", _MOMENT, "When; 2026-04-01T12:00:00Z if left out."),
    Key("address", ADDRESS, "The IP address that the provider's name leads to."),
    Key("region", REGION, "Where the upstream stands; where the pack says if left out."),
    Key("operator", OPERATOR_NAME, "Who runs it; whom the pack names if left out."),
    Key("from", REGION, "Where the client asks from; nobody knows if left out.", to="asked_from"),
    Key("response", _RESPONSE, "What the upstream answers."),
    Key("expect", _EXPECT, "What must come out.", required=True),
)


CASE: Final = Table("case", _KEYS, lambda **values: Case(file="", **values))


def schema(file: str) -> Document[Case]:
    """The schema of one case file."""
    return Document(Table("a rule case", _KEYS, lambda **values: Case(file=file, **values)))


def load_case(data: bytes, file: str) -> Case:
    """Read a case file. Raises ConfigError with every problem found."""
    report = Report(file)
    return schema(file).take(read(data, report), report)
