"""A row's cells become entries: what the list says, what the row says, and whom it names."""

import pytest

from gateway.contacts.model import Entry
from gateway.errors import PayloadError
from gateway.intake.columns import Taken, Told, columns_of, exported, reader
from gateway.intake.table import Fault
from tests.intake.intakes import LIST, NAMED, NOW, PEOPLE, PHONE


def read(header: list[str], cells: list[str], told: Told = LIST, **mapped: str) -> str | Taken | Fault:
    return reader(columns_of(header, mapped), len(header), told, PEOPLE, NOW).read(cells)


def entry(header: list[str], cells: list[str], told: Told = LIST, **mapped: str) -> Entry:
    taken = read(header, cells, told, **mapped)
    assert isinstance(taken, Taken)
    [found] = taken.entries
    return found


def test_a_plain_list_gives_pseudonyms() -> None:
    assert read(["Telephone"], ["06 12 34 56 78"], phone="telephone") == NAMED("phone", PHONE)
    assert read(["identifier"], ["Jane@Example.com"]) == NAMED("email", "jane@example.com")


def test_columns_are_mapped_by_name_or_number() -> None:
    assert columns_of(["Tel", "Phone", "x"], {}) == {"phone": 1}
    assert columns_of(["Tel", "x"], {"phone": "tel"}) == {"phone": 0}
    assert columns_of(["Tel", "x"], {"phone": "2"}) == {"phone": 1}


@pytest.mark.parametrize(
    ("header", "mapped"),
    [
        (["a", "b"], {}),
        (["a"], {"phone": "b"}),
        (["a", "a"], {"phone": "a"}),
        (["a"], {"phone": "2"}),
        (["channel"], {}),
    ],
)
def test_columns_that_are_not_there_are_told(header: list[str], mapped: dict[str, str]) -> None:
    with pytest.raises(PayloadError):
        columns_of(header, mapped)


def test_a_row_says_its_own() -> None:
    header = ["phone", "act", "channel", "purpose", "at", "until", "department", "text", "evidence"]
    cells = [
        PHONE,
        "granted",
        "sms",
        "marketing",
        "2026-01-02",
        "2027-01-02T00:00:00Z",
        "sales",
        "v3",
        "ab" * 32,
    ]
    found = entry(header, cells)
    assert (found.act, found.channel, found.purpose, found.at) == (
        "granted",
        "sms",
        "marketing",
        1767312000.0,
    )
    assert (found.until, found.department, found.text) == (1798848000.0, "sales", "v3")
    assert (found.source, found.subject) == ("list:bloctel", NAMED("phone", PHONE))


def test_an_empty_cell_leaves_what_the_list_says() -> None:
    told = Told("l", NOW, channel="call", department="all")
    found = entry(["phone", "channel", "department"], [PHONE, "", ""], told)
    assert (found.act, found.channel, found.department, found.at) == ("suppressed", "call", "all", NOW)


def test_what_the_list_says_is_left_out_where_the_act_has_no_such_member() -> None:
    told = Told("l", NOW - 5, channel="call", sender="x")
    found = entry(["phone", "act"], [PHONE, "erased"], told)
    assert (found.act, found.channel, found.sender) == ("erased", None, None)


def test_senders_are_kept_in_one_spelling() -> None:
    told = Told("l", NOW - 5, sender="01 99 00 99 00")
    assert reader({"phone": 0}, 1, told, PEOPLE, NOW).template.sender == "+33199009900"
    found = entry(["phone", "sender"], [PHONE, " NEWS@acme.example"], told)
    assert found.sender == "news@acme.example"
    assert entry(["phone", "sender"], [PHONE, ""], told).sender == "+33199009900"


def test_words_of_the_file_mean_acts() -> None:
    told = Told("l", NOW, words=(("Oui", "granted"), ("non", "withdrawn")))
    assert entry(["phone", "optin"], [PHONE, "OUI"], told, act="optin").act == "granted"
    assert entry(["phone", "optin"], [PHONE, "non"], told, act="optin").act == "withdrawn"


def test_a_person_named_in_several_ways_is_linked() -> None:
    taken = read(["record", "phone", "email"], ["crm/contact/77", PHONE, "a@b.fr"])
    assert isinstance(taken, Taken)
    record, phone, email = NAMED("record", "crm/contact/77"), NAMED("phone", PHONE), NAMED("email", "a@b.fr")
    assert {e.subject for e in taken.entries} == {record, phone, email}
    assert taken.pairs == ((record, phone), (record, email))


@pytest.mark.parametrize(
    ("header", "cells", "reason"),
    [
        (["phone"], ["12"], "phone number"),
        (["phone"], [f"{PHONE};{PHONE}"], "phone number"),
        (["phone", "x"], [PHONE], "1 cells"),
        (["phone", "email"], ["", " "], "nobody"),
        (["phone", "act"], [PHONE, "maybe"], "act"),
        (["phone", "act"], [PHONE, "imported"], "act"),
        (["phone", "channel"], [PHONE, "fax"], "channel"),
        (["phone", "purpose"], [PHONE, "marketting"], "purpose"),
        (["phone", "at"], [PHONE, "01/02/2026"], "at is not"),
        (["phone", "at"], [PHONE, "2027-01-01"], "at is not"),
        (["phone", "evidence"], [PHONE, "ab" * 32], "suppressed has no evidence"),
        (["phone", "act", "detail"], [PHONE, "zone", "Europe/Pariss"], "time zone"),
        (["phone", "act", "until"], [PHONE, "granted", "1999-01-01"], "until"),
    ],
)
def test_what_cannot_be_taken_says_why_and_quotes_nobody(
    header: list[str], cells: list[str], reason: str
) -> None:
    taken = read(header, cells)
    assert isinstance(taken, Fault)
    assert reason in taken.reason
    assert PHONE not in taken.reason


def test_a_list_that_says_what_cannot_be_said_is_no_list() -> None:
    with pytest.raises(PayloadError):
        read(["phone"], [PHONE], Told("l", NOW, purpose="marketting"))


def test_ids_are_those_of_the_list_the_subject_and_what_is_said() -> None:
    header = ["phone", "channel"]
    first = entry(header, [PHONE, "sms"])
    assert entry(header, ["0612345678", "sms"]).id == first.id
    assert (
        len(
            {
                first.id,
                entry(header, [PHONE, "call"]).id,
                entry(header, [PHONE, "sms"], Told("other", NOW)).id,
            }
        )
        == 3
    )
    assert Told("l", NOW).batch != Told("l", NOW - 1).batch != Told("l", NOW, channel="sms").batch


def test_an_exported_line_is_what_it_was() -> None:
    taken = exported(['{"entry":{"id":"1","subject":"s","act":"granted","at":1.5,"channel":"sms"}}'])
    assert taken == Taken((Entry(id="1", subject="s", act="granted", at=1.5, channel="sms"),))
    assert exported(['{"link":["r","i"]}']) == Taken((), (("r", "i"),))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "[]",
        '{"entry":{}}',
        '{"entry":{"id":"","subject":"s","act":"granted","at":1}}',
        '{"x":1}',
        '{"link":["a"]}',
    ],
)
def test_other_lines_are_rejected(line: str) -> None:
    assert isinstance(exported([line]), Fault)
