"""Forms like one that went before: read at once, they are what they are when looked at closely."""

import pytest

from gateway.contacts.normalise import normalise
from gateway.exchange.contactpath import ContactPath
from gateway.exchange.fastpath import Went
from gateway.native import load
from tests.faulttraffic import SMS
from tests.plane import Gate, Upstream
from tests.planes.flights import ask
from tests.planes.test_flight_contact import FLYING, OTHER, sent
from tests.planes.test_flight_contact_ends import Reader
from tests.world import PACK, RING

pytestmark = pytest.mark.skipif(load("scankernel") is None, reason="without the kernels nothing flies")

TO = b"form: {To: {is: user.contact.phone_number, subject: phone, role: recipient}"
FROM = (
    b", From: {is: user.contact.phone_number, subject: phone, role: sender}"
    b", Born: user.demographic.date_of_birth"
)
MARKED = PACK.replace(TO, TO + FROM)
"""Whose masks of a year any digit may be part of."""
NAMED = RING.pseudonymiser("acme")
CLEAR = {
    "with a sender": b"To=%2B33639980002&From=%2B33639980003&Body=x",
    "a sender first": b"From=%2B33639980003&To=%2B33639980002&Body=x",
    "a sender between": b"To=%2B33639980002&From=%2B33639980003&To=0639980004",
    "two of whom one is sent twice": b"To=0639980002&To=%2B33639980002&From=Acme",
    "a name with escapes": b"T%6f=%2B33639980002&Body=x",
    "an equals sign": b"To=%2B33639980002&Body=a=b",
    "a star and a year": b"To=%2B33639980002&Body=**+in+1984",
    "half a sign": b"To=%2B33639980002&Body=%72edacte+t_A+h_0+hushgat",
    "a full stop": b"To=%2B33639980002&Body=x%2e",
}
SIGNED = {
    "a year": b"To=%2B33639980002&Born=1984",
    "stars": b"To=%2B33639980002&Body=%2A%2a",
    "covered": b"To=%2B33639980002&Body=%5bredacted%5d",
    "a name without a value": b"To=%2B33639980002&Body",
    "a sender on another channel": b"To=%2B33639980002&From=whatsapp:%2B33639980003",
    "a recipient who is none": b"From=%2B33639980003&To=nobody",
    "nobody but a sender": b"From=%2B33639980003",
}
BODIES = {name: asked.partition(b"\r\n\r\n")[2] for name, asked in (FLYING | OTHER).items()} | CLEAR | SIGNED
ODD = ("an empty piece", "a name without a value")
NONE = {
    "nobody",
    "an empty number",
    "no number",
    "another channel",
    "a token",
    "another's token",
    "a mask",
    "stars",
}
NONE |= {"a broken escape", "no UTF-8", "a semicolon", "JSON", "JSON in a form", "without a body", "covered"}
NONE |= {"a recipient who is none", "nobody but a sender"}


@pytest.fixture(scope="module", params=[PACK, MARKED], ids=["stars", "digits"])
def path(request: pytest.FixtureRequest) -> ContactPath:
    with Upstream(sent) as upstream, Gate(upstream, pack=request.param) as gate:
        with gate.connect() as sock:
            ask(sock, SMS)
        [ways] = gate.worker.env.snapshot.paths.values()
        [way] = ways.values()
    assert isinstance(way, ContactPath)
    return way


def told(path: ContactPath, body: bytes) -> tuple[object, ...] | None:
    """All that is known of whom a form reaches, people in their order."""
    went = Went()
    went.now = 1_790_000_000.0
    if not path.reaches(went, body):
        return None
    people = went.recipients, went.senders, went.reached, list(went.subjects)
    assert went.reached == [NAMED(kind, str(normalise(kind, value, "FR"))) for kind, value in went.recipients]
    assert people[-1] == [*dict.fromkeys((*went.reached, *went.subjects))], "recipients first"
    assert all(each.__class__ is list for each in people)
    return *people, went.sends, went.asked


@pytest.mark.parametrize("name", BODIES)
def test_both_readings_are_one(name: str, path: ContactPath, monkeypatch: pytest.MonkeyPatch) -> None:
    body = BODIES[name]
    first, then = told(path, body), told(path, body)
    forms = path._forms
    assert forms is not None
    known = forms.read(body) is not None
    monkeypatch.setattr(path, "_forms", Reader(forms, know=False))
    assert first == then == told(path, body)
    assert known or first is None or name in ODD
    assert (first is None) >= (name in NONE) and (first is not None) >= (name in FLYING)
