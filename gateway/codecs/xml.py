"""XML (text/xml, application/xml, +xml): SOAP, TwiML. What is not changed keeps its exact bytes. Pure.

A value is an attribute, or the text between two tags: references resolved, CDATA sections and text on both
sides of a comment taken together, outer white space left alone. A comment is not data; it goes where its text
would be changed. Names of elements and attributes and namespace declarations are structure.

Where a path names a person by an element, that is its text; its attributes only share the category. To leave
somebody out is to leave out the nearest element around that has siblings of its name.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.codecs.owners import Scope, masker, rank
from gateway.codecs.program import REMOVED, Found, Limits, Masker, PerPerson, Program, Tally, by_steps
from gateway.codecs.steps import Compiled, Step, compiled
from gateway.codecs.xmlpaths import TEXT as OWN_TEXT
from gateway.codecs.xmlscan import CLOSE, COMMENT, OPEN, TEXT, Event, Scanned, scan
from gateway.errors import InternalError, PayloadError

Edit = tuple[int, int, str]
"""Start and end in the text, and what stands there instead."""

_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Document:
    """A body, its pieces, and what is to be written otherwise."""

    body: bytes
    scanned: Scanned
    edits: tuple[Edit, ...] = ()


class _Value(NamedTuple):
    """A value met on the way: its step, and the pieces it is written in. `at`: the OPEN it belongs to."""

    step: Step
    text: str
    at: int
    pieces: Sequence[Event]
    attribute: str = ""
    """`name=` and the white space before it, as they are written; empty for a text."""
    alone: bool = True
    """Whether this is all the text that its element has, and no element is in it."""
    comment: bool = False
    subject: bool = False
    theirs: Masker | None = None
    """Takes the place of the step's masker where that depends on whose the value is."""


class XmlCodec:
    """The Codec of XML. `charset` is what the content type says (RFC 7303)."""

    def __init__(self, charset: str | None = None) -> None:
        self._charset = charset

    def parse(self, body: bytes, limits: Limits) -> Document:
        """Read a body. Raises PayloadError: body_too_large, unparseable_body, unsupported_media_type."""
        return Document(body, scan(body, self._charset, limits))

    def find(self, document: Document, program: Program) -> list[Found]:
        """Subjects in order. Raises PayloadError where text and elements are mixed around one."""
        scanned = document.scanned
        hits = _subjects(scanned, compiled(program).start)
        repeated = _repeated(scanned) if hits else frozenset[int]()
        return [
            Found(hit.step.slot, hit.text, ordinal, _around(scanned, repeated, hit.at) >= 0)
            for ordinal, hit in enumerate(hits)
        ]

    def rewrite(
        self, document: Document, program: Program, tally: Tally, drop: Collection[int] = ()
    ) -> Document:
        """A new document. Raises InternalError when somebody cannot be dropped, PayloadError as find does."""
        ready, scanned = compiled(program), document.scanned
        gone = _dropped(scanned, ready.start, drop) if drop else frozenset[int]()
        edits = [_without(scanned, at) for at in gone]
        unmapped = ready.unmapped
        values: Iterable[_Value] = _values(scanned, ready.start, gone, all_of_it=True)
        for value in _owned(scanned, list(values), ready) if ready.per_person else values:
            new = _treat(value, unmapped, tally)
            if new is not value.text:
                edits += _written(scanned, value, new)
        return Document(document.body, scanned, tuple(edits))

    def dump(self, document: Document) -> bytes:
        """The body with its edits. What the encoding has no sign for is written as a reference."""
        if not document.edits:
            return document.body
        scanned, at = document.scanned, 0
        out: list[str] = []
        for start, end, text in sorted(document.edits, key=lambda edit: (edit[0], -edit[1])):
            if start >= at:
                out += (scanned.text[at:start], text)
                at = end
        out.append(scanned.text[at:])
        charset = scanned.charset
        return charset.mark + "".join(out).encode(charset.name, "xmlcharrefreplace")

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """Parse, rewrite and dump."""
        return by_steps(self, body, program, tally, limits)


XML = XmlCodec()


# ---- values ---------------------------------------------------------------------------------------------


