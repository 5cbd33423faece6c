"""A request sent again is carried out once; what fails leaves nothing half done."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gateway.api.once import KEPT, LEASE, Answered, Asked, Once, ReusedError, opened
from gateway.contacts.model import Entry, Standing
from gateway.errors import StoreError
from tests.api.apis import NOW, PHONE, Running, T, running
from tests.contract.memory import Memory

BODY = {"subject": {"value": PHONE}}


class Moody(Memory):
    """A store that can be away before or after it has done what it was asked, or take its time."""

    away: str = ""
    opened: int = 0

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.gate.set()

    def enter(self, tenant: str, entries: Sequence[Entry]) -> int:
        self.entered.set()
        self.gate.wait(20)
        if self.away == "before":
            raise StoreError("registry_unavailable", "away")
        found = super().enter(tenant, entries)
        if self.away == "after":
            raise StoreError("registry_unavailable", "away")
        return found

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing]:
        if self.away:
            raise StoreError("registry_unavailable", "away")
        return super().standings(tenant, pseudonyms)

    def close(self) -> None:
        """Opened again, it is the same."""


@pytest.fixture
def books() -> Moody:
    return Moody()


@pytest.fixture
def api(books: Moody, tmp_path: Path) -> Iterator[Running]:
    def open_again() -> Moody:
        books.opened += 1
        return books

    with running(open_again, tmp_path / "api.db") as made:
        yield made


def test_the_same_request_has_the_same_answer(api: Running, books: Moody) -> None:
    first = api.ask("suppressions", BODY, Idempotency_Key='"k1"')
    api.now[0] += 100
    again = api.ask("suppressions", {"subject": {"value": PHONE}}, Idempotency_Key="k1")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["hushgate-decision"] != first.headers["hushgate-decision"]
    assert len(list(books.entries(T))) == 1


def test_another_request_with_the_key_is_refused(api: Running, books: Moody) -> None:
    api.ask("suppressions", BODY, Idempotency_Key="k1")
    for call, body in (("suppressions", {**BODY, "channel": "sms"}), ("erasures", BODY)):
        answer = api.ask(call, body, Idempotency_Key="k1")
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:hushgate:idempotency_key_reused"
    assert len(list(books.entries(T))) == 1


def test_without_a_key_each_is_an_entry_of_its_own(api: Running, books: Moody) -> None:
    assert [api.ask("suppressions", BODY).json()["new"] for _ in range(2)] == [1, 1]


@pytest.mark.parametrize("away", ["before", "after"])
def test_a_store_that_fails_is_asked_again(api: Running, books: Moody, away: str) -> None:
    books.away = away
    answer = api.ask("suppressions", BODY, Idempotency_Key="k1")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["type"] == "urn:hushgate:registry_unavailable"
    assert "away" not in answer.text
    assert api.log.records[-1].effect == "error"
    assert api.ask("lookups", {"subjects": [BODY["subject"]]}).status_code == 503
    books.away = ""
    again = api.ask("suppressions", BODY, Idempotency_Key="k1")
    assert (again.status_code, again.json()["new"]) == (200, 1 if away == "before" else 0)
    assert len(list(books.entries(T))) == 1
    assert books.opened > 1


def test_nothing_is_entered_or_answered_without_a_record(api: Running, books: Moody) -> None:
    api.log.away = True
    for call, body in (("suppressions", BODY), ("lookups", {"subjects": [BODY["subject"]]}), ("lookups", {})):
        answer = api.ask(call, body)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:hushgate:audit_unavailable")
    assert list(books.entries(T)) == []


@pytest.fixture
def once(tmp_path: Path) -> Iterator[Once]:
    file = opened(tmp_path / "api.db")
    yield Once(file)
    file.close()


ASKED = Asked(T, "crm", "k", "digest")


def test_a_request_under_way_is_not_carried_out_twice(once: Once) -> None:
    assert once.begin(ASKED, NOW) is None
    with pytest.raises(ReusedError) as error:
        once.begin(ASKED, NOW + 1)
    assert error.value.reason == "idempotency_in_flight"
    assert once.begin(Asked(T, "other", "k", "else"), NOW) is None


def test_one_that_died_half_way_may_be_asked_again(once: Once) -> None:
    assert once.begin(ASKED, NOW) is None
    assert once.begin(ASKED, NOW + LEASE) is None


def test_answers_are_kept_for_a_day(once: Once, tmp_path: Path) -> None:
    once.begin(ASKED, NOW)
    once.end(ASKED, Answered(200, b"{}"))
    other = opened(tmp_path / "api.db")
    assert Once(other).begin(ASKED, NOW + KEPT) == Answered(200, b"{}")
    assert Once(other).begin(ASKED, NOW + KEPT + 1) is None
    other.close()


def test_its_file_is_its_owners_and_may_be_damaged(tmp_path: Path) -> None:
    opened(tmp_path / "api.db").close()
    assert (tmp_path / "api.db").stat().st_mode & 0o77 == 0
    (tmp_path / "bad.db").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError):
        opened(tmp_path / "bad.db")
    with pytest.raises(StoreError):
        opened(tmp_path / "absent" / "api.db")
