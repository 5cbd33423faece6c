"""Acts are played as reads are: up to their answer, against nothing but what the canary made up."""

import socket
from typing import Any

import pytest

from gateway.canary.asks import ask_of
from gateway.canary.play import play
from gateway.canary.rounds import sown, targets
from gateway.canary.seeds import Seeds
from gateway.exchange.facts import Facts
from gateway.exchange.replay import NOON
from gateway.model import Operation
from tests.canary.test_canary_play import env, leaks, masking, played
from tests.exchange.batches import PACK as BATCHES
from tests.world import RULES

ACTS = ("contacts.create", "contacts.delete", "contacts.delete_batch", "messages.create", "mails.send")


@pytest.mark.parametrize("operation", ACTS)
def test_an_act_comes_as_far_as_its_answer(operation: str) -> None:
    results = played(operation=operation, role="support")
    assert {(one.result, one.reason) for one in results} == {("held", "")}
    assert any(one.hidden for one in results)


def test_an_act_is_on_record_twice_and_nowhere_but_here() -> None:
    it = env()
    target = next(t for t in targets(it.snapshot) if t.operation.id == "messages.create")
    ask, (first, *_) = sown(it.snapshot, target, NOON, "5a17")
    released = play(it, target, ask, first, NOON)
    assert [record.phase for record in released.records] == ["intent", "outcome"]
    assert {record.id for record in released.records} == {"canary"}
    assert it.snapshot.addressed == {}


def test_nothing_of_an_act_is_sent_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def tried(*_: object, **__: object) -> Any:
        raise AssertionError("a socket was asked for")

    monkeypatch.setattr(socket, "socket", tried)
    monkeypatch.setattr(socket, "getaddrinfo", tried)
    assert {one.result for operation in ACTS for one in played(operation=operation)} == {"held"}


@pytest.mark.parametrize("operation", ["contacts.create", "messages.create"])
def test_a_leak_in_the_answer_of_an_act_is_seen(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    masking(monkeypatch, "user.contact.phone_number", lambda value: value)
    found = leaks(played(operation=operation, role="support"))
    assert {(leak.category, leak.where) for leak in found} == {("user.contact.phone_number", "body")}


def test_a_request_in_the_access_log_is_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Facts.record

    def record(self: Facts, *rest: Any, **more: Any) -> Any:
        made = real(self, *rest, **more)
        made.note = "call +33639980017 or so" if self.plan and self.plan.channel else ""
        return made

    it = env()
    target = next(t for t in targets(it.snapshot) if t.operation.id == "messages.create")
    ask, _ = sown(it.snapshot, target, NOON, "5a17")
    assert {each.place: each.seed.value for each in ask.planted}["To"] == "+33639980017"
    monkeypatch.setattr(Facts, "record", record)
    found = leaks(played(operation="messages.create", role="admin"))
    assert {(leak.place, leak.where) for leak in found} == {("To", "access log")}


def test_consent_that_a_rule_asks_for_is_there() -> None:
    rules = RULES + "rules: [{id: c, contact: {channels: [sms, email], require: double_opt_in}}]\n"
    assert {one.result for one in played(env(rules=rules), "messages.create")} == {"held"}


def test_an_act_that_is_not_allowed_now_is_refused_and_told() -> None:
    rules = RULES + 'rules: [{id: h, contact: {channels: sms, within: "02:00-03:00", timezone: UTC}}]\n'
    results = played(env(rules=rules), "messages.create")
    assert {(one.result, one.reason) for one in results} == {("refused", "contact_outside_hours")}


def test_batches_and_their_records_are_played() -> None:
    results = played(env(pack=BATCHES, rules=RULES + "rules: [{id: alone, records: {}, on_refusal: drop}]\n"))
    refused = {(one.target.operation.id, one.variant, one.reason) for one in results if one.result != "held"}
    assert {operation for operation, _, _ in refused} <= {"people.fetch", "people.plain"}
    assert leaks(results) == []


def operations() -> dict[str, Operation]:
    return {each.id: each for each in env().snapshot.packs["crm"].operations}


def test_what_is_asked_holds_whom_it_reaches_and_no_guarded_question() -> None:
    mail = ask_of(operations()["mails.send"], Seeds("5a17"))
    assert mail.type == b"application/json"
    assert {each.place for each in mail.planted} == {"to", "cc[]", "text"}
    assert ask_of(operations()["search"], Seeds("5a17")).body == b""
    assert ask_of(operations()["contacts.delete"], Seeds("5a17")).body == b""
