"""The canary under real plans: silent where they hold, and loud about every way to break one."""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import gateway.masking.table
import gateway.policy.compile
import gateway.policy.fields
from gateway.canary.allowed import Allowed
from gateway.canary.answers import answers
from gateway.canary.play import Leak, Played
from gateway.canary.rounds import check, targets
from gateway.canary.seeds import Seeds
from gateway.canary.sower import NOTE
from gateway.codecs.json import JsonCodec
from gateway.codecs.params import HEADERS
from gateway.codecs.program import Limits, Program, Tally
from gateway.exchange import talking
from gateway.exchange.exchange import Env
from gateway.exchange.facts import Facts
from gateway.exchange.replay import NOON
from gateway.model import DataMap, Field, Mask, View
from gateway.policy.fields import Treatment
from tests.world import PACK, RULES, World
from tests.wspeers import LIVE

EXTRA = b"""\
  - {id: export, call: GET /export, response: {csv: {mail: user.contact.email, name: user.name, '*': user}}}
  - {id: page, call: GET /page, response: {xml: {Person/Phone: user.contact.phone_number,
     Person/@born: user.demographic.date_of_birth, '**/Name': user.name}}}
  - {id: odd, call: "GET /odd/{x}.json",
     response: {headers: {X-Person: user.contact.email}, cookies: {who: user.contact.email},
     json: {'rows[][]': user.contact.phone_number, 'by.*.mail': user.contact.email,
            '**.born': user.demographic.date_of_birth, name: user.name, 'name.secret': user.contact,
            count: system.operations}}}
  - {id: search, call: POST /search, act: false,
     response: {json: {'hits[].phone': user.contact.phone_number}}}
"""
PACK_MORE = PACK + EXTRA
WHOLE = ("json", "error", "numbers", "gzip")
"""Answers that JsonCodec.transform reads."""
JSON_VARIANTS = (*WHOLE, "lines", "events", "sequence")
Results = list[Played]


def env(**more: Any) -> Env:
    world = World(**{"pack": PACK_MORE, **more})
    return Env(world.snapshot, Limits(), lambda: 0.0)


def played(it: Env | None = None, operation: str = "", role: str = "") -> Results:
    it = it or env()
    return [
        one
        for target in targets(it.snapshot)
        if operation in ("", target.operation.id) and role in ("", target.identity.client.role)
        for one in check(it, target, NOON, "5a17")
    ]


def leaks(results: Results) -> list[Leak]:
    return [leak for one in results for leak in one.leaks]


def test_every_operation_of_every_client_is_a_target() -> None:
    it = env().snapshot
    found = Counter((t.identity.client.role, t.operation.id) for t in targets(it))
    every = [operation.id for operation in it.packs["crm"].operations]
    assert {"contacts.fetch", "contacts.create", "messages.create", "search"} <= set(every)
    assert found == Counter((role, name) for role in ("support", "caller", "admin") for name in every)


def test_a_rule_for_purposes_makes_each_purpose_a_target() -> None:
    rules = RULES + "rules: [{id: p, mask: user.name, purposes: marketing}]\n"
    found = {t.purpose for t in targets(env(rules=rules).snapshot) if t.identity.client.role == "caller"}
    assert found == {None, "marketing.communications"}


def test_only_the_tenants_that_are_asked_for() -> None:
    snapshot = env().snapshot
    assert list(targets(snapshot, frozenset(("other",)))) == []
    assert len(list(targets(snapshot, frozenset(("acme",))))) == len(list(targets(snapshot)))


@pytest.mark.parametrize("unmapped", ["redact", "detect", "pass"])
def test_what_holds_is_held(unmapped: str) -> None:
    results = played(env(rules=f"{RULES}unmapped: {unmapped}\n"))
    assert leaks(results) == []
    assert {one.result for one in results} <= {"held", "refused"}
    assert sum(one.blind for one in results) == 0
    by_role = Counter[str]()
    for one in results:
        by_role[one.target.identity.client.role] += one.hidden
    assert by_role["support"] > by_role["caller"] > by_role["admin"] >= 0


