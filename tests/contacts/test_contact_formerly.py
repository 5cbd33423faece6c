"""What was entered under an id as it was known before: everybody is told what the request path goes by."""

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway import keys
from gateway.cli import exits
from gateway.cli.main import main
from gateway.contacts import formerly
from gateway.contacts.books import open_books
from gateway.contacts.model import UNKNOWN, Act, Books, Consent, Entry, Standing, Suppression
from gateway.contacts.records import known
from gateway.contacts.redisaddress import Address, Shared
from gateway.policy.packfile import read_pack
from gateway.recordids import case_safe
from tests import redisserver
from tests.api.apis import NAMED, T, running, snapshot
from tests.inbounds import PLUGINS
from tests.world import RULES, World

CONFIG = """\
listeners: [{name: apps, plane: reverse, bind: 127.0.0.1:8080}]
upstreams:
  - name: s
    provider: salesforce
    url: https://acme.my.salesforce.com
    region: EU
    operator: AWS
    route: {prefix: /s}
rules: rules/
state: {url: "STATE", bare_record_ids: BARE}
audit: {dir: audit, durability: written}
keyring: file:keyring
"""
CONSENT = "rules:\n  - {id: known, contact: {channels: [email], require: consent}}\n"
PACK = b"""\
provider: salesforce
title: Salesforce
hosts: [{name: "*.my.salesforce.com", region: EU, operator: AWS}]
operations:
  - id: mail
    call: POST /mail
    channel: email
    request: {json: {to: {is: system.operations, subject: record, role: recipient}}}
"""
FORBIDDING: Mapping[str, tuple[Act, str]] = {
    "003G000001SUbc1": ("suppressed", "contact_suppressed"),
    "003G000001SUbc2": ("objected", "contact_objected"),
    "003G000001SUbc3": ("restricted", "contact_restricted"),
    "003G000001SUbc4": ("erased", "contact_erased"),
    "003G000001SUbc5": ("withdrawn", "contact_without_consent"),
    "003G000001SUbc6": ("granted", ""),
}
MEMBERS = ("suppressions", "consents", "objections", "restricted", "erased", "customer", "zone", "crowded")


def test_what_was_known_before_is_merged_in_order() -> None:
    stop, left = Standing(suppressions=(Suppression(),)), Standing(consents=(Consent(state="withdrawn"),))
    people = [("a",), ("b", "b1", "b2"), ("c", "c1")]
    assert formerly.asked(people) == ["a", "b", "b1", "b2", "c", "c1"]
    found = iter([UNKNOWN, Standing(zone="Europe/Paris"), stop, left, UNKNOWN, UNKNOWN, "next"])
    made = formerly.merged(people, found)  # type: ignore[arg-type]  # what comes after them is left
    assert made[0] is UNKNOWN and made[2] is UNKNOWN and next(found) == "next"
    assert made[1] == Standing(zone="Europe/Paris", suppressions=stop.suppressions, consents=left.consents)


class Deployment:
    """A registry in which each act of FORBIDDING stands under another name of before."""

    def __init__(self, folder: Path, store: str, *, bare: bool) -> None:
        self.bare, self.folder = bare, folder
        self.store: str | Shared = f"sqlite://{folder}/state.db"
        url = self.store
        if store == "redis":
            server = redisserver.shared()
            with server.client() as client:
                client.flushall()
            place = Address("single", (("127.0.0.1", server.port),))
            self.store, url = Shared(place, timeout=redisserver.PATIENCE), f"redis://127.0.0.1:{server.port}"
        (folder / "rules").mkdir()
        (folder / "rules" / "acme.yaml").write_text(RULES + CONSENT)
        (folder / "keyring").write_bytes(keys.generate(lambda n: bytes(range(n))))
        (folder / "keyring").chmod(0o600)
        self.config = folder / "hushgate.yaml"
        self.config.write_text(CONFIG.replace("STATE", str(url)).replace("BARE", str(bare).lower()))
        with closing(self.books()) as books:
            for number, (own, (act, _)) in enumerate(FORBIDDING.items()):
                now, *before = known("salesforce/", own)
                granted = Entry(id=f"g{number}", subject=NAMED("record", now), act="granted", at=1.0)
                old = NAMED("record", before[number % len(before)])
                books.enter(T, [granted, Entry(id=f"o{number}", subject=old, act=act, at=2.0)])

    def books(self) -> Books:
        return open_books(self.store)

    def contacts(self, *words: str) -> int:
        return main(["contacts", *words, "-c", str(self.config), "--tenant", T])

    def request(self, own: str) -> str:
        """Why a mail to somebody is refused, on the request path; empty where it is sent."""
        world = World(rules=RULES + CONSENT, pack=PACK, provider="salesforce", bare=self.bare)
        with closing(self.books()) as books:
            for way in known("salesforce/", own):
                [world.standings[world.named("record", way)]] = books.standings(T, [NAMED("record", way)])
        played = world.ask("POST", "/crm/mail", json_body={"to": own})
        return "" if played.status == 200 else played.reason


