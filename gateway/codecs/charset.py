"""Charsets and byte order marks: text is decoded strictly and written again as it came. Pure.

Only charsets that give every byte back are known; all others are refused, as is a body that is not in the
charset it is labelled with. Two readers must not see two texts: UTF-16 without a mark is refused, because
RFC 2781 and the WHATWG disagree about it, and so is a mark that contradicts the label.
"""

import codecs
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.codecs.program import Codec, Found, Limits, Program, Stream, Streaming, Tally
from gateway.errors import PayloadError

UTF8 = "utf-8"

_SINGLE = {
    **{f"iso-8859-{n}": f"iso8859-{n}" for n in (*range(1, 12), *range(13, 17))},
    **{f"windows-{n}": f"cp{n}" for n in range(1250, 1259)},
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "latin1": "iso8859-1",
    "latin-1": "iso8859-1",
    "latin2": "iso8859-2",
    "latin-9": "iso8859-15",
}
_UNMARKED = {f"utf-{size}{order}": f"utf-{size}-{order}" for size in (16, 32) for order in ("le", "be")}

CHARSETS: Mapping[str, str] = {
    UTF8: UTF8,
    "utf8": UTF8,
    "utf-16": "utf-16",
    "utf-32": "utf-32",
    **_UNMARKED,
    **_SINGLE,
}
"""IANA name or a usual alias, in lower case -> Python's name. Here `utf-16` and `utf-32` ask for a mark."""

