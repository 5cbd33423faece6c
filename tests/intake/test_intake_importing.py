"""An import is exact: resumable, idempotent, and it says what became of every row."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.contacts.model import Entry
from gateway.errors import StoreError
from gateway.intake import importing
from gateway.intake.columns import Told
from tests.contract.memory import Memory
from tests.intake.intakes import LIST, NAMED, NOW, PHONE, T, begun, take, written


def numbers(count: int) -> list[str]:
    return [f"+336{n:08d}" for n in range(count)]


def test_a_list_is_taken_in_once(tmp_path: Path) -> None:
    books = Memory()
    path = written(tmp_path, "phone\n" + "\n".join(numbers(1000)))
    first, again = take(books, path), take(books, path)
    assert (first.rows, first.entries, first.new, first.rejected) == (1000, 1000, 1000, 0)
    assert again.new == 0
    [standing] = books.standings(T, [NAMED("phone", numbers(7)[6])])
    assert [(s.channel, s.source) for s in standing.suppressions] == [(None, "list:bloctel")]


def test_a_dry_run_enters_nothing_and_keeps_no_checkpoint(tmp_path: Path) -> None:
    path = written(tmp_path, f"phone\n{PHONE}\n12\n")
    counts = take(None, path)
    assert (counts.rows, counts.entries, counts.new, counts.rejected) == (2, 1, 0, 1)
    assert not (tmp_path / "imports").exists()


def test_what_is_rejected_is_written_with_its_line_and_reason(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    path = written(
        tmp_path, f'phone,channel\n{PHONE},sms\nabc,sms\n{PHONE},fax\n{PHONE}\n"{PHONE},sms\n{PHONE},call\n'
    )
    books = Memory()
    counts = take(books, path, rejects=rejects)
    with rejects.open() as file:
        found = list(csv.reader(file))
    assert [row[0] for row in found] == ["line", "3", "4", "5", "6"]
    assert PHONE not in rejects.read_text()
    assert rejects.stat().st_mode & 0o77 == 0
    assert (counts.rows, counts.entries, counts.rejected) == (6, 2, 4)
    assert sum(counts.reasons.values()) == 4


class Dying(Memory):
    """Accepts so many batches, then is away."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.batches = batches

    def _one_less(self) -> None:
        if not self.batches:
            raise StoreError("registry_unavailable", "away")
        self.batches -= 1

    def enter(self, tenant: str, entries: Sequence[Entry]) -> int:
        self._one_less()
        return super().enter(tenant, entries)


@pytest.mark.parametrize("header", ["phone", "phone,channel"])
@pytest.mark.parametrize("batches", [0, 1, 3])
def test_it_goes_on_where_it_stopped(
    tmp_path: Path, header: str, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 10)
    monkeypatch.setattr(importing, "LISTED", 10)
    more = ",sms" * (header != "phone")
    people = numbers(57)
    path = written(tmp_path, f"{header}\n" + "".join(f"{n}{more}\nbad{more}\n" for n in people))
    rejects, books = tmp_path / "rejects.csv", Dying(batches)
    with pytest.raises(StoreError):
        take(books, path, rejects=rejects)
    assert begun(path).line == (10 * batches + 1 if batches else 0)
    books.batches = 1000
    counts = take(books, path, rejects=rejects)
    assert (counts.rows, counts.rejected) == (114, 57)
    assert counts.resumed == (10 * batches + 1 if batches else 0)
    assert counts.new == 57
    assert {e.subject for e in books.entries(T)} == {NAMED("phone", n) for n in people}
    lines = [line.partition(",")[0] for line in rejects.read_text().splitlines()]
    assert lines[1:] == [str(n) for n in range(3, 116, 2)]
    assert begun(path).line == 0


def test_a_file_that_changed_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 10)
    monkeypatch.setattr(importing, "LISTED", 10)
    path = written(tmp_path, "phone\n" + "\n".join(numbers(50)))
    books = Dying(2)
    with pytest.raises(StoreError):
        take(books, path)
    books.batches = 100
    counts = take(books, written(tmp_path, "phone\n" + "\n".join(numbers(51))))
    assert (counts.resumed, counts.rows) == (0, 51)


def test_consents_and_links_are_taken_in(tmp_path: Path) -> None:
    text = "id;tel;mail;ok\ndesk/1;0612345678;a@b.fr;oui\ndesk/2;;c@d.fr;non\n"
    told = Told(
        "crm", NOW, act="granted", purpose="marketing", words=(("oui", "granted"), ("non", "withdrawn"))
    )
    books = Memory()
    counts = take(
        books, written(tmp_path, text), told, {"record": "id", "phone": "tel", "email": "mail", "act": "ok"}
    )
    assert (counts.entries, counts.links, counts.rejected) == (5, 3, 0)
    assert [c.state for c in books.standings(T, [NAMED("record", "desk/2")])[0].consents] == ["withdrawn"]
    assert len(books.linked(T, NAMED("record", "desk/1"))) == 2


def test_a_later_list_is_in_force_after_a_lift_between(tmp_path: Path) -> None:
    books, person = Memory(), NAMED("phone", PHONE)
    path = written(tmp_path, f"phone\n{PHONE}\n")
    take(books, path)
    books.enter(T, [Entry(id="x", subject=person, act="lifted", at=LIST.dated + 10)])
    take(books, path)
    assert books.standings(T, [person])[0].suppressions == ()
    take(books, path, Told("bloctel", LIST.dated + 20))
    assert books.standings(T, [person])[0].suppressions