def _values(scanned: Scanned, start: Step, gone: Collection[int], *, all_of_it: bool) -> Iterator[_Value]:
    """Every value that has a step, in order. `all_of_it` False: only where subjects may be."""
    text, events, closes = scanned.text, scanned.events, scanned.closes
    stack: list[tuple[Step, int]] = [(start, -1)]
    at, size = 0, len(events)
    while at < size:
        kind, begin, end, name = events[at]
        step, element = stack[-1]
        if kind == OPEN:
            below = step.keys.get(name, step.any)
            if below is None or not (all_of_it or below.finds) or at in gone:
                at = closes[at] + 1
                continue
            stack.append((below, at))
            if end - begin > len(name) + _SHORT:
                yield from _attributes(text, below, events[at], at)
            at += 1
        elif kind == CLOSE:
            stack.pop()
            at += 1
        else:
            first = at
            while at < size and events[at][0] > CLOSE:
                at += 1
            alone = element >= 0 and first == element + 1 and at == closes[element]
            yield from _run(text, step.keys.get(OWN_TEXT, step), element, events[first:at], alone)


_SHORT = 4
"""Characters beside its name that a tag with an attribute has more of."""
_attribute = re.compile(
    r"([ \t\r\n]++([^ \t\r\n/>=\"'<&]++)[ \t\r\n]*+=[ \t\r\n]*+)(?:\"([^\"]*+)\"|'([^']*+)')"
)


def _attributes(text: str, step: Step, tag: Event, at: int) -> list[_Value]:
    _, start, end, name = tag
    found = []
    for match in _attribute.finditer(text, text.index(name, start) + len(name), end):
        prefix, _, local = match[2].rpartition(":")
        if "xmlns" in (prefix, match[2]):
            continue
        below = step.keys.get("@" + local, step.any)
        if below is not None:
            raw = match[3] if match[4] is None else match[4]
            value = _read(raw.replace("\r\n", " ").translate(_BLANKS))
            subject = below.subject and below.slot != step.slot
            place = (TEXT, *match.span(), "")
            found.append(_Value(below, value, at, (place,), match[1], subject=subject))
    return found


def _run(text: str, step: Step, element: int, pieces: list[Event], alone: bool) -> list[_Value]:
    """The text of some pieces in a row as one value, then each comment among them."""
    said = [piece for piece in pieces if piece[0] != COMMENT]
    value = "".join([_said(text, piece) for piece in said]).strip(_SPACE)
    found = [_Value(step, value, element, said, "", alone, subject=step.subject)] if value else []
    if len(said) < len(pieces):
        comments = [piece for piece in pieces if piece[0] == COMMENT]
        found += [_Value(step, text[c[1] + 4 : c[2] - 3], element, (c,), comment=True) for c in comments]
    return found


_BLANKS = str.maketrans("\t\r\n", "   ")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "apos": "'", "quot": '"'}
_reference = re.compile(r"&(?:#x([0-9A-Fa-f]+)|#([0-9]+)|(\w+));").sub


def _said(text: str, piece: Event) -> str:
    kind, start, end, _ = piece
    raw = text[start:end]
    if "\r" in raw:
        raw = raw.replace("\r\n", "\n").replace("\r", "\n")
    return _read(raw) if kind == TEXT else raw[9:-3]


def _read(raw: str) -> str:
    return _reference(_resolved, raw) if "&" in raw else raw


def _resolved(match: re.Match[str]) -> str:
    if match[3]:
        return _NAMED[match[3]]
    return chr(int(match[1], 16) if match[1] else int(match[2]))


# ---- subjects -------------------------------------------------------------------------------------------


def _subjects(scanned: Scanned, start: Step) -> list[_Value]:
    if not start.finds:
        return []
    values = _values(scanned, start, (), all_of_it=False)
    hits = [value for value in values if value.subject]
    if not all(value.alone for value in hits):  # its readers would not agree on who that is
        raise PayloadError("unparseable_body", "text and elements mixed where a person is named", "body")
    return hits


def _repeated(scanned: Scanned) -> frozenset[int]:
    """Every OPEN that has a sibling of its name."""
    keys = {at: (parent, scanned.events[at][3]) for at, parent in scanned.parents.items()}
    count = Counter(keys.values())
    return frozenset(at for at, key in keys.items() if count[key] > 1)


