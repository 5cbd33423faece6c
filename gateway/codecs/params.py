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

from gateway.codecs.program import REMOVED, Found, Limits, Program, Tally, by_steps
from gateway.codecs.steps import Compiled, compiled
from gateway.errors import InternalError, PayloadError

_odd = re.compile(rb"[\x00-\x1f\x7f;]|%(?![0-9A-Fa-f]{2})").search

Pair = tuple[str | None, str, bytes]
"""Name (None: an empty piece between two `&`), value, and the bytes it is sent as."""


class PairsCodec:
    """The Codec of `a=1&b=2`. A document is a list of Pairs."""

    def __init__(self, place: str, reason: str) -> None:
        self._place = place
        self._reason = reason

    def parse(self, body: bytes, limits: Limits) -> list[Pair]:
        """Split and decode. Raises PayloadError."""
        if len(body) > limits.max_body:
            raise PayloadError("body_too_large", "longer than the limit", self._place)
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
        repeated = Counter(pair[0] for pair in document)
        return [
            Found(slot, document[at][1], ordinal, repeated[document[at][0]] > 1)
            for ordinal, (slot, at) in enumerate(hits)
        ]

    def rewrite(
        self, document: list[Pair], program: Program, tally: Tally, drop: Collection[int] = ()
    ) -> list[Pair]:
        """A new list; changed pairs are encoded anew, dropped ones are left out and not tallied."""
        ready = compiled(program)
        gone = _positions(_hits(document, ready), drop) if drop else ()
        out: list[Pair] = []
        for at, pair in enumerate(document):
            name, value, _ = pair
            if at in gone:
                continue
            new = value if name is None else treat(name, value, ready, tally)
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
            Found(slot, document[at][1].decode("latin-1"), ordinal, False)
            for ordinal, (slot, at) in enumerate(hits)
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

    def find(self, document: dict[str, str], program: Program) -> list[Found]:
        """Subjects in the order of the template; none can be dropped."""
        pairs = list(document.items())
        hits = _hits(pairs, compiled(program))
        return [Found(slot, pairs[at][1], ordinal, False) for ordinal, (slot, at) in enumerate(hits)]

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


def treat(name: str, value: str, program: Compiled, tally: Tally) -> Any:
    """What stands in place of one named value: itself, another scalar, or REMOVED."""
    index = program.names.get(name, program.rest)
    if index < 0:
        new = value if program.unmapped is None else program.unmapped(value)
        tally.unmapped += new is not value
        return new
    slot = program.slots[index]
    tally.seen[index] += 1
    if slot.subject is not None:
        tally.subjects.append((index, value))
    new = value if slot.mask is None else slot.mask(value)
    tally.masked[index] += new is not value
    return new


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


def _hits(pairs: Any, program: Compiled) -> list[tuple[int, int]]:
    """(slot, position) of every subject."""
    names, rest, slots = program.names, program.rest, program.slots
    found = []
    for at, pair in enumerate(pairs):
        index = names.get(pair[0], rest) if pair[0] is not None else -1
        if index >= 0 and slots[index].subject is not None:
            found.append((index, at))
    return found


def _positions(hits: list[tuple[int, int]], drop: Collection[int]) -> set[int]:
    if not all(0 <= ordinal < len(hits) for ordinal in drop):
        raise InternalError("there is no such subject to drop", "body")
    return {hits[ordinal][1] for ordinal in drop}


def _refuse_drop(drop: Collection[int]) -> None:
    if drop:
        raise InternalError("nothing can be dropped here", "headers or path")
