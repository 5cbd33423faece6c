"""Query parameters that no data map names are no way to ask by what is hidden; through whole exchanges."""

from urllib.parse import quote

import pytest

from gateway.codecs.params import QUERY
from gateway.codecs.program import Limits
from gateway.errors import PayloadError
from gateway.masking.likeness import Likeness
from gateway.masking.unnamed import PLACE, Unnamed
from tests.world import PACK, RULES, Played, World, json_answer

MORE = (
    b"  - {id: people.list, call: GET /people, request: {query: {page: system.operations,"
    b" Q: system.operations, email: system.operations}}, response: {json: {'results[]': {type: contact}}}}\n"
    b"  - {id: people.all, call: GET /all, request: {query: {'*': system.operations}},"
    b" response: {json: {'results[]': {type: contact}}}}\n"
    b"  - {id: things.list, call: GET /things, response: {json: {id: system.operations}}}\n"
)


def world(unmapped: str = "redact") -> World:
    return World(
        rules=RULES.rstrip("\n") + f"\nunmapped: {unmapped}\n", pack=PACK.rstrip(b"\n") + b"\n" + MORE
    )


def ask(query: str, client: str = "support", path: str = "/crm/contacts", unmapped: str = "redact") -> Played:
    return world(unmapped).ask("GET", f"{path}?{query}", client=client, answer=json_answer({"results": []}))


OF_HIDDEN = [
    "Email=ana@example.com",
    "EMAIL=x",
    "e-mail=x",
    "filter%5Bemail%5D=x",
    "email__contains=x",
    "phone__contains=3363998",
    "contactEmail=x",
    "birthdate=1984-03-07",
    "sort=email",
    "sort=-email,id",
    "order_by=phone+desc",
    "orderBy=contact.birthDate",
    "filter=" + quote('{"email":{"eq":"x"}}'),
    "%24filter=" + quote("startswith(email,'a')"),
    "group=email",
    "q=ana",
    "search=ana%40example.com",
    "x=" + quote("ana@example.com"),
    "x=a&y=" + quote("+33639980001"),
    "x=" + quote("call 06 12 34 56 78"),
]


@pytest.mark.parametrize("query", OF_HIDDEN)
def test_what_is_hidden_is_not_asked_by(query: str) -> None:
    played = ask(query)
    assert played.nothing_sent and played.status == 403
    assert (played.reason, played.records[-1].reason) == ("hidden_field_queried",) * 2
    said = played.body.decode() + repr(played.records)
    assert PLACE in said and not any(word in said for word in ("ana", "3363998", "birthdate", "contactEmail"))


@pytest.mark.parametrize("query", OF_HIDDEN)
def test_who_sees_all_may_ask_by_all(query: str) -> None:
    assert ask(query, client="admin").status == 200


@pytest.mark.parametrize(
    "query",
    [
        *(
            "limit=10&after=33639980001",
            "page=2",
            "updated_since=2026-01-01T00%3A00%3A00Z",
            "sort=-createdate",
        ),
        *("name=Ana", "sort=name", "fields=email,phone", "q=", "order=asc", "filter%5Bstatus%5D=open", ""),
        "cursor=" + quote("eyJhIjoxfQ=="),
    ],
)
def test_what_is_shown_or_nobodys_may_be_asked_by(query: str) -> None:
    played = ask(query)
    assert played.status == 200 and played.sent[0].split(b" ")[1].endswith(f"?{query}".rstrip("?").encode())


def test_a_number_is_asked_by_where_numbers_are_shown() -> None:
    query = "x=" + quote("+33639980001")
    assert ask(query, client="caller").status == 200
    assert ask("x=" + quote("ana@example.com"), client="caller").reason == "hidden_field_queried"


@pytest.mark.parametrize("query", ["page=ana%40example.com", "email=x", "Q=ana"])
def test_what_the_data_map_names_is_as_it_says(query: str) -> None:
    assert ask(query, path="/crm/people").status == 200
    assert ask(query, path="/crm/all").status == 200
    assert ask(query.lower().replace("q=", "query="), path="/crm/things").status == 200, (
        "nothing is hidden there"
    )


def test_names_in_another_case_are_not_those_of_the_map() -> None:
    assert ask("Email=x", path="/crm/people").reason == "hidden_field_queried"
    assert ask("q=x", path="/crm/people").reason == "hidden_field_queried"


def test_where_the_unmapped_passes_values_are_not_searched_and_names_are() -> None:
    assert ask("x=ana%40example.com", unmapped="pass").status == 200
    assert ask("x=ana%40example.com", unmapped="detect").reason == "hidden_field_queried"
    assert ask("email__eq=x", unmapped="pass").reason == "hidden_field_queried"


REMOVED = Likeness.of(("notes",))


def check(query: str, removed: Likeness = REMOVED) -> None:
    guard = Unnamed(frozenset(("page",)), Likeness.of(("email", "notes")), removed, None, frozenset())
    guard.check(QUERY.parse(query.encode(), Limits()))


@pytest.mark.parametrize(
    "query", ["fields=id,notes", "select=Notes", "include%5B%5D=notes", "properties=a,notes"]
)
def test_what_is_not_there_for_a_caller_is_not_chosen(query: str) -> None:
    with pytest.raises(PayloadError) as caught:
        check(query)
    assert (caught.value.reason, caught.value.place) == ("hidden_field_queried", PLACE)
    check(query.replace("notes", "email").replace("Notes", "email"))


def test_a_filter_that_names_more_than_anybody_reads_is_refused() -> None:
    check("filter=" + "+".join(["a"] * 256))
    with pytest.raises(PayloadError):
        check("filter=" + "+".join(["a"] * 257))


@pytest.mark.parametrize(
    ("query", "known"),
    [
        ("page=1&limit=2", True),
        ("&page=&&limit", True),
        ("page=limit=2", True),
        ("page=1&pag%65=2", False),
        ("page=1&x=page", False),
        ("=1", True),
        ("x", False),
        ("page+=1", False),
    ],
)
def test_parameters_are_known_by_their_bytes_or_looked_at(query: str, known: bool) -> None:
    guard = Unnamed(frozenset(("page", "limit")), Likeness.of(("email",)), REMOVED, None, frozenset())
    assert guard.knows(query.encode()) is known


def test_names_met_are_forgotten_in_time() -> None:
    guard = Unnamed(frozenset(), Likeness.of(("email",)), REMOVED, None, frozenset())
    for number in range(3000):
        guard.check([(f"x{number}", "", b"")])
    assert len(guard._verdicts) <= 1024
