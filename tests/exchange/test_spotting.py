"""What a rule looks for is masked wherever it stands: in any field, in texts, in what no data map names."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.program import REMOVED
from gateway.errors import ConfigError
from gateway.masking.detect import finder_of
from gateway.masking.detectors.budget import Budget
from gateway.masking.detectors.card import luhn
from gateway.masking.detectors.finder import only_cards
from gateway.masking.operators import make_partial, redact, taken_out
from gateway.model import Mask, Rule, Scope
from gateway.policy.rulefile import read_rules
from gateway.policy.spotting import Spotting
from tests.exchange.test_uploading import lines, send
from tests.world import PACK, RULES, World, json_answer

CARD, IBAN = "4242 4242 4242 4242", "DE89370400440532013000"
LAST = "***************4242"
NO_CARDS = (
    "{id: no-cards, mask: user.financial.credit_card, detect: true, with: {partial: {keep_last: 4}}, "
    "to: {providers: crm}, unless: {recipients: AWS}}"
)


def world(*rules: str, **kwargs: Any) -> World:
    return World(rules=RULES + "rules:\n" + "".join(f"  - {rule}\n" for rule in rules), **kwargs)


def test_a_number_is_masked_in_every_place_of_a_request() -> None:
    person = {
        "name": {"first": "Ana", "last": f"Silva ({CARD})"},
        "address": ["Paris", 4242424242424242, 51001],
        "surprise": {"deep": [f"card {CARD}, thanks"], "n": 1.10},
        "created": "2026-01-01",
    }
    played = world(NO_CARDS).ask(
        "POST", "/crm/contacts?ref=4242424242424242", client="admin", json_body=person
    )
    assert json.loads(played.sent[1]) == {
        "name": {"first": "Ana", "last": f"Silva ({LAST})"},
        "address": ["Paris", "************4242", 51001],
        "surprise": {"deep": [f"card {LAST}, thanks"], "n": 1.10},
        "created": "2026-01-01",
    }
    assert b"ref=************4242 " in played.sent[0] or b"ref=%2A%2A" in played.sent[0]
    assert played.records[-1].rules == ("no-cards",)


def test_a_message_too_and_its_recipient_is_left() -> None:
    form = (("To", "+33639980001"), ("Body", f"Your card {CARD} was charged"))
    played = world(NO_CARDS).ask("POST", "/crm/messages", client="admin", form=form)
    assert b"To=%2B33639980001" in played.sent[1] and b"4242+4242" not in played.sent[1]
    assert played.sent[1].endswith(b"4242+was+charged")


def test_in_a_path_it_is_refused() -> None:
    played = world(NO_CARDS).ask("GET", "/crm/contacts/4242424242424242", client="admin")
    assert (played.status, played.reason, played.nothing_sent) == (403, "access_denied", True)


def test_a_recipient_that_is_spared_gets_it() -> None:
    it = world(NO_CARDS, operator="AWS", networks=(("127.0.0.0/8", "FR", "AWS"),))
    person = {"name": {"first": CARD}, "surprise": CARD}
    assert json.loads(it.ask("POST", "/crm/contacts", client="admin", json_body=person).sent[1]) == person


def test_answers_are_looked_through_where_the_rule_is_about_them() -> None:
    rule = "{id: no-ibans, mask: user.financial, detect: true, with: redact}"
    it = world(rule)
    it.rules += "unmapped: pass\n"
    shown = it.ask(
        *("GET", "/crm/contacts/7"),
        client="admin",
        answer=json_answer({"name": {"first": f"Ana {IBAN}"}, "more": [CARD, 4242424242424242, "plain"]}),
    ).json
    assert shown == {"name": {"first": "Ana [redacted]"}, "more": ["[redacted]", None, "plain"]}


def test_a_field_that_may_hold_it_is_not_masked_whole() -> None:
    """HubSpot's properties are anything of a person: with `detect` they are searched."""
    pack = PACK.replace(b"address: user.contact.address", b"any.*: user")
    person = {"any": {"a": "Paris", "b": CARD}}
    for rule, sent in (
        (NO_CARDS, {"a": "Paris", "b": LAST}),
        (NO_CARDS.replace(" detect: true,", ""), {"a": "***is", "b": LAST}),
    ):
        played = world(rule, pack=pack).ask("POST", "/crm/contacts", client="admin", json_body=person)
        assert json.loads(played.sent[1])["any"] == sent


