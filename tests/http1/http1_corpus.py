"""Where the hostile messages are, and how one is played against the parser as a connection would be."""

import base64
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import pytest

from gateway.errors import HushgateError
from gateway.http1.body import reader_for
from gateway.http1.head import (
    RequestHead,
    ResponseHead,
    find_head,
    find_response_head,
    parse_request_head,
    parse_response_head,
)

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors" / "http"


class Row(TypedDict, total=False):
    """One line of a corpus file; which keys are there depends on the file."""

    id: str
    dir: str
    mode: str
    raw_b64: str
    expect: str
    messages: int
    curl_exit: int
    command: str
    needs_cfg: list[str]


def corpus(name: str) -> list[Row]:
    """Rows of a file of the third-party corpora; skips the test where they are not."""
    folder = Path(os.environ.get("HUSHGATE_CORPORA", ROOT.parent / "shared" / "corpora"))
    path = folder / "http" / name
    if not path.exists():
        pytest.skip("the third-party corpora are not here (HUSHGATE_CORPORA); tests/vectors/http has a part")
    return read_rows(path)


def read_rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def raw(row: Row) -> bytes:
    return base64.b64decode(row["raw_b64"])


@dataclass
class Played[Head]:
    """What a connection that received these bytes, and then nothing, has let in."""

    messages: list[tuple[Head, bytes]] = field(default_factory=list)
    error: HushgateError | None = None
    rest: bytes = b""
    closed: bool = False
    """The last message ended the connection: `rest` is never read."""

    @property
    def verdict(self) -> str:
        if self.error is not None:
            return "reject"
        return "closed" if self.closed and self.rest else "accept"


def play_requests(data: bytes, *, complete: bool = False) -> Played[RequestHead]:
    """Read requests one after the other. A missing Host (most cases are older than it) is filled in.

    `complete`: an unfinished head at the end is finished with empty lines, to see what is wrong with it.
    """
    played: Played[RequestHead] = Played(rest=data)
    try:
        while played.rest and not played.closed:
            end = find_head(played.rest)
            if end < 0 and complete:
                played.rest += b"\r\n" if played.rest.endswith(b"\r\n") else b"\r\n\r\n"
                complete = False
                continue
            if end < 0:
                break
            head = _with_host(played.rest[:end])
            reader = reader_for(head)
            body, taken = reader.feed(played.rest[end:])
            if not reader.done:
                break
            played.rest = played.rest[end + taken :]
            played.messages.append((head, body))
            played.closed = not head.keep_alive
    except HushgateError as error:
        played.error = error
    return played


def _with_host(block: bytes) -> RequestHead:
    try:
        return parse_request_head(block)
    except HushgateError as error:
        if (error.place, error.detail) != ("host", "missing"):
            raise
        named = re.search(rb" http://([^/? ]+)", block)
        host = named[1] if named is not None else b"h.example"
        return parse_request_head(block.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nHost: %b\r\n" % host, 1))


def play_responses(
    data: bytes, method: str, *, eof: bool = True, complete: bool = False
) -> Played[ResponseHead]:
    """Read answers to `method` one after the other, then (`eof`) the close of the connection."""
    played: Played[ResponseHead] = Played(rest=data)
    try:
        while played.rest and not played.closed:
            end = find_response_head(played.rest)
            if end < 0 and complete:
                played.rest += b"\r\n\r\n"
                complete = False
                continue
            if end < 0:
                break
            head = parse_response_head(played.rest[:end], method)
            reader = reader_for(head)
            body, taken = reader.feed(played.rest[end:])
            if eof and not reader.done:
                reader.eof()
            if not reader.done:
                break
            played.rest = played.rest[end + taken :]
            played.messages.append((head, body))
            played.closed = not head.keep_alive
    except HushgateError as error:
        played.error = error
    return played


def compare(title: str, rows: list[tuple[str, str, str]], exceptions: Mapping[str, str]) -> None:
    """Hold (id, expected, got) against the exceptions, both ways; print what differs (`pytest -s`)."""
    differing = {name for name, expected, got in rows if expected != got}
    print(f"\n{title}: {len(rows)} rows, {sum(name not in differing for name, _, _ in rows)} as expected")
    for name, expected, got in rows:
        if expected != got:
            print(f"  {name}: expected {expected}, got {got}: {exceptions.get(name, 'UNEXPLAINED')}")
    present = {name for name, _, _ in rows}
    assert differing - exceptions.keys() == set(), "rows that differ without an explanation"
    assert (exceptions.keys() & present) - differing == set(), "exceptions that agree by now: remove them"
