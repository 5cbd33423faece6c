"""Messages on the fast path: what comes of them is what comes of any other."""

import dataclasses
import json
import time
from collections.abc import Sequence
from hashlib import sha256

import pytest
from msgspec.structs import replace

from gateway.contacts.model import Entry, Standing
from gateway.contacts.sqlite import SqliteRegistry
from gateway.masking.sealed import PREFIX
from gateway.native import load
from tests.faulttraffic import FORM_KIND, JSON_KIND, OURS, REVEALING, SMS
from tests.plane import Gate, Upstream, answer, read_answer, request
from tests.planes.flights import ANSWERS, LAST, Flights, ask, counted, grounded, plain, played, said
from tests.world import PACK, RING, RULES

pytestmark = pytest.mark.skipif(load("scankernel") is None, reason="without the kernels nothing flies")

SENT = json.dumps({"id": "SM1", "to": "+33639980001", "body": "x", "more": "y"}).encode()


def sms(body: bytes, *, client: str = "support", extra: str = FORM_KIND) -> bytes:
    return request("POST", "/crm/messages", body, client=client, extra=extra)


def sent(asked: bytes) -> bytes:
    del asked
    return answer(SENT, status=b"201 Created")


CONTACT_ANSWERS = ANSWERS | {
    "sent": lambda: answer(SENT, status=b"201 Created"),
    "accepted": lambda: answer(SENT, status=b"202 Accepted"),
    "opted out": lambda: answer(b'{"code": 21610, "message": "to +33639980001"}', status=b"400 Bad Request"),
}


@pytest.mark.parametrize("name", CONTACT_ANSWERS)
def test_both_ways_are_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    flown = played(CONTACT_ANSWERS[name], SMS, SENT)
    assert flights.begun == 4 - (name in LAST), "all but the first, and the first on a new connection"
    assert flights.landed >= flights.begun - 1
    grounded(monkeypatch)
    assert flown == played(CONTACT_ANSWERS[name], SMS, SENT)


@pytest.mark.parametrize("name", ["sent", "accepted", "zipped", "with validators", "with what no map names"])
def test_the_usual_lands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    played(CONTACT_ANSWERS[name], SMS, SENT)
    assert flights.landed == 4


WHOLE = b"To=%2B33639980002&Body=Bonjour"
FLYING = {
    "another number": sms(WHOLE),
    "in another order": sms(b"Body=x&To=%2B33639980002"),
    "two numbers": sms(b"To=%2B33639980002&To=%2B33639980003&Body=x"),
    "the same twice": sms(b"To=%2B33639980002&To=%2B33639980002&Body=x"),
    "a national number": sms(b"To=0639980002&Body=x"),
    "a spelt number": sms(b"To=%2B33+6+39+98+00+02&Body=x"),
    "an empty piece": sms(b"&To=%2B33639980002&&Body=x"),
    "no text": sms(b"To=%2B33639980002"),
    "a long text": sms(b"To=%2B33639980002&Body=" + b"x" * 3000),
    "what no map names": sms(WHOLE + b"&StatusCallback=https%3A%2F%2Fapp.example%2Fstatus"),
    "letters in UTF-8": sms(b"To=%2B33639980002&Body=%C3%A9t%C3%A9"),
}
OTHER = {
    "nobody": sms(b"Body=x"),
    "an empty number": sms(b"To=&Body=x"),
    "no number": sms(b"To=unknown&Body=x"),
    "another channel": sms(b"To=whatsapp%3A%2B33639980002&Body=x"),
    "somebody who said no": sms(b"To=%2B33639980009&Body=x"),
    "one of two who said no": sms(b"To=%2B33639980002&To=%2B33639980009&Body=x"),
    "a token": sms(b"To=%2B33639980002&Body=" + str(OURS).encode().replace(b"@", b"%40")),
    "another's token": sms(b"To=%2B33639980002&Body=" + PREFIX.encode() + b"A" * 64),
    "a mask": sms(b"To=**********02&Body=x"),
    "a broken escape": sms(b"To=%2B33639980002&Body=%zz"),
    "no UTF-8": sms(b"To=%2B33639980002&Body=%ff"),
    "a semicolon": sms(b"To=%2B33639980002;Body=x"),
    "a query": request("POST", "/crm/messages?a=b", WHOLE, extra=FORM_KIND),
    "JSON": sms(b'{"To": "+33639980002"}', extra=JSON_KIND),
    "JSON in a form": sms(b'{"To": "+33639980002"}'),
    "without a type": sms(WHOLE, extra=""),
    "with a charset": sms(WHOLE, extra=FORM_KIND.replace("\r\n", "; charset=utf-8\r\n")),
    "with another charset": sms(WHOLE, extra=FORM_KIND.replace("\r\n", "; charset=utf-16\r\n")),
    "a coding": sms(WHOLE, extra=FORM_KIND + "Content-Encoding: gzip\r\n"),
    "a signal": sms(WHOLE, extra=FORM_KIND + "Sec-GPC: 1\r\n"),
    "one more field": sms(WHOLE, extra=FORM_KIND + "I-Twilio-Idempotency-Token: 1\r\n"),
    "another's": sms(WHOLE, client="caller"),
    "nobody's": sms(WHOLE).replace(b"key-support", b"key-nobody"),
    "without a key": sms(WHOLE, client=""),
    "for the last time": sms(WHOLE, extra=FORM_KIND + "Connection: close\r\n"),
    "in old HTTP": sms(WHOLE).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "without a body": sms(b""),
    "too long by its length": sms(WHOLE).replace(b"Content-Length: 30", b"Content-Length: 030"),
    "a length twice": sms(WHOLE, extra=FORM_KIND + "Content-Length: 30\r\n"),
    "no length": sms(WHOLE).replace(b"Content-Length: 30", b"Content-Length: x"),
    "another way": request("POST", "/crm/mails", b'{"to": "b@example.com"}', extra=JSON_KIND),
    "two at once": sms(WHOLE) + sms(b"To=%2B33639980003&Body=y"),
    "one and a half": sms(WHOLE) + b"POST /crm/mess",
    "another method": sms(WHOLE).replace(b"POST", b"PUT"),
}  # fmt: skip


