"""WebSockets as packs describe them: where which data is in the messages of both sides. Pure."""

from typing import Final

from gateway.model import Unread
from gateway.policy.mapfile import JSON, TEXT
from gateway.policy.packtypes import NOTHING, Draft, Entries, Entry, TalkDraft, Told
from gateway.policy.taxonomy import CATEGORY
from gateway.strict.shapes import Fault, Key, MapOf, Table
from gateway.strict.words import TEXT as WORDS
from gateway.strict.words import pattern

_BY: Final = pattern(
    "the name of a member, or several with dots between them",
    r"[A-Za-z_][A-Za-z0-9_-]{0,99}(?:\.[A-Za-z_][A-Za-z0-9_-]{0,99}){0,9}",
)
BINARY: Final = "application/octet-stream"
"""What a binary message counts as."""


def _told(
    json: Entries | None = None,
    text: Entry | None = None,
    binary: str | None = None,
    kinds: dict[str, Entries] | None = None,
) -> Told | Fault:
    if json is not None and text is not None:
        return Fault("text", "'text' beside 'json'", "one of them: a text message is JSON, or is not")
    if kinds and text is not None:
        return Fault("kinds", "'kinds' beside 'text'", "kinds of messages that are JSON")
    rest = Draft({"text": {"$": text}}) if text else NOTHING if json is None else Draft({"json": json})
    opaque = (Unread(types=(BINARY,), category=binary),) if binary else ()
    return Told(
        None if kinds and json is None else rest,
        {name: Draft({"json": entries}) for name, entries in (kinds or {}).items()},
        Draft({}, opaque),
    )


MESSAGES: Final = Table(
    "messages",
    (
        Key("json", JSON, "Values of a text message that is JSON, by path; with `kinds`, of any other kind."),
        Key("text", TEXT, "Text messages that are no JSON, each as one value."),
        Key("binary", CATEGORY, "Binary messages, each as one value that is not looked into."),
        Key(
            "kinds",
            MapOf(WORDS, JSON),
            "Values of messages of one kind, by what the member that `by` names holds. Without `json` beside "
            "them, messages of any other kind are refused.",
        ),
    ),
    _told,
    doc="Where which data is in the messages of one side.",
)


def _talk(
    by: str | None = None, sends: Told | None = None, receives: Told | None = None
) -> TalkDraft | Fault:
    kinds = any(told.kinds for told in (sends, receives) if told)
    if kinds and by is None:
        return Fault("by", "'kinds' without 'by'", "'by' with the member that says a message's kind")
    if by is not None and not kinds:
        return Fault("by", "'by' without 'kinds'", "'kinds' in 'sends' or 'receives'")
    keys = tuple(by.split(".")) if by else ()
    return TalkDraft(keys, sends or Told(), receives or Told())


WEBSOCKET: Final = Table(
    "websocket",
    (
        Key("by", _BY, "The member (`event`, `data.type`) of a JSON message that says what kind it is."),
        Key("sends", MESSAGES, "What applications send."),
        Key("receives", MESSAGES, "What the provider sends."),
    ),
    _talk,
    doc="What goes through a WebSocket that the call opens.",
)
