"""Record ids as people write them, and what they were before they had a space."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import keys
from gateway.cli import exits
from gateway.cli.main import main
from gateway.contacts.ledger import forbidden
from gateway.contacts.model import Entry, Standing, Suppression
from gateway.contacts.records import canonical, expected, written
from gateway.contacts.sqlite import SqliteBooks
from tests.contacts.test_contact_cli import furnished

SPACES = ("crm/", "hubspot/contact/", "hubspot/deal/")


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("hubspot/contact/512", "hubspot/contact/512"),
        ("hubspot/contact/a/b", "hubspot/contact/a/b"),
        ("crm/512", "crm/512"),
        ("bare/512", "512"),
        ("512", None),
        ("hubspot/512", None),
        ("hubspot/contacts/512", None),
        ("hubspot/contact/", None),
        ("hubspot/contact/ ", None),
        ("bare/", None),
        ("HubSpot/contact/512", None),
        ("", None),
    ],
)
def test_a_record_id_is_written_with_its_provider_and_type(text: str, known: str | None) -> None:
    assert written("record", text, None, SPACES) == known


def test_ids_of_one_file_need_it_once() -> None:
    assert written("record", "512", None, SPACES, "hubspot/deal/") == "hubspot/deal/512"
    assert written("phone", "06 12 34 56 78", "FR", SPACES, "hubspot/deal/") == "+33612345678"


@given(st.text(max_size=30))
def test_what_is_written_is_what_traffic_is_named(text: str) -> None:
    made = canonical("record\0crm/", text, None)
    assert written("record", f"crm/{text}", None, SPACES) == made


def test_who_writes_it_otherwise_is_told_the_forms() -> None:
    assert expected(SPACES) == ("a record id with its provider: crm/ID, hubspot/contact/ID, hubspot/deal/ID")


def test_only_what_forbids_is_taken_over() -> None:
    own = Standing(customer=5.0, linked=True, zone="Europe/Paris")
    stop = Standing(suppressions=(Suppression(),), customer=9.0, erased=True, crowded=True)
    assert forbidden(own, Standing()) is own
    made = forbidden(own, stop)
    assert (made.customer, made.linked, made.zone) == (5.0, True, "Europe/Paris")
    assert (made.suppressions, made.erased, made.crowded) == ((Suppression(),), True, True)
    assert forbidden(Standing(), Standing(restricted=("a",))).restricted == ("a",)


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> Path:
    return furnished(tmp_path)


def run(config: Path, *words: str) -> int:
    return main(["contacts", *words, "-c", str(config), "--tenant", "acme", "--kind", "record"])


def test_a_bare_id_is_told_how_to_be_written(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "suppress", "512") == exits.USAGE
    told = capsys.readouterr().err
    assert "hubspot/contact/ID" in told and "512" not in told


@pytest.mark.parametrize("off", [False, True])
def test_entries_of_before_are_shown_and_lifted(
    config: Path, capsys: pytest.CaptureFixture[str], off: bool
) -> None:
    if off:
        at = f"sqlite://{config.parent}/state.db"
        config.write_text(config.read_text().replace(at, f"{{url: '{at}', bare_record_ids: false}}"))
    bare = keys.load((config.parent / "keyring").read_bytes()).pseudonymiser("acme")("record", "512")
    books = SqliteBooks(config.parent / "state.db", True)
    books.enter("acme", [Entry(id="old", subject=bare, act="suppressed", at=1.0)])
    books.close()
    capsys.readouterr()
    for person in ("hubspot/contact/512", "salesforce/512"):
        assert run(config, "show", person, "--json") == exits.OK
        assert bool(json.loads(capsys.readouterr().out)["suppressions"]) is not off
    assert run(config, "lift", "bare/512") == exits.OK
    capsys.readouterr()
    assert run(config, "show", "hubspot/contact/512", "--json") == exits.OK
    assert json.loads(capsys.readouterr().out)["suppressions"] == []