def no(number: str) -> Entry:
    """What keeps somebody from being reached."""
    name = RING.pseudonymiser("acme")("phone", number)
    return Entry(id=f"no-{number}", subject=name, act="suppressed", at=1.0, source="test")


def seen(
    asked: bytes, rules: str = RULES, *, answers: int = 1, late: bool = False, pack: bytes = PACK
) -> tuple[object, ...]:
    """All that anybody sees of a request that follows others of its kind."""
    with Upstream(sent) as upstream, Gate(upstream, rules=rules, pack=pack) as gate:
        gate.loop.run(entered(gate, "+33639980009"))
        if late:
            gate.worker.services = dataclasses.replace(gate.worker.services, registry=Late(gate.registry))
        with gate.connect() as sock:
            got = [ask(sock, SMS), ask(sock, SMS), ask(sock, asked)]
            if got[2].count(b"HTTP/1.1 ") < answers:
                got.append(read_answer(sock))
        gate.talk(SMS)
        return (
            plain(b"".join(got)),
            list(map(plain, upstream.requests)),
            said(gate.records()),
            counted(gate),
        )


async def entered(gate: Gate, *numbers: str) -> None:
    registry = gate.registry
    assert isinstance(registry, SqliteRegistry)
    await registry.enter("acme", [no(number) for number in numbers])


class Late:
    """A registry that answers later, as one that is asked over a network does."""

    def __init__(self, own: object) -> None:
        assert isinstance(own, SqliteRegistry)
        self._own = own

    async def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        return self._own.standings(tenant, pseudonyms)

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        pass


