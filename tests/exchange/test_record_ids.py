"""An id of one provider, or of one type of its records, is nobody else's; what was entered before holds."""

from typing import Any

import pytest

from gateway.contacts.model import Entry, Suppression
from gateway.exchange.commands import Link
from tests.exchange.batches import BO, REFUSE, refused_by
from tests.exchange.batches import HEAD as BATCH_HEAD
from tests.exchange.batches import PACK as BATCHES
from tests.exchange.batches import VIEWS as BATCH_VIEWS
from tests.inbounds import PLUGINS
from tests.world import PACK, RULES, Played, World, json_answer

GONE = RULES + "rules:\n  - {id: gone, records: {}, on_refusal: hide}\n"
ERASED = Entry(id="e", subject="", act="erased", at=1.0)
ANA = {"id": "7", "email": "ana@example.com"}


def crm(provider: str = "crm", **more: Any) -> World:
    pack = PACK.replace(b"provider: crm", f"provider: {provider}".encode())
    return World(pack=pack, provider=provider, **more)


def hubspot(**more: Any) -> World:
    return World(pack=(PLUGINS / "hubspot" / "pack.yaml").read_bytes(), provider="hubspot", **more)


def subjects(played: Played) -> set[str]:
    return set(played.records[-1].subjects)


def test_two_providers_of_the_same_id_are_two_people() -> None:
    for provider, other in (("crm", "desk"), ("desk", "crm")):
        world = crm(provider)
        played = world.ask("GET", "/crm/contacts/7", answer=json_answer(ANA))
        own = world.named("record", f"{provider}/7")
        assert own in subjects(played) and world.named("record", f"{other}/7") not in subjects(played)
        [pairs] = [c.pairs for c in played.script.commands if isinstance(c, Link)]
        assert {record for record, _ in pairs} == {own}


PATH = "/crm/crm/v4/objects/%s/512/associations/notes"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("contacts", "contact"),
        ("contact", "contact"),
        ("0-1", "contact"),
        ("Companies", "company"),
        ("deals", "deal"),
        ("0-3", "deal"),
        ("p123_unheard_of", "contact"),
    ],
)
def test_an_association_is_of_whatever_its_path_says(word: str, kind: str) -> None:
    world = hubspot(rules=GONE, bare=False)
    world.know("record", "hubspot/contact/512", Suppression())
    played = world.ask("GET", PATH % word, client="caller", answer=json_answer({"results": []}))
    assert subjects(played) == {world.named("record", f"hubspot/{kind}/512")}
    assert played.status == (404 if kind == "contact" else 200)


def test_associations_of_two_kinds_have_plans_of_their_own() -> None:
    world = hubspot(bare=False)
    for word, kind in (("contacts", "contact"), ("deals", "deal"), ("contacts", "contact")):
        body = {"inputs": [{"id": "512"}]}
        where = f"/crm/crm/v4/associations/{word}/notes/batch/read"
        answer = json_answer({"results": [{"from": {"id": "512"}, "to": []}]})
        played = world.ask("POST", where, client="caller", json_body=body, answer=answer)
        assert subjects(played) == {world.named("record", f"hubspot/{kind}/512")}


# ---- entries of before ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bare", [True, False])
def test_what_was_entered_under_an_id_alone_still_forbids(bare: bool) -> None:
    world = hubspot(rules=GONE, bare=bare)
    world.know("record", "512", ERASED)
    answer = json_answer({"id": "512"})
    played = world.ask("GET", "/crm/crm/v3/objects/contacts/512", client="caller", answer=answer)
    assert played.status == (404 if bare else 200)
    assert not bare or played.reason == "record_hidden"


@pytest.mark.parametrize("bare", [True, False])
def test_in_a_batch_too(bare: bool) -> None:
    world = World(rules=BATCH_HEAD + BATCH_VIEWS + REFUSE, pack=BATCHES, bare=bare)
    world.know("record", "2", Suppression())
    played = world.ask("GET", "/crm/people/2", client="caller", answer=json_answer({"id": "2", "email": BO}))
    assert bare == (played.status == 403)
    assert not bare or refused_by(played) == ("record_withheld", ("alone",))


SALES = b"""\
provider: crm
title: CRM
hosts: [{name: api.crm.example, region: FR, operator: OVH}]
operations:
  - id: mail
    call: POST /mail
    channel: email
    request: {json: {to: {is: system.operations, record: contact, role: recipient}}}
"""
MAIL = RULES + "rules:\n  - {id: known, contact: {channels: [email], unknown_subject: refuse}}\n"


