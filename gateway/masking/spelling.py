"""A text without the escapes of URLs, JSON and XML, and where each of its characters stood. Pure.

    %61na%2540b  ->  ana@b      \\u0061na  ->  ana      &#97;na  ->  ana

Escapes are undone that are within others, up to three times over. What is none stays as it is.
"""

import re
from typing import Final

Span = tuple[int, int]
"""Start and end (exclusive) in the text as it stood."""

# Bounded everywhere, so that the time is linear in the text.
_ESCAPE: Final = (
    r"(?P<url>(?:%(?:25){0,3}[0-9A-Fa-f]{2})+)"
    r"|\\{1,4}u(?P<json>[0-9A-Fa-f]{4})"
    r"|\\{1,4}(?P<same>/)"
    r"|&(?:amp;){0,3}#(?:x0{0,6}(?P<hex>[0-9A-Fa-f]{1,6})|0{0,6}(?P<dec>[0-9]{1,7}));"
)
_escape: Final = re.compile(_ESCAPE)
_octets: Final = re.compile(r"%(?:25){0,3}([0-9A-Fa-f]{2})")


def plain(text: str) -> str:
    """The text without escapes; itself where it has none."""
    if "%" not in text and "\\" not in text and "&#" not in text and "amp;" not in text:
        return text
    return _escape.sub(_meant, text)


def laid(text: str) -> tuple[str, list[Span]]:
    """The same, with the place of each character. Escapes that mean something only together share theirs."""
    out: list[str] = []
    spans: list[Span] = []
    at = 0
    for match in _escape.finditer(text):
        start, end = match.span()
        out.append(text[at:start])
        spans += [(index, index + 1) for index in range(at, start)]
        meant = _meant(match)
        out.append(meant)
        apart = [(start + m.start(), start + m.end()) for m in _octets.finditer(match[0])]
        spans += apart if len(apart) == len(meant) else [(start, end)] * len(meant)
        at = end
    out.append(text[at:])
    spans += [(index, index + 1) for index in range(at, len(text))]
    return "".join(out), spans


def _meant(match: re.Match[str]) -> str:
    if match["url"]:
        return bytes.fromhex("".join(_octets.findall(match[0]))).decode("utf-8", "replace")
    if match["same"]:
        return "/"
    code = int(match["json"] or match["hex"] or "0", 16) or int(match["dec"] or "0")
    return chr(code) if code < 0x110000 else match[0]
