"""The reverse plane over sockets: requests and answers of every framing."""

import json
import socket
from collections.abc import Iterator

import pytest

from tests.plane import Gate, Upstream, answer, read_answer, request
from tests.planes.reverses import CONTACT, PASS, body_of, fixed


def test_masked_read_end_to_end() -> None:
    with fixed(answer(CONTACT)) as upstream, Gate(upstream) as gate:
        reply = gate.talk(request("GET", "/crm/contacts/7"))
        assert reply.startswith(b"HTTP/1.1 200 ") and b"Hushgate-Masked: 1\r\n" in reply
        assert json.loads(body_of(reply)) == {"id": "7", "name": {"first": "Ana"}, "email": "[redacted]"}
        assert upstream.requests[0].startswith(b"GET /contacts/7 HTTP/1.1\r\n")
        assert b"hushgate-key" not in upstream.requests[0].lower()
    assert [r.phase for r in gate.records()] == ["read"]


def test_many_requests_on_one_connection_share_one_upstream_connection() -> None:
    with fixed(answer(CONTACT)) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        for _ in range(20):
            sock.sendall(request("GET", "/crm/contacts/7"))
            assert b"200 OK" in read_answer(sock)
        assert upstream.connections == 1


def test_pipelined_requests_are_answered_in_order() -> None:
    with (
        Upstream(lambda r: answer(b'{"id": "%b"}' % r.split(b" ")[1][-1:])) as upstream,
        Gate(upstream) as gate,
    ):
        with gate.connect() as sock:
            sock.sendall(b"".join(request("GET", f"/crm/contacts/{n}") for n in range(8)))
            got = [json.loads(body_of(read_one(sock)))["id"] for _ in range(8)]
        assert got == [str(n) for n in range(8)]


def read_one(sock: socket.socket) -> bytes:
    """Exactly one answer with a Content-Length, leaving the next one in the socket."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    length = next(
        int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length")
    )
    body = b""
    while len(body) < length:
        body += sock.recv(length - len(body))
    return head + body


def test_a_request_that_arrives_byte_by_byte() -> None:
    body = json.dumps({"email": "x@example.com"}).encode()
    whole = request("POST", "/crm/contacts", body, extra="Content-Type: application/json\r\n")
    with fixed(answer(CONTACT)) as upstream, Gate(upstream) as gate:
        reply = gate.talk(*(whole[i : i + 1] for i in range(len(whole))))
        assert b"200 OK" in reply
        assert json.loads(body_of(upstream.requests[0])) == {"email": "x@example.com"}


def test_chunked_request_is_read_whole_and_sent_with_a_length() -> None:
    extra = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    head = f"POST /crm/contacts HTTP/1.1\r\nHost: x\r\nHushgate-Key: key-support\r\n{extra}\r\n".encode()
    with fixed(answer(CONTACT)) as upstream, Gate(upstream) as gate:
        reply = gate.talk(head, b'8;x=y\r\n{"email"\r\n', b'8\r\n: "a@b"}\r\n0\r\nX-Trailer: 1\r\n\r\n')
        assert b"200 OK" in reply
        sent = upstream.requests[0].lower()
        assert (
            b"transfer-encoding" not in sent
            and b"content-length: 15" in sent
            and sent.endswith(b'{"email":"a@b"}')
        )


def test_unread_body_streams_through_chunked_with_trailers() -> None:
    extra = "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"
    head = f"GET /crm/status HTTP/1.1\r\nHost: x\r\nHushgate-Key: key-support\r\n{extra}\r\n".encode()
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n"
    with fixed(reply) as upstream, Gate(upstream, rules=PASS) as gate, gate.connect() as sock:
        sock.sendall(head + b"5\r\nhello\r\n0\r\n\r\n")
        got = b""
        while not got.endswith(b"X-Sum: 9\r\n\r\n"):
            more = sock.recv(65536)
            assert more, got
            got += more
        assert b"Transfer-Encoding: chunked\r\n" in got and b"3\r\nabc\r\n0\r\nX-Sum: 9" in got
        assert body_of(upstream.requests[0]) == b"5\r\nhello\r\n0\r\n\r\n"


def test_close_delimited_answer_becomes_chunked() -> None:
    def reply(_: bytes) -> Iterator[bytes | float]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nto the "
        yield 0.05
        yield b"end"
        yield b""

    with Upstream(reply) as upstream, Gate(upstream, rules=PASS) as gate:
        got = gate.talk(request("GET", "/crm/status"))
        assert b"Transfer-Encoding: chunked" in got and got.endswith(b"0\r\n\r\n")
        assert b"to the " in got and b"end" in got


def test_http_1_0_caller_gets_the_body_without_chunks() -> None:
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    with fixed(reply) as upstream, Gate(upstream, rules=PASS) as gate:
        got = gate.talk(b"GET /crm/status HTTP/1.0\r\nHushgate-Key: key-support\r\n\r\n")
        assert body_of(got) == b"abc" and b"chunked" not in got and b"Connection: close" in got


def test_expect_100_continue_is_answered_before_the_body() -> None:
    body = b'{"email":"a@example.com"}'
    whole = request(
        "POST", "/crm/contacts", body, extra="Content-Type: application/json\r\nExpect: 100-continue\r\n"
    )
    with fixed(answer(CONTACT)) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        sock.sendall(whole[: -len(body)])
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert b"200 OK" in read_answer(sock)
        assert b"expect" not in upstream.requests[0].lower()


def test_a_refusal_spares_the_caller_its_body() -> None:
    whole = request("POST", "/crm/contacts", b"x" * 9, client="", extra="Expect: 100-continue\r\n")
    with fixed(answer(CONTACT)) as upstream, Gate(upstream) as gate:
        reply = gate.talk(whole[:-9])
        assert reply.startswith(b"HTTP/1.1 401 ") and b"Connection: close" in reply
        assert not upstream.requests


@pytest.mark.parametrize("status", [b"103 Early Hints", b"102 Processing"])
def test_interim_answers_are_passed_on(status: bytes) -> None:
    early = b"HTTP/1.1 %b\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" % status
    with fixed(early + answer(CONTACT)) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        sock.sendall(request("GET", "/crm/contacts/7"))
        got = b""
        while b"redacted" not in got:
            got += sock.recv(65536)
        assert got.startswith(b"HTTP/1.1 " + status) and b"100 Continue" not in got


@pytest.mark.parametrize("reply", [b"204 No Content", b"304 Not Modified"])
def test_answers_without_a_body(reply: bytes) -> None:
    with (
        fixed(b"HTTP/1.1 " + reply + b"\r\n\r\n") as upstream,
        Gate(upstream) as gate,
        gate.connect() as sock,
    ):
        for _ in range(2):
            sock.sendall(request("GET", "/crm/contacts/7"))
            assert read_answer(sock).startswith(b"HTTP/1.1 " + reply[:3])


def test_head_gets_no_body_and_the_connection_goes_on() -> None:
    with (
        fixed(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n") as upstream,
        Gate(upstream) as gate,
        gate.connect() as sock,
    ):
        for _ in range(2):
            sock.sendall(request("HEAD", "/crm/contacts/7"))
            got = b""
            while b"\r\n\r\n" not in got:
                got += sock.recv(65536)
            assert got.startswith(b"HTTP/1.1 200") and got.endswith(b"\r\n\r\n")
