"""What differs between what a case expects and what came out, as lines a person can read. Pure."""

import difflib
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from urllib.parse import parse_qsl

from gateway.contacts.model import Entry
from gateway.exchange.case import (
    CaseMessage,
    CaseWebhook,
    EntryExpectation,
    Expectation,
    Heard,
    Logged,
    MessageExpectation,
    Outcome,
    Passed,
    RecordExpectation,
    Sent,
    SentExpectation,
    called,
)
from gateway.exchange.casejson import canonical


def differences(expected: Expectation, got: Outcome, webhooks: tuple[CaseWebhook, ...] = ()) -> list[str]:
    """One entry per thing that is not as expected, several lines for a body; empty when the case holds."""
    return [
        *_heard(webhooks, got.heard),
        *_values(expected, got),
        *_body("body", expected.json, expected.body, got.body),
        *_sent(expected.upstream_request, got.upstream_request),
        *_logged(expected.record, got.record),
        *_messages(expected.messages, got.messages),
    ]


def _heard(webhooks: tuple[CaseWebhook, ...], heard: tuple[Heard, ...]) -> Iterator[str]:
    for number, (hook, got) in enumerate(zip(webhooks, heard, strict=True), 1):
        wanted = hook.expect
        if wanted.status is not None and wanted.status != got.status:
            yield f"webhook {number}: status: expected {wanted.status}, got {got.status}"
        if wanted.reason is not None and wanted.reason != got.reason:
            yield f"webhook {number}: reason: expected {wanted.reason}, got {got.reason or 'none'}"
        if wanted.entries is not None:
            yield from (f"webhook {number}: {text}" for text in _entries(wanted.entries, got.entries))


def _entries(wanted: tuple[EntryExpectation, ...], got: tuple[Entry, ...]) -> Iterator[str]:
    if len(wanted) != len(got):
        yield f"entries: expected {len(wanted)}, got {len(got)}: {_listed(tuple(e.act for e in got))}"
        return
    for number, (each, entry) in enumerate(zip(wanted, got, strict=True), 1):
        asked = {name: getattr(each, name) for name in each.__struct_fields__}
        asked["subject"] = each.subject and called(*each.subject)
        for name, value in asked.items():
            found = getattr(entry, name)
            if value is not None and value != found:
                yield f"entry {number}: {name}: expected {value}, got {found or 'none'}"


def _logged(wanted: RecordExpectation | None, got: Logged) -> Iterator[str]:
    if wanted is None:
        return
    for name in ("operation", "client"):
        value, found = getattr(wanted, name), getattr(got, name)
        if value is not None and value != found:
            yield f"record: {name}: expected {value}, got {found}"
    people = None if wanted.subjects is None else tuple(called(*each) for each in wanted.subjects)
    for name, asked in (("fields", wanted.fields), ("subjects", people)):
        found = getattr(got, name)
        if asked is not None and set(asked) != set(found):
            yield f"record: {name}: expected {_listed(asked)}, got {_listed(found)}"


def _values(expected: Expectation, got: Outcome) -> Iterator[str]:
    for name in ("effect", "status", "reason", "masked", "dropped", "close"):
        wanted, found = getattr(expected, name), getattr(got, name)
        if wanted is not None and wanted != found:
            yield f"{name}: expected {wanted}, got {found or 'none' if name == 'reason' else found}"
    if expected.rules is not None and set(expected.rules) != set(got.rules):
        yield f"rules: expected {_listed(expected.rules)}, got {_listed(got.rules)}"
    if expected.records is not None and expected.records != got.records:
        yield f"records: expected {', '.join(expected.records)}, got {', '.join(got.records)}"


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


def _messages(expected: Iterable[CaseMessage], got: Iterable[Passed]) -> Iterator[str]:
    """What of the messages of a WebSocket is not as expected; nothing passes of those after its end."""
    for number, (message, passed) in enumerate(zip_longest(expected, got, fillvalue=Passed()), 1):
        if isinstance(message, CaseMessage) and isinstance(passed, Passed):
            where = f"message {number}"
            if message.passes is not None:
                yield from _passes(where, message.passes, passed)
            if message.masked is not None and message.masked != passed.masked:
                yield f"{where}: expected masked {message.masked}, got {passed.masked}"


def _passes(where: str, expected: MessageExpectation, got: Passed) -> Iterator[str]:
    if expected.wire is not None and expected.wire != got.wire:
        yield f"{where}: expected {expected.wire.hex() or 'nothing'}, got {got.wire.hex() or 'nothing'}"
    text = None if expected.payload is None else expected.payload.decode("utf-8", "backslashreplace")
    yield from _body(where, expected.json, text, got.payload)
