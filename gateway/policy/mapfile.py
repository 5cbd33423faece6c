"""The data maps of provider packs: where which data is, carrier by carrier. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from gateway.codecs.paths import validate_path
from gateway.codecs.xmlpaths import validate_xml_path
from gateway.model import Format, GuardKind, Holds, SubjectKind, SubjectRole, Unread
from gateway.policy.packtypes import Draft, Entries, Entry, canonical
from gateway.policy.taxonomy import CATEGORIES, CATEGORY
from gateway.strict.document import Node, Scalar, describe
from gateway.strict.kinds import FLAG, INVALID, Kind, Word, mapped, one_of, wrong
from gateway.strict.report import Report, listed
from gateway.strict.shapes import ByShape, Fault, Key, ListOf, MapOf, Read, Table
from gateway.strict.words import HEADER, NAME, pattern


def _entry(
    category: str = "",
    subject: SubjectKind | None = None,
    role: SubjectRole | None = None,
    type: str | None = None,  # noqa: A002 - the key's name in the file
    guard: GuardKind | None = None,
    of: str | None = None,
    holds: Holds | None = None,
    record: str = "",
    **inner: Entries,
) -> Entry | Fault:
    if record and subject not in (None, "record"):
        return Fault("record", "'record' of a subject that is none", "'record' alone")
    subject = "record" if record else subject
    if guard in _OF and of is None:
        return Fault("guard", f"'guard: {guard}' without 'of'", "'of' with the type whose fields it names")
    if of and (guard is None or guard in _ALONE):
        return Fault("of", "'of' without a guard that names fields", "'of' beside 'guard'")
    if role and not subject:
        return Fault("role", "a role without subject", "'subject' beside 'role'")
    if type and subject:
        return Fault("subject", "a subject beside a type", "'subject' beside 'is'")
    if holds and (subject or guard or type or inner):
        return Fault(
            "holds", f"'holds: {holds}' beside what a value of people needs", "'holds' beside 'is' alone"
        )
    if len(inner) > 1:
        return Fault(max(inner), f"{listed(inner)} for one value", "one of them: a value is of one format")
    for name, fields in inner.items():
        if subject:
            return Fault("subject", f"a subject beside {name!r}", "subjects among what the value holds")
        if guard:
            return Fault("guard", f"a guard beside {name!r}", "guards among what the value holds")
        return Entry(category, format=_FORMATS[name], inner=fields)
    return Entry(category, subject, record, role or "person", type, guard=guard, of=of, holds=holds)


_FORMATS: Final[Mapping[str, Format]] = {"json": "json", "xml": "xml", "form": "form", "csv": "csv"}
"""Formats a value may be of, as keys and as model.Field says it."""


_CATEGORY_ENTRY: Final = mapped({k: Entry(v) for k, v in CATEGORIES.items()}, CATEGORY.expected)
_OF: Final = frozenset(("named", "chosen", "searched", "soql"))
_ALONE: Final = frozenset(("compared", "never"))
_GUARD: Final = (
    Key(
        "guard",
        one_of(*get_args(GuardKind)),
        "In a request: the value is `compared` with data of its category or `searched` for in all of a type, "
        "names fields to filter or sort by (`named`) or to answer with (`chosen`), is a `soql` query, or may "
        "`never` be sent.",
    ),
    Key("of", NAME, "The one of `types` whose fields a guard is about.", to="of"),
)
RECORD: Final = Key(
    "record",
    pattern("a kind of record such as contact", r"[a-z][a-z0-9_-]{0,49}"),
    "The value is the id of such a record: a `subject: record` that the registry tells from the provider's "
    "other records of the same id.",
)
_IS: Final = Key("is", CATEGORY, "The data category of the value.", to="category")
_WHO: Final = (
    Key("subject", one_of(*get_args(SubjectKind)), "The value identifies a person, in this way."),
    RECORD,
    Key("role", one_of(*get_args(SubjectRole)), "What that person is in the call (`person` when left out)."),
)

_HOLDS: Final = Key(
    "holds",
    one_of(*get_args(Holds)),
    "The value is a `link`; a `cursor` that only the provider has to understand; or, in a request, a "
    "`callback`: a URL that the provider will send to or fetch from.",
)

FIELD: Final = Table(
    "field",
    (
        _IS,
        *_WHO,
        _HOLDS,
        Key("type", NAME, "Name of one of `types`, whose fields are put in below this path."),
        *_GUARD,
    ),
    _entry,
    exactly=("is", "type"),
    doc="A value of a data map. A bare data category is short for `{is: category}`.",
)
FLAT_FIELD: Final = Table(
    "parameter",
    (Key("is", CATEGORY, "The data category of the value.", True, to="category"), *_WHO, _HOLDS),
    _entry,
    doc="A header, cookie, column, XML value or text of a data map.",
)
PATH_FIELD: Final = Table(
    "path parameter",
    (*FLAT_FIELD.keys, *_GUARD),
    _entry,
    doc="A path parameter of a data map.",
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


@dataclass(frozen=True, slots=True)
class XmlPath(Kind[str]):
    """A path of the XML codec."""

    expected: str = "an XML path such as Response/Dial/@callerId"

    def read(self, node: Node, report: Report) -> str | Read:
        """The path as it stands."""
        if not isinstance(node, Scalar):
            return wrong(node, self.expected, report)
        why = validate_xml_path(node.text)
        if why:
            report.add(node, describe(node), f"{self.expected} ({why})")
            return INVALID
        return node.text


JSON: Final = MapOf(JsonPath(), ByShape(_CATEGORY_ENTRY, FIELD))
_FLAT_ENTRY: Final = ByShape(_CATEGORY_ENTRY, FLAT_FIELD)
TEXT: Final = _FLAT_ENTRY
"""A text as one value."""
_XML: Final = MapOf(XmlPath(), _FLAT_ENTRY)


def _flat(name: Kind[str]) -> MapOf[Entry]:
    return MapOf(name, _FLAT_ENTRY)


PARAMETER: Final = pattern("a parameter's name", r"[^\x00-\x1f]{1,200}")


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


VALUE: Final = Table(
    "value",
    (
        Key("is", CATEGORY, "The data category of the value, and of all in it.", True, to="category"),
        *_WHO,
        _HOLDS,
        *_GUARD,
        Key("json", JSON, "The value is JSON: what is where in it."),
        Key("xml", _XML, "The value is XML: what is where in it."),
        Key("form", _flat(PARAMETER), "The value is a form: what its fields are."),
        Key("csv", _flat(PARAMETER), "The value is CSV: what its columns are."),
    ),
    _entry,
    doc="A query parameter, form field or part of a data map. It may hold a document of its own.",
)
_VALUES: Final = MapOf(PARAMETER, ByShape(_CATEGORY_ENTRY, VALUE))


def _draft(opaque: tuple[Unread, ...] = (), text: Entry | None = None, **carriers: Entries) -> Draft | Fault:
    if "cookies" in carriers and {"cookie", "set-cookie"} & {*carriers.get("headers", ())}:
        return Fault("cookies", "cookies, and the header that holds them", "one of both")
    return Draft({**carriers, **({"text": {"$": text}} if text else {})}, opaque)


def _lower(text: str) -> str | None:
    name = HEADER.convert(text)
    return name and name.lower()


_HEADERS: Final = Key("headers", _flat(Word(HEADER.expected, _lower)), "Header fields (names in any case).")
_UNREAD: Final = Key(
    "opaque",
    ListOf(_OPAQUE, one=True, unique=False),
    "Bodies that are passed on unread; of several lines the first whose types fit decides.",
)
_BODY: Final = (
    Key("form", _VALUES, "Fields of a form body."),
    Key("json", JSON, "Values of a JSON body, by path; NDJSON, event streams: of each record."),
    Key("csv", _flat(PARAMETER), "Columns of a CSV or TSV body, by the names in its first row."),
    Key("xml", _XML, "Values of an XML body, by path."),
    Key("multipart", _VALUES, "Parts of a multipart body, by name; `*` for any other."),
    Key("text", _FLAT_ENTRY, "A plain text body as one value."),
    _UNREAD,
)
BODIES: Final = frozenset(key.name for key in _BODY)
"""Carriers of a body."""
REQUEST: Final = Table(
    "request",
    (
        Key(
            "path", MapOf(PARAMETER, ByShape(_CATEGORY_ENTRY, PATH_FIELD)), "Parameters of the path template."
        ),
        Key("query", _VALUES, "Query parameters."),
        _HEADERS,
        Key("cookies", _flat(PARAMETER), "Cookies (of the `Cookie` header), by name."),
        *_BODY,
    ),
    _draft,
    doc="Where which data is in what is sent.",
)
RESPONSE: Final = Table(
    "response",
    (_HEADERS, Key("cookies", _flat(PARAMETER), "Cookies that `Set-Cookie` headers set, by name."), *_BODY),
    _draft,
    doc="Where which data is in what comes back.",
)
ANSWER: Final = Table(
    "answer", _BODY, _draft, doc="Where which data is in what an application answers to a webhook."
)
_HOLDING: Final = (
    "request.query",
    "request.form",
    "request.multipart",
    "response.form",
    "response.multipart",
)
TYPED: Final = (
    "request.json",
    "response.json",
    *(f"{place}.*.json" for place in _HOLDING),
    *(f"websocket.{side}.{place}" for side in ("sends", "receives") for place in ("json", "kinds.*")),
)
"""Where, in an operation, a type may be named."""
GUARDED: Final = ("request.path", "request.query", "request.form", "request.multipart")
"""Where else a guard may name a type."""
