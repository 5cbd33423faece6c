"""A multipart body cut into its parts, so that no reader can cut it otherwise. Pure.

RFC 2046 section 5.1.1, without what its readers disagree about: refused are text before the first boundary
and after the last, blanks after a boundary, a line that merely begins like one, bare CR or LF around one,
folded or repeated header fields, transfer encodings, and names that need an escape to be read.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from gateway.codecs.program import Limits
from gateway.errors import PayloadError

MAX_HEAD = 8192
"""bytes of the header fields of one part"""

Span = tuple[int, int, str]
"""Where in a head a text stands, and the text."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part. `head` are its header lines (each with CRLF), `body` its content."""

    head: bytes
    body: bytes
    name: str
    """Of a form field; empty for a part that has none."""
    kind: bytes | None = None
    """Content-Type as it stands"""
    files: tuple[tuple[int, int, str, bool], ...] = ()
    """Spans of file names; True: written in the extended form of RFC 8187."""
    others: tuple[Span, ...] = ()
    """Values of fields that are not known to be structure."""
    stale: tuple[tuple[int, int], ...] = ()
    """Lines that are no longer true of another body."""


_boundary = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]").fullmatch


def checked_boundary(text: str | None) -> bytes:
    """The boundary of a content type (RFC 2046 section 5.1.1: 1 to 70 characters). Raises PayloadError."""
    if text is None or not _boundary(text):
        raise PayloadError("unsupported_media_type", "no boundary, or one that may not be", "content-type")
    return text.encode()


def split(body: bytes, boundary: bytes, limits: Limits, *, form: bool) -> list[Part]:
    """The parts of a body; of a `form` each has a name. Raises PayloadError."""
    if len(body) > limits.max_body:
        raise PayloadError("body_too_large", "the body is larger than the limit", "body")
    mark = b"--" + boundary
    if body.count(mark) > limits.max_fields + 1:
        raise unreadable("more parts than the limit")
    if not body.startswith((mark, b"\r\n" + mark)):
        raise unreadable("the body does not begin with its boundary")
    return [_part(content, number, form=form) for number, content in enumerate(_contents(body, mark), 1)]


def _contents(body: bytes, mark: bytes) -> list[bytes]:
    """What stands between the boundaries. One that a line begins with is one, whatever comes after it."""
    contents: list[bytes] = []
    size = len(mark)
    start = body.index(mark) + size
    at = start
    while (at := body.find(mark, at)) >= 0:
        if body[at - 1] in b"\r\n":
            if body[start : start + 2] != b"\r\n":
                raise unreadable("a line that is not quite a boundary", len(contents) + 1)
            if body[at - 2 : at] != b"\r\n":
                raise unreadable("a boundary after a bare CR or LF", len(contents) + 1)
            contents.append(body[start + 2 : at - 2])
            start = at + size
        at += size
    if body[start:] not in (b"--", b"--\r\n"):
        raise unreadable("the body does not end with its last boundary")
    return contents


# ---- heads ----------------------------------------------------------------------------------------------

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_line = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\r\n\0]*?)[ \t]*\r\n").match
_STRUCTURE = frozenset(
    (b"content-disposition", b"content-type", b"content-transfer-encoding", b"content-id", b"mime-version")
)
_STALE = frozenset((b"content-length", b"content-md5", b"content-digest", b"digest"))
_IDENTITY = frozenset((b"7bit", b"8bit", b"binary"))


def _part(content: bytes, number: int, *, form: bool) -> Part:
    end = 0 if content.startswith(b"\r\n") else content.find(b"\r\n\r\n", 0, MAX_HEAD) + 2
    if end == 1:
        raise unreadable("header fields that do not end", number)
    head = content[:end]
    fields: dict[bytes, tuple[int, int, bytes]] = {}
    others: list[Span] = []
    stale: list[tuple[int, int]] = []
    at = 0
    while at < end:
        match = _line(head, at)
        name = match[1].lower() if match else b""
        if match is None or name in fields:
            raise unreadable("a header field that cannot be read, or stands twice", number)
        fields[name] = (*match.span(2), match[2])
        if name in _STALE:
            stale.append(match.span())
        elif name not in _STRUCTURE:
            others.append((*match.span(2), match[2].decode("latin-1")))
        at = match.end()
    if fields.get(b"content-transfer-encoding", (0, 0, b"7bit"))[2].lower() not in _IDENTITY:
        raise PayloadError("unsupported_encoding", "a transfer encoding", place(number))
    name, files = _disposition(fields.get(b"content-disposition"), number, form=form)
    kind = fields[b"content-type"][2] if b"content-type" in fields else None
    return Part(head, content[end + 2 :], name, kind, tuple(files), tuple(others), tuple(stale))


_type = re.compile(rb"(" + _TOKEN + rb")[ \t]*").match
# A backslash before a quote is an escape to some readers and a path to others.
_parameter = re.compile(
    rb";[ \t]*(" + _TOKEN + rb")=(\"((?:[^\"\\]|\\(?!\"))*)\"|(" + _TOKEN + rb"))[ \t]*"
).match
_extended = re.compile(
    rb"utf-8'[A-Za-z0-9-]*'((?:[!#$&+\-.^_`|~0-9A-Za-z]|%[0-9A-Fa-f]{2})*)", re.IGNORECASE
).fullmatch

_File = tuple[int, int, str, bool]


def _disposition(field: tuple[int, int, bytes] | None, number: int, *, form: bool) -> tuple[str, list[_File]]:
    """Name and file names (RFC 7578 section 4.2, RFC 6266) of a Content-Disposition."""
    start, _, value = field or (0, 0, b"")
    begun = _type(value)
    if field is None and not form:
        return "", []
    if begun is None or (form and begun[1].lower() != b"form-data"):
        raise unreadable("a part that is no form field", number)
    at, given = begun.end(), dict[bytes, bytes]()
    files: list[_File] = []
    while at < len(value):
        match = _parameter(value, at)
        if match is None or match[1].lower() in given:
            raise unreadable("a disposition that cannot be read", number)
        name, text = match[1].lower(), match[4] if match[3] is None else match[3]
        given[name] = text
        if name in (b"filename", b"filename*"):
            span = match.span(2)
            files.append((start + span[0], start + span[1], _filename(name, text, number), name[-1:] == b"*"))
        at = match.end()
    if b"name*" in given or b"\\" in given.get(b"name", b"") or (form and not given.get(b"name")):
        raise unreadable("a form field without a plain name", number)
    return _utf8(given.get(b"name", b""), number), files


def _filename(name: bytes, text: bytes, number: int) -> str:
    if name == b"filename":
        return _utf8(text, number)
    match = _extended(text)
    if match is None:
        raise unreadable("a file name that cannot be read", number)
    return _utf8(unquote_to_bytes(match[1]), number)


def _utf8(text: bytes, number: int) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise unreadable("a name that is not UTF-8", number) from error


def place(number: int) -> str:
    """Where a part is, for an error."""
    return f"body, part {number}"


def unreadable(detail: str, number: int = 0) -> PayloadError:
    """A body that cannot be taken apart, or a part (from 1) that cannot be read."""
    return PayloadError("unparseable_body", detail, place(number) if number else "body")
