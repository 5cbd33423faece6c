"""Records withheld from an answer: which, what the number of all says, and what is told of them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs.program import Limits
from gateway.contacts.model import Suppression
from gateway.errors import StoreError
from gateway.exchange.commands import Begin, Lookup, Release
from tests.exchange.batches import ANA, BO, CY, DROP, REFUSE, refused_by, world
from tests.world import Answer, json_answer

THREE = [{"id": "1", "email": ANA}, {"id": "2", "email": BO}, {"id": "3", "email": CY}]
SHADOW = "  - {id: alone, records: {}, on_refusal: drop, mode: shadow}\n"
ANSWERS = "  - {id: alone, records: {}, on_refusal: drop, direction: response}\n"
REQUESTS = "  - {id: alone, records: {}, on_refusal: drop, direction: request}\n"


def page(total: object, *people: Any, **more: Any) -> Answer:
    return json_answer({"total": total, "results": list(people), **more})


def test_a_list_comes_without_them_and_its_total_says_so() -> None:
    played = world(DROP, BO).ask("GET", "/crm/people", answer=page(3, *THREE))
    assert played.json == {"total": 2, "results": [THREE[0], THREE[2]]}
    assert played.status == 200


def test_nothing_in_an_answer_says_that_a_list_is_shorter() -> None:
    played = world(DROP, BO).ask("GET", "/crm/people", answer=page(3, *THREE))
    assert "hushgate-dropped" not in played.headers
    record = played.records[-1]
    assert (record.dropped, record.rules) == (1, ("alone",))


def test_cursors_of_other_pages_stay() -> None:
    played = world(DROP, BO).ask("GET", "/crm/people", answer=page(40, *THREE, next="c-2"))
    assert played.json == {"total": 39, "results": [THREE[0], THREE[2]], "next": "c-2"}


@pytest.mark.parametrize("answer", [page(1, THREE[1]), page(1), page(2)])
def test_a_page_without_anybody_says_that_there_is_nobody(answer: Answer) -> None:
    played = world(DROP, BO).ask("GET", "/crm/people", answer=answer)
    assert played.json == {"total": 0, "results": []}


@pytest.mark.parametrize("total", ["3", 2.5, -1, None, True, {}])
def test_a_total_that_is_no_number_stays(total: object) -> None:
    played = world(DROP, BO).ask("GET", "/crm/people", answer=page(total, *THREE))
    assert played.json == {"total": total, "results": [THREE[0], THREE[2]]}


def test_a_record_goes_whole_whichever_of_its_fields_named_them() -> None:
    people = [{"id": "1", "aliases": [ANA, BO], "amount": 1}, {"id": "2", "aliases": [CY]}]
    played = world(DROP, BO).ask("GET", "/crm/people", answer=page(2, *people))
    assert played.json == {"total": 1, "results": [people[1]]}


def test_where_no_pack_says_what_a_record_is_it_is_the_item_of_the_nearest_array() -> None:
    played = world(DROP, BO).ask("GET", "/crm/plain", answer=json_answer(THREE))
    assert played.json == [THREE[0], THREE[2]]


def test_a_person_alone_is_refused() -> None:
    played = world(DROP, BO).ask("GET", "/crm/people/2", answer=json_answer({"id": "2", "email": BO}))
    assert refused_by(played) == ("record_withheld", ("alone",))
    assert BO.encode() not in played.body


def test_without_drop_a_list_with_one_of_them_is_refused() -> None:
    played = world(REFUSE, BO).ask("GET", "/crm/people", answer=page(3, *THREE))
    assert refused_by(played) == ("record_withheld", ("alone",))


def test_rows_that_are_no_json_are_refused_and_not_shortened() -> None:
    rows = Answer(200, ((b"Content-Type", b"text/csv"),), b"email\r\nana@example.com\r\nbo@example.com\r\n")
    assert refused_by(world(DROP, BO).ask("GET", "/crm/plain", answer=rows))[0] == "record_withheld"
    assert world(DROP, CY).ask("GET", "/crm/plain", answer=rows).body == rows.body


def test_whoever_is_not_suppressed_comes_byte_for_byte() -> None:
    body = b'{"total":1.0e0,"results":[{"id":"1","amount":1.10}]}'
    played = world(DROP, BO).ask("GET", "/crm/people", answer=Answer(200, body=body))
    assert played.body == body


def test_the_rest_keeps_its_numbers() -> None:
    body = b'{"total":2,"results":[{"id":"2"},{"id":"1","amount":1.10,"big":12345678901234567890123}]}'
    played = world(DROP, "2").ask("GET", "/crm/people", answer=Answer(200, body=body))
    assert played.body == b'{"total":1,"results":[{"id":"1","amount":1.10,"big":12345678901234567890123}]}'


def test_errors_of_the_upstream_are_let_through() -> None:
    played = world(DROP, BO).ask("GET", "/crm/people", answer=json_answer({"results": THREE}, 400))
    assert played.status == 400


def test_a_batch_tells_of_them_in_what_the_caller_called_them() -> None:
    answer = json_answer({"results": [{"id": "9", "email": CY}, {"id": "8", "email": BO}]})
    w = world(ANSWERS, "8")
    played = w.ask(
        "POST", "/crm/people/read", json_body={"inputs": [{"id": "8"}, {"id": "9"}]}, answer=answer
    )
    assert played.status == 207
    assert played.json["results"] == [{"id": "9", "email": CY}]
    assert [e["context"] for e in played.json["errors"]] == [{"ids": ["8"]}]
    assert played.headers["hushgate-dropped"] == "1"


def test_an_address_the_caller_asked_by_comes_back_and_the_id_it_did_not_know_does_not() -> None:
    answer = json_answer({"results": [{"id": "777", "email": BO}]})
    w = world(ANSWERS, BO)
    played = w.ask(
        "POST", "/crm/people/read", json_body={"inputs": [{"id": "Bo@example.com"}]}, answer=answer
    )
    assert [e["context"] for e in played.json["errors"]] == [{"ids": ["Bo@example.com"]}]
    assert b"777" not in played.body


def test_who_is_suppressed_by_what_the_caller_did_not_name_is_told_of_without_a_name() -> None:
    answer = json_answer({"results": [{"id": "778", "email": BO}]})
    played = world(DROP, BO).ask(
        "POST", "/crm/people/read", json_body={"inputs": [{"id": "1"}]}, answer=answer
    )
    assert [e["context"] for e in played.json["errors"]] == [{}]
    assert b"778" not in played.body and BO.encode() not in played.body


def test_of_a_batch_some_are_left_out_before_and_some_after() -> None:
    inputs = [{"id": str(n)} for n in range(4)]
    answer = json_answer({"data": {"results": [{"id": "0"}, {"id": "2", "email": BO}, {"id": "3"}]}})
    w = world(DROP, "1", BO)
    played = w.ask("POST", "/crm/people/placed", json_body={"data": {"inputs": inputs}}, answer=answer)
    results = played.json["data"]["results"]
    assert [each.get("id") for each in results] == ["0", "1", "2", "3"]
    assert ["code" in each for each in results] == [False, True, True, False]
    assert played.headers["hushgate-dropped"] == "2"


@pytest.mark.parametrize(("rule", "found"), [(ANSWERS, 2), (REQUESTS, 3)])
def test_a_rule_may_be_about_one_direction(rule: str, found: int) -> None:
    w = world(rule, BO)
    assert len(w.ask("GET", "/crm/people", answer=page(3, *THREE)).json["results"]) == found
    asked = w.ask("GET", "/crm/people?email=bo%40example.com", answer=page(0))
    assert (asked.status == 200) is (rule == ANSWERS)


def test_a_suppression_counts_for_its_channels_and_purposes() -> None:
    w = world("  - {id: alone, records: {suppressed_on: [call, sms]}, on_refusal: drop}\n")
    w.know("email", ANA, Suppression(channel="email"))
    w.know("email", BO, Suppression(channel="sms"))
    w.know("email", CY, Suppression(purpose="marketing"))
    played = w.ask("GET", "/crm/people", answer=page(3, *THREE))
    assert played.json["results"] == [THREE[0], THREE[2]], "support is no marketing"
    assert len(w.ask("GET", "/crm/people", client="caller", answer=page(3, *THREE)).json["results"]) == 1


def test_nobody_recognisable_is_nobody_allowed() -> None:
    people = [{"phone": "see notes"}, {"phone": "see notes", "id": "2"}, {"phone": " "}, {"amount": 1}]
    played = world(DROP).ask("GET", "/crm/people", answer=page(4, *people))
    assert played.json["results"] == people[1:]


def test_a_shadow_rule_only_reports_and_lets_a_large_answer_stream() -> None:
    w = world(SHADOW, BO)
    played = w.ask("GET", "/crm/people", answer=page(3, *THREE))
    assert (played.json["total"], played.records[-1].shadow) == (3, ("alone",))
    small = world(SHADOW, BO, limits=Limits(max_body=100, max_record=50))
    assert Begin in small.ask("GET", "/crm/plain", client="caller", answer=json_answer(THREE * 9)).kinds


def test_what_is_too_large_to_be_read_whole_is_never_streamed() -> None:
    w = world(DROP, BO, limits=Limits(max_body=100, max_record=50))
    played = w.ask("GET", "/crm/plain", client="caller", answer=json_answer(THREE * 9))
    assert Begin not in played.kinds
    assert played.status >= 400 and ANA.encode() not in played.body


def test_a_registry_that_is_away_withholds_the_answer() -> None:
    played = world(DROP).ask(
        "GET",
        "/crm/people",
        answer=page(3, *THREE),
        failures={Lookup: StoreError("registry_unavailable", "")},
    )
    assert played.reason == "registry_unavailable"
    assert ANA.encode() not in played.body


def test_nothing_is_released_before_it_is_on_record() -> None:
    kinds = world(DROP, BO).ask("GET", "/crm/people", answer=page(3, *THREE)).kinds
    assert [k.__name__ for k in kinds[-2:]] == ["Append", "Release"]
    assert kinds.index(Release) == len(kinds) - 1


people = st.lists(st.sampled_from((ANA, BO, CY, "di@example.com", None)), max_size=8)


@settings(deadline=None)
@given(people, st.sets(st.sampled_from((ANA, BO, CY))), st.integers(0, 50))
def test_withheld_and_answered_are_all_there_was_in_order(
    asked: list[str | None], suppressed: set[str], others: int
) -> None:
    records = [{"id": str(n), "email": email, "n": n} for n, email in enumerate(asked)]
    played = world(DROP, *suppressed).ask(
        "GET", "/crm/people", answer=page(len(records) + others, *records, next="c")
    )
    stay = [each for each in records if each["email"] not in suppressed]
    assert played.json["results"] == stay
    assert played.json["total"] == (len(stay) + others if records else 0)
    assert played.json["next"] == "c"
    assert played.records[-1].dropped == len(records) - len(stay)
    shown = json.dumps(played.json)
    assert not any(email in shown for email in suppressed)
