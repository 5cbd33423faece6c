"""The webhooks of provider packs, and what answers say of their recipients. Pure."""

from typing import Final, get_args

from gateway.hooks import Effect, Hook, Means, Silence
from gateway.model import Channel, Operation, Recording, SubjectKind
from gateway.policy.mapfile import ANSWER, PARAMETER, RECORD, RESPONSE, JsonPath
from gateway.policy.packtypes import NOTHING, Draft, Plan
from gateway.policy.recordingfile import RECORDING
from gateway.policy.taxonomy import USE
from gateway.strict.checks import scalars
from gateway.strict.document import Node
from gateway.strict.kinds import Kind, Word, one_of
from gateway.strict.report import Report
from gateway.strict.shapes import Fault, Key, ListOf, MapOf, Table
from gateway.strict.words import TEXT, pattern

When = tuple[tuple[str, tuple[str, ...]], ...]

ANY: Final = "*"
"""As a value in `when`: any but an empty one."""
_FIELD: Final = pattern("a field: a parameter, or keys of JSON with dots", r"[^\x00-\x20]{1,200}")
_VALUES: Final = ListOf(Word("a text", lambda text: text), one=True)
_WHEN: Final = MapOf(_FIELD, _VALUES)
_WHEN_DOC: Final = "Fields and the values they have: all of them, each with one of its values; `*` is any."


def _when(written: dict[str, tuple[str, ...]] | None) -> When:
    return tuple((name, () if ANY in values else values) for name, values in (written or {}).items())


def _effect(
    means: Means,
    who: str = "",
    kind: SubjectKind = "phone",
    channel: Channel | None = None,
    when: dict[str, tuple[str, ...]] | None = None,
    text: str = "",
    record: str = "",
) -> Effect | Fault:
    if (means == "word") != bool(text):
        return Fault("text", "'means: word' without 'text', or a text beside another", "both, or none")
    return Effect(
        means=means,
        who=who,
        kind="record" if record else kind,
        space=record,
        channel=channel,
        when=_when(when),
        text=text,
    )


_MEANS: Final = one_of(*get_args(Means))
EFFECT: Final = Table(
    "effect",
    (
        Key("who", _FIELD, "The field with the person's identifier.", True),
        Key("kind", one_of(*get_args(SubjectKind)), "What identifier that is.", default="phone"),
        RECORD,
        Key("means", _MEANS, "What it means; `word`: what the field `text` says.", True),
        Key("channel", one_of(*get_args(Channel)), "The channel it is about (the webhook's when left out)."),
        Key("when", _WHEN, _WHEN_DOC),
        Key("text", _FIELD, "The field that is searched for an opt-out word."),
    ),
    _effect,
    doc="What a record of a webhook means for a person. Of several the first that holds counts.",
)
LEARNS: Final = Table(
    "learnt",
    (
        Key("means", one_of(*(word for word in get_args(Means) if word != "word")), "What it means.", True),
        Key("when", _WHEN, f"{_WHEN_DOC} Of the answer's JSON.", True),
    ),
    _effect,
    doc="What an answer of the provider with a status from 400 on means for the recipients of the request.",
)
SILENCE: Final = Table(
    "silence",
    (
        Key("type", TEXT, "Its media type.", True),
        Key("body", TEXT, "Its body.", True),
    ),
    Silence,
    doc="What the provider is answered where the application's own answer may not be carried out.",
)


def _webhook(
    id: str,  # noqa: A002 - the key's name in the file
    body: Draft,
    channel: Channel | None = None,
    purpose: str | None = None,
    answer: Draft = NOTHING,
    each: str = "",
    when: dict[str, tuple[str, ...]] | None = None,
    event: tuple[str, ...] = (),
    at: str = "",
    effects: tuple[Effect, ...] = (),
    reply: str = "",
    silence: Silence | None = None,
    recording: Recording | None = None,
) -> Plan | Fault:
    if answer is not NOTHING and channel is None:
        return Fault("answer", "an answer without channel", "'channel': on which the answer reaches people")
    hook = Hook(
        each="" if each == "$" else each,
        when=_when(when),
        event=event,
        at=at,
        effects=effects,
        reply=reply,
        silence=silence,
    )
    operation = Operation(
        id=id,
        method="POST",
        path="/",
        channel=channel,
        purpose=purpose,
        act=True,
        hook=hook,
        recording=recording,
    )
    return Plan(operation, answer, body, None)


def webhook(name: Kind[str]) -> Table[Plan]:
    """The table of one webhook; `name` is what operations are called by."""
    return Table(
        "webhook",
        (
            Key("id", name, "Name of the webhook, as of an operation; rules see `provider.id`.", True),
            Key("body", RESPONSE, "Where which data is in what the provider sends.", True),
            Key("channel", one_of(*get_args(Channel)), "The channel it came by, and its answer goes by."),
            Key("purpose", USE, "The data use it always serves."),
            Key("each", JsonPath(), "Path of the records in a JSON body; `$` the body itself.", default="$"),
            Key("when", _WHEN, f"What tells it from others at the same address. {_WHEN_DOC}"),
            Key("event", ListOf(_FIELD, one=True), "Fields that tell one event from all others."),
            Key("at", _FIELD, "The field with the time of the event, in milliseconds since 1970."),
            Key("effects", ListOf(EFFECT), "What it means for people."),
            Key("answer", ANSWER, "Where which data is in what the application answers."),
            Key("reply", PARAMETER, "The field with the person an answer goes to that names nobody."),
            Key("recording", RECORDING, "Whether the answer has people recorded or transcribed."),
            Key("silence", SILENCE, "The answer that does nothing."),
        ),
        _webhook,
        doc="What a provider sends by itself, to an address that `inbound` of the deployment file names.",
    )


def once(root: Node, report: Report) -> None:
    """Operations and webhooks share their names: rules do not tell them apart."""
    first: dict[str, int] = {}
    for node in scalars(root, ("operations[].id", "webhooks[].id")):
        if node.text in first:
            found = f"operation id {node.text!r} again (first in line {first[node.text]})"
            report.add(node, found, "each operation id once")
        first.setdefault(node.text, node.line)