@pytest.mark.parametrize("late", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("name", FLYING)
def test_messages_of_a_kind(name: str, late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    flown = seen(FLYING[name], late=late)
    assert flights.landed == 3
    grounded(monkeypatch)
    assert flown == seen(FLYING[name], late=late)


@pytest.mark.parametrize("late", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("name", OTHER)
def test_other_requests_are_not_taken_for_their_like(
    name: str, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = 2 if name == "two at once" else 1
    flights = Flights(monkeypatch)
    flown = seen(OTHER[name], answers=answers, late=late)
    assert flights.landed == {"two at once": 4, "one and a half": 3}.get(name, 2)
    grounded(monkeypatch)
    assert flown == seen(OTHER[name], answers=answers, late=late)


def ruled(text: str) -> str:
    return f"{RULES}rules:\n  - {{id: r, {text}}}\n"


HOUR = (time.gmtime().tm_hour + 12) % 24
LATER = f"{HOUR:02}:00-{HOUR:02}:01"
RULED = {
    "no suppression": (ruled("contact: {channels: [sms], require: no_suppression}"), 3),
    "of another country": (ruled("contact: {channels: [sms], countries: [DE], require: consent}"), 3),
    "of another channel": (ruled("contact: {channels: [call], require: consent}"), 3),
    "consent": (ruled("contact: {channels: [sms], require: consent}"), 0),
    "consent, tried out": (ruled("contact: {channels: [sms], require: consent}, mode: shadow"), 0),
    "half a day from now": (ruled(f"contact: {{channels: [sms], within: '{LATER}', timezone: UTC}}"), 0),
    "often": (ruled("contact: {at_most: 9 in 7 days}"), 0),
    "left out": (ruled("contact: {channels: [sms], require: no_suppression}, on_refusal: drop"), 3),
    "people left alone": (ruled("records: {of: suppressed}, on_refusal: hide"), 0),
    "not sent": (ruled("access: {operations: crm.messages.create}"), 0),
    "masked": (ruled("mask: user.content, with: redact, to: {providers: crm}"), 0),
    "masked, tried out": (
        ruled("mask: user.content, with: redact, to: {providers: crm}, mode: shadow"),
        None,
    ),
    "tokens": (REVEALING, 3),
    "nothing shown": (RULES.replace("support: {show: [user.name, user.unique_id]", "support: {show: []"), 3),
}


@pytest.mark.parametrize("name", RULED)
def test_under_other_rules(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rules, landed = RULED[name]
    flights = Flights(monkeypatch)
    flown = seen(sms(WHOLE), rules)
    assert landed is None or flights.landed == landed
    grounded(monkeypatch)
    assert flown == seen(sms(WHOLE), rules)


@pytest.mark.parametrize("asks", [b"true", b"false"])
def test_what_can_be_recorded(asks: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    start = b"  - {id: messages.create, "
    pack = PACK.replace(start, start + b'recording: {fields: {Record: "false"}}, ', 1)
    rules = ruled("contact: {channels: [sms], recording: functional.service.improve, require: consent}")
    flights = Flights(monkeypatch)
    flown = seen(sms(WHOLE + b"&Record=" + asks), rules, pack=pack)
    assert flights.begun == 0
    grounded(monkeypatch)
    assert flown == seen(sms(WHOLE + b"&Record=" + asks), rules, pack=pack)
    refused = b"HTTP/1.1 403 " in str(flown[0]).encode()
    assert refused == (asks == b"true")


def test_a_no_counts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    with Upstream(sent) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        for _ in range(3):
            assert ask(sock, SMS).startswith(b"HTTP/1.1 201 ")
        gate.loop.run(entered(gate, "+33639980001"))
        assert ask(sock, SMS).startswith(b"HTTP/1.1 403 ")
        assert ask(sock, sms(WHOLE)).startswith(b"HTTP/1.1 201 ")
        assert flights.begun == 3 and len(upstream.requests) == 4


def test_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most clients of Python send head and body apart."""
    flights = Flights(monkeypatch)
    head, _, body = SMS.partition(b"\r\n\r\n")
    head += b"\r\n\r\n"
    cuts = [(head, body), (head + body[:5], body[5:]), (head[:9], head[9:], body), (SMS[:-1], SMS[-1:])]
    with Upstream(sent) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        whole = plain(ask(sock, SMS))
        for number, pieces in enumerate(cuts * 2, 2):
            for piece in pieces[:-1]:
                sock.sendall(piece)
                time.sleep(0.02)
            assert plain(ask(sock, pieces[-1])) == whole
            assert flights.landed == number - 1
            assert len(upstream.requests) == number and len(gate.records()) == 2 * number
        assert set(map(plain, upstream.requests)) == {plain(upstream.requests[0])}
        alike = [replace(record, id="") for record in said(gate.records())]
        assert alike == alike[:2] * (len(alike) // 2)


def test_a_way_is_found_by_pieces_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    head, _, body = SMS.partition(b"\r\n\r\n")
    with Upstream(sent) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        got = []
        for _ in range(4):
            sock.sendall(head + b"\r\n\r\n")
            time.sleep(0.02)
            got.append(plain(ask(sock, body)))
        assert got == got[:1] * 4 and flights.landed == 3
        sock.sendall(head + b"\r\n\r\n")
        gate.loop.run(entered(gate, "+33639980001"))
        assert ask(sock, body).startswith(b"HTTP/1.1 403 ")
        assert len(upstream.requests) == 4
        gate.loop.run(entered(gate))
        assert ask(sock, sms(WHOLE)).startswith(b"HTTP/1.1 201 ")


def test_two_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    flights = Flights(monkeypatch)
    with Upstream(sent) as upstream, Gate(upstream) as gate, gate.connect() as sock:
        whole = plain(ask(sock, SMS))
        sock.sendall(SMS[:-3])
        time.sleep(0.02)
        got = ask(sock, SMS[-3:] + SMS)
        got = got if got.count(b"HTTP/1.1 ") == 2 else got + read_answer(sock)
        assert plain(got) == whole * 2 and len(upstream.requests) == 3
    assert flights.landed >= 1


def test_neither_keys_nor_people_are_kept() -> None:
    with Upstream(sent) as upstream, Gate(upstream) as gate:
        with gate.connect() as sock:
            ask(sock, SMS), ask(sock, SMS)
        [[alike, ways]] = gate.worker.env.snapshot.paths.items()
        [way] = ways.values()
        assert isinstance(alike, tuple) and len(alike[-1]) == sha256().digest_size
        held = repr(
            [getattr(way, name) for kind in type(way).__mro__ for name in getattr(kind, "__slots__", ())]
        )
        assert "key-support" not in held and "33639980001" not in held
