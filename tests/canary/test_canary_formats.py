"""Answers of every format a data map declares are played: in pieces where they stream, unread ones too."""

import re
from collections.abc import Iterator

import msgspec
import pytest

from gateway.canary.allowed import Allowed
from gateway.canary.answers import Answer, answers
from gateway.canary.bodies import BODIES
from gateway.canary.play import Target, play
from gateway.canary.rounds import sown, targets
from gateway.canary.seeds import Seeds
from gateway.codecs.table import FORMATS
from gateway.exchange.exchange import Env
from gateway.exchange.replay import NOON
from gateway.model import DataMap, Field, Unread, View
from gateway.policy.plan import Opaque
from tests.canary.test_canary_play import env, leaks, masking, played
from tests.world import PACK, RULES

EVERY = b"""\
  - id: every
    call: GET /every
    response:
      json: {mail: user.contact.email}
      csv: {mail: user.contact.email, born: user.demographic.date_of_birth}
      form: {mail: user.contact.email, inner: {is: user.content, json: {deep.mail: user.contact.email}}}
      xml: {Person/Mail: user.contact.email}
      text: user.contact.email
      multipart:
        mail: user.contact.email
        about: {is: user.content, json: {mail: user.contact.email}}
        page: {is: user.content, xml: {Person/Mail: user.contact.email}}
        rows: {is: user.content, csv: {mail: user.contact.email}}
        "*": user
      opaque:
        - {types: [audio/wav], is: user.content.private}
        - {types: ["image/*"], is: user.name}
        - {types: [application/pdf], is: user.name, refuse: true}
"""
VARIANTS = {*BODIES, "error", "numbers", "gzip"}


def here(rules: str = RULES) -> Env:
    return env(pack=PACK + EVERY, rules=rules)


def every_answer() -> Iterator[tuple[Env, Target, Answer]]:
    it = here()
    target = next(
        t for t in targets(it.snapshot) if (t.operation.id, t.identity.client.role) == ("every", "support")
    )
    for answer in sown(it.snapshot, target, NOON, "5a17")[1]:
        yield it, target, answer


def test_every_format_is_held_and_something_in_it_was_hidden() -> None:
    results = [one for one in played(here(), "every", "support") if one.variant != "opaque"]
    assert {one.variant for one in results} == VARIANTS
    assert {(one.result, one.blind) for one in results} == {("held", 0)}
    assert all(one.hidden for one in results)


def test_every_carrier_of_a_body_has_a_variant() -> None:
    assert {each.carrier for each in BODIES.values()} == {each.carrier for each in FORMATS.values()}
    assert set(DataMap.__struct_fields__) - {"path", "query", "headers", "cookies", "opaque"} == {
        each.carrier for each in BODIES.values()
    }


@pytest.mark.parametrize("unmapped", ["redact", "detect", "pass"])
@pytest.mark.parametrize("masked", ["user.contact.email", "user.content"])
def test_a_masker_that_fails_is_seen_in_every_format(
    monkeypatch: pytest.MonkeyPatch, unmapped: str, masked: str
) -> None:
    masking(monkeypatch, masked, None)
    found = leaks(played(here(f"{RULES}unmapped: {unmapped}\n"), "every", "support"))
    seen = {leak.variant for leak in found}
    assert seen >= (VARIANTS if masked == "user.contact.email" else {"multipart"}) - {"text"}


def test_what_streams_is_played_in_pieces() -> None:
    streamed = {}
    for it, target, answer in every_answer():
        ask, _ = sown(it.snapshot, target, NOON, "5a17")
        released = play(it, target, ask, answer, NOON)
        streamed[answer.variant] = any(record.phase == "stream" for record in released.records)
    assert {variant for variant, so in streamed.items() if so} == {"lines", "events", "sequence", "rows"}
    assert {variant for variant, made in BODIES.items() if made.endless} == {
        "lines",
        "events",
        "sequence",
        "rows",
    }


def test_what_is_passed_unread_is_refused_unless_all_of_it_may_be_seen() -> None:
    results = [one for one in played(here(), "every", "support") if one.variant == "opaque"]
    assert [(one.result, one.hidden, one.reason) for one in results] == [
        ("refused", 1, "access_denied"),
        ("held", 0, ""),
        ("refused", 1, "access_denied"),
    ]


def test_unread_bytes_that_pass_are_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(types: tuple[str, ...], category: str, _: bool, rules: tuple[str, ...]) -> Opaque:
        return Opaque(types, category, True, rules)

    monkeypatch.setattr("gateway.policy.compile.Opaque", shown)
    found = leaks(played(here(), "every", "support"))
    assert [(leak.variant, leak.place) for leak in found] == [
        ("opaque", "audio/wav"),
        ("opaque", "application/pdf"),
    ]


def test_a_value_that_holds_xml_or_rows_is_one() -> None:
    inner = (Field(path="mail", category="user.contact.email"),)
    data = DataMap(multipart=(Field(path="rows", category="user.content", format="csv", inner=inner),))
    made = {a.variant: a for a in answers(data, Allowed(View(), (), "redact"), Seeds("5a17"))}
    assert b"\r\nmail,canary_any\r\n" in made["multipart"].plain


def test_events_have_what_no_data_map_speaks_of() -> None:
    data = DataMap(json=(Field(path="mail", category="user.contact.email"),))
    made = {a.variant: a for a in answers(data, Allowed(View(), (), "redact"), Seeds("5a17"))}
    lines = made["events"].plain.decode().split("\n")
    assert lines[:4] == [": canary", "", "id: 0", "event: person"]
    documents = re.findall(r"^data: (.*)$", made["events"].plain.decode(), re.MULTILINE)
    assert [set(msgspec.json.decode(each)) >= {"mail"} for each in documents] == [True, True]
    assert (b"Transfer-Encoding", b"chunked") in made["events"].headers


def test_an_unread_line_that_is_refused_hides_whatever_a_role_may_see() -> None:
    data = DataMap(opaque=(Unread(types=("audio/*",), category="user.name", refuse=True),))
    *_, last = answers(data, Allowed(View(show=("user",)), (), "pass"), Seeds("5a17"))
    assert (last.variant, last.planted[0].hidden) == ("opaque", True)
    assert last.headers[0] == (b"Content-Type", b"audio/x-canary")