@pytest.mark.parametrize(
    ("bare", "reason"), [(True, "contact_suppressed"), (False, "contact_unknown_recipient")]
)
def test_a_recipient_by_record_id(bare: bool, reason: str) -> None:
    world = World(rules=MAIL, pack=SALES, bare=bare)
    world.know("record", "512", Suppression())
    played = world.ask("POST", "/crm/mail", json_body={"to": "512"})
    assert (played.status, played.reason) == (403, reason)


def test_a_consent_under_an_id_alone_is_lent_to_nobody() -> None:
    world = World(rules=MAIL.replace("unknown_subject: refuse", "require: consent"), pack=SALES)
    world.know("record", "512", Entry(id="g", subject="", act="granted", at=1.0))
    assert world.ask("POST", "/crm/mail", json_body={"to": "512"}).reason == "contact_without_consent"
    world.know("record", "crm/contact/512", Entry(id="g", subject="", act="granted", at=1.0))
    assert world.ask("POST", "/crm/mail", json_body={"to": "512"}).status == 200
    world.know("record", "512", Entry(id="g", subject="", act="withdrawn", at=2.0))
    assert world.ask("POST", "/crm/mail", json_body={"to": "512"}).reason == "contact_without_consent"


def test_another_kinds_suppression_stops_nobody() -> None:
    world = World(rules=MAIL.replace("unknown_subject: refuse", "require: no_suppression"), pack=SALES)
    for other in ("crm/deal/512", "desk/contact/512", "crm/512"):
        world.know("record", other, Suppression())
    assert world.ask("POST", "/crm/mail", json_body={"to": "512"}).status == 200


# ---- ids that are written in two ways -------------------------------------------------------------------

SHORT, LONG = "003G000001SUbc4", "003G000001SUbc4IAD"
WAYS = (SHORT, LONG, LONG.lower())


def salesforce(**more: Any) -> World:
    pack = SALES.replace(b"provider: crm", b"provider: salesforce")
    pack = pack.replace(b"record: contact", b"subject: record")
    return World(rules=MAIL.replace("refuse", "pass"), pack=pack, provider="salesforce", **more)


@pytest.mark.parametrize("asked", WAYS)
def test_either_form_of_an_id_is_the_person(asked: str) -> None:
    world = salesforce(bare=False)
    world.know("record", f"salesforce/{LONG}", Suppression())
    played = world.ask("POST", "/crm/mail", json_body={"to": asked})
    assert played.reason == "contact_suppressed"
    assert subjects(played) == {world.named("record", f"salesforce/{LONG}")}


@pytest.mark.parametrize("entered", [SHORT, LONG, f"salesforce/{SHORT}"])
@pytest.mark.parametrize("asked", [SHORT, LONG])
def test_what_was_entered_under_another_form_still_forbids(entered: str, asked: str) -> None:
    for bare in (True, False):
        world = salesforce(bare=bare)
        world.know("record", entered, Suppression())
        assert world.ask("POST", "/crm/mail", json_body={"to": asked}).status == (403 if bare else 200)


@pytest.mark.parametrize("entered", [SHORT, f"salesforce/{SHORT}", f"salesforce/{LONG}"])
def test_a_hidden_record_is_hidden_by_either_form(entered: str) -> None:
    for shown in (SHORT, LONG):
        world = salesforce_reads()
        world.know("record", entered, ERASED)
        answer = json_answer({"Id": shown, "LastName": "Durand"})
        played = world.ask("GET", f"/crm/services/data/v60.0/sobjects/Contact/{LONG}", answer=answer)
        assert (played.status, played.records[-1].reason) == (404, "record_hidden")


def salesforce_reads() -> World:
    return World(rules=GONE, pack=(PLUGINS / "salesforce" / "pack.yaml").read_bytes(), provider="salesforce")


def test_answers_name_the_person_whose_requests_do() -> None:
    world = salesforce_reads()
    answer = json_answer({"Id": SHORT, "LastName": "Durand", "Email": "ana@example.com"})
    played = world.ask("GET", f"/crm/services/data/v60.0/sobjects/Contact/{LONG}", answer=answer)
    own = world.named("record", f"salesforce/{LONG}")
    assert own in subjects(played) and world.named("record", f"salesforce/{SHORT}") not in subjects(played)
    [pairs] = [c.pairs for c in played.script.commands if isinstance(c, Link)]
    assert {record for record, _ in pairs} == {own}
