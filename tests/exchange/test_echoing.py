"""What came as a token does not come back in clear, wherever the upstream repeats it."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exchange.linkworld import NUMBER, TOKEN, world_of
from tests.world import Answer, Played, World

ASKED = f"/crm/v1/export?phone={TOKEN}"
"""A call whose answers no data map describes: with `unmapped: pass` nothing else is done with them."""
CLEAR = (b"33639980001", b"0639980001", b"639980001", b"06 39 98 00 01", b64encode(NUMBER.encode())[:-1])


@pytest.fixture(name="worlds", scope="module")
def _worlds() -> dict[str, World]:
    return {how: world_of(how) for how in ("redact", "detect", "pass")}


def ask(world: World, answer: Answer, path: str = ASKED, client: str = "caller") -> Played:
    played = world.ask("GET", path, client=client, answer=answer)
    assert b"%2B33639980001" in played.sent[0].split(b"\r\n")[0]
    return played


def answered(kind: str, body: bytes, status: int = 200, *more: tuple[bytes, bytes]) -> Answer:
    return Answer(status, ((b"Content-Type", kind.encode()), *more), body)


FOLLOWED = {
    "application/json": json.dumps(
        {
            "q": NUMBER,
            "n": 33639980001,
            "deep": [{"text": f"no {NUMBER}!", "b64": b64encode(NUMBER.encode()).decode()}],
        }
    ).encode(),
    "application/json; charset=utf-16": json.dumps({"q": NUMBER}).encode("utf-16"),
    "application/x-ndjson": b'{"q": "\\u002b33639980001"}\n{"q": "06 39 98 00 01"}\n',
    "text/event-stream": b'data: {"q": "+33639980001"}\n\n',
    "application/x-www-form-urlencoded": b"q=%2B33639980001&r=06+39+98+00+01",
    "text/csv": b"q,r\r\n+33639980001,0639980001\r\n",
    "application/xml": b"<a b='0639980001'>&#43;33639980001</a>",
    "multipart/form-data; boundary=x": (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n+33639980001\r\n--x--\r\n'
    ),
    "text/plain": b"nobody has +33 6 39 98 00 01",
}


@pytest.mark.parametrize("kind", FOLLOWED)
@pytest.mark.parametrize("how", ["redact", "detect", "pass"])
@pytest.mark.parametrize("status", [200, 404])
def test_no_body_repeats_it(worlds: dict[str, World], kind: str, how: str, status: int) -> None:
    played = ask(worlds[how], answered(kind, FOLLOWED[kind], status))
    out = played.body.replace(b"\0", b"")
    assert played.status == status
    assert not any(clear in out for clear in CLEAR), out
    if how == "pass" and status == 200:
        assert b"337573909655926" in out.replace(b"%2B", b"+")
        assert int(played.headers["hushgate-masked"]) > 0 if "hushgate-masked" in played.headers else True


def test_exactly_what_was_repeated_is_replaced(worlds: dict[str, World]) -> None:
    body = b'{"a":1.10,"q":"+33639980001","big":12345678901234567890123,"x":null,"k":"\xc3\xa9"}'
    out = ask(worlds["pass"], answered("application/json", body)).body
    assert out == body.replace(b"+33639980001", b"+337573909655926")


def test_a_body_without_it_keeps_its_bytes(worlds: dict[str, World]) -> None:
    body = b'{ "a": 1.10,  "q": "+33639980002" }'
    assert ask(worlds["pass"], answered("application/json", body)).body == body


def test_whoever_may_see_it_gets_it(worlds: dict[str, World]) -> None:
    played = worlds["pass"].ask(
        "GET",
        "/crm/v1/people?phone=%2B33639980001",
        client="admin",
        answer=answered("application/json", b'{"q": "+33639980001"}'),
    )
    assert played.json == {"q": NUMBER}


def test_who_sent_no_token_is_not_looked_after(worlds: dict[str, World]) -> None:
    played = worlds["pass"].ask(
        "GET",
        "/crm/v1/people",
        client="caller",
        answer=answered("application/json", b'{"q": "+33639980001"}'),
    )
    assert played.json == {"q": NUMBER}
    assert played.exchange.facts.echoes is None


def test_fields_and_the_reason_do_not_repeat_it(worlds: dict[str, World]) -> None:
    more = (
        (b"X-Query", b"phone=%2B33639980001"),
        (b"Location", b"https://api.crm.example/v1/people?phone=%2B33639980001"),
        (b"Set-Cookie", b"last=0639980001; Path=/"),
        (b"Content-Language", b"fr"),
    )
    played = ask(worlds["pass"], answered("application/json", b"{}", 201, *more))
    head = played.script.released[0]
    assert not any(clear in head for clear in CLEAR)
    assert played.headers["location"] == f"/crm/v1/people?phone={TOKEN}"
    assert played.headers["x-query"] == f"phone={TOKEN}"
    assert played.headers["content-language"] == "fr"


def test_a_name_of_a_member_cannot_be_replaced(worlds: dict[str, World]) -> None:
    played = ask(worlds["pass"], answered("application/json", b'{"+33639980001": 1}'))
    assert (played.status, played.reason) == (502, "unparseable_response")
    failed = ask(worlds["pass"], answered("application/json", b'{"+33639980001": 1}', 404))
    assert (failed.status, failed.reason) == (404, "unparseable_response")


def test_what_no_codec_reads_passes_as_before(worlds: dict[str, World]) -> None:
    assert ask(worlds["pass"], answered("image/png", b"+33639980001")).body == b"+33639980001"
    refused = ask(worlds["redact"], answered("image/png", b"+33639980001"))
    assert refused.status == 502


def test_conditions_are_not_passed_on_where_the_answer_is_read(worlds: dict[str, World]) -> None:
    world = worlds["pass"]
    played = world.ask("GET", ASKED, client="caller", headers={"Range": "bytes=0-1", "If-None-Match": '"a"'})
    assert b"Range" not in played.sent[0]
    assert b"If-None-Match" not in played.sent[0]


def test_a_path_counts_too(worlds: dict[str, World]) -> None:
    answer = answered("application/json", json.dumps({"message": f"{NUMBER} is nobody's"}).encode(), 404)
    assert ask(worlds["pass"], answer, f"/crm/v1/people/{TOKEN}.json").json == {
        "message": "[redacted] is nobody's"
    }


@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/csv", "application/json"])
def test_streams_do_not_repeat_it(worlds: dict[str, World], kind: str) -> None:
    row = {
        "application/x-ndjson": b'{"q": "+33639980001"}\n',
        "text/csv": b"+33639980001,b\r\n",
        "application/json": b'{"q": "+33639980001"},',
    }
    rows = row[kind] * 60_000
    body = b"[" + rows[:-1] + b"]" if kind == "application/json" else rows
    for how in ("pass", "detect"):
        world = worlds[how]
        played = ask(world, answered(kind, body))
        assert b"33639980001" not in played.body
        if how == "pass":
            assert played.body.count(b"+337573909655926") == 60_000


def test_one_exchange_does_not_know_of_another(worlds: dict[str, World]) -> None:
    world = worlds["pass"]
    ask(world, answered("application/json", b"{}"))
    assert world.ask("GET", f"/crm/v1/people?phone={TOKEN}x&email={TOKEN}", client="caller").status in (
        403,
        422,
    )
    other = world.ask(
        "GET",
        "/crm/v1/people?page=1",
        client="caller",
        answer=answered("application/json", b'{"q": "+33639980001"}'),
    )
    assert other.json == {"q": NUMBER}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tree=st.recursive(
        st.sampled_from(
            (
                NUMBER,
                quote(NUMBER, safe=""),
                "0639980001",
                b64encode(b"to=" + NUMBER.encode()).decode(),
                f"a {NUMBER}",
            )
        ),
        lambda below: (
            st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("abc"), below, max_size=3)
        ),
        max_leaves=8,
    ),
    escaped=st.booleans(),
    how=st.sampled_from(("redact", "detect", "pass")),
)
def test_any_document(worlds: dict[str, World], tree: Any, escaped: bool, how: str) -> None:
    text = json.dumps(tree).replace("+", "\\u002b") if escaped else json.dumps(tree)
    played = ask(worlds[how], answered("application/json", text.encode()))
    assert played.status == 200
    assert not any(clear in played.body for clear in CLEAR)