@pytest.fixture(
    params=[("sqlite", True), ("redis", True), ("sqlite", False)], ids=["sqlite", "redis", "not looked for"]
)
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    store, bare = request.param
    yield Deployment(tmp_path, store, bare=bare)


def test_everybody_is_told_what_the_request_path_goes_by(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    it = deployment
    sent = {own: it.request(own) for own in FORBIDDING}
    assert sent == {own: why if it.bare else "" for own, (_, why) in FORBIDDING.items()}

    shown: dict[str, dict[str, Any]] = {}
    for own in FORBIDDING:
        capsys.readouterr()
        assert it.contacts("show", f"salesforce/{own}", "--kind", "record", "--json") == exits.OK
        shown[own] = json.loads(capsys.readouterr().out)

    pack = read_pack((PLUGINS / "salesforce" / "pack.yaml").read_bytes(), "salesforce/pack.yaml")
    with running(it.books, it.folder / "api.db", in_force=snapshot(packs=[pack], bare=it.bare)) as api:
        asked = [{"value": f"salesforce/{case_safe(own).lower()}", "kind": "record"} for own in FORBIDDING]
        told = api.ask("lookups", {"subjects": asked}, "report").json()["standings"]
        entries = api.ask("history", {"subject": asked[0]}, "report").json()["entries"]
    assert [each["subject"] for each in told] == [each["subject"] for each in shown.values()]
    assert [{name: each[name] for name in MEMBERS} for each in told] == [
        {name: each[name] for name in MEMBERS} for each in shown.values()
    ]
    assert [each["act"] for each in entries] == ["granted", *(["suppressed"] if it.bare else [])]

    listed = it.folder / "people.csv"
    listed.write_text("record\n" + "".join(f"salesforce/{own}\n" for own in FORBIDDING))
    words = ("preview", str(listed), "--channel", "email", "--client", "helpdesk")
    assert it.contacts(*words, "--skipped", str(it.folder / "skipped.csv")) == exits.OK
    file = it.folder / "skipped.csv"
    rows = list(csv.reader(file.read_text().splitlines()))[1:] if file.exists() else []
    previewed = {int(line) - 2: why for line, why in rows}
    assert {n: why for n, why in enumerate(sent.values()) if why} == previewed


def test_history_has_the_entries_behind_it_and_they_can_be_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    it = Deployment(tmp_path, "sqlite", bare=True)
    [own, *_] = FORBIDDING
    old = known("salesforce/", own)[1]
    capsys.readouterr()
    person = ("--kind", "record", f"salesforce/{own}", "--json")
    assert it.contacts("history", *person) == exits.OK
    entries = json.loads(capsys.readouterr().out)["entries"]
    assert [(each["act"], each["subject"]) for each in entries] == [
        ("granted", NAMED("record", known("salesforce/", own)[0])),
        ("suppressed", NAMED("record", old)),
    ]
    assert it.contacts("lift", *person) == exits.OK
    assert json.loads(capsys.readouterr().out)["suppressions"], "of another name, and told so"
    assert it.contacts("lift", "--kind", "record", f"bare/{old}") == exits.OK
    capsys.readouterr()
    assert it.contacts("show", *person) == exits.OK
    assert json.loads(capsys.readouterr().out)["suppressions"] == []
    assert it.request(own) == ""
