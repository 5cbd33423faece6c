"""multipart/form-data (RFC 7578), multipart/mixed and multipart/related (RFC 2046). Pure.

A part is known by its field's name; what has none is known by `*` only. A part whose data map says what it
holds is read as that; any other text is one value. What no codec reads passes, or is refused, as the data
map's `opaque` lines say by type. A file's name is data of the part. What was not changed keeps its bytes.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

from gateway.codecs import nested
from gateway.codecs.charset import Charset, decode
from gateway.codecs.params import Hit, positions, treat
from gateway.codecs.parts import Part, checked_boundary, place, split, unreadable
from gateway.codecs.paths import compile_program
from gateway.codecs.program import REMOVED, Codec, Found, Limits, Masker, Program, Tally, by_steps
from gateway.codecs.steps import Compiled, Inner, compiled
from gateway.errors import InternalError, PayloadError


@dataclass(frozen=True, slots=True)
class Type:
    """What a part's Content-Type says: media type, charset parameter, and what reads it (None: nothing)."""

    name: str
    charset: str | None
    codec: Codec | None


TypeOf = Callable[[bytes], Type]
"""Raises PayloadError for a Content-Type that is malformed, or of a charset nothing reads."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part and how it is read: as a text in a charset, or (text None) as its type says."""

    part: Part
    type: Type
    text: str | None
    charset: Charset


@dataclass(frozen=True, slots=True)
class Document:
    """The parts in order, and what they are between."""

    pieces: list[Piece]
    limits: Limits
    start: bytes
    end: bytes


_PLAIN = Type("text/plain", None, None)


class MultipartCodec:
    """The Codec of one boundary. `form`: every part is a field with a name."""

    def __init__(self, boundary: str | None, type_of: TypeOf, *, form: bool) -> None:
        """Raises PayloadError for a boundary that is missing or may not be."""
        self._mark = checked_boundary(boundary)
        self._type_of = type_of
        self._form = form

    def parse(self, body: bytes, limits: Limits) -> Document:
        """Cut a body into parts and read their texts. Raises PayloadError."""
        parts = split(body, self._mark, limits, form=self._form)
        pieces = [_placed(number, self._piece, part) for number, part in enumerate(parts, 1)]
        start = b"\r\n" if body.startswith(b"\r\n") else b""
        return Document(pieces, limits, start, b"\r\n" if body.endswith(b"--\r\n") else b"")

    def find(self, document: Document, program: Program) -> list[Found]:
        """Subjects in order; droppable as its own document says, or where the part's name is repeated."""
        repeated = Counter(piece.part.name for piece in document.pieces)
        return [
            replace(below, ordinal=ordinal)
            if below
            else Found(
                slot, document.pieces[at].text or "", ordinal, repeated[document.pieces[at].part.name] > 1
            )
            for ordinal, (slot, at, below) in enumerate(_hits(document, compiled(program)))
        ]

    def rewrite(
        self, document: Document, program: Program, tally: Tally, drop: Collection[int] = ()
    ) -> Document:
        """A new document. Raises PayloadError for parts that may not pass, InternalError for a wrong drop."""
        ready = compiled(program)
        gone = positions(_hits(document, ready), drop) if drop else {}
        out: list[Piece] = []
        for at, piece in enumerate(document.pieces):
            inside = gone.get(at, ())
            if inside is not None:
                made = _placed(at + 1, _treated, piece, ready, tally, document.limits, inside)
                out += [] if made is None else [made]
        return replace(document, pieces=out)

    def dump(self, document: Document) -> bytes:
        """The parts between their boundaries. Raises InternalError for a value that holds the boundary."""
        mark = b"--" + self._mark
        lines = [b"%b\r\n%b\r\n%b\r\n" % (mark, each.part.head, each.part.body) for each in document.pieces]
        if any(line.count(mark) > 1 and _breaks(line, mark) for line in lines):
            raise InternalError("a value that holds the boundary", "body")
        return b"%b%b%b--%b" % (document.start, b"".join(lines), mark, document.end)

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """Parse, rewrite and dump."""
        return by_steps(self, body, program, tally, limits)

    def _piece(self, part: Part) -> Piece:
        kind = _PLAIN if part.kind is None else self._type_of(part.kind)
        if kind.name != "text/plain":
            return Piece(part, kind, None, Charset("utf-8"))
        text, charset = decode(part.body, kind.charset)
        if part.name == "_charset_" and text.lower() != "utf-8":  # RFC 7578 section 4.6
            raise PayloadError("unsupported_media_type", "a form in another charset than UTF-8")
        return Piece(part, kind, text, charset)


