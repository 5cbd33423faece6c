"""Bodies in every content coding, through whole exchanges: masked, and re-encoded as they came."""

import json

import pytest

from gateway.codecs.encodings import decode, encode
from gateway.codecs.program import Limits
from tests.world import RULES, Answer, World

PERSON = {"name": {"first": "Ana"}, "email": "ana@example.org", "born": "1984-03-07"}
BODY = json.dumps(PERSON).encode()
CODED = ("gzip", "x-gzip", "deflate", "br", "zstd", "gzip, br", "zstd,gzip", "identity", "BR")


def coded(body: bytes, coding: str, status: int = 200) -> Answer:
    headers = ((b"Content-Type", b"application/json"), (b"Content-Encoding", coding.encode()))
    return Answer(status, headers, body)


@pytest.mark.parametrize("coding", CODED)
def test_an_answer_is_masked_inside_its_coding(coding: str) -> None:
    plain = coding.lower().encode()
    played = World().ask("GET", "/crm/contacts/7", answer=coded(encode(BODY, plain), coding))
    assert played.status == 200
    assert played.headers["content-encoding"] == coding
    assert played.headers["content-length"] == str(len(played.body))
    shown = json.loads(decode(played.body, plain, Limits()))
    assert shown == {"name": {"first": "Ana"}, "email": "[redacted]", "born": "1984"}


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br"])
def test_a_request_is_read_inside_its_coding(coding: str) -> None:
    world = World(rules=RULES + "rules: [{id: out, mask: user.name, with: redact, to: {providers: crm}}]\n")
    body = encode(BODY, coding.encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    played = world.ask("POST", "/crm/contacts", client="admin", headers=headers, body=body)
    assert json.loads(decode(played.sent[1], coding.encode(), Limits()))["name"] == {"first": "[redacted]"}


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", encode(BODY, b"br")[:-1]),
        ("zstd", encode(BODY, b"gzip")),
        ("gzip", BODY),
        ("gzip, br", encode(BODY, b"gzip")),
        ("gzip, gzip, gzip, gzip", encode(BODY, b"gzip")),
        ("compress", BODY),
        ("zstd", encode(bytes(20_000_000), b"zstd")),
        ("br", encode(bytes(20_000_000), b"br")),
    ],
)
def test_what_cannot_be_read_goes_to_nobody(coding: str, body: bytes) -> None:
    played = World().ask("GET", "/crm/contacts/7", answer=coded(body, coding))
    assert played.status == 502 and played.reason in ("unparseable_response", "response_too_large")
    assert b"ana@" not in b"".join(played.script.released)
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    asked = World().ask("POST", "/crm/contacts", client="admin", headers=headers, body=body)
    assert asked.nothing_sent and asked.status in (413, 415, 422)


def test_only_what_both_can_read_is_asked_for() -> None:
    accepted = {"Accept-Encoding": "br;q=1.0, gzip;q=0.8, exi, zstd, *;q=0.1"}
    head, _ = World().ask("GET", "/crm/contacts/7", headers=accepted).sent
    assert b"Accept-Encoding: br;q=1.0, gzip;q=0.8, zstd\r\n" in head