def _around(scanned: Scanned, repeated: Collection[int], at: int) -> int:
    """The nearest OPEN from `at` outwards that may go, or -1."""
    while at >= 0 and at not in repeated:
        at = scanned.parents[at]
    return at


def _dropped(scanned: Scanned, start: Step, drop: Collection[int]) -> frozenset[int]:
    hits, repeated = _subjects(scanned, start), _repeated(scanned)
    gone = {_around(scanned, repeated, hits[n].at) if 0 <= n < len(hits) else -1 for n in drop}
    if -1 in gone:
        raise InternalError("a subject that stands alone cannot be dropped", "body")
    return frozenset(gone)


def _owned(scanned: Scanned, values: list[_Value], program: Compiled) -> list[_Value]:
    """The values, each that is some person's with the masker of that person."""
    repeated = _repeated(scanned)
    scopes: dict[int, Scope] = {-1: Scope()}
    places = [_place(scanned, repeated, scopes, value.at) for value in values]
    for value, (scope, trail) in zip(values, places, strict=True):
        slot = program.slots[value.step.slot] if value.subject and not value.comment else None
        if slot is not None and slot.subject is not None:
            scope.name(rank(slot), value.step.slot, trail, (slot.subject, value.text))
    return [
        value._replace(theirs=masker(value.step.mask, scope.owner(trail)))
        if value.step.mask.__class__ is PerPerson
        else value
        for value, (scope, trail) in zip(values, places, strict=True)
    ]


def _place(
    scanned: Scanned, repeated: Collection[int], scopes: dict[int, Scope], at: int
) -> tuple[Scope, tuple[int, ...]]:
    """The record around an OPEN, and the OPENs that lead from there to it."""
    trail: list[int] = []
    while at >= 0:
        trail.append(at)
        if at in repeated:
            break
        at = scanned.parents[at]
    if at not in scopes:
        scopes[at] = Scope(*_place(scanned, repeated, scopes, scanned.parents[at]))
    return scopes[at], tuple(reversed(trail))


# ---- rewriting ------------------------------------------------------------------------------------------


def _treat(value: _Value, unmapped: Masker | None, tally: Tally) -> Any:
    """What stands in place of one value: itself, another scalar, or REMOVED."""
    step, old = value.step, value.text
    if step.slot < 0:
        new = old if unmapped is None else unmapped(old)
        tally.unmapped += new is not old
        return new
    tally.seen[step.slot] += 1
    if value.subject:
        tally.subjects.append((step.slot, old))
    mask = value.theirs or step.mask
    new = old if mask is None else mask(old)
    tally.masked[step.slot] += new is not old
    return new


def _written(scanned: Scanned, value: _Value, new: Any) -> list[Edit]:
    """What has to be written otherwise for a value to become another one, or to be gone."""
    start, end = value.pieces[0][1:3]
    if value.comment:
        return [(start, end, "")]
    said = "" if new is None or new is REMOVED else _illegal("\ufffd", str(new))
    if value.attribute:
        shown = f'{value.attribute}"{said.translate(_IN_ATTRIBUTE)}"'
        return [(start, end, "" if new is REMOVED else shown)]
    if new is REMOVED and value.alone and scanned.parents[value.at] >= 0:
        return [_without(scanned, value.at)]
    lead, tail = _outer(scanned.text, value.pieces)
    text = lead + said.translate(_IN_TEXT)
    if len(value.pieces) == 1:
        return [(start, end, text + tail)]
    last = value.pieces[-1]
    between = [(piece[1], piece[2], "") for piece in value.pieces[1:-1]]
    return [(start, end, text), *between, (last[1], last[2], tail)]


def _outer(text: str, pieces: Sequence[Event]) -> tuple[str, str]:
    """White space around a value; what is in a CDATA section is part of it."""
    first, last = text[pieces[0][1] : pieces[0][2]], text[pieces[-1][1] : pieces[-1][2]]
    return first[: len(first) - len(first.lstrip(_SPACE))], last[len(last.rstrip(_SPACE)) :]


def _without(scanned: Scanned, at: int) -> Edit:
    return scanned.events[at][1], scanned.events[scanned.closes[at]][2], ""


_illegal = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]").sub
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTE = {**_IN_TEXT, **str.maketrans({'"': "&quot;", "\t": "&#9;", "\n": "&#10;"})}