@pytest.mark.parametrize("operation", ["contacts.fetch", "contacts.list", "odd", "search", "export", "page"])
def test_every_kind_of_answer_is_read_and_released(operation: str) -> None:
    results = played(operation=operation, role="support")
    held = {one.variant for one in results if one.result == "held" and one.hidden}
    assert {"export": {"csv", "rows"}, "page": {"xml"}}.get(operation, set(JSON_VARIANTS)) <= held


# ---- negative controls: each breaks one thing in the live path ------------------------------------------


def masking(monkeypatch: pytest.MonkeyPatch, category: str, masker: Callable[[Any], Any] | None) -> None:
    """Values of a category are treated by this instead."""
    real = gateway.masking.table.build

    def build(mask: Mask, of: str, *rest: Any, **more: Any) -> Any:
        return masker if of == category else real(mask, of, *rest, **more)

    monkeypatch.setattr(gateway.policy.compile, "build", build)


@pytest.mark.parametrize(
    ("masker", "how"),
    [
        (None, "plain"),
        (lambda value: value, "plain"),
        (lambda value: f"<{value}>".upper(), "plain"),
        (lambda value: str(value)[::-1], "reversed"),
        (lambda value: str(value).encode().hex(), "hex"),
        (lambda value: b64encode(f"mail: {value}".encode()).decode(), "base64"),
        (lambda value: "".join(f"%{byte:02X}" for byte in str(value).encode()), "every percent"),
    ],
)
def test_a_masker_that_does_not_mask(
    monkeypatch: pytest.MonkeyPatch, masker: Callable[[Any], Any] | None, how: str
) -> None:
    masking(monkeypatch, "user.contact.email", masker)
    found = leaks(played(operation="contacts.list", role="support"))
    assert {(leak.category, leak.where) for leak in found} == {("user.contact.email", "body")}
    assert {leak.place for leak in found} == {"results[].email"}
    assert how in {leak.how for leak in found}
    assert {leak.variant for leak in found} == set(JSON_VARIANTS)


def test_a_view_that_is_read_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    real = gateway.policy.fields.treatment

    def treatment(category: str, *rest: Any) -> Treatment:
        return Treatment(None, ()) if category == "user.contact.address" else real(category, *rest)

    monkeypatch.setattr(gateway.policy.compile, "treatment", treatment)
    found = leaks(played(operation="contacts.fetch"))
    assert {leak.category for leak in found} == {"user.contact.address"}
    assert {leak.target.identity.client.role for leak in found} == {"support", "caller"}


def test_a_rule_that_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = RULES + "rules: [{id: names, mask: user.name, with: hash}]\n"
    assert leaks(played(env(rules=rules), "contacts.fetch")) == []
    it = env(rules=rules)
    monkeypatch.setattr(gateway.policy.compile, "obstacle", lambda *_: "forgotten")
    assert {leak.place for leak in leaks(played(it, "contacts.fetch", "support"))} == {
        "name.first",
        "name.last",
    }


@pytest.mark.parametrize("unmapped", ["redact", "detect"])
def test_the_unmapped_that_passes(monkeypatch: pytest.MonkeyPatch, unmapped: Any) -> None:
    monkeypatch.setitem(gateway.policy.compile._UNMAPPED, unmapped, lambda *_: None)
    found = leaks(played(env(rules=f"{RULES}unmapped: {unmapped}\n"), "contacts.list", "admin"))
    assert found
    assert {leak.category for leak in found} == {""}
    assert any(leak.place.endswith(NOTE) for leak in found)