def _placed[**P, T](number: int, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `read` answers; its errors say in which part."""
    try:
        return read(*args, **kwargs)
    except PayloadError as error:
        at = f"{place(number)}, {error.place}" if error.place else place(number)
        raise error.at(at) from error


def _breaks(line: bytes, mark: bytes) -> bool:
    inside = line[len(mark) :]
    return b"\n" + mark in inside or b"\r" + mark in inside


# ---- finding --------------------------------------------------------------------------------------------


def _hits(document: Document, program: Compiled) -> list[Hit]:
    found: list[Hit] = []
    for at, piece in enumerate(document.pieces):
        index = program.names.get(piece.part.name, program.rest)
        if index < 0:
            continue
        slot = program.slots[index]
        if index in program.inner:
            inner = program.inner[index]
            _, text = _placed(at + 1, _within, piece, inner)
            found += [(f.slot, at, f) for f in _placed(at + 1, nested.found, inner, text, slot.path)]
        elif slot.subject is not None:
            if piece.text is None:
                raise unreadable("a person named by what is not text", at + 1)
            found.append((index, at, None))
    return found


def _within(piece: Piece, inner: Inner) -> tuple[Charset, str]:
    """The text of a part that the data map says is a document. Its own type must not say otherwise."""
    if piece.text is not None:
        return piece.charset, piece.text
    if piece.type.codec.__class__ is not inner.codec.__class__:
        raise PayloadError("unsupported_media_type", "a part of another type than its data map says")
    text, charset = decode(piece.part.body, piece.type.charset)
    return charset, text


# ---- rewriting ------------------------------------------------------------------------------------------


def _treated(
    piece: Piece, program: Compiled, tally: Tally, limits: Limits, drop: Collection[int]
) -> Piece | None:
    """The part as it goes on; None where it does not."""
    index = program.names.get(piece.part.name, program.rest)
    body = _body(piece, index, program, tally, limits, drop)
    if body is None:
        return None
    return replace(piece, part=_headed(piece.part, body, index, program, tally))


def _body(
    piece: Piece, index: int, program: Compiled, tally: Tally, limits: Limits, drop: Collection[int]
) -> bytes | None:
    part, kind = piece.part, piece.type
    if index in program.inner:
        charset, text = _within(piece, program.inner[index])
        return _said(part, charset, text, treat(part.name, text, program, tally, drop))
    if piece.text is not None:
        return _said(part, piece.charset, piece.text, treat(part.name, piece.text, program, tally))
    shown = next((shown for glob, shown in program.unread if fnmatchcase(kind.name, glob)), None)
    if shown is not None:
        return _unread(part, index, program, tally, shown=shown)
    if kind.codec is None:
        raise PayloadError("unsupported_media_type", "nothing reads a part of this type")
    if index >= 0:
        text, charset = decode(part.body, kind.charset)
        return _said(part, charset, text, treat(part.name, text, program, tally))
    return _unnamed(part, kind.codec, program.unmapped, tally, limits)


def _said(part: Part, charset: Charset, old: str, new: Any) -> bytes | None:
    """The bytes of a text: those that stood there where it is the same."""
    if new is old:
        return part.body
    return None if new is REMOVED else charset.encode("" if new is None else str(new))


def _unread(part: Part, index: int, program: Compiled, tally: Tally, *, shown: bool) -> bytes | None:
    """Bytes that pass as they are, or not at all. Only removing them hides them."""
    mask = program.slots[index].mask if index >= 0 else None
    removed = mask is not None and mask("-") is REMOVED
    if not removed and (mask is not None or not shown):
        raise PayloadError("access_denied", "a part that is not read and may not be passed on")
    if index >= 0:
        tally.seen[index] += 1
        tally.masked[index] += removed
    return None if removed else part.body


def _unnamed(part: Part, codec: Codec, unmapped: Masker | None, tally: Tally, limits: Limits) -> bytes:
    """A document in a part that no data map names: all of it is unmapped."""
    if unmapped is None:
        return part.body
    program = compile_program((), unmapped)
    own = Tally.of(program)
    out = codec.transform(part.body, program, own, limits)
    tally.unmapped += own.unmapped
    return out


# ---- heads ----------------------------------------------------------------------------------------------

_Edit = tuple[int, int, bytes]


def _headed(part: Part, body: bytes, index: int, program: Compiled, tally: Tally) -> Part:
    """The part with its new body, and its head made true and fit to be seen."""
    edits: list[_Edit] = [] if body is part.body else [(*span, b"") for span in part.stale]
    mask = program.slots[index].mask if index >= 0 else program.unmapped
    if mask is not None:
        for start, end, text, extended in part.files:
            new = mask(text)
            if new is not text:
                edits.append((start, end, _filename(new, extended=extended)))
                _count(tally, index)
    if program.unmapped is not None:
        for start, end, text in part.others:
            new = program.unmapped(text)
            if new is not text:
                edits.append((start, end, _plain(new).encode("latin-1", "replace")))
                tally.unmapped += 1
    return replace(part, head=_edited(part.head, edits), body=body)


def _count(tally: Tally, index: int) -> None:
    if index < 0:
        tally.unmapped += 1
    else:
        tally.seen[index] += 1
        tally.masked[index] += 1


def _plain(value: Any) -> str:
    return "" if value is None or value is REMOVED else str(value).replace("\r", " ").replace("\n", " ")


def _filename(value: Any, *, extended: bool) -> bytes:
    """As browsers write it (WHATWG HTML, multipart/form-data encoding algorithm), or as RFC 8187 does."""
    text = _plain(value)
    if extended:
        return f"UTF-8''{quote(text, safe='')}".encode()
    return b'"%b"' % text.replace("\\", "%5C").replace('"', "%22").encode()


def _edited(head: bytes, edits: list[_Edit]) -> bytes:
    for start, end, new in sorted(edits, reverse=True):
        head = head[:start] + new + head[end:]
    return head
