"""Every row of the HTTP corpora through the running gateway, on real sockets. `-s` prints the tables."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from gateway.http1.head import RequestHead, find_head
from gateway.model import Upstream as UpstreamModel
from tests.http1 import http1_corpus as corpora
from tests.http1 import http1_expected as expected
from tests.plane import TIMEOUTS, Gate, Upstream, answer
from tests.planes.hostile import PASS, Got, Heard, Recorder, anything, say_all, statuses, table

READ = ", request: {form: {secret: user}, json: {secret: user}}"
MODES = {"through": anything(), "read": anything(READ)}
"""Bodies pumped through as they come, or gathered, read and written anew."""
FRAMING = re.compile(
    rb"urn:hushgate:(malformed_request|request_timeout|uri_too_long|head_too_large|expectation_failed"
    rb"|unsupported_encoding)"
)
"""Refusals of a message itself."""
IMPATIENT = replace(TIMEOUTS, head=0.4, body=0.4, answer=0.4, progress=0.4, idle=2.0)

REQUEST_LINE = re.compile(rb"(?m)^([A-Z-]+ +[^ \r\n]+ +HTTP/1\.1\r?\n)")


class Open:
    """A gateway that lets anybody call anything, in front of a Recorder."""

    def __init__(self, mode: str) -> None:
        self.upstream = Recorder()
        self.gate = Gate(
            self.upstream,
            rules=PASS,
            timeouts=IMPATIENT,
            pack=MODES[mode].encode(),
            change=_at_root,
        )

    def __enter__(self) -> "Open":
        self.gate.__enter__()
        return self

    def __exit__(self, *args: object) -> None:
        self.gate.__exit__(None, None, None)
        self.upstream.__exit__(None, None, None)

    def say(self, messages: list[bytes], *, half_close: bool = True) -> list[Got]:
        return asyncio.run(say_all(self.gate.port, messages, half_close=half_close))


def _at_root(upstream: UpstreamModel) -> UpstreamModel:
    return msgspec.structs.replace(upstream, prefix="/")


def rows_of(name: str, *, whole: bool) -> list[corpora.Row]:
    if whole:
        files = {"llhttp": "llhttp_cases", "gunicorn": "gunicorn_requests", "smuggler": "smuggler_payloads"}
        rows = corpora.corpus(f"{files[name]}.jsonl")
    else:
        rows = corpora.read_rows(corpora.VECTORS / f"{name}.jsonl")
    return [row for row in rows if row["dir"] == "request"]


def with_host(data: bytes) -> bytes:
    """Most cases are older than the Host field: fill it in where none is."""
    return data if b"\nhost:" in data.lower() else REQUEST_LINE.sub(rb"\1Host: h.example\r\n", data)


def finished(row: corpora.Row) -> bytes:
    """The row's bytes; an unfinished head that should be refused is finished first."""
    data = with_host(corpora.raw(row))
    if row["expect"] != "reject" or corpora.play_requests(data).error is not None:
        return data
    return data + (b"\r\n" if data.endswith(b"\r\n") else b"\r\n\r\n")


@pytest.mark.parametrize("whole", [False, True], ids=["vectors", "corpus"])
@pytest.mark.parametrize("mode", MODES)
def test_smuggling(mode: str, whole: bool) -> None:
    """4xx and the end of the connection, or exactly one request of one reading; never a hang."""
    rows = rows_of("smuggler", whole=whole)
    messages = [corpora.raw(row).replace(b"/?cb=1", b"/x?row=%d&" % n, 1) for n, row in enumerate(rows)]
    with Open(mode) as world:
        got = world.say(messages, half_close=False)
        seen = [smuggled(g, world.upstream.about(n), corpora.raw(rows[n])) for n, g in enumerate(got)]
        stray = [h for h in world.upstream.heard if b"row=" not in h.target]
        faults = world.upstream.faults
    table(f"smuggler, {mode}", [(row["id"], "no desync", s) for row, s in zip(rows, seen, strict=True)])
    assert set(seen) <= {"refused", "one request"}
    # As read as a form, no row's body is one.
    assert "one request" in seen or mode == "read", "nothing reached the upstream: the test proves nothing"
    assert not stray and not faults


