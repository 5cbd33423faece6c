"""Hostile bodies through the running gateway, as requests and as answers. `-s` prints the tables."""

import asyncio
import base64
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.codecs.program import Limits
from tests.http1 import http1_corpus as corpora
from tests.plane import Gate, Upstream, answer, request
from tests.planes.hostile import say_all, table
from tests.world import RULES

PASS = RULES + "unmapped: pass\n"
KIND = "Content-Type: application/json\r\n"
VECTORS = Path(__file__).parents[1] / "vectors" / "json" / "jsontestsuite.tsv"


def cases(whole: bool) -> dict[str, bytes]:
    if not whole:
        rows = (line.split("\t") for line in VECTORS.read_text().splitlines())
        return {name: base64.b64decode(body) for name, body in rows}
    folder = Path(os.environ.get("HUSHGATE_CORPORA", corpora.ROOT.parent / "shared" / "corpora"))
    files = sorted((folder / "json" / "JSONTestSuite").rglob("[yni]_*.json"))
    if not files:
        pytest.skip("the third-party corpora are not here (HUSHGATE_CORPORA); tests/vectors/json has a part")
    return {file.stem: file.read_bytes() for file in files}


def exact(body: bytes) -> Any:
    """A document with its number text and member order as they are; of repeated members, the last."""
    number = "number"
    return json.loads(
        body,
        parse_float=lambda text: (number, text),
        parse_int=lambda text: (number, text),
        object_pairs_hook=lambda pairs: ("object", list(dict(pairs).items())),
    )


def repeats(body: bytes) -> bool:
    """Whether an object in a document has a name twice: two readers may take different ones."""
    found: list[bool] = []
    json.loads(body, object_pairs_hook=lambda pairs: found.append(len(dict(pairs)) < len(pairs)))
    return any(found)


@pytest.mark.parametrize("whole", [False, True], ids=["vectors", "corpus"])
def test_json_as_a_request(whole: bool) -> None:
    told = cases(whole)
    with Upstream(lambda _: answer(b"{}")) as upstream, Gate(upstream, rules=PASS) as gate:
        sent = [request("POST", "/crm/contacts", body, client="admin", extra=KIND) for body in told.values()]
        rows = []
        for (name, body), message in zip(told.items(), sent, strict=True):
            before = len(upstream.requests)
            [got] = asyncio.run(say_all(gate.port, [message]))
            status = int(got.data[9:12])
            new = upstream.requests[before:]
            assert len(new) == (status == 200), name
            if new:
                assert same(new[0].partition(b"\r\n\r\n")[2], body), name
            rows.append((name, EXPECTED[name[0]] if body else "accepted", STATUS.get(status, str(status))))
    judge("JSONTestSuite as requests", rows)


@pytest.mark.parametrize("whole", [False, True], ids=["vectors", "corpus"])
def test_json_as_an_answer(whole: bool) -> None:
    told = cases(whole)
    now = [b""]
    with Upstream(lambda _: answer(now[0])) as upstream, Gate(upstream, rules=PASS) as gate:
        rows = []
        for name, body in told.items():
            now[0] = body
            got = gate.talk(request("GET", "/crm/contacts/7", client="admin"))
            status = int(got[9:12])
            if status == 200:
                assert same(got.partition(b"\r\n\r\n")[2], body), name
            else:
                assert (
                    json.loads(got.partition(b"\r\n\r\n")[2])["type"] == "urn:hushgate:unparseable_response"
                )
            rows.append((name, EXPECTED[name[0]] if body else "accepted", STATUS.get(status, str(status))))
    judge("JSONTestSuite as answers", rows)


EXPECTED = {"y": "accepted", "n": "refused", "i": "either"}
STATUS = {200: "accepted", 422: "refused", 502: "refused", 413: "refused"}


def same(got: bytes, sent: bytes) -> bool:
    return (not sent and not got) or (exact(got) == exact(sent) and not repeats(got))


def judge(title: str, rows: list[tuple[str, str, str]]) -> None:
    table(title, rows)
    wrong = {name: got for name, expected, got in rows if got not in (expected, "accepted", "refused")}
    wrong |= {n: g for n, e, g in rows if e != "either" and g != e}
    assert not wrong


