"""Data maps of calls and messages, as frozen values."""

from typing import Literal, dataclass_transform

import msgspec

from gateway.recordids import spelling_of

Channel = Literal["call", "sms", "mms", "whatsapp", "email", "chat", "social", "push"]
SubjectKind = Literal["phone", "email", "record"]
SubjectRole = Literal["recipient", "sender", "person"]
Format = Literal["json", "form", "csv", "xml", "multipart", "text", "cookies", "set-cookie"]
Holds = Literal["link", "cursor", "callback"]
GuardKind = Literal["compared", "searched", "named", "chosen", "soql", "never"]


def kind_of(subject: SubjectKind | None, space: str) -> str:
    """What a pseudonymiser is told in place of `record` where a space goes before every id.

    A `*` says that these ids have several spellings: a kernel, which knows none, does not name them then.

    >>> kind_of("record", "crm/contact/"), kind_of("record", "salesforce/"), kind_of("email", "")
    ('record\\x00crm/contact/', 'record*\\x00salesforce/', 'email')
    """
    kind = subject or "record"
    if kind != "record" or not space:
        return kind
    return f"record*\0{space}" if spelling_of(space) else f"record\0{space}"


# mypy reads frozen and kw_only off each class statement, and would miss that they are inherited here.
@dataclass_transform(frozen_default=True, kw_only_default=True)
class _Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """As gateway.model.Struct."""


class Guard(_Struct):
    """How a request's value can be used to find out what its caller may not see.

    `compared` and `searched`: it is compared with values of these categories. `named`: it names fields to
    filter or sort by; `chosen`: fields to answer with; `soql`: it is a query that does both. `never`: it may
    not be sent. `names` are those fields with their categories.
    """

    kind: GuardKind
    names: tuple[tuple[str, str], ...] = ()


class Field(_Struct):
    """One line of a data map: the category at a path, and the subject it identifies, if any.

    `path` is written in the codec's own path syntax: for JSON `results[].properties.email`, `properties.*`,
    `**.email`, `'odd.key'.x`, `$` for the root; for XML `Response/Dial/@to`; for form, query, path, headers,
    cookies, CSV and multipart the name of the parameter, column or part.
    `category` is a fideslang data category, or `system.operations` for what is not personal.
    """

    path: str
    category: str
    subject: SubjectKind | None = None
    role: SubjectRole = "person"
    format: Format | None = None
    """The value is itself a document of this format, with `inner` as its data map."""
    inner: "tuple[Field, ...]" = ()
    space: str = ""
    """Of a record id: who gave it out, and as what (`hubspot/contact/`)."""
    holds: Holds | None = None
    """The value is a link, a cursor (a place in a list, for the provider alone to understand), or a callback:
    a URL in a request, to which the provider will send."""
    guard: Guard | None = None
    """What keeps the value of a request from being an oracle."""


class Unread(_Struct):
    """Bodies of media types (`audio/*`) passed on unread, each as one value of a category, if the tenant gave
    the `consent` that is named; `refuse` refuses them always."""

    types: tuple[str, ...]
    category: str
    consent: str | None = None
    refuse: bool = False


class DataMap(_Struct):
    """Where which data category is, per carrier, for one direction of an operation."""

    path: tuple[Field, ...] = ()
    query: tuple[Field, ...] = ()
    headers: tuple[Field, ...] = ()
    cookies: tuple[Field, ...] = ()
    form: tuple[Field, ...] = ()
    json: tuple[Field, ...] = ()
    csv: tuple[Field, ...] = ()
    xml: tuple[Field, ...] = ()
    multipart: tuple[Field, ...] = ()
    text: tuple[Field, ...] = ()
    opaque: tuple[Unread, ...] = ()
    """The first line whose types a body's fits decides about it."""


class Messages(_Struct):
    """What one side of a WebSocket sends: data maps with `json` or `text` alone, by kind of message.

    `any` is that of messages of no kind that is named; None refuses those. `binary` has `opaque` alone.
    """

    any: DataMap | None = DataMap()
    kinds: dict[str, DataMap] = {}
    binary: DataMap = DataMap()

    @property
    def maps(self) -> tuple[DataMap, ...]:
        """All of them."""
        return (*((self.any,) if self.any else ()), *self.kinds.values(), self.binary)


class WebSocket(_Struct):
    """A call that opens a WebSocket. `by` are the keys, from the root down, of what says a message's kind."""

    by: tuple[str, ...] = ()
    sends: Messages = Messages()
    receives: Messages = Messages()
