"""Links of one click, minted by the API: for whom they say, for as long as they say, by who may."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.webhooks.links import DAY, LASTS, Link, read
from tests.api.apis import CLICKS, NAMED, NOW, PHONE, Running, T, running, snapshot
from tests.contract.memory import Memory

PEOPLE = [{"value": "Ana@example.com"}, {"value": "06 12 34 56 78"}]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Running]:
    with running(Memory, tmp_path / "api.db") as made:
        yield made


def said(url: str) -> Link:
    base, _, token = url.rpartition("/")
    assert base == CLICKS.public_url
    return read(token, snapshot().link_key, NOW)


def test_a_link_says_who_stops_what_and_names_nobody(api: Running) -> None:
    answer = api.ask("links", {"subjects": PEOPLE, "purpose": "marketing", "sender": "news", "days": 30})
    assert answer.status_code == 200, answer.text
    assert PHONE not in answer.text
    links = answer.json()["links"]
    subjects = [NAMED("email", "ana@example.com"), NAMED("phone", PHONE)]
    assert [each["subject"] for each in links] == subjects
    until, scope = int(NOW) + 30 * DAY, {"channel": "email", "purpose": "marketing", "sender": "news"}
    for each, subject in zip(links, subjects, strict=True):
        assert said(each["url"]) == Link(tenant=T, subject=subject, until=until, **scope)  # type: ignore[arg-type]  # literals
        assert each["headers"] == {
            "List-Unsubscribe": f"<{each['url']}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    [record] = api.log.records
    assert (record.phase, record.operation, record.subjects) == ("read", "contacts.links", tuple(subjects))


def test_what_is_left_out_is_as_the_tenant_says(api: Running) -> None:
    [made] = api.ask("links", {"subjects": PEOPLE[:1]}).json()["links"]
    link = said(made["url"])
    assert (link.purpose, link.sender, link.until) == (None, None, int(NOW + LASTS))


@pytest.mark.parametrize(
    "body",
    [
        {"subjects": []},
        {"subjects": [{"value": "no number"}]},
        {"subjects": PEOPLE, "purpose": "spam"},
        {"subjects": PEOPLE, "days": 0},
        {"subjects": PEOPLE * 501},
    ],
)
def test_what_cannot_be_meant_is_refused(api: Running, body: object) -> None:
    answer = api.ask("links", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:hushgate:unparseable_body")


def test_nothing_is_minted_that_nobody_would_answer(tmp_path: Path) -> None:
    with running(Memory, tmp_path / "api.db", clicks=None) as api:
        answer = api.ask("links", {"subjects": PEOPLE})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:hushgate:unknown_resource")


def test_a_log_that_is_away_leaves_no_link(api: Running) -> None:
    api.log.away = True
    answer = api.ask("links", {"subjects": PEOPLE})
    assert answer.status_code == 503
    assert CLICKS.public_url not in answer.text