NUMBERS = b'{"id":"7","a":1.10,"b":12345678901234567890123,"c":1e400,"d":-0.0,"e":3.141592653589793238462643}'
LARGE = Limits(max_body=100_000)
BAD: dict[str, tuple[bytes, str, int]] = {
    "invalid UTF-8": (b'{"email":"\xff"}', KIND, 422),
    "overlong UTF-8": (b'{"email":"\xc0\xaf"}', KIND, 422),
    "UTF-16": ('{"email":"x"}'.encode("utf-16"), KIND, 422),
    "10,000 deep": (b"[" * 10_000 + b"]" * 10_000, KIND, 422),
    "10,000 deep objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, KIND, 422),
    "oversize": (b'{"email":"%b"}' % (b"x" * 200_000), KIND, 413),
    "wrong content type": (b"<a/>", "Content-Type: text/xml\r\n", 415),
    "no content type": (b"{}", "", 415),
    "another charset": (b"{}", "Content-Type: application/json; charset=utf-7\r\n", 415),
    "unknown coding": (b"{}", KIND + "Content-Encoding: compress\r\n", 415),
    "coding that is none": (b"{}", KIND + "Content-Encoding: gzip\r\n", 422),
    "br that is none": (b"{}", KIND + "Content-Encoding: br\r\n", 422),
    "gzip cut short": (gzip.compress(b'{"email":"x"}' * 99)[:-9], KIND + "Content-Encoding: gzip\r\n", 422),
    "gzip bomb": (gzip.compress(b" " * 90_000_000), KIND + "Content-Encoding: gzip\r\n", 413),
    "deflate bomb": (zlib.compress(b" " * 9_000_000), KIND + "Content-Encoding: deflate\r\n", 413),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_bodies_as_requests(kind: str) -> None:
    body, extra, status = BAD[kind]
    with Upstream(lambda _: answer(b"{}")) as upstream, Gate(upstream, rules=PASS, limits=LARGE) as gate:
        reply = gate.talk(request("POST", "/crm/contacts", body, client="admin", extra=extra))
        assert int(reply[9:12]) in (status, *MAY.get(kind, ())), reply
        assert not upstream.requests
        assert b"@" not in reply
        [record] = gate.records()
        assert (record.phase, record.effect) == ("refusal", "refuse")


MAY = {
    "gzip bomb": (413, 422),
    "deflate bomb": (413, 422),
    "another charset": (422,),
    "no content type": (422,),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_bodies_as_answers(kind: str) -> None:
    body, extra, _ = BAD[kind]
    fields = extra.replace(KIND, "")
    given = extra.partition(": ")[2].partition("\r\n")[0].encode()
    if not extra:
        reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    else:
        reply = answer(body, kind=given, extra=fields.encode() if KIND in extra else b"")
    with Upstream(lambda _: reply) as upstream, Gate(upstream, rules=PASS, limits=LARGE) as gate:
        got = gate.talk(request("GET", "/crm/contacts/7", client="admin"))
        assert got.startswith(b"HTTP/1.1 502 ") and b"@" not in got
        assert gate.records()[-1].reason in ("unparseable_response", "response_too_large", "upstream_invalid")


@pytest.mark.parametrize("name", [b"email", b"\\u0065mail"])
def test_of_repeated_members_one_is_sent_on(name: bytes) -> None:
    """Whatever the upstream's reader would make of both, it gets only what the decision was made on."""
    body = b'{"email":"a@b.example","%b":"c@d.example"}' % name
    with Upstream(lambda _: answer(body)) as upstream, Gate(upstream, rules=PASS) as gate:
        gate.talk(request("POST", "/crm/contacts", body, client="admin", extra=KIND))
        got = gate.talk(request("GET", "/crm/contacts/7", client="admin"))
        hidden = gate.talk(request("GET", "/crm/contacts/7"))
        assert json.loads(upstream.requests[0].partition(b"\r\n\r\n")[2]) == {"email": "c@d.example"}
        assert not any(repeats(m.partition(b"\r\n\r\n")[2]) for m in (upstream.requests[0], got, hidden))
        assert b"@" not in hidden


@pytest.mark.parametrize("body", [NUMBERS, b'{"id":"7","a":"\\ud800"}'])
def test_what_a_double_or_utf8_cannot_hold_is_exact_or_refused(body: bytes) -> None:
    with Upstream(lambda _: answer(body)) as upstream, Gate(upstream, rules=PASS) as gate:
        asked = gate.talk(request("POST", "/crm/contacts", body, client="admin", extra=KIND))
        got = gate.talk(request("GET", "/crm/contacts/7", client="admin"))
        if body is NUMBERS:
            assert exact(upstream.requests[0].partition(b"\r\n\r\n")[2]) == exact(body)
            assert exact(got.partition(b"\r\n\r\n")[2]) == exact(body)
            assert Decimal("12345678901234567890123") == json.loads(got.partition(b"\r\n\r\n")[2])["b"]
        elif asked.startswith(b"HTTP/1.1 200"):
            assert b"\\ud800" in upstream.requests[0] and b"\\ud800" in got
        else:
            assert asked.startswith(b"HTTP/1.1 422 ") and got.startswith(b"HTTP/1.1 502 ")


def test_a_bomb_costs_no_memory_to_speak_of() -> None:
    """The bomb is given up at its limit, not after it was inflated."""
    bomb = gzip.compress(b" " * 300_000_000)

    def endless(_: bytes) -> Iterator[bytes | float]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
        yield b"Content-Length: %d\r\n\r\n" % len(bomb) + bomb

    with Upstream(endless) as upstream, Gate(upstream, rules=PASS) as gate:
        before = resident()
        assert gate.talk(request("GET", "/crm/contacts/7", client="admin")).startswith(b"HTTP/1.1 502 ")
        assert resident() - before < 50_000_000


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