def test_a_codec_that_hands_back_what_it_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def transform(_: object, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        return body

    monkeypatch.setattr(JsonCodec, "transform", transform)
    results = [one for one in played(operation="contacts.fetch", role="support") if one.variant in WHOLE]
    for one in results:
        assert len(one.leaks) == one.hidden > 0
        assert one.result == "leaked"


def test_a_place_that_no_step_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler of paths that loses one line."""
    import gateway.policy.carriers as carriers

    real = carriers.BODIES["json"]

    def compile_(slots: Any, unmapped: Any) -> Program:
        return real([slot for slot in slots if slot.path != "by.*.mail"], None)

    monkeypatch.setitem(carriers.BODIES, "json", compile_)
    found = leaks(played(operation="odd", role="support"))
    assert ("by.canary_any.mail", "user.contact.email") in {(leak.place, leak.category) for leak in found}


def test_headers_that_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(HEADERS), "rewrite", lambda self, headers, *_: headers)
    found = leaks(played(operation="odd", role="support"))
    assert {(leak.place, leak.where) for leak in found} == {("x-person", "head"), ("who", "head")}


def test_a_record_that_holds_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even what the caller may see belongs in the log."""
    real, seen = Facts.record, list[str]()
    transform = JsonCodec.transform

    def keeping(self: JsonCodec, body: bytes, *rest: Any) -> bytes:
        seen.append(body.decode())
        return transform(self, body, *rest)

    def record(self: Facts, *rest: Any, **more: Any) -> Any:
        made = real(self, *rest, **more)
        return msgspec.structs.replace(made, note=seen[-1] if seen else "")

    monkeypatch.setattr(JsonCodec, "transform", keeping)
    monkeypatch.setattr(Facts, "record", record)
    found = leaks(played(operation="contacts.fetch", role="admin"))
    assert {leak.where for leak in found} == {"access log"}
    assert "name.first" in {leak.place for leak in found}


def test_what_crashes_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JsonCodec, "transform", lambda *_: 1 / 0)
    results = [one for one in played(operation="contacts.fetch", role="support") if one.variant in WHOLE]
    assert {(one.reason, one.result) for one in results} == {("internal_error", "failed")}


def test_a_refusal_leaks_nothing_and_is_told() -> None:
    rules = RULES + "rules: [{id: no, access: {operations: crm.contacts.fetch}}]\n"
    results = played(env(rules=rules), "contacts.fetch")
    assert {(one.reason, one.result) for one in results} == {("access_denied", "refused")}


def test_an_upstream_behind_another_is_told() -> None:
    it = env()
    [upstream] = it.snapshot.upstreams
    target = next(t for t in targets(it.snapshot) if t.operation.id == "contacts.fetch")
    hidden = msgspec.structs.replace(upstream, name="crm-2")
    shadowed = type(target)(target.identity, hidden, target.operation)
    assert {one.reason for one in check(it, shadowed, NOON, "5a17")} == {"unknown_upstream"}


# ---- what is planted ------------------------------------------------------------------------------------


def test_values_inside_values_are_planted_too() -> None:
    data = DataMap(
        json=(
            Field(
                path="blob",
                category="user.content.private",
                format="json",
                inner=(Field(path="who.mail", category="user.contact.email"),),
            ),
        )
    )
    allowed = Allowed(View(show=("user.contact.email",)), (), "redact")
    first = next(answers(data, allowed, Seeds("5a17")))
    document = msgspec.json.decode(first.plain)
    assert "@hushgate.invalid" in msgspec.json.decode(document["blob"])["who"]["mail"]
    hidden = {each.place: each.hidden for each in first.planted}
    assert hidden["who.mail"] is False
    assert hidden[NOTE] is True


# ---- messages of WebSockets -----------------------------------------------------------------------------


def test_messages_of_every_kind_are_read_and_passed() -> None:
    results = [one for one in played(env(pack=LIVE), role="support") if one.target.operation.websocket]
    assert leaks(results) == []
    held = {(one.target.operation.id, one.variant): one.hidden for one in results if one.result == "held"}
    assert held["live", "message canary"] > 5 and held["words", "words"] > 0
    assert {("live", "message plain"), ("kinds", "message hello"), ("raw", "message")} <= set(held)
    assert held["live", "json"] > 0, "the answer of a provider that does not agree"
    [binary] = [one for one in results if one.variant == "opaque"]
    assert (binary.result, binary.reason) == ("refused", "access_denied")


def test_a_message_that_is_not_masked_is_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talking, "masked", lambda *given: given[4])
    found = leaks(played(env(pack=LIVE), role="support"))
    assert {leak.variant for leak in found} == {"message canary", "words"}
    assert {leak.where for leak in found} == {"body"}
