"""What a caller may not see, it may not ask by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.program import REMOVED
from gateway.errors import PayloadError
from gateway.masking.guards import Names, make_guard
from gateway.model import GuardKind

KNOWN = frozenset(("Name", "Email", "Phone", "Notes", "CreatedDate"))
SHOWN = Names.of(KNOWN, frozenset(("Name", "CreatedDate")))
LISTED = Names.of(KNOWN, KNOWN - {"Notes"})
ALL = Names.of(KNOWN, KNOWN)
SECRET = "ana@example.com"


def ask(kind: GuardKind, value: object, shown: Names = SHOWN, listed: Names = LISTED) -> object:
    return make_guard(kind, "query.q", shown, listed)(value)


def refused(kind: GuardKind, value: object, shown: Names = SHOWN) -> None:
    with pytest.raises(PayloadError) as caught:
        ask(kind, value, shown)
    assert caught.value.reason == "hidden_field_queried"
    assert caught.value.place == "query.q"
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("kind", ["compared", "searched"])
def test_a_value_is_compared_only_with_what_is_shown_whole(kind: GuardKind) -> None:
    refused(kind, SECRET)
    assert ask(kind, "") == ""
    assert ask(kind, SECRET, ALL) == SECRET


@pytest.mark.parametrize(
    "value", ["Name", "-Name", "Name:desc", "Name,CreatedDate", " Name , -CreatedDate ", ""]
)
def test_fields_that_are_shown_are_named(value: str) -> None:
    assert ask("named", value) is value


@pytest.mark.parametrize("value", ["Email", "-Email", "Name,Email", "Name,-Email:desc", "Emai", 7])
def test_a_field_that_is_not_shown_is_not_named(value: object) -> None:
    refused("named", value)


ANY = Names.of(KNOWN | {"*"}, frozenset(("Name", "*")))
"""All but some known fields is shown, those no data map knows too."""


@pytest.mark.parametrize(
    "value",
    [
        "EMAIL",
        "Contact.Email",
        "c.email",
        "Name Email",
        "Name|Email",
        "Name;Email",
        "custom,--Email",
        "Name\tEmail",
    ],
)
def test_no_spelling_makes_a_known_field_an_unknown_one(value: str) -> None:
    refused("named", value, ANY)


@pytest.mark.parametrize("value", ["Name desc", "name ASC, custom:descending", "+custom"])
def test_directions_are_no_fields(value: str) -> None:
    assert ask("named", value, ANY) is value


def test_a_choice_is_no_way_around_either() -> None:
    removed = Names.of(KNOWN | {"*"}, KNOWN - {"Notes"} | {"*"})
    assert ask("chosen", "Name,NOTES,Contact.Notes,custom", SHOWN, removed) == "Name,custom"


@pytest.mark.parametrize("field", ["Email", "EMAIL", "c.Email", "Contact.Email", "Owner.Contact.Email"])
def test_a_query_reaches_a_field_by_no_other_path(field: str) -> None:
    refused("soql", f"SELECT Id FROM Contact c WHERE {field} = 'ana@example.com'", ANY)
    assert ask("soql", "SELECT Id FROM Contact c WHERE c.Custom__c = 'x'", ANY, ANY)


def test_what_no_data_map_knows_is_what_its_star_is() -> None:
    open_to_others = Names.of(KNOWN | {"*"}, frozenset(("Name", "*")))
    assert ask("named", "custom_field", open_to_others) == "custom_field"
    refused("named", "Email", open_to_others)
    refused("named", "custom_field", Names.of(KNOWN | {"*"}, KNOWN))


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ("Name,Email", "Name,Email"),
        ("Name,Notes,Phone", "Name,Phone"),
        ("Notes", REMOVED),
        ("unknown,Name", "Name"),
        ("", ""),
    ],
)
def test_only_fields_that_are_there_are_chosen(asked: str, left: object) -> None:
    assert ask("chosen", asked) == left


@pytest.mark.parametrize(
    "query",
    [
        "SELECT Name, Email FROM Contact",
        "select name from contact where name like 'A%' order by createddate desc nulls last limit 9",
        "SELECT COUNT(Name) FROM Contact WHERE CreatedDate = LAST_N_DAYS:30 GROUP BY Name",
        "SELECT COUNT() FROM Contact USING SCOPE mine WHERE (Name = 'a' OR (NOT Name LIKE 'b%')) FOR VIEW",
        "SELECT COUNT(Name) total, MAX(CreatedDate) FROM Contact GROUP BY ROLLUP(Name) HAVING COUNT(Id) > 1",
        "SELECT Name, (SELECT Email FROM Contacts LIMIT 5), CreatedDate FROM Account ORDER BY Name",
        "SELECT Id FROM Contact WHERE Id IN (SELECT Id FROM Lead WHERE Name = 'x') AND Name = 'y' LIMIT 1",
        "SELECT Name FROM Contact WHERE CreatedDate > 2026-01-01T00:00:00Z AND NOT Name IN ('O\\'Hara', 'x')",
    ],
)
def test_queries_by_what_is_shown_pass(query: str) -> None:
    assert ask("soql", query) is query


@pytest.mark.parametrize(
    "query",
    [
        "SELECT Name FROM Contact WHERE Email = 'ana@example.com'",
        "SELECT Name FROM Contact ORDER BY Email",
        "SELECT Notes FROM Contact",
        "SELECT Name FROM Contact WHERE Account.Email = 'ana@example.com'",
        "SELECT Name FROM Contact WHERE Id IN (SELECT ContactId FROM Case WHERE Email = 'ana@example.com')",
        "SELECT FIELDS(ALL) FROM Contact",
        "SELECT TYPEOF What WHEN Contact THEN Email END FROM Event",
        "FIND {ana} IN EMAIL FIELDS RETURNING Contact(Name)",
        "SELECT Name FROM Contact WHERE Name = 'unfinished",
        "SELECT Name FROM Contact; DELETE",
        # what follows a nested query is of the outer one again
        "SELECT Name FROM Contact WHERE Id IN (SELECT ContactId FROM Case) AND Email LIKE 'a%'",
        "SELECT Name, (SELECT Name FROM Cases) FROM Account WHERE Email LIKE 'a%'",
        "SELECT Name FROM Contact WHERE Name IN (SELECT Email FROM Lead)",
        # a hidden value under the name of a shown field, or computed
        "SELECT Email Name FROM Contact",
        "SELECT MAX(Email) Name FROM Contact",
        "SELECT MAX(Email) FROM Contact",
        "SELECT Id Name FROM Contact",
        "SELECT MAX(Name) CreatedDate FROM Contact",
        "SELECT MAX(Name) a.b FROM Contact",
        # words of the language that look like fields
        "SELECT Name FROM Contact WHERE Last_N_Email__c = 'a'",
        "SELECT Name FROM Contact WHERE SECRET(Name) = 'a'",
        "SELECT Name FROM Contact WHERE (Name = 'a'",
        "SELECT Name FROM Contact)",
        "SELECT Name, (SELECT Name) FROM Contact",
        "SELECT Name FROM (SELECT Name FROM Contact)",
        "(SELECT Name FROM Contact)",
        "SELECT",
        "",
        7,
    ],
)
def test_other_queries_are_refused(query: object) -> None:
    refused("soql", query)


DEEP = Names.of({"**.Name", "**.Email", "**.*"}, {"**.Name"})


def test_a_map_of_any_depth_says_what_fields_of_related_records_are() -> None:
    query = "SELECT Account.Name FROM Contact c WHERE c.Account.Name = 'x'"
    assert ask("soql", query, DEEP, DEEP) is query
    refused("soql", query)
    refused("soql", query.replace("Name =", "Email ="), DEEP)


def test_what_may_never_be_sent_is_refused_whatever_is_shown() -> None:
    with pytest.raises(PayloadError) as caught:
        ask("never", "PATCH", ALL, ALL)
    assert (caught.value.reason, caught.value.place) == ("access_denied", "query.q")


@given(st.text(max_size=60), st.sampled_from(["compared", "searched", "named", "chosen", "soql"]))
def test_any_text_gives_an_answer_or_our_refusal(text: str, kind: GuardKind) -> None:
    try:
        out = ask(kind, text)
    except PayloadError as error:
        assert error.reason == "hidden_field_queried"
    else:
        assert out is REMOVED or isinstance(out, str)
