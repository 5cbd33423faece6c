"""XML 1.0 (fifth edition) cut into tags and text: what is not changed keeps its exact characters. Pure.

Expat decides whether a document is well-formed, namespaces included. It never sees what could make it read or
expand anything: document types, and with them all entities but the five, and processing instructions are
refused before. The scan relies on that: in what is left, every `<` begins a tag, a comment or CDATA.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass, field
from xml.parsers.expat import ExpatError, ParserCreate

from gateway.codecs.charset import Charset, charset_named, decode
from gateway.codecs.program import Limits
from gateway.errors import PayloadError

OPEN, CLOSE, TEXT, CDATA, COMMENT = range(5)


Event = tuple[int, int, int, str]
"""A piece of a document: what it is, where its characters start and end, and the local name of an OPEN.

An empty-element tag is an OPEN and a CLOSE of no characters.
"""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A document as its text and its pieces. Links are indexes into `events`."""

    text: str
    charset: Charset
    events: list[Event] = field(default_factory=list)
    closes: dict[int, int] = field(default_factory=dict)
    """CLOSE of each OPEN."""
    parents: dict[int, int] = field(default_factory=dict)
    """The OPEN around each OPEN; -1 for the root."""


def scan(body: bytes, charset: str | None, limits: Limits) -> Scanned:
    """Read a body. `charset` is the content type's. Raises PayloadError."""
    if len(body) > limits.max_body:
        raise PayloadError("body_too_large", "the body is larger than the limit", "body")
    text, written = decode(body, _label(body, charset))
    scanned = Scanned(text, written)
    _cut(scanned, limits)
    _check(text)
    return scanned


# ---- encodings ------------------------------------------------------------------------------------------

_MARKS = ((BOM_UTF8, "utf-8"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16"))
_WS = r"[ \t\r\n]"
_declaration = re.compile(
    rf"<\?xml{_WS}+version{_WS}*={_WS}*([\"'])1\.0\1"
    rf"(?:{_WS}+encoding{_WS}*={_WS}*([\"'])([A-Za-z][A-Za-z0-9._-]*)\2)?"
    rf"(?:{_WS}+standalone{_WS}*={_WS}*([\"'])(?:yes|no)\4)?{_WS}*\?>"
).match
_START = 400
"""bytes in which a declaration ends"""


def _label(body: bytes, charset: str | None) -> str | None:
    """What the body is decoded by. Byte order mark, content type and declaration must not contradict."""
    marked = next((label for mark, label in _MARKS if body.startswith(mark)), None)
    head = body[:_START].removeprefix(BOM_UTF8)
    declared = _declaration(head.decode("utf-16" if marked == "utf-16" else "latin-1", "ignore"))
    labels = [label for label in (charset, declared[3] if declared else None, marked) if label]
    names = {charset_named(label): label for label in labels}
    if len(names) > 1 and names.keys() & {"utf-16-le", "utf-16-be"}:
        names.pop("utf-16", None)  # the mark itself tells the order, and is compared with it
    if len(names) > 1:
        raise _unreadable("the body says of itself that it is of two encodings")
    return next(iter(names.values()), None)


# ---- cutting --------------------------------------------------------------------------------------------

_NAME = r"[^ \t\r\n/>=\"'<&!?]++"
_pieces = re.compile(
    rf"<({_NAME})>([^<]++)</\1>"
    r"|([^<]++)"
    rf"|<(/?)({_NAME})((?:{_WS}++{_NAME}{_WS}*+={_WS}*+(?:\"[^\"<]*+\"|'[^'<]*+'))*+){_WS}*+(/?)>"
    r"|(<!--.*?-->)"
    r"|(<!\[CDATA\[.*?\]\]>)",
    re.DOTALL,
).finditer
_LEAF, _TAG = 2, 7
_KINDS = {3: TEXT, 8: COMMENT, 9: CDATA}
"""By the last group of `_pieces` that took part. A leaf is a tag without attributes, its text and its end."""


def _cut(scanned: Scanned, limits: Limits) -> None:
    """Fill in the pieces. Raises PayloadError for what no piece can be, and for too much nesting."""
    text, events, parents, closes = scanned.text, scanned.events, scanned.parents, scanned.closes
    declared = _declaration(text)
    at = declared.end() if declared else 0
    opened: list[tuple[str, int]] = []
    for match in _pieces(text, at):
        start, end = match.span()
        if start != at:
            break
        at = end
        if match.lastindex == _LEAF:
            _leaf(scanned, match, opened[-1][1] if opened else -1)
            if len(opened) >= limits.max_depth:
                raise _unreadable("the body is nested deeper than the limit", text, start)
            continue
        if match.lastindex != _TAG:
            events.append((_KINDS[match.lastindex or 0], start, end, ""))
            continue
        ending, name, attributes, empty = match.group(4, 5, 6, 7)
        index = len(events)
        if ending:
            if attributes or empty or not opened or opened[-1][0] != name:
                raise _unreadable("an end tag that ends nothing", text, start)
            closes[opened.pop()[1]] = index
            events.append((CLOSE, start, end, ""))
            continue
        parents[index] = opened[-1][1] if opened else -1
        events.append((OPEN, start, end, name.rpartition(":")[2] if ":" in name else name))
        if empty:
            closes[index] = index + 1
            events.append((CLOSE, end, end, ""))
        else:
            opened.append((name, index))
            if len(opened) > limits.max_depth:
                raise _unreadable("the body is nested deeper than the limit", text, start)
    if at < len(text):
        raise _unreadable(_REFUSED.get(text[at : at + 2], "a tag that cannot be read"), text, at)
    if opened:
        raise _unreadable("the body ends within an element", text, at)


def _leaf(scanned: Scanned, match: re.Match[str], parent: int) -> None:
    """The three pieces that most of a document is made of."""
    start, end = match.span()
    begin, stop = match.span(_LEAF)
    name, index = match[1], len(scanned.events)
    scanned.parents[index] = parent
    scanned.closes[index] = index + 2
    local = name.rpartition(":")[2] if ":" in name else name
    scanned.events.extend(((OPEN, start, begin, local), (TEXT, begin, stop, ""), (CLOSE, stop, end, "")))


_REFUSED = {
    "<!": "a document type, or what never ends, is not read",
    "<?": "a processing instruction is not read",
}


# ---- checking -------------------------------------------------------------------------------------------


def _check(text: str) -> None:
    """Whether it is well-formed, by a parser that knows all of the standard."""
    parser = ParserCreate("utf-8", " ")
    try:
        parser.Parse(text.encode(), True)
    except ExpatError as error:
        place = f"body, line {error.lineno}"
        raise PayloadError("unparseable_body", "the body is not well-formed XML", place) from error


def _unreadable(detail: str, text: str = "", at: int = -1) -> PayloadError:
    place = f"body, line {text.count(chr(10), 0, at) + 1}" if at >= 0 else "body"
    return PayloadError("unparseable_body", detail, place)
