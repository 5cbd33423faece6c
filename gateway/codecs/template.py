"""Request paths and path templates, read so that no upstream can read them differently. Pure.

A path here is RFC 3986 `path-absolute` without `;` parameters. Refused are empty segments, dot segments (as
they stand or escaped), escapes that are broken, hide a separator or a control character, are not UTF-8, or
decode to yet another escape.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from gateway.errors import PayloadError

_plain = re.compile(rb"(?:/[A-Za-z0-9\-._~!$&'()*+,=:@]+)+/?|/").fullmatch
_escaped = re.compile(rb"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,=:@]|%[0-9A-Fa-f]{2})+)+/?").fullmatch
_hidden = re.compile(r"[/\\\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}").search
_placeholder = re.compile(r"([^{}/]*)\{([A-Za-z_][A-Za-z0-9_.-]*)\}([^{}/]*)").fullmatch


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a template: a literal (`name` is None, text in `prefix`) or a parameter in literals."""

    prefix: str
    name: str | None = None
    suffix: str = ""

    def value(self, text: str) -> str | None:
        """The parameter's value in a decoded segment, never empty; None when the segment does not fit."""
        end = len(text) - len(self.suffix)
        if end <= len(self.prefix) or not (text.startswith(self.prefix) and text.endswith(self.suffix)):
            return None
        return text[len(self.prefix) : end]


def validate_template(template: str) -> str | None:
    """What is wrong with a path template, in words for the author of a pack, or None.

    >>> validate_template("/Calls/{Sid}.json"), validate_template("/a/{x}{y}")
    (None, 'segment 2 is neither a literal nor a text with one {parameter}')
    """
    if not template.startswith("/"):
        return "a path starts with `/`"
    names: set[str] = set()
    for position, text in enumerate(template[1:].split("/"), 1):
        match = _placeholder(text)
        if match is None and ("{" in text or "}" in text):
            return f"segment {position} is neither a literal nor a text with one {{parameter}}"
        if match and match[2] in names:
            return f"segment {position} names a parameter for the second time"
        if match:
            names.add(match[2])
    return None


def split_template(template: str) -> tuple[Segment, ...]:
    """The segments of a template that validate_template finds nothing wrong with."""
    matches = [(text, _placeholder(text)) for text in template[1:].split("/")]
    return tuple(Segment(m[1], m[2], m[3]) if m else Segment(text) for text, m in matches)


def split_path(path: bytes) -> list[str]:
    """The decoded segments of a request path (without its query). Raises PayloadError."""
    if _plain(path):
        segments = path[1:].decode("ascii").split("/")
        if b"/." in path and not _DOTS.isdisjoint(segments):
            raise _refusal()
        return segments
    if not _escaped(path):
        raise _refusal()
    try:
        segments = [unquote_to_bytes(segment).decode() for segment in path[1:].split(b"/")]
    except UnicodeDecodeError as error:
        raise _refusal() from error
    if not _DOTS.isdisjoint(segments) or any(map(_hidden, segments)):
        raise _refusal()
    return segments


def match(path: bytes, template: str) -> dict[str, str] | None:
    """Parameters of a path that fits a template, decoded, or None. Raises PayloadError for a bad path."""
    segments = split_path(path)
    wanted = split_template(template)
    if len(segments) != len(wanted):
        return None
    params: dict[str, str] = {}
    for text, segment in zip(segments, wanted, strict=True):
        if segment.name is None:
            if text != segment.prefix:
                return None
            continue
        value = segment.value(text)
        if value is None:
            return None
        params[segment.name] = value
    return params


def expand(template: str, params: Mapping[str, str]) -> bytes:
    """The path of a template with these parameters; everything but unreserved characters is escaped."""
    return b"".join(
        b"/" + (s.prefix + (quote(params[s.name], safe="") if s.name else "") + s.suffix).encode()
        for s in split_template(template)
    )


_DOTS = frozenset((".", ".."))


def _refusal() -> PayloadError:
    return PayloadError("malformed_request", "the path could be understood in more than one way", "path")