def smuggled(got: Got, heard: list[Heard], sent: bytes) -> str:
    """What became of a row."""
    if not got.closed:
        return "hang"
    said = statuses(got.data)
    if not heard:
        return "refused" if said and all(400 <= status < 500 for status in said) else f"answers {said}"
    whole = [h for h in heard if h.whole]
    if len(heard) != 1 or len(heard[0].framing) > 1:
        return "ambiguous"
    body = sent.partition(b"\r\n\r\n")[2]
    if whole and not body.startswith(whole[0].body):
        return "another body"
    # What follows the one request on the connection is not a request and is refused as such.
    return "one request" if said[1:] in ([], [400], [408]) or not whole else f"answers {said}"


@pytest.mark.parametrize("whole", [False, True], ids=["vectors", "corpus"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["llhttp", "gunicorn"])
def test_request_cases(name: str, mode: str, whole: bool) -> None:
    """What the gateway does is what its parser says, and only what has one reading reaches the upstream."""
    rows = rows_of(name, whole=whole)
    messages = [finished(row) for row in rows]
    verdicts, heard = [], 0
    with Open(mode) as world:
        for row, message in zip(rows, messages, strict=True):
            before = len(world.upstream.heard)
            [got] = world.say([message])
            new = world.upstream.heard[before:]
            played = corpora.play_requests(message)
            assert_one_reading(row["id"], new, played)
            verdicts.append((row["id"], promised(played), kept(got)))
            heard += len(new)
        assert not world.upstream.faults
    assert heard > len(rows) // 8, "hardly anything got as far as the upstream: the test proves nothing"
    compared = [(f"{row['expect']}: {want}", had) for row, (_, want, had) in zip(rows, verdicts, strict=True)]
    table(f"{name}, {mode} (the row's expectation: the parser's verdict)", [("", *pair) for pair in compared])
    differing = {row: (want, had) for row, want, had in verdicts if want != had}
    assert differing.keys() <= UNPLACED.keys(), differing


UNPLACED = {
    "gunicorn/valid/014": "a path with a quote is no path of RFC 3986: it is not matched with any operation",
    "gunicorn/valid/100": "servers differ on what empty segments mean: not matched with any operation",
}
"""Valid framing, and refused all the same."""


def assert_one_reading(row: str, heard: list[Heard], played: "corpora.Played[RequestHead]") -> None:
    """The upstream heard no request that was not let in, in the same order, with the same body."""
    let_in = [(head.method.encode(), body) for head, body in played.messages]
    for one in heard:
        assert len(one.framing) <= 1, f"{row}: two framings upstream"
        if not one.whole:
            continue  # cut off with its caller
        assert (one.method, one.body) in let_in, f"{row}: a request that was not let in"
        let_in = let_in[let_in.index((one.method, one.body)) + 1 :]


def promised(played: "corpora.Played[RequestHead]") -> str:
    """What the parser alone makes of the bytes (tests/http1 holds that against what the rows expect)."""
    cut = (
        bool(played.rest) and not played.closed and find_head(played.rest) >= 0 if not played.error else False
    )
    return f"{len(played.messages)} answered" + (", refused" if played.error or cut else "")


def kept(got: Got) -> str:
    said = statuses(got.data)
    assert got.closed, "a hang"
    refused = bool(FRAMING.search(got.data))
    return f"{len(said) - refused} answered" + (", refused" if refused else "")


@pytest.mark.parametrize("mapped", [False, True], ids=["through", "read"])
def test_curl_replies(mapped: bool) -> None:
    """An upstream's odd answer is relayed whole, or it is a 502 or a broken connection."""
    rows = corpora.corpus("curl_http_replies.jsonl")
    pack = anything(", response: {json: {secret: user}}" if mapped else "")
    told: list[bytes] = [b""]

    def reply(_: bytes) -> Iterator[bytes | float]:
        if told[0]:
            yield told[0]
        yield b""

    verdicts = []
    with (
        Upstream(reply) as upstream,
        Gate(upstream, rules=PASS, timeouts=IMPATIENT, pack=pack.encode(), change=_at_root) as gate,
    ):
        for row in rows:
            told[0] = led_nowhere(corpora.raw(row))
            words = row["command"].split()
            heading = "-I" in words or "--head" in words or row["id"] in expected.CURL_HEAD
            method = "HEAD" if heading else "GET"
            [got] = asyncio.run(
                say_all(gate.port, [f"{method} /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()])
            )
            usable = "usable" if row["curl_exit"] == 0 else "refused"
            verdicts.append((row["id"], usable, relayed(row["id"], method, told[0], got, mapped=mapped)))
    table(f"curl replies, {'read' if mapped else 'through'}", verdicts)
    if mapped:
        assert {had for _, _, had in verdicts} <= {"refused", "bodiless", "usable"}
        return
    corpora.compare("curl replies, through", verdicts, THROUGH)


LEADS = re.compile(rb"(?im)^(location|content-location|link|refresh)(?=:)")


def led_nowhere(raw: bytes) -> bytes:
    """An answer under whose name for a link there is none: where it leads is not what is asked here."""
    return raw if len(LEADS.findall(raw)) > 1 else LEADS.sub(rb"x-\1", raw)


THROUGH = {
    **{row: why for row, why in expected.CURL.items() if row != "curl/test1801"},  # the plane refuses it
    "curl/test1543": "bytes after the end of the answer: which request they answer is not known",
}


def relayed(row: str, method: str, sent: bytes, got: Got, *, mapped: bool) -> str:
    """How an answer came through, having checked that it is whole and the upstream's own, or ours."""
    played = corpora.play_responses(got.data, method)
    finals = [(head, body) for head, body in played.messages if head.status >= 200]
    if not finals:
        return "refused"
    assert len(finals) == 1 and not played.rest, row
    head, body = finals[0]
    if head.get(b"content-type") == b"application/problem+json" or b"urn:hushgate:" in body:
        assert head.status >= 400, row
        return "refused"
    theirs = [m for m in corpora.play_responses(sent, method).messages if m[0].status >= 200]
    assert theirs and (head.status, body) == (theirs[0][0].status, theirs[0][1]), row
    if mapped and body:
        assert (head.get(b"content-type") or b"").startswith((b"application/json", b"text/plain")), row
    return "bodiless" if mapped and not body else "usable"


def test_pipelined_smuggling_prefix_is_its_own_request() -> None:
    """What follows a whole request is the next one, with a decision and a record of its own."""
    first = b"POST /x?row=1& HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok"
    second = b"GET /x?row=2& HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    with Open("through") as world:
        [got] = world.say([first + second])
        assert statuses(got.data) == [200, 200]
        assert [h.target for h in world.upstream.heard] == [b"/x?row=1&", b"/x?row=2&"]
        assert [r.phase for r in world.gate.records()] == ["intent", "outcome", "read"]


def test_answers_for_two_requests_are_not_given_to_the_next_caller() -> None:
    """An upstream that sends a second answer unasked loses its connection: nobody gets that answer."""
    poison = answer(b'{"id": "1"}') + answer(b'{"id": "POISON"}')

    with (
        Upstream(lambda _: poison) as upstream,
        Gate(upstream, rules=PASS, pack=anything().encode(), change=_at_root) as gate,
    ):
        for _ in range(3):
            got = gate.talk(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            assert b"POISON" not in got
        assert upstream.connections == 3
