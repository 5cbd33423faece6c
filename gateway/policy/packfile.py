"""`plugins/<provider>/pack.yaml` -> model.Pack. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final, get_args

from gateway.hooks import Effect
from gateway.model import Channel, Composite, Host, Operation, Pack, Partial
from gateway.policy.calls import CALL, SAFE, Call, collisions, parse_call
from gateway.policy.compositefile import COMPOSITE
from gateway.policy.hookfile import LEARNS, once, webhook
from gateway.policy.mapfile import BODIES, GUARDED, JSON, PARAMETER, REQUEST, RESPONSE, TYPED
from gateway.policy.packtypes import (
    MAX_FIELDS,
    NOTHING,
    Draft,
    Entries,
    Plan,
    Spread,
    TalkDraft,
    TooMuchError,
)
from gateway.policy.partialfile import PARTIAL, PLACEHOLDERS, misplaced
from gateway.policy.recordingfile import RECORDING
from gateway.policy.spaces import spaces_in
from gateway.policy.taxonomy import OPERATOR_NAME, REGION, USE
from gateway.policy.websocketfile import WEBSOCKET
from gateway.strict.checks import Refers, Unique, scalars, select
from gateway.strict.document import Node, Scalar, read
from gateway.strict.kinds import FLAG, INVALID, Kind, one_of, wrong
from gateway.strict.report import Report, nearest
from gateway.strict.shapes import Document, Fault, Key, ListOf, MapOf, Read, Table
from gateway.strict.words import HOST_PATTERN, NAME, TEXT, pattern


def _operation(
    id: str,  # noqa: A002 - the key's name in the file
    call: Call,
    channel: Channel | None = None,
    act: bool | None = None,
    partial: str | None = None,
    request: Draft = NOTHING,
    response: Draft = NOTHING,
    composite: Composite | None = None,
    websocket: TalkDraft | None = None,
    learns: tuple[Effect, ...] = (),
    **plain: Any,
) -> Plan | Fault:
    if websocket and (wrong := _no_websocket(call, request, channel, composite or partial, act)):
        return wrong
    if learns and channel is None:
        return Fault("learns", "'learns' of a call that reaches nobody", "a call with a channel")
    if composite and (wrong := _no_composite(call, request, reaches=bool(channel) or act is not None)):
        return wrong
    needed = call.method not in SAFE or channel is not None
    if act is False and needed and (call.method != "POST" or channel):
        return Fault(
            "act", "'act: false' for a call that acts", "'act: false' only for a POST without channel"
        )
    acts = needed or websocket is not None if act is None else act
    operation = Operation(
        id=id,
        method=call.method,
        path=call.path,
        channel=channel,
        act=acts,
        composite=composite,
        learns=learns,
        **plain,
    )
    return Plan(operation, request, response, partial, websocket)


def _no_composite(call: Call, request: Draft, *, reaches: bool) -> Fault | None:
    if call.method != "POST" or reaches:
        return Fault("composite", "'composite' for another call than a POST", "a POST without channel or act")
    if request.carriers.keys() & BODIES or request.opaque:
        return Fault("composite", "'composite' beside a map of the body", "one of both")
    return None


def _no_websocket(
    call: Call, request: Draft, channel: Channel | None, other: object, act: bool | None
) -> Fault | None:
    if call.method != "GET" or channel or other or act is False:
        expected = "a GET without channel, composite, partial or 'act: false'"
        return Fault(
            "websocket", "'websocket' for another call than a GET, or beside what it cannot be", expected
        )
    if request.carriers.keys() & BODIES or request.opaque:
        return Fault("websocket", "'websocket' beside a map of the body", "what is sent, in 'websocket'")
    return None


_ID: Final = pattern("an operation's name such as messages.create", r"[a-z0-9][A-Za-z0-9_.-]{0,99}")
OPERATION: Final = Table(
    "operation",
    (
        Key("id", _ID, "Name of the operation, unique in the pack; rules see `provider.id`.", True),
        Key("call", CALL, "Method and path template; `{name}` fills one path segment.", True),
        Key("channel", one_of(*get_args(Channel)), "The channel on which it reaches a person."),
        Key("purpose", USE, "The data use it always serves."),
        Key(
            "act",
            FLAG,
            "Whether it reaches a person or changes data (true for unsafe methods, channels, WebSockets).",
        ),
        Key("lookup", FLAG, "Whether it finds people by what a caller knows of them: limited in its rate."),
        Key("partial", NAME, "Name of one of `partials`: how it answers when records are left out."),
        Key("request", REQUEST, "Where which data is in what is sent."),
        Key("response", RESPONSE, "Where which data is in what comes back."),
        Key("composite", COMPOSITE, "The body holds other calls, each decided as a request of its own."),
        Key("websocket", WEBSOCKET, "The call opens a WebSocket: where which data is in its messages."),
        Key(
            "records_of",
            PARAMETER,
            "The path parameter that says what kind of records its record ids are of, by `record_types`.",
        ),
        Key("recording", RECORDING, "Whether it has people recorded or transcribed."),
        Key("learns", ListOf(LEARNS), "What an error in the answer says of the recipients."),
    ),
    _operation,
    doc="One API call.",
)

HOST: Final = Table(
    "host",
    (
        Key("name", HOST_PATTERN, "Host name, or `*.suffix`.", True),
        Key("region", REGION, "Where it stands.", True),
        Key("operator", OPERATOR_NAME, "Who runs the machines.", True),
        Key(
            "fixed",
            FLAG,
            "The name alone decides the region: an upstream that declares another is contradicted.",
        ),
    ),
    Host,
    doc="A host of the provider.",
)


@dataclass(frozen=True, slots=True)
class Member(Kind[str | int]):
    """A member of a refusal: a plain decimal number, or a text whose placeholders exist."""

    expected: str = "a number, or a text with {detail}, {status}, {reason} or {id}"

    def read(self, node: Node, report: Report) -> str | int | Read:
        """The number or text."""
        if not isinstance(node, Scalar) or (node.plain and not node.text):
            return wrong(node, self.expected, report)
        if node.plain and re.fullmatch(r"0|-?[1-9][0-9]{0,14}", node.text):
            return int(node.text)
        for name in re.findall(r"\{(.*?)\}", node.text):
            if name not in PLACEHOLDERS:
                report.add(node, f"placeholder {{{name}}}", self.expected, nearest(name, PLACEHOLDERS))
                return INVALID
        return node.text


def _pack(
    provider: str,
    title: str,
    hosts: tuple[Host, ...],
    operations: tuple[Plan, ...],
    types: dict[str, Entries] | None = None,
    refusal: dict[str, str | int] | None = None,
    links: tuple[Host, ...] = (),
    partials: dict[str, Partial] | None = None,
    refusal_in_array: bool = False,
    trailing_slash: bool = False,
    webhooks: tuple[Plan, ...] = (),
    record_types: dict[str, tuple[str, ...]] | None = None,
) -> Pack | Fault:
    spread = Spread(types or {}, partials or {}, provider)
    try:
        built = tuple(spread.operation(plan) for plan in operations)
        hooks = tuple(spread.operation(plan) for plan in webhooks)
    except TooMuchError as error:
        return Fault("types", str(error), f"types that end, and at most {MAX_FIELDS} fields in one place")
    wrong_one = misplaced(built)
    if wrong_one:
        found = f"a partial of {wrong_one!r}, which has no JSON there"
        return Fault("partials", found, "partials of operations with JSON in request and answer")
    return Pack(
        provider=provider,
        title=title,
        hosts=hosts,
        operations=built,
        webhooks=hooks,
        refusal=refusal or {},
        links=links,
        refusal_in_array=refusal_in_array,
        trailing_slash=trailing_slash,
        record_types={word.lower(): kind for kind, words in (record_types or {}).items() for word in words},
        spaces=spaces_in(provider, (*built, *hooks), record_types or ()),
    )


PACK: Final = Table(
    "pack",
    (
        Key("provider", NAME, "Name of the provider: the folder's own name.", True),
        Key("title", TEXT, "The provider's name as people write it.", True),
        Key("hosts", ListOf(HOST), "Every host the provider is reached at.", True),
        Key("operations", ListOf(OPERATION), "Every call that is allowed at all.", True),
        Key("webhooks", ListOf(webhook(_ID)), "What the provider sends by itself."),
        Key("types", MapOf(NAME, JSON), "Field lists that several operations share."),
        Key("links", ListOf(HOST), "Hosts that are no upstreams, to which answers may lead an application."),
        Key("partials", MapOf(NAME, PARTIAL), "How answers tell of records that were left out, by name."),
        Key("refusal", MapOf(PARAMETER, Member()), "Members added to refusals, for the provider's SDK."),
        Key("refusal_in_array", FLAG, "A refusal is the one item of an array, as the provider's errors are."),
        Key(
            "record_types",
            MapOf(NAME, ListOf(TEXT, one=True)),
            "Kinds of records, each with what paths call it; a path that says another word leaves the ids "
            "what the data map says.",
        ),
        Key("trailing_slash", FLAG, "A slash at the end of a path means nothing to the provider."),
    ),
    _pack,
    doc="A provider pack.",
)

_MAPS: Final = ("types.*", *(f"operations[].{place}" for place in TYPED), "webhooks[].body.json")


def _template_parameters(root: Node, report: Report) -> None:
    """Every path parameter a data map names stands in the operation's template."""
    for node in select(root, "operations[]"):
        calls = [parse_call(scalar.text) for scalar in scalars(node, ("call",))]
        known = {name for call in calls if call for name in call.parameters}
        for key in scalars(node, ("request.path{}", "records_of")):
            if calls and calls[0] and key.text not in known:
                near = nearest(key.text, known)
                expected = "a parameter of the path template"
                report.add(key, f"unknown path parameter {key.text!r}", expected, near)


DOCUMENT: Final = Document(
    PACK,
    (
        once,
        Unique("host", "hosts[].name"),
        Unique("host of links", "links[].name"),
        Refers("type", tuple(f"{path}.*.type" for path in _MAPS), "types{}"),
        Refers("type", tuple(f"operations[].{place}.*.of" for place in (*TYPED, *GUARDED)), "types{}"),
        Refers("partial", ("operations[].partial",), "partials{}"),
        collisions,
        _template_parameters,
    ),
)


def read_pack(data: bytes, file: str) -> Pack:
    """The pack of one file, `<provider>/pack.yaml`. Raises ConfigError with every problem found."""
    report = Report(file)
    root = read(data, report)
    return Document(PACK, (*DOCUMENT.checks, _in_folder(PurePath(file).parent.name))).take(root, report)


def _in_folder(folder: str) -> Callable[[Node, Report], None]:
    def check(root: Node, report: Report) -> None:
        for node in scalars(root, ("provider",)):
            if node.text != folder:
                report.add(node, f"provider {node.text!r}", f"the folder's own name {folder!r}")

    return check
