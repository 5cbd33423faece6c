"""Flat carriers: form bodies, query strings, headers and path parameters. Pure.

Forms and queries follow the WHATWG URL standard's application/x-www-form-urlencoded, minus its leniency:
broken escapes, invalid UTF-8, control characters and `;` (a separator to some parsers) are refused.
Pairs that were not changed keep their exact bytes.
"""

import re
from collections import Counter
from collections.abc import Collection
from typing import Any
from urllib.parse import quote_plus, unquote_to_bytes

from gateway.codecs import nested, scanning
from gateway.codecs.owners import bound, named
from gateway.codecs.program import REMOVED, Found, Limits, Pattern, Program, Tally, by_steps
from gateway.codecs.steps import Compiled, compiled
from gateway.errors import InternalError, PayloadError

_odd = re.compile(rb"[\x00-\x1f\x7f;]|%(?![0-9A-Fa-f]{2})").search

Pair = tuple[str | None, str, bytes]
"""Name (None: an empty piece between two `&`), value, and the bytes it is sent as."""


_FEW = 4


class PairsCodec:
    """The Codec of `a=1&b=2`. A document is a list of Pairs."""

    def __init__(self, place: str, reason: str) -> None:
        self._place = place
        self._reason = reason

    def parse(self, body: bytes, limits: Limits) -> list[Pair]:
        """Split and decode. Raises PayloadError."""
        if len(body) > limits.max_body:
            raise PayloadError("body_too_large", "longer than the limit", self._place)
        if scanning.pairs is not None:
            found = scanning.pairs(body, limits.max_fields)
            if found is not None:
                return found
        return self.parse_by_rule(body, limits)

    def parse_by_rule(self, body: bytes, limits: Limits) -> list[Pair]:
        """What parse does with a body within the limit, in Python alone."""
        if _odd(body):
            raise self._refusal("a broken escape, a control character or `;`")
        if body.count(b"&") >= limits.max_fields:
            raise self._refusal("more parameters than the limit")
        try:
            return [_pair(piece) for piece in body.split(b"&")] if body else []
        except UnicodeDecodeError as error:
            raise self._refusal("a parameter that is not UTF-8") from error

    def find(self, document: list[Pair], program: Program) -> list[Found]:
        """Subjects in order; droppable where the name is repeated, so that one can go and others stay."""
        hits = _hits(document, compiled(program))
        names = [pair[0] for pair in document]
        # A Counter costs more than the few questions that most documents give rise to.
        count = names.count if len(hits) <= _FEW else Counter(names).__getitem__
        return [
            Found(slot, below.value, ordinal, below.droppable)
            if below
            else Found(slot, document[at][1], ordinal, count(names[at]) > 1)
            for ordinal, (slot, at, below) in enumerate(hits)
        ]

    def rewrite(
        self, document: list[Pair], program: Program, tally: Tally, drop: Collection[int] = ()
    ) -> list[Pair]:
        """A new list; changed pairs are encoded anew, dropped ones are left out and not tallied."""
        ready = compiled(program)
        gone = positions(_hits(document, ready), drop) if drop else {}
        if ready.per_person:
            kept = [pair for at, pair in enumerate(document) if gone.get(at, True) is not None]
            ready = _owned(ready, kept)
        out: list[Pair] = []
        for at, pair in enumerate(document):
            name, value, _ = pair
            if gone and gone.get(at, True) is None:
                continue
            new = value if name is None else treat(name, value, ready, tally, gone.get(at, ()) or ())
            if new is value:
                out.append(pair)
            elif new is not REMOVED and name is not None:
                text = _text(new)
                out.append((name, text, f"{quote_plus(name)}={quote_plus(text)}".encode()))
        return out

    def dump(self, document: list[Pair]) -> bytes:
        """The pairs, joined."""
        return b"&".join([raw for _, _, raw in document])

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """Read, rewrite and write."""
        return by_steps(self, body, program, tally, limits)

    def _refusal(self, detail: str) -> PayloadError:
        return PayloadError(self._reason, detail, self._place)


class HeadersCodec:
    """Header fields. A document is a list of (name, value) as they stood, names in any case."""

    def parse(self, body: bytes, limits: Limits) -> list[tuple[bytes, bytes]]:
        """Read `Name: value` lines ended by CRLF (RFC 9112 section 5). Raises PayloadError."""
        lines = body.split(b"\r\n")
        if len(body) > limits.max_body or len(lines) > limits.max_fields or lines.pop():
            raise PayloadError("malformed_request", "header lines are too many or cut off", "headers")
        found = [_line(line) for line in lines]
        if not all(found):
            raise PayloadError("malformed_request", "a header line cannot be read", "headers")
        return [(match[1], match[2]) for match in found if match]

    def find(self, document: list[tuple[bytes, bytes]], program: Program) -> list[Found]:
        """Subjects in order; a header is never dropped."""
        hits = _hits([(_lower(name), value) for name, value in document], compiled(program))
        return [
            Found(slot, below.value if below else document[at][1].decode("latin-1"), ordinal, False)
            for ordinal, (slot, at, below) in enumerate(hits)
        ]

    def rewrite(
        self,
        document: list[tuple[bytes, bytes]],
        program: Program,
        tally: Tally,
        drop: Collection[int] = (),
    ) -> list[tuple[bytes, bytes]]:
        """A new list. Raises InternalError when something is to be dropped."""
        ready = compiled(program)
        _refuse_drop(drop)
        out: list[tuple[bytes, bytes]] = []
        for field in document:
            value = field[1].decode("latin-1")
            new = treat(_lower(field[0]), value, ready, tally)
            if new is value:
                out.append(field)
            elif new is not REMOVED:
                out.append((field[0], _text(new).encode("latin-1", "replace")))
        return out

    def dump(self, document: list[tuple[bytes, bytes]]) -> bytes:
        """`Name: value` lines ended by CRLF."""
        return b"".join([b"%b: %b\r\n" % field for field in document])

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """Read, rewrite and write."""
        return by_steps(self, body, program, tally, limits)


