"""The path syntax of XML data maps, and its compilation into the programs that all nested formats run. Pure.

    path    = "$" | part *( "/" part )           ; "$": the whole document
    part    = name / "@" name / "*" / "**" / "text()"
    name    = local name of an element or attribute, without a prefix

The first part is the root element. `**` stands for any depth, `*` for any element or attribute. A path that
selects an element selects its text and all that is in it and that no longer path selects; `text()` stands for
the element's own text alone. Namespaces do not count: `soap:Body` and `Body` are one name here.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from gateway.codecs.paths import compile_program
from gateway.codecs.program import Masker, Program, Slot
from gateway.codecs.steps import compiled
from gateway.errors import InternalError

TEXT = "text()"
"""The key under which programs know an element's own text."""

_name = re.compile(r"[^\W\d][\w.\-·]*").fullmatch


def validate_xml_path(text: str) -> str | None:
    """What is wrong with a path, in words for the author of a data map, or None.

    >>> validate_xml_path("Response/Dial/@callerId"), validate_xml_path("soap:Body")
    (None, '`soap:Body` is not a name without prefix')
    """
    parts = text.split("/")
    if text == "$":
        return None
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if part == "**" and (last or parts[at + 1] in ("**", TEXT)):
            return "`**` has to be followed by a name"
        if (part == TEXT or part.startswith("@")) and not last:
            return f"nothing comes after `{part}`"
        if part in ("*", "**", TEXT):
            continue
        if not part:
            return "a part between two `/` may not be empty"
        if not _name(part.removeprefix("@")):
            return f"`{part}` is not a name without prefix"
    return "`text()` has to follow an element" if parts[0] == TEXT else None


def compile_xml(slots: Sequence[Slot], unmapped: Masker | None) -> Program:
    """A program for XML. Raises InternalError for a bad path, or two slots at one place."""
    table = tuple(slots)
    program = compile_program([replace(slot, path=_translated(slot.path)) for slot in table], unmapped)
    return replace(compiled(program), slots=table)


def _translated(path: str) -> str:
    why = validate_xml_path(path)
    if why:
        raise InternalError(f"{path!r}: {why}", "data map")
    return ".".join(part if part in _SIGNS else f"'{part}'" for part in path.split("/"))


_SIGNS = frozenset(("$", "*", "**"))
