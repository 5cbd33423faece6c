"""`plugins/<provider>/pack.yaml` -> model.Pack. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, get_args

from gateway.codecs.paths import validate_path
from gateway.model import Channel, Host, Operation, Pack, SubjectKind, SubjectRole, Unread
from gateway.policy.calls import CALL, SAFE, Call, collisions, parse_call
from gateway.policy.packtypes import (
    MAX_FIELDS,
    NOTHING,
    Draft,
    Entries,
    Entry,
    Plan,
    Spread,
    TooMuchError,
    canonical,
)
from gateway.policy.taxonomy import CATEGORIES, CATEGORY, OPERATOR_NAME, REGION, USE
from gateway.strict.checks import Refers, Unique, scalars, select
from gateway.strict.document import Node, Scalar, describe, read
from gateway.strict.kinds import FLAG, INVALID, Kind, mapped, one_of, wrong
from gateway.strict.report import Report, nearest
from gateway.strict.shapes import ByShape, Document, Fault, Key, ListOf, MapOf, Read, Table
from gateway.strict.words import HEADER, HOST_PATTERN, NAME, TEXT, pattern


def _entry(
    category: str = "",
    subject: SubjectKind | None = None,
    role: SubjectRole | None = None,
    type: str | None = None,  # noqa: A002 - the key's name in the file
) -> Entry | Fault:
    if role and not subject:
        return Fault("role", "a role without subject", "'subject' beside 'role'")
    if type and subject:
        return Fault("subject", "a subject beside a type", "'subject' beside 'is'")
    return Entry(category, subject, role or "person", type)


_CATEGORY_ENTRY: Final = mapped({k: Entry(v) for k, v in CATEGORIES.items()}, CATEGORY.expected)
_IS: Final = Key("is", CATEGORY, "The data category of the value.", to="category")
_WHO: Final = (
    Key("subject", one_of(*get_args(SubjectKind)), "The value identifies a person, in this way."),
    Key("role", one_of(*get_args(SubjectRole)), "What that person is in the call (`person` when left out)."),
)

FIELD: Final = Table(
    "field",
    (
        _IS,
        *_WHO,
        Key("type", NAME, "Name of one of `types`, whose fields are put in below this path."),
    ),
    _entry,
    exactly=("is", "type"),
    doc="A value of a data map. A bare data category is short for `{is: category}`.",
)
FLAT_FIELD: Final = Table(
    "parameter",
    (Key("is", CATEGORY, "The data category of the value.", True, to="category"), *_WHO),
    _entry,
    doc="A path, query, header or form parameter of a data map.",
)


@dataclass(frozen=True, slots=True)
class JsonPath(Kind[str]):
    """A path of the JSON codec."""

    expected: str = "a JSON path such as results[].email"

    def read(self, node: Node, report: Report) -> str | Read:
        """The path in its canonical form."""
        if not isinstance(node, Scalar):
            return wrong(node, self.expected, report)
        why = validate_path(node.text)
        if why:
            report.add(node, describe(node), f"{self.expected} ({why})")
            return INVALID
        return canonical(node.text)


_JSON: Final = MapOf(JsonPath(), ByShape(_CATEGORY_ENTRY, FIELD))


def _flat(name: Kind[str]) -> MapOf[Entry]:
    return MapOf(name, ByShape(_CATEGORY_ENTRY, FLAT_FIELD))


_PARAMETER: Final = pattern("a parameter's name", r"[^\x00-\x1f]{1,200}")


def _unread(
    types: tuple[str, ...], category: str, consent: str | None = None, refuse: bool = False
) -> Unread | Fault:
    if refuse and consent:
        return Fault("consent", "a consent beside 'refuse'", "one of both")
    return Unread(types=types, category=category, consent=consent, refuse=refuse)


_OPAQUE: Final = Table(
    "opaque",
    (
        Key(
            "types",
            ListOf(pattern("a media type such as audio/*", r"[a-z0-9.+-]+/(\*|[a-z0-9.+-]+)")),
            "Media types that are passed on unread.",
            True,
        ),
        Key("is", CATEGORY, "The data category of such a body as a whole.", True, to="category"),
        Key("consent", NAME, "A consent the tenant has to have given; without it they are refused."),
        Key("refuse", FLAG, "Refuse them, whoever may see the category."),
    ),
    _unread,
    doc="Bodies that are passed on without being read, as one value of a category.",
)


def _draft(opaque: tuple[Unread, ...] = (), **carriers: Entries) -> Draft:
    return Draft(carriers, opaque)


_HEADERS: Final = Key("headers", _flat(HEADER), "Header fields (names in any case).")
_BODY: Final = Key("json", _JSON, "Values of a JSON body, by path.")
_UNREAD: Final = Key(
    "opaque",
    ListOf(_OPAQUE, one=True, unique=False),
    "Bodies that are passed on unread; of several lines the first whose types fit decides.",
)
REQUEST: Final = Table(
    "request",
    (
        Key("path", _flat(_PARAMETER), "Parameters of the path template."),
        Key("query", _flat(_PARAMETER), "Query parameters."),
        _HEADERS,
        Key("form", _flat(_PARAMETER), "Fields of a form body."),
        _BODY,
        _UNREAD,
    ),
    _draft,
    doc="Where which data is in what is sent.",
)
RESPONSE: Final = Table(
    "response", (_HEADERS, _BODY, _UNREAD), _draft, doc="Where which data is in what comes back."
)


def _operation(
    id: str,  # noqa: A002 - the key's name in the file
    call: Call,
    channel: Channel | None = None,
    purpose: str | None = None,
    act: bool | None = None,
    request: Draft = NOTHING,
    response: Draft = NOTHING,
) -> Plan | Fault:
    needed = call.method not in SAFE or channel is not None
    if act is False and needed and (call.method != "POST" or channel):
        return Fault(
            "act", "'act: false' for a call that acts", "'act: false' only for a POST without channel"
        )
    acts = needed if act is None else act
    operation = Operation(
        id=id, method=call.method, path=call.path, channel=channel, purpose=purpose, act=acts
    )
    return Plan(operation, request, response)


OPERATION: Final = Table(
    "operation",
    (
        Key(
            "id",
            pattern("an operation's name such as messages.create", r"[a-z0-9][A-Za-z0-9_.-]{0,99}"),
            "Name of the operation, unique in the pack; rules see `provider.id`.",
            True,
        ),
        Key("call", CALL, "Method and path template; `{name}` fills one path segment.", True),
        Key("channel", one_of(*get_args(Channel)), "The channel on which it reaches a person."),
        Key("purpose", USE, "The data use it always serves."),
        Key("act", FLAG, "Whether it reaches a person or changes data (true for unsafe methods, channels)."),
        Key("request", REQUEST, "Where which data is in what is sent."),
        Key("response", RESPONSE, "Where which data is in what comes back."),
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
    ),
    Host,
    doc="A host of the provider.",
)

_PLACEHOLDERS: Final = ("detail", "status", "reason", "id")


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
            if name not in _PLACEHOLDERS:
                report.add(node, f"placeholder {{{name}}}", self.expected, nearest(name, _PLACEHOLDERS))
                return INVALID
        return node.text


def _pack(
    provider: str,
    title: str,
    hosts: tuple[Host, ...],
    operations: tuple[Plan, ...],
    types: dict[str, Entries] | None = None,
    refusal: dict[str, str | int] | None = None,
) -> Pack | Fault:
    spread = Spread(types or {})
    try:
        built = tuple(spread.operation(plan) for plan in operations)
    except TooMuchError as error:
        return Fault("types", str(error), f"types that end, and at most {MAX_FIELDS} fields in one place")
    return Pack(provider=provider, title=title, hosts=hosts, operations=built, refusal=refusal or {})


PACK: Final = Table(
    "pack",
    (
        Key("provider", NAME, "Name of the provider: the folder's own name.", True),
        Key("title", TEXT, "The provider's name as people write it.", True),
        Key("hosts", ListOf(HOST), "Every host the provider is reached at.", True),
        Key("operations", ListOf(OPERATION), "Every call that is allowed at all.", True),
        Key("types", MapOf(NAME, _JSON), "Field lists that several operations share."),
        Key("refusal", MapOf(_PARAMETER, Member()), "Members added to refusals, for the provider's SDK."),
    ),
    _pack,
    doc="A provider pack.",
)

_MAPS: Final = (
    "types.*",
    *(f"operations[].request.{carrier}" for carrier in ("path", "query", "headers", "form", "json")),
    *(f"operations[].response.{carrier}" for carrier in ("headers", "json")),
)


def _template_parameters(root: Node, report: Report) -> None:
    """Every path parameter a data map names stands in the operation's template."""
    for node in select(root, "operations[]"):
        calls = [parse_call(scalar.text) for scalar in scalars(node, ("call",))]
        known = {name for call in calls if call for name in call.parameters}
        for key in scalars(node, ("request.path{}",)):
            if calls and calls[0] and key.text not in known:
                near = nearest(key.text, known)
                expected = "a parameter of the path template"
                report.add(key, f"unknown path parameter {key.text!r}", expected, near)


DOCUMENT: Final = Document(
    PACK,
    (
        Unique("operation id", "operations[].id"),
        Unique("host", "hosts[].name"),
        Refers("type", tuple(f"{path}.*.type" for path in _MAPS), "types{}"),
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