class PathCodec:
    """Path parameters. A document is the dict that matching an operation gave; see codecs.template."""

    def parse(self, _body: bytes, _limits: Limits) -> dict[str, str]:
        """Never called: a path is read by its operation's template. Raises InternalError."""
        raise InternalError("path parameters are read by template", "path")

    def met(self, document: dict[str, str], program: Program) -> tuple[list[tuple[int, str]], Pattern]:
        """The (slot, value) of subjects in the order of the template, and what was seen; nothing is masked.

        A template's names are always all there, so that this is settled once per program and template.
        """
        ready = compiled(program)
        names = tuple(document)
        known = ready.templates.get(names)
        if known is None:
            tally = Tally.of(program)
            for name in names:
                slot = ready.names.get(name, ready.rest)
                if slot >= 0:
                    tally.seen[slot] += 1
                    if ready.slots[slot].subject:
                        tally.subjects.append((slot, name))
            known = ready.templates[names] = (tally.subjects, tally.pattern)
        return [(slot, document[name]) for slot, name in known[0]], known[1]

    def find(self, document: dict[str, str], program: Program) -> list[Found]:
        """Subjects in the order of the template; none can be dropped."""
        pairs = list(document.items())
        hits = _hits(pairs, compiled(program))
        return [Found(slot, pairs[at][1], ordinal, False) for ordinal, (slot, at, _) in enumerate(hits)]

    def rewrite(
        self, document: dict[str, str], program: Program, tally: Tally, drop: Collection[int] = ()
    ) -> dict[str, str]:
        """A new dict. A parameter cannot be taken out of a path: REMOVED leaves it empty."""
        ready = compiled(program)
        _refuse_drop(drop)
        return {name: _text(treat(name, value, ready, tally)) for name, value in document.items()}

    def dump(self, _document: dict[str, str]) -> bytes:
        """Never called: codecs.template.expand writes a path. Raises InternalError."""
        raise InternalError("a path is written by its template", "path")

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """Never called, as parse is not. Raises InternalError."""
        return by_steps(self, body, program, tally, limits)


FORM = PairsCodec("body", "unparseable_body")
QUERY = PairsCodec("query", "malformed_request")
HEADERS = HeadersCodec()
PATH = PathCodec()

_line = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*?)[ \t]*").fullmatch


def treat(name: str, value: str, program: Compiled, tally: Tally, drop: Collection[int] = ()) -> Any:
    """What stands in place of one named value: itself, another scalar, or REMOVED.

    `drop` are ordinals of subjects within a value that is itself a document.
    """
    index = program.names.get(name, program.rest)
    if index < 0:
        new = value if program.unmapped is None else program.unmapped(value)
        tally.unmapped += new is not value
        return new
    slot = program.slots[index]
    if program.inner and index in program.inner:
        return nested.rewritten(program.inner[index], value, tally, slot.path, drop)
    tally.seen[index] += 1
    if slot.subject is not None:
        tally.subjects.append((index, value))
    new = value if slot.mask is None else slot.mask(value)
    tally.masked[index] += new is not value
    return new


def _owned(program: Compiled, pairs: list[Pair]) -> Compiled:
    """The program as it is for the person whom a form names."""
    indexes = [(program.names.get(name, program.rest), value) for name, value, _ in pairs if name is not None]
    return bound(program, named([each for each in indexes if each[0] >= 0], program.slots))


def _pair(piece: bytes) -> Pair:
    if not piece:
        return None, "", piece
    name, _, value = piece.partition(b"=")
    return _decoded(name), _decoded(value), piece


def _decoded(text: bytes) -> str:
    if b"+" in text:
        text = text.replace(b"+", b" ")
    return (unquote_to_bytes(text) if b"%" in text else text).decode()


def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()


def _text(value: Any) -> str:
    """A masked value as text; what has no text (null, REMOVED) becomes empty."""
    return value if value.__class__ is str else "" if value is None or value is REMOVED else str(value)


Hit = tuple[int, int, Found | None]
"""Slot and position of a subject; and the subject itself where it stands within a value."""


def _hits(pairs: Any, program: Compiled) -> list[Hit]:
    """Every subject, in order. Raises PayloadError for a value that is not the document it should be."""
    names, rest, slots, inner = program.names, program.rest, program.slots, program.inner
    found: list[Hit] = []
    for at, pair in enumerate(pairs):
        index = names.get(pair[0], rest) if pair[0] is not None else -1
        if index < 0:
            continue
        if inner and index in inner:
            value = pair[1] if pair[1].__class__ is str else pair[1].decode("latin-1")
            found += [(f.slot, at, f) for f in nested.found(inner[index], value, slots[index].path)]
        elif slots[index].subject is not None:
            found.append((index, at, None))
    return found


def positions(hits: list[Hit], drop: Collection[int]) -> dict[int, list[int] | None]:
    """By position: None where the whole value goes, else the ordinals that go within it."""
    gone: dict[int, list[int] | None] = {}
    for ordinal in drop:
        if not 0 <= ordinal < len(hits):
            raise InternalError("there is no such subject to drop", "body")
        _, at, below = hits[ordinal]
        if below is None:
            gone[at] = None
        elif (inside := gone.setdefault(at, [])) is not None:
            inside.append(below.ordinal)
    return gone


def _refuse_drop(drop: Collection[int]) -> None:
    if drop:
        raise InternalError("nothing can be dropped here", "headers or path")
