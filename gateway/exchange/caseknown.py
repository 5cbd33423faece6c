"""What rule cases say of people: the registry's part of a case file, as a schema. Pure."""

from datetime import UTC, datetime
from typing import Final, get_args

from gateway.contacts.model import Act, Consent, Entry, Suppression
from gateway.exchange.case import Known
from gateway.strict.kinds import Word, one_of
from gateway.strict.shapes import Key, ListOf, Table
from gateway.strict.words import NAME, TEXT

CHANNEL: Final = one_of("call", "sms", "mms", "whatsapp", "email", "chat", "social", "push")
ACT: Final = one_of(*get_args(Act))


def _moment(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC).timestamp() if moment.tzinfo else None


MOMENT: Final = Word("a moment with its offset such as 2026-04-01T10:00:00Z (RFC 3339)", _moment)


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


SUBJECT: Final = Table(
    "the subject",
    (
        Key("phone", TEXT, "A phone number, as it may stand in a request."),
        Key("email", TEXT, "An e-mail address."),
        Key("record", TEXT, "A record id with its provider and kind: `hubspot/contact/512`."),
    ),
    _subject,
    exactly=("phone", "email", "record"),
)
_SUPPRESSION: Final = Table(
    "a suppression",
    (
        Key("channel", CHANNEL, "Only this channel; every channel if left out."),
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
        Key("channel", CHANNEL, "Only this channel; every channel if left out."),
        Key("purpose", NAME, "Only this purpose; every purpose if left out."),
    ),
    _consent,
)
_ENTRY: Final = Table(
    "a line of the ledger",
    (
        Key("act", ACT, "What it says.", required=True),
        Key("at", MOMENT, "When; before everything else if left out."),
        Key("channel", CHANNEL, "Only this channel; every channel if left out."),
        Key("purpose", NAME, "Only this purpose; every purpose if left out."),
        Key("sender", TEXT, "Only this sender; every sender if left out."),
        Key("until", MOMENT, "When it ends."),
        Key("text", TEXT, "Version of the text agreed to."),
        Key("evidence", TEXT, "SHA-256 of the proof."),
        Key("detail", TEXT, "Of `zone`: where the subject lives."),
        Key("source", TEXT, "Where it comes from."),
    ),
    lambda **values: values,
)
KNOWN: Final = Table(
    "a registry entry",
    (
        Key("subject", SUBJECT, "Who.", required=True),
        Key("suppress", ListOf(_SUPPRESSION, one=True), "Why they must not be contacted."),
        Key("consent", ListOf(_CONSENT, one=True), "What they agreed to."),
        Key("entries", ListOf(_ENTRY, one=True), "Lines of their ledger."),
        Key("linked", ListOf(SUBJECT, one=True), "Identifiers seen in one record with this one."),
        Key("reached", ListOf(MOMENT, one=True), "When they were reached before, under every limit."),
    ),
    _known,
    some=("suppress", "consent", "entries", "linked", "reached"),
)