_MARKS: Mapping[str, Mapping[bytes, str]] = {
    UTF8: {codecs.BOM_UTF8: UTF8},
    "utf-16": {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"},
    "utf-32": {codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be"},
    "utf-16-le": {codecs.BOM_UTF16_LE: "utf-16-le"},
    "utf-16-be": {codecs.BOM_UTF16_BE: "utf-16-be"},
    "utf-32-le": {codecs.BOM_UTF32_LE: "utf-32-le"},
    "utf-32-be": {codecs.BOM_UTF32_BE: "utf-32-be"},
}
"""Marks that may open a text of each charset, and what it is read as then."""

_ALL_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_LONGEST = 4


@dataclass(frozen=True, slots=True)
class Charset:
    """How a text was written: Python's name of the charset, and the mark it opened with."""

    name: str
    mark: bytes = b""

    def encode(self, text: str) -> bytes:
        """The text as bytes, mark included. Raises PayloadError where the charset lacks a character."""
        return self.mark + _encoded(text, self.name)


def charset_named(label: str | None) -> str:
    """A key of the tables above for a charset parameter; None stands for UTF-8.

    Raises PayloadError("unsupported_media_type") for a charset that is not known.

    >>> charset_named("Windows-1252"), charset_named(None)
    ('cp1252', 'utf-8')
    """
    if label is None:
        return UTF8
    try:
        return CHARSETS[label.strip().lower()]
    except KeyError:
        raise PayloadError("unsupported_media_type", "the charset is not known", "content-type") from None


def decode(body: bytes, label: str | None = None) -> tuple[str, Charset]:
    """A whole body as text without its mark, and how to write it again.

    Raises PayloadError: unsupported_media_type for the label, unparseable_body for a body that is not in it.

    >>> decode(b"caf\\xe9", "latin1")
    ('café', Charset(name='iso8859-1', mark=b''))
    """
    charset = _opened(body, charset_named(label))
    try:
        return body[len(charset.mark) :].decode(charset.name), charset
    except UnicodeDecodeError as error:
        raise _lying() from error


def encode(text: str, charset: Charset) -> bytes:
    """The reverse of decode. Raises PayloadError where the charset lacks a character."""
    return charset.encode(text)


def _opened(body: bytes, name: str) -> Charset:
    """The charset that the first bytes of a body of a charset settle. Raises PayloadError."""
    own = _MARKS.get(name, {})
    for mark, read in own.items():
        if body.startswith(mark):
            return Charset(read, mark)
    if body.startswith(_ALL_MARKS):
        raise _lying()
    if name in ("utf-16", "utf-32"):
        if body:
            raise PayloadError("unparseable_body", "the order of bytes is not told by a mark", "body")
        return Charset(name + "-le")
    return Charset(name)


def _encoded(text: str, name: str) -> bytes:
    try:
        return text.encode(name)
    except UnicodeEncodeError as error:
        raise PayloadError("unparseable_body", "a value cannot be written in the charset", "body") from error


def _lying() -> PayloadError:
    return PayloadError("unparseable_body", "the body is not in the charset it is labelled with", "body")


# ---- whole codecs in another charset --------------------------------------------------------------------

Writer = Callable[[str, str], bytes]
"""Writes text (first) in a charset (second)."""


def write_json(text: str, name: str) -> bytes:
    """JSON text in any charset: a character it lacks can only stand in a string, where it is escaped."""
    try:
        return text.encode(name)
    except UnicodeEncodeError:
        return "".join([each if _has(name, each) else _escaped(each) for each in text]).encode(name)


def _has(name: str, character: str) -> bool:
    try:
        character.encode(name)
    except UnicodeEncodeError:
        return False
    return True


def _escaped(character: str) -> str:
    """RFC 8259 section 7: what is beyond the basic plane is a pair of escapes."""
    units = character.encode("utf-16-be")
    return "".join([f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)])


class Transcoded:
    """A codec of UTF-8 that reads and writes another charset; a mark is taken off and put back."""

    def __init__(self, codec: Codec, label: str, write: Writer = _encoded) -> None:
        """`label` is a charset parameter. Raises PayloadError when it is not known."""
        self._codec = codec
        self._label = label
        self._write = write
        charset_named(label)

    def parse(self, body: bytes, limits: Limits) -> tuple[Any, Charset]:
        """Read a body, and remember how it was written. Raises PayloadError."""
        text, charset = self._read(body, limits)
        return self._codec.parse(text, limits), charset

    def find(self, document: tuple[Any, Charset], program: Program) -> list[Found]:
        """As the codec does."""
        return self._codec.find(document[0], program)

    def rewrite(
        self, document: tuple[Any, Charset], program: Program, tally: Tally, drop: Collection[int] = ()
    ) -> tuple[Any, Charset]:
        """As the codec does."""
        return self._codec.rewrite(document[0], program, tally, drop), document[1]

    def dump(self, document: tuple[Any, Charset]) -> bytes:
        """As the codec does, in the charset the body came in. Raises PayloadError."""
        return self._written(self._codec.dump(document[0]), document[1])

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """Read, rewrite and write."""
        text, charset = self._read(body, limits)
        return self._written(self._codec.transform(text, program, tally, limits), charset)

    def _read(self, body: bytes, limits: Limits) -> tuple[bytes, Charset]:
        if len(body) > limits.max_body:
            raise PayloadError("body_too_large", "the body is larger than the limit", "body")
        text, charset = decode(body, self._label)
        return text.encode(), charset

    def _written(self, out: bytes, charset: Charset) -> bytes:
        return charset.mark + self._write(out.decode(), charset.name)


class TranscodedStreaming(Transcoded):
    """The same for a codec that can stream."""

    def __init__(self, codec: Streaming, label: str, write: Writer = _encoded) -> None:
        super().__init__(codec, label, write)
        self._streaming = codec

    def stream(self, program: Program, tally: Tally, limits: Limits) -> Stream:
        """A stream of bytes in the charset."""
        inner = self._streaming.stream(program, tally, limits)
        return _TranscodedStream(inner, charset_named(self._label), self._write)


def transcoded(codec: Codec, label: str | None, write: Writer = _encoded) -> Codec:
    """A codec of UTF-8 for a charset parameter (itself where that is UTF-8 or None). Raises PayloadError."""
    if label is None or charset_named(label) == UTF8:
        return codec
    if isinstance(codec, Streaming):
        return TranscodedStreaming(codec, label, write)
    return Transcoded(codec, label, write)


class _TranscodedStream:
    def __init__(self, inner: Stream, name: str, write: Writer) -> None:
        self._inner = inner
        self._name = name
        self._write = write
        self._start: bytes | None = b""
        """The first bytes, until there are enough to tell the mark; then None."""
        self._charset = Charset(name)
        self._decoder = codecs.getincrementaldecoder(UTF8)("strict")
        self._result = codecs.getincrementaldecoder(UTF8)("strict")

    def feed(self, data: bytes) -> bytes:
        if self._start is None:
            return self._through(data, final=False)
        self._start += data
        return self._open() if len(self._start) >= _LONGEST else b""

    def finish(self) -> bytes:
        out = self._open() if self._start is not None else b""
        out += self._through(b"", final=True)
        return out + self._out(self._inner.finish(), final=True)

    def _open(self) -> bytes:
        start, self._start = self._start or b"", None
        charset = self._charset = _opened(start, self._name)
        self._decoder = codecs.getincrementaldecoder(charset.name)("strict")
        return charset.mark + self._through(start[len(charset.mark) :], final=False)

    def _through(self, data: bytes, final: bool) -> bytes:
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            raise _lying() from error
        return self._out(self._inner.feed(text.encode()), final=False)

    def _out(self, data: bytes, final: bool) -> bytes:
        return self._write(self._result.decode(data, final), self._charset.name)
