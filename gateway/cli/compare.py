"""What differs between what a case expects and what came out, as lines a person can read. Pure."""

import difflib
from collections.abc import Iterator
from urllib.parse import parse_qsl

from gateway.exchange.case import Expectation, Outcome, Sent, SentExpectation
from gateway.exchange.casejson import canonical


def differences(expected: Expectation, got: Outcome) -> list[str]:
    """One entry per thing that is not as expected, several lines for a body; empty when the case holds."""
    return [
        *_values(expected, got),
        *_body("body", expected.json, expected.body, got.body),
        *_sent(expected.upstream_request, got.upstream_request),
    ]


def _values(expected: Expectation, got: Outcome) -> Iterator[str]:
    for name in ("effect", "status", "reason", "masked", "dropped"):
        wanted, found = getattr(expected, name), getattr(got, name)
        if wanted is not None and wanted != found:
            yield f"{name}: expected {wanted}, got {found or 'none' if name == 'reason' else found}"
    if expected.rules is not None and set(expected.rules) != set(got.rules):
        yield f"rules: expected {_listed(expected.rules)}, got {_listed(got.rules)}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(sorted(set(names))) or "none"


def _body(where: str, json: str | None, text: str | None, got: bytes) -> Iterator[str]:
    found = got.decode("utf-8", "backslashreplace")
    if json is not None:
        wanted = canonical(json) or json
        read = canonical(found)
        if read is None:
            yield f"{where}: expected JSON, got {_shortened(found)}"
        elif read != wanted:
            yield f"{where}:\n" + _diff(wanted, read)
    if text is not None and text != found:
        yield f"{where}:\n" + _diff(text, found)


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...") if text else "nothing"


def _diff(wanted: str, found: str) -> str:
    lines = difflib.unified_diff(wanted.splitlines(), found.splitlines(), "expected", "got", lineterm="", n=2)
    return "\n".join(f"    {line}" for line in lines)


def _sent(expected: SentExpectation | None, got: Sent | None) -> Iterator[str]:
    if expected is None:
        return
    if expected.nothing or got is None:
        if not expected.nothing:
            yield "upstream request: expected one, got nothing"
        elif got is not None:
            yield f"upstream request: expected nothing, got {got.method} {got.path}"
        return
    if expected.path is not None and expected.path != got.path:
        yield f"upstream request: expected path {expected.path}, got {got.path}"
    yield from _body("upstream request body", expected.json, expected.body, got.body)
    if expected.form is not None:
        wanted, found = _fields(expected.form), _fields(_parsed(got.body))
        if wanted != found:
            yield "upstream request form:\n" + _diff(wanted, found)


def _parsed(body: bytes) -> tuple[tuple[str, str], ...]:
    text = body.decode("utf-8", "backslashreplace")
    return tuple(parse_qsl(text, keep_blank_values=True))


def _fields(pairs: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(f"{name}={value}" for name, value in pairs)
