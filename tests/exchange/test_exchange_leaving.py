"""Records left out of a request: what is sent, what is told, and in whose words."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs.json import JSON
from gateway.codecs.program import Limits
from gateway.contacts.model import Suppression
from gateway.errors import StoreError
from gateway.exchange.commands import Append, Lookup
from tests.exchange.batches import ANA, BO, COPIES, CY, DROP, REFUSE, refused_by, world
from tests.world import Answer, Played, World, json_answer

THREE = [{"id": "1", "email": ANA}, {"id": "2", "email": BO}, {"id": "3", "email": CY}]
SHADOW = "  - {id: alone, records: {}, on_refusal: drop, mode: shadow}\n"


def batch(w: World, inputs: list[Any], path: str = "/crm/people/batch", **more: Any) -> Played:
    """Ask for a batch that the upstream answers in full, whatever it is."""
    return w.ask("POST", path, json_body={"inputs": inputs}, **more)


def entry(*ids: object, reason: str = "record_withheld", text: str = "") -> dict[str, Any]:
    title = text or "A record is that of a person who is to be left alone"
    context = {"ids": list(ids)} if ids else {}
    shape = {"final": True, "links": {}, "errors": []}
    return {
        "status": "error",
        "category": reason,
        "message": f"{title} (403, d-1)",
        "context": context,
        **shape,
    }


def test_one_is_left_out_and_told_of() -> None:
    played = batch(world(DROP, BO), THREE, answer=json_answer({"results": [{"id": "1"}, {"id": "3"}]}, 201))
    assert json.loads(played.sent[1]) == {"inputs": [THREE[0], THREE[2]]}
    assert played.status == 207
    assert played.script.released[0].startswith(b"HTTP/1.1 207 Multi-Status\r\n")
    assert played.json == {"results": [{"id": "1"}, {"id": "3"}], "errors": [entry("2")], "numErrors": 1}
    assert played.headers["hushgate-dropped"] == "1"
    record = played.records[-1]
    assert (record.effect, record.dropped, record.rules, record.status) == ("allow", 1, ("alone",), 207)


def test_the_access_log_has_only_the_pseudonym() -> None:
    w = world(DROP)
    pseudonym = w.know("email", BO, Suppression())
    played = batch(w, THREE, answer=json_answer({"results": []}))
    assert pseudonym in played.records[-1].subjects
    assert all(BO not in repr(record) for record in played.records)


def test_what_the_upstream_tells_stays_and_is_added_to() -> None:
    answer = Answer(
        207,
        body=b'{"numErrors":1,"errors":[{"a":1.10}],"results":[{"id":"1","amount":12345678901234567890123}]}',
    )
    played = batch(world(DROP, BO), THREE, answer=answer)
    assert played.body.startswith(b'{"numErrors":2,"errors":[{"a":1.10},{"status":"error"')
    assert played.body.endswith(b'"results":[{"id":"1","amount":12345678901234567890123}]}')


def test_two_reasons_are_two_errors() -> None:
    people = [{"id": str(n), "to": to} for n, to in enumerate((ANA, BO, CY))]
    w = world("  - {id: alone, records: {suppressed_on: call}, on_refusal: drop}\n" + COPIES)
    w.know("email", ANA, Suppression(channel="email"))
    w.know("email", CY, Suppression(channel="call"))
    played = batch(w, people, "/crm/bulk", answer=json_answer({"results": [{"id": "1"}]}))
    assert json.loads(played.sent[1])["inputs"] == [people[1]]
    assert played.json["numErrors"] == 2
    contact = entry("0", reason="contact_suppressed", text="A recipient must not be contacted")
    assert played.json["errors"] == [contact, entry("2")]
    assert played.headers["hushgate-dropped"] == "2"


def test_a_copy_goes_without_its_record_and_is_no_error() -> None:
    people = [{"id": "1", "to": ANA, "cc": [BO, CY]}, {"id": "2", "to": CY}]
    played = batch(world(COPIES, BO), people, "/crm/bulk", answer=json_answer({"results": []}))
    assert json.loads(played.sent[1])["inputs"] == [{"id": "1", "to": ANA, "cc": [CY]}, people[1]]
    assert (played.status, played.json) == (200, {"results": []})
    assert played.headers["hushgate-dropped"] == "1"


def test_a_copy_is_still_dropped_when_a_record_before_it_goes() -> None:
    people = [{"id": "1", "to": ANA}, {"id": "2", "to": CY, "cc": [BO, "di@example.com"]}]
    w = world(COPIES, ANA, BO)
    played = batch(w, people, "/crm/bulk", answer=json_answer({"results": []}))
    assert json.loads(played.sent[1])["inputs"] == [{"id": "2", "to": CY, "cc": ["di@example.com"]}]
    assert played.headers["hushgate-dropped"] == "2"


def test_when_nothing_is_left_it_is_refused() -> None:
    played = batch(world(DROP, ANA, BO, CY), THREE)
    assert refused_by(played) == ("record_withheld", ("alone",))
    assert played.nothing_sent
    assert played.records[-1].dropped == 0


def test_without_drop_one_refuses_all() -> None:
    played = batch(world(REFUSE, BO), THREE)
    assert refused_by(played) == ("record_withheld", ("alone",))
    assert played.nothing_sent


def test_a_batch_whose_provider_has_no_words_for_it_is_refused() -> None:
    played = batch(world(DROP, "2"), [{"id": "1"}, {"id": "2"}], "/crm/people/archive")
    assert refused_by(played) == ("record_withheld", ("alone",))


@pytest.mark.parametrize("path", ["/crm/people/2", "/crm/people?email=bo%40example.com"])
def test_who_is_named_in_the_target_refuses_it(path: str) -> None:
    assert refused_by(world(DROP, "2", BO).ask("GET", path)) == ("record_withheld", ("alone",))


@pytest.mark.parametrize("written", ["bo@example.com", " BO@Example.com", "mailto:bo@example.com"])
def test_an_id_that_is_an_address_is_looked_up_as_one(written: str) -> None:
    played = batch(world(DROP, BO), [{"id": "1"}, {"id": written}], answer=json_answer({"results": []}))
    assert played.json["errors"] == [entry(written)], "told in the caller's own spelling"


def test_an_id_that_is_a_number_is_looked_up_as_one_and_comes_back_as_it_was() -> None:
    inputs = b'{"inputs":[{"id":7},{"id":" +33 6 39 98 00 01"},{"id":"9"}]}'
    w = world(DROP, "+33639980001", "7")
    played = w.ask(
        "POST",
        "/crm/people/batch",
        body=inputs,
        headers={"Content-Type": "application/json"},
        answer=json_answer({"results": []}),
    )
    assert played.json["errors"] == [entry(7, " +33 6 39 98 00 01")]


def test_a_token_comes_back_as_the_token_it_was() -> None:
    w = world(DROP, "+33639980001")
    token = w.snapshot.tokens("acme").issue("user.contact.phone_number", "phone", "+33639980001")
    inputs = [{"id": "1", "phone": token, "trace": {"id": token}}, {"id": "2"}]
    played = batch(w, inputs, client="caller", answer=json_answer({"results": []}))
    assert json.loads(played.sent[1]) == {"inputs": [{"id": "2"}]}
    assert played.json["errors"][0]["context"] == {"ids": ["1"], "traces": [token]}
    assert b"+33639980001" not in played.body


def test_an_input_without_the_members_is_told_of_without_them() -> None:
    inputs = [{"email": BO}, {"email": ANA, "id": {"not": "a scalar"}}, {"email": CY}]
    played = batch(world(DROP, BO, ANA), inputs, answer=json_answer({"results": []}))
    assert played.json["errors"] == [entry()]


def test_in_its_place_where_the_provider_answers_one_by_one() -> None:
    data = [{"id": 10 + n, "email": email} for n, email in enumerate((ANA, BO, CY, "di@example.com"))]
    w = world(DROP, ANA, CY)
    answer = json_answer({"data": {"results": [{"id": 11}, {"id": 13}]}})
    played = w.ask("POST", "/crm/people/placed", json_body={"data": {"inputs": data}}, answer=answer)
    gone = {"success": False, "code": 60405, "errors": ["record_withheld"]}
    assert played.status == 200
    assert played.json == {
        "data": {"results": [{"id": 10} | gone, {"id": 11}, {"id": 12} | gone, {"id": 13}]}
    }


@pytest.mark.parametrize(
    "answer",
    [
        Answer(409, body=b'{"message":"no"}'),
        Answer(200, body=b'{"results":"no array"}'),
        json_answer([1]),
        Answer(204, ()),
    ],
)
def test_an_answer_of_another_shape_stays_what_it_is(answer: Answer) -> None:
    played = batch(world(DROP, BO), THREE, answer=answer)
    assert (played.status, played.body) == (answer.status, answer.body)
    assert played.headers["hushgate-dropped"] == "1"


def test_a_compressed_answer_is_told_in_as_it_came() -> None:
    kind = ((b"Content-Type", b"application/json"), (b"Content-Encoding", b"gzip"))
    played = batch(world(DROP, BO), THREE, answer=Answer(200, kind, gzip.compress(b'{"results":[]}')))
    assert json.loads(gzip.decompress(played.body)) == {
        "results": [],
        "errors": [entry("2")],
        "numErrors": 1,
    }


def test_nobody_left_out_changes_nothing() -> None:
    w = world(DROP, "zoe@example.com")
    body = b'{"results":[{"id":"1","amount":1.10}]}'
    played = batch(w, THREE, answer=Answer(201, body=body))
    assert (played.status, played.body) == (201, body)
    assert "hushgate-dropped" not in played.headers


def test_a_shadow_rule_only_reports() -> None:
    w = world(SHADOW, BO)
    played = batch(w, THREE, answer=json_answer({"results": []}))
    assert (played.status, played.records[-1].shadow) == (200, ("alone",))
    assert json.loads(played.sent[1]) == {"inputs": THREE}
    away = {Lookup: StoreError("registry_unavailable", "")}
    assert batch(w, THREE, answer=json_answer({"results": []}), failures=away).status == 200


def test_a_registry_that_is_away_refuses() -> None:
    played = batch(world(DROP), THREE, failures={Lookup: StoreError("registry_unavailable", "")})
    assert (played.status, played.reason) == (503, "registry_unavailable")
    assert played.nothing_sent


def test_without_a_rule_nobody_is_asked_about() -> None:
    assert Lookup not in batch(world("  - {id: none, access: {}, roles: admin}\n"), THREE).kinds


def test_nothing_is_sent_before_it_is_on_record() -> None:
    played = batch(world(DROP, BO), THREE, answer=json_answer({"results": []}))
    intent = next(c.record for c in played.script.commands if isinstance(c, Append))
    assert (intent.phase, intent.dropped) == ("intent", 1)


people = st.lists(
    st.tuples(st.sampled_from((ANA, BO, CY, "di@example.com")), st.booleans()), min_size=1, max_size=8
)


@settings(deadline=None)
@given(people, st.sets(st.sampled_from((ANA, BO, CY))), st.booleans())
def test_sent_and_told_are_all_there_was_in_order(
    asked: list[tuple[str, bool]], suppressed: set[str], placed: bool
) -> None:
    inputs: list[Any] = [
        {"id": str(n), "email" if plain else "aliases": email if plain else [email]}
        for n, (email, plain) in enumerate(asked)
    ]
    stay = [each for each, (email, _) in zip(inputs, asked, strict=True) if email not in suppressed]
    go = [each["id"] for each in inputs if each not in stay]
    results = [{"id": each["id"]} for each in stay]
    w = world(DROP, *suppressed)
    if placed:
        body: Any = {"data": {"inputs": inputs}}
        played = w.ask(
            "POST", "/crm/people/placed", json_body=body, answer=json_answer({"data": {"results": results}})
        )
    else:
        played = batch(w, inputs, answer=json_answer({"results": results}))
    if not stay:
        assert played.reason == "record_withheld" and played.nothing_sent
        return
    sent = JSON.parse(played.sent[1], Limits())
    assert (sent["data"] if placed else sent)["inputs"] == stay
    if placed:
        assert [each["id"] for each in played.json["data"]["results"]] == [each["id"] for each in inputs]
        told = [each["id"] for each in played.json["data"]["results"] if "code" in each]
    else:
        assert played.json["results"] == results
        told = [i for each in played.json.get("errors", []) for i in each["context"]["ids"]]
    assert told == go
    assert int(played.headers.get("hushgate-dropped", 0)) == len(go) == played.records[-1].dropped