@pytest.mark.parametrize("line", ["mask: user.name, detect: true", "access: {}, detect: true"])
def test_what_has_no_detector_cannot_be_looked_for(line: str) -> None:
    with pytest.raises(ConfigError):
        read_rules(f"{RULES}rules: [{{id: r, {line}}}]\n".encode(), "acme.yaml")


# ---- by itself ------------------------------------------------------------------------------------------


def spotting(categories: tuple[str, ...], op: Any) -> Spotting:
    rule = Rule(
        id="r",
        line=1,
        mask=categories,
        operator=Mask(op="redact"),
        detect=True,
        scope=Scope(direction="request"),
    )
    return Spotting((rule,), "request", ("FR",), lambda _mask, _category: op)


ALL = spotting(("user.financial", "user.contact"), redact)


@pytest.mark.parametrize(
    ("op", "text", "shown"),
    [
        (redact, f"{CARD} {IBAN}", "[redacted] [redacted]"),
        (redact, "a@example.com, b@example.com", "[redacted], [redacted]"),
        (taken_out, f"x {CARD}.", "x ."),
        (taken_out, CARD, REMOVED),
        (make_partial(Mask(op="partial", keep_last=4), "", b""), f"{CARD}|", f"{LAST}|"),
        (redact, "x" * 30, "x" * 30),
        (redact, "", ""),
    ],
)
def test_what_is_left_of_a_text(op: Any, text: str, shown: object) -> None:
    assert spotting(("user.financial", "user.contact"), op).masked(text) == shown


def test_a_text_of_nothing_but_candidates_is_hidden_whole() -> None:
    crowd = "4242424242424241 " * 5_000
    assert ALL.masked(crowd) == "[redacted]"
    ibans = spotting(("user.financial.bank_account",), redact)
    assert ibans.masked(crowd + IBAN) == "[redacted]", "another detector gave up before that of IBANs began"


def test_other_kinds_are_left() -> None:
    assert spotting(("user.financial.credit_card",), redact).masked(f"a@b.fr {IBAN}") == f"a@b.fr {IBAN}"
    assert not spotting((), redact) and spotting((), redact).masked(CARD) == CARD
    assert ALL.masked(None) is None and ALL.masked(True) is True and ALL.masked(REMOVED) is REMOVED


@given(st.text("4211 -\u00a0٤ab@.", max_size=40))
def test_cards_alone_are_those_that_are_found_among_all(text: str) -> None:
    among_all = [hit for hit in finder_of(("FR",)).find(text) if hit.kind == "card"]
    assert only_cards(text, Budget()) == among_all


@given(st.text("0123456789 -x.", max_size=30), st.integers(10**11, 10**15 - 1), st.text("ab ,.", max_size=9))
def test_no_card_number_is_left_in_any_text(before: str, number: int, after: str) -> None:
    digits = f"4{number:015d}"
    check = next(d for d in "0123456789" if luhn(digits[:15] + d))
    shown = ALL.masked(f"{before}, {digits[:15]}{check}, {after}")
    assert digits[:15] not in shown and shown.endswith(after)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", b"name,note\r\n" + b"Ana,x\r\n" * 900 + b"4242 4242 4242 4242,n 4242424242424242\r\n"),
        ("application/x-ndjson", lines(200) + b'{"name": "4242424242424242", "x": [4242424242424242]}\n'),
    ],
)
def test_a_body_that_is_sent_on_as_it_is_read_is_looked_through_too(kind: str, body: bytes) -> None:
    played = send(body, kind, rules=f"{RULES}rules: [{NO_CARDS}]\n")
    sent = played.script.uploaded
    assert played.script.whole and b"4242424242424242" not in sent and b"4242 4242" not in sent
    assert sent.count(b"*4242") == body.replace(b" 4", b"4").count(b"4242424242424242")
    assert "no-cards" in played.records[-1].rules
