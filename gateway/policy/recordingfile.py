"""How packs say that a call has somebody recorded or transcribed. Pure."""

from typing import Final, get_args

from gateway.model import Channel, Instructions, Recording
from gateway.policy.mapfile import PARAMETER, RECORD
from gateway.strict.kinds import FLAG, Word, one_of
from gateway.strict.shapes import Fault, Key, ListOf, MapOf, Table
from gateway.strict.words import pattern

_VALUES: Final = ListOf(Word("a text", str.lower), one=True)
_NAMES: Final = pattern("a name in XML", r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_XML: Final = Table(
    "instructions",
    (
        Key("elements", ListOf(_NAMES), "Elements that ask for a recording or a transcript."),
        Key("attributes", MapOf(_NAMES, _VALUES), "Attributes that do, each with the values that do not."),
    ),
    lambda elements=(), attributes=None: Instructions(
        elements=tuple(each.lower() for each in elements),
        attributes={name.lower(): tuple(off) for name, off in (attributes or {}).items()},
    ),
    some=("elements", "attributes"),
    doc="What in XML asks for a recording; upper and lower case are one.",
)


def _recording(
    always: bool = False,
    fields: dict[str, tuple[str, ...]] | None = None,
    xml: dict[str, Instructions] | None = None,
    channel: Channel = "call",
    answer: str = "",
    record: str = "",
    of: str = "",
) -> Recording | Fault:
    if bool(answer) != bool(record):
        return Fault("recording", "half of 'answer' and 'record'", "both: how later calls name this one")
    if always and (fields or xml):
        return Fault("recording", "'always' beside what asks for it", "one of both")
    return Recording(
        always=always,
        fields=tuple((fields or {}).items()),
        xml=tuple((xml or {}).items()),
        channel=channel,
        answer=answer,
        space=record,
        of=of,
    )


RECORDING: Final = Table(
    "recording",
    (
        Key("always", FLAG, "Whatever the call says."),
        Key("fields", MapOf(PARAMETER, _VALUES), "Parameters that ask for it, each with values that do not."),
        Key("xml", MapOf(PARAMETER, _XML), "Parameters that hold instructions as XML; `$` the body itself."),
        Key(
            "channel",
            one_of(*get_args(Channel)),
            "That of people in a call without one.",
            default="call",
        ),
        Key("answer", PARAMETER, "The member of the answer by which later calls name this one."),
        RECORD,
        Key("of", PARAMETER, "Of a webhook: the field with the person whom an answer has recorded."),
    ),
    _recording,
    some=("always", "fields", "xml"),
    doc="When a call has people recorded or transcribed. Rules with `recording` say whether it may.",
)
