"""The fields of a data map compiled into programs, one per carrier. Pure.

`Make` says what is done with a field; here it is only settled where that field is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from gateway.codecs.cookies import COOKIE, SET_COOKIE
from gateway.codecs.delimited import CSV
from gateway.codecs.json import JSON
from gateway.codecs.params import FORM
from gateway.codecs.paths import compile_names, compile_program
from gateway.codecs.program import Codec, Masker, Program, Slot
from gateway.codecs.steps import Inner, compiled
from gateway.codecs.xml import XML
from gateway.codecs.xmlpaths import compile_xml
from gateway.model import DataMap, Direction, Field
from gateway.policy.datamap import matters, needed
from gateway.policy.matchers import personal
from gateway.policy.plan import Opaque

Make = Callable[[Field], Slot]

_Compile = Callable[[Sequence[Slot], Masker | None], Program]

BODIES: Mapping[str, _Compile] = {
    "json": compile_program,
    "form": compile_names,
    "csv": compile_names,
    "xml": compile_xml,
    "multipart": compile_names,
    "text": compile_program,
}
"""What codecs.table calls a carrier, and how its paths are compiled."""

_INNER: Mapping[str, tuple[Codec, _Compile, str]] = {
    "json": (JSON, compile_program, "$"),
    "form": (FORM, compile_names, "*"),
    "xml": (XML, compile_xml, "$"),
    "csv": (CSV, compile_names, "*"),
    "cookies": (COOKIE, compile_names, "*"),
    "set-cookie": (SET_COOKIE, compile_names, "*"),
}
"""By format of a value: its codec, how its paths are compiled, and the path of all that is in it."""

_COOKIES: Mapping[Direction, Field] = {
    "request": Field(path="cookie", category="system.operations", format="cookies"),
    "response": Field(path="set-cookie", category="system.operations", format="set-cookie"),
}


def bodies(
    data: DataMap, make: Make, unmapped: Masker | None, unread: Iterable[Opaque]
) -> dict[str, Program]:
    """The program of every carrier a body may be of; empty where there is nothing to look at in any.

    Without `unmapped` those carriers are read that the map names; any other body is then refused.
    """
    if unmapped is not None:
        made = {name: _build(getattr(data, name), make, unmapped, BODIES[name]) for name in BODIES}
    else:
        named = {name: fields for name in BODIES if (fields := getattr(data, name))}
        if not any(map(_matters, named.values())) and all(each.shown for each in unread):
            return {}
        made = {
            name: _build(_needed(name, fields), make, None, BODIES[name]) for name, fields in named.items()
        }
    if "multipart" in made:
        types = tuple((glob, each.shown) for each in unread for glob in each.types)
        made["multipart"] = replace(compiled(made["multipart"]), unread=types)
    return made


def flat(fields: tuple[Field, ...], make: Make) -> Program | None:
    """The program of path, query or headers; None where nothing is personal."""
    return _build(_needed("flat", fields), make, None, compile_names) if _matters(fields) else None


def every(fields: tuple[Field, ...], make: Make, unmapped: Masker | None) -> Program:
    """The program of a path or query in which the rest matters too."""
    return _build(fields, make, unmapped, compile_names)


def headers(data: DataMap, direction: Direction, make: Make) -> Program | None:
    """The program of header fields, with cookies as what one of them holds."""
    if not _matters(data.cookies):
        return flat(data.headers, make)
    holder = msgspec.structs.replace(_COOKIES[direction], inner=data.cookies)
    return flat((*data.headers, holder), make)


def whole(data: DataMap, carrier: str, make: Make, unmapped: Masker) -> Program:
    """A carrier's program that meets every value of a request, those too that the map does not name."""
    fields = getattr(data, carrier)
    if carrier == "headers" and data.cookies:
        fields = (*fields, msgspec.structs.replace(_COOKIES["request"], inner=data.cookies))
    made = _build(fields, make, unmapped, BODIES.get(carrier, compile_names))
    if carrier != "multipart":
        return made
    types = tuple((glob, True) for each in data.opaque for glob in each.types)
    return replace(compiled(made), unread=types)


def _matters(fields: tuple[Field, ...]) -> bool:
    """Whether any of the fields is personal, or identifies somebody."""
    return any(matters(f) or _matters(f.inner) for f in fields)


def _needed(carrier: str, fields: tuple[Field, ...]) -> Sequence[Field]:
    """What is not personal only has to be known where a wider path would take it in."""
    if carrier == "json":
        return needed(fields)
    if carrier in _NESTING or any(field.path == "*" for field in fields):
        return fields
    return [field for field in fields if _matters((field,))]


_NESTING = frozenset(("xml", "text"))


def _build(fields: Sequence[Field], make: Make, unmapped: Masker | None, compile_: _Compile) -> Program:
    program = compiled(compile_([make(field) for field in fields], unmapped))
    inner: dict[int, Inner] = {}
    slots = list(program.slots)
    for index, field in enumerate(fields):
        if field.format is not None:
            codec, below = _inside(field.format, field, make, unmapped)
            inner[index] = Inner(len(slots), codec, below)
            slots += [replace(slot, path=f"{field.path}: {slot.path}") for slot in below.slots]
    return replace(program, slots=tuple(slots), inner=inner) if inner else program


def _inside(form: str, field: Field, make: Make, unmapped: Masker | None) -> tuple[Codec, Program]:
    """What reads a field's value. All in it that its own map does not name is of the field's category."""
    codec, compile_, whole = _INNER[form]
    fields = field.inner
    if personal(field.category) and all(each.path != whole for each in fields):
        fields = (Field(path=whole, category=field.category), *fields)
    return codec, _build(fields, make, unmapped, compile_)
