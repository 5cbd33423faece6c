"""Which codec reads which media type, by what part of a data map. Unknown types are refused. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gateway.codecs.charset import transcoded, write_json
from gateway.codecs.delimited import CSV, TSV, DelimitedCodec, with_parameters
from gateway.codecs.json import JSON
from gateway.codecs.jsonarray import JSON_ARRAY
from gateway.codecs.multipart import MultipartCodec, Type
from gateway.codecs.ndjson import JSON_SEQ, NDJSON
from gateway.codecs.params import FORM
from gateway.codecs.program import Codec, Streaming
from gateway.codecs.sse import SSE
from gateway.codecs.text import TEXT
from gateway.codecs.xml import XML, XmlCodec
from gateway.errors import PayloadError

Parameters = Mapping[str, str]
"""Parameters of a Content-Type: names in lower case, values without their quotes."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a media type is read. `carrier` is the key of a data map whose program its codec runs.

    `bind` makes the codec from the content type's parameters (a boundary, a charset) and may refuse them with
    a PayloadError. Without it the charset has to be UTF-8.
    """

    carrier: str
    codec: Codec | None = None
    bind: Callable[[Parameters], Codec] | None = None


class Reader(NamedTuple):
    """What reads one body: the key of the data map, and the codec."""

    carrier: str
    codec: Codec


def _xml(parameters: Parameters) -> Codec:
    return XmlCodec(parameters["charset"]) if "charset" in parameters else XML


def _form_data(parameters: Parameters) -> Codec:
    return MultipartCodec(parameters.get("boundary"), _type_of, form=True)


def _mixed(parameters: Parameters) -> Codec:
    return MultipartCodec(parameters.get("boundary"), _type_of, form=False)


def _type_of(content_type: bytes) -> Type:
    """Of a part. A multipart body in a multipart body is not read."""
    kind, parameters = _parse(content_type)
    codec = None if _format(kind) is None else reader_for(content_type).codec
    return Type(kind, parameters.get("charset"), None if kind.startswith("multipart/") else codec)


def _json(codec: Codec) -> Callable[[Parameters], Codec]:
    # ASCII is UTF-8 already.
    return lambda p: codec if p.get("charset", "").lower() in CHARSETS else _labelled(codec, p)


def _labelled(codec: Codec, parameters: Parameters) -> Codec:
    return transcoded(codec, parameters.get("charset"), write_json)


def _rows(codec: DelimitedCodec) -> Callable[[Parameters], Codec]:
    return lambda p: transcoded(with_parameters(codec, p), p.get("charset"))


def _text(parameters: Parameters) -> Codec:
    return transcoded(TEXT, parameters.get("charset"))


FORMATS: Mapping[str, Format] = {
    "application/json": Format("json", JSON, _json(JSON)),
    "application/x-www-form-urlencoded": Format("form", FORM),
    "+json": Format("json", JSON, _json(JSON)),
    **dict.fromkeys(
        ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"),
        Format("json", NDJSON, _json(NDJSON)),
    ),
    "application/json-seq": Format("json", JSON_SEQ),
    "+json-seq": Format("json", JSON_SEQ),
    "text/event-stream": Format("json", SSE),
    "text/csv": Format("csv", CSV, _rows(CSV)),
    "text/tab-separated-values": Format("csv", TSV, _rows(TSV)),
    "text/plain": Format("text", TEXT, _text),
    "application/xml": Format("xml", XML, _xml),
    "text/xml": Format("xml", XML, _xml),
    "+xml": Format("xml", XML, _xml),
    "multipart/form-data": Format("multipart", bind=_form_data),
    "multipart/mixed": Format("multipart", bind=_mixed),
    "multipart/related": Format("multipart", bind=_mixed),
}
"""By media type, or by structured syntax suffix (RFC 6839)."""

CODECS: Mapping[str, Codec] = {kind: each.codec for kind, each in FORMATS.items() if each.codec}
"""Those that need nothing of the content type."""

_ADDED: dict[str, Format] = {}
"""What plugins read, by exact media type: filled by `install` once, before there is any traffic."""


def install(codecs: Mapping[str, Codec]) -> None:
    """Put the codecs of plugins in force, in place of those before. What is built in stays as it is.

    They read by the `json` part of a data map.
    """
    _ADDED.clear()
    _ADDED.update({kind: Format("json", codec) for kind, codec in codecs.items()})


CHARSETS = frozenset(("utf-8", "us-ascii"))

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE = re.compile(rb"[ \t]*(" + _TOKEN + rb"/" + _TOKEN + rb")[ \t]*")
# RFC 9110 section 5.6.6 allows an empty parameter (`;;`); no client needs it, so it is refused here.
_PARAMETER = re.compile(
    rb";[ \t]*(" + _TOKEN + rb")=(" + _TOKEN + rb'|"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t -~])*")[ \t]*'
)
_pair = re.compile(r"\\(.)").sub


def media_type(content_type: bytes | None) -> str:
    """`type/subtype` in lower case. Raises PayloadError for a missing or malformed Content-Type.

    >>> media_type(b"Application/JSON; charset=utf-8")
    'application/json'
    """
    return _parse(content_type)[0]


def reader_for(content_type: bytes | None) -> Reader:
    """What reads a Content-Type. Raises PayloadError("unsupported_media_type"), for its charset too."""
    if content_type is None:
        raise _unsupported("the content type is missing")
    quick = _USUAL.get(content_type)
    if quick is not None:
        return quick
    kind, parameters = _parse(content_type)
    known = _format(kind)
    if known is None:
        raise _unsupported("no codec reads this content type")
    if known.bind is not None:
        return Reader(known.carrier, known.bind(parameters))
    if known.codec is None or parameters.get("charset", "utf-8").lower() not in CHARSETS:
        raise _unsupported("the charset is not UTF-8")
    return Reader(known.carrier, known.codec)


def _format(kind: str) -> Format | None:
    """By the whole type, then by its suffix, then among those of plugins."""
    known = FORMATS.get(kind)
    if known is None and "+" in kind and "/+" not in kind:
        known = FORMATS.get(kind[kind.rindex("+") :])
    return _ADDED.get(kind) if known is None else known


def streaming(codec: Codec) -> Streaming | None:
    """What reads in pieces the bodies that `codec` reads whole; None where they have to be read whole."""
    if codec is JSON:
        return JSON_ARRAY
    return codec if isinstance(codec, Streaming) else None


def codec_for(content_type: bytes | None) -> Codec:
    """The codec of a Content-Type. Raises PayloadError("unsupported_media_type"), for its charset too."""
    return reader_for(content_type).codec


def _parse(content_type: bytes | None) -> tuple[str, dict[str, str]]:
    """The media type and its parameters, none of them twice."""
    match = _TYPE.match(content_type or b"")
    if content_type is None or match is None:
        raise _unsupported("the content type is missing or malformed")
    at = match.end()
    parameters: dict[str, str] = {}
    while at < len(content_type):
        parameter = _PARAMETER.match(content_type, at)
        if parameter is None:
            raise _unsupported("the content type is malformed")
        name, value = parameter[1].decode("ascii").lower(), parameter[2].decode("latin-1")
        if name in parameters:
            raise _unsupported("the content type names a parameter twice")
        parameters[name] = _pair(r"\1", value[1:-1]) if value[0] == '"' else value
        at = parameter.end()
    return match[1].decode("ascii").lower(), parameters


def _unsupported(detail: str) -> PayloadError:
    return PayloadError("unsupported_media_type", detail, "content-type")


_USUAL: Mapping[bytes, Reader] = {
    b"application/json": Reader("json", JSON),
    b"application/json;charset=utf-8": Reader("json", JSON),
    b"application/json; charset=utf-8": Reader("json", JSON),
    b"application/x-www-form-urlencoded": Reader("form", FORM),
}
"""What nearly all traffic says, found without parsing."""
