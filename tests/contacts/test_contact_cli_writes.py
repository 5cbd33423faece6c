"""Who wrote what of a person: read back from the access log."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway import keys
from gateway.audit.chain import Link, encoder
from gateway.audit.record import Record
from gateway.cli import exits
from gateway.cli.main import main
from gateway.contacts.sqlite import SqliteBooks
from tests.contacts.test_contact_cli import furnished

START = 1_767_225_600.0
ADA = "hubspot/contact/101"
WORDS = ("--tenant", "acme", "--kind", "record")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return furnished(tmp_path)


def write(config: Path, *records: Record) -> None:
    link, encode = Link(), encoder()
    with (config.parent / "audit" / "worker-00.000001.jsonl").open("wb") as out:
        for record in records:
            line = link.line(encode(record))
            link = link.after(line)
            out.write(line + b"\n")


def named(config: Path, kind: str, value: str) -> str:
    return keys.load((config.parent / "keyring").read_bytes()).pseudonymiser("acme")(kind, value)


def test_edits_and_deletions_of_one_person_are_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ada, mail, other = (
        named(config, *who) for who in (("record", ADA), ("email", "a@b.fr"), ("record", "hubspot/contact/9"))
    )
    books = SqliteBooks(config.parent / "state.db")
    books.link("acme", [(ada, mail)])
    books.close()
    said: dict[str, Any] = {"tenant": "acme", "provider": "hubspot", "role": "admin"}
    edit: dict[str, Any] = {
        **said,
        "operation": "contacts.update",
        "client": "desk",
        "fields": ("properties.city",),
    }
    write(
        config,
        Record(phase="start", id="s", at=START),
        Record(phase="intent", id="1", at=START, subjects=(ada,), **edit),
        Record(phase="outcome", id="1", at=START, subjects=(ada,), status=200, **edit),
        Record(phase="read", id="2", at=START + 1, subjects=(ada,), **said),
        Record(phase="intent", id="3", at=START + 2, subjects=(other,), **edit),
        Record(phase="intent", id="4", at=START + 3, subjects=(mail,), operation="contacts.archive", **said),
        Record(phase="intent", id="5", at=START + 4, subjects=(ada,), **{**edit, "tenant": "else"}),
    )
    assert main(["contacts", "writes", ADA, "-c", str(config), *WORDS, "--json"]) == exits.OK
    rows = json.loads(capsys.readouterr().out)["writes"]
    assert [(r["operation"], r["client"], r["fields"], r["status"]) for r in rows] == [
        ("contacts.update", "desk", ["properties.city"], 200),
        ("contacts.archive", "-", [], None),
    ]
    assert main(["contacts", "writes", ADA, "-c", str(config), *WORDS]) == exits.OK
    text = capsys.readouterr().out
    assert "hubspot.contacts.update (200): properties.city" in text and "no outcome is on record" in text
    assert "101" not in text.replace(":01", "")


def test_of_whom_nothing_was_written(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contacts", "writes", "hubspot/contact/7", "-c", str(config), *WORDS]) == exits.OK
    assert "nothing was written" in capsys.readouterr().out
