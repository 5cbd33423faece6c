"""An unmodified application under the rules by the network alone: namespaces, nftables, real SDK and TLS."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import keys
from gateway.contacts.model import Entry
from gateway.contacts.sqlite import SqliteBooks
from gateway.sandbox import hubspot, salesforce, twilio
from gateway.sandbox.people import PEOPLE
from tests.architecture import ROOT
from tests.clientprograms import BUNDLE, CLIENTS, Client, certify, write_packs
from tests.namespaces import HOSTS, PROVIDER, Trio, trio, wait_until, why_not

SERVE = """
import os, socket, uvicorn
from gateway.sandbox import hubspot, salesforce, twilio
sock = socket.create_server(("0.0.0.0", 443))
print("serving", flush=True)
apps = {
    b"api.twilio.com": twilio.create(),
    b"api.hubapi.com": hubspot.create(),
    b"acme.my.salesforce.com": salesforce.create(),
}
async def noted(scope, receive, send):
    if scope["type"] == "http":
        with open("seen.txt", "a") as file:
            file.write(f"{scope['method']} {scope['client'][0]}\\n")
    await apps[dict(scope["headers"])[b"host"]](scope, receive, send)
uvicorn.Server(uvicorn.Config(noted, log_level="error", lifespan="off",
    timeout_keep_alive=75, ssl_certfile="provider.pem", ssl_keyfile="provider.pem")).run(sockets=[sock])
"""
"""The providers: their sandboxes, with a certificate of their names, noting who called."""

APPLICATION = """
import json, sys
from twilio.base.exceptions import TwilioException
from twilio.rest import Client
from gateway.sandbox.twilio import ACCOUNT, TOKEN
client = Client(ACCOUNT, TOKEN)
def call(to):
    try:
        return client.calls.create(to=to, from_="+33939980999", twiml="<Response/>").status
    except TwilioException as refusal:
        return getattr(refusal, "status", 0) or "refused"
print(json.dumps({
    "numbers": [message.to for message in client.messages.list(limit=3)],
    "calls": [call(number) for number in sys.argv[1:] or CALLS],
}))
"""
"""The application: Twilio's own SDK, told nothing of a gateway."""

RULES = """\
tenant: acme
instruction: {by: dpo@acme.example, ref: "namespaces", date: 2026-01-01}
country: FR
clients:
  - {id: desk, network: [10.77.1.0/24], role: support, purposes: [essential.service.operations]}
  - {id: pod, network: [203.0.113.1/32], role: support, purposes: [essential.service.operations]}
views:
  support:
    show: [user.name]
    mask: {user.contact.phone_number: {partial: {keep_last: 2}}}
rules:
  - {id: stay-in-ireland, residency: {data: user, regions: [IE]}}
"""

CONFIG = """\
listeners:
  - {name: redirected, plane: intercept, mode: transparent, bind: "0.0.0.0:8443", workers: 1}
  - {name: sidecar, plane: intercept, mode: transparent, bind: "127.0.0.1:8445", workers: 1}
upstreams:
  - name: twilio-ie
    provider: twilio
    url: https://api.twilio.com
    connect: [203.0.113.7]
    ca: provider-ca.pem
    region: IE
    operator: Twilio
    route: {prefix: /twilio}
  - name: hubspot-ie
    provider: hubspot
    url: https://api.hubapi.com
    connect: [203.0.113.7]
    ca: provider-ca.pem
    region: IE
    operator: AWS
    route: {prefix: /hubspot}
  - name: salesforce-ie
    provider: salesforce
    url: https://acme.my.salesforce.com
    connect: [203.0.113.7]
    ca: provider-ca.pem
    region: IE
    operator: Salesforce
    route: {prefix: /salesforce}
networks: [{cidr: 203.0.113.0/24, country: IE, operator: Twilio}]
certificates: {dir: certs}
rules: rules
plugins: [packs]
state: sqlite://state.db
audit: {dir: audit}
keyring: file:keyring
admin: {bind: "127.0.0.1:9090"}
"""

SUPPRESSED, WELCOME = PEOPLE[2].mobilephone, PEOPLE[0].mobilephone
HUSHGATE = [sys.executable, "-m", "gateway.cli.main"]

SAID = [
    ("calls.create", "intent", ""),
    ("calls.create", "outcome", ""),
    ("calls.create", "refusal", "contact_suppressed"),
]
"""Operation, phase and reason of what the log says of the application's calls."""

TOKENS = {"hubspot-api-client": hubspot.TOKEN, "simple-salesforce": salesforce.TOKEN}
"""Of the clients that do not ask Twilio."""

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    """The namespaces, a provider that serves and a gateway that is ready; nothing is redirected yet."""
    folder = tmp_path_factory.mktemp("namespaces")
    with trio(folder) as made:
        provider = made.start("provider", [sys.executable, "-c", SERVE])
        _furnish(made.folder)
        gateway = made.start("gate", [*HUSHGATE, "run", "-c", "hushgate.yaml"])
        assert provider.stdout is not None
        assert provider.stdout.readline() == "serving\n"
        wait_until(gateway, lambda: _ready(made), every=0.5)
        yield made


def _furnish(folder: Path) -> None:
    (folder / "hushgate.yaml").write_text(CONFIG)
    write_packs(folder)
    (folder / "rules").mkdir()
    (folder / "rules" / "acme.yaml").write_text(RULES)
    (folder / "audit").mkdir(mode=0o700)
    (folder / "keyring").touch(mode=0o600)
    (folder / "keyring").write_bytes(keys.generate())
    suppressed = keys.read(folder / "keyring").pseudonymiser("acme")("phone", SUPPRESSED)
    books = SqliteBooks(folder / "state.db")
    books.enter("acme", [Entry(id="test", subject=suppressed, act="suppressed", at=0.0, source="test")])
    books.close()
    certify(folder)


def _ready(made: Trio) -> bool:
    asked = made.run("gate", ["curl", "-sf", "http://127.0.0.1:9090/readyz"])
    return asked.returncode == 0


def _application(made: Trio, trusted: str) -> Any:
    """What it sees. It is given a file with whom to trust, and nothing in its code."""
    program = APPLICATION.replace("CALLS", json.dumps([WELCOME, SUPPRESSED]))
    return made.python("app", program, REQUESTS_CA_BUNDLE=str(made.folder / trusted))


def _callers(made: Trio) -> list[str]:
    return (made.folder / "seen.txt").read_text().splitlines()


def test_the_network_alone_brings_an_application_under_the_rules(place: Trio) -> None:
    before = _application(place, "provider-ca.pem")
    direct = _callers(place)
    place.redirect("up", "--user", "root", "--to", "8443", "--only", PROVIDER)
    during = _application(place, f"trust/{BUNDLE}")
    seen = _callers(place)[len(direct) :]
    place.redirect("down")
    after = _application(place, "provider-ca.pem")

    assert before == after, "undone, everything is as it was"
    assert before["numbers"]
    assert all(number[0] == "+" and number[1:].isdigit() for number in before["numbers"])
    assert before["calls"] == ["queued", "queued"], "nobody else stops the call"
    assert [number[-2:] for number in during["numbers"]] == [number[-2:] for number in before["numbers"]]
    assert all(number[:-2] == "*" * (len(number) - 2) for number in during["numbers"])
    assert during["calls"] == ["queued", 403]
    assert {line.split()[1] for line in direct} == {"10.77.1.2"}
    assert {line.split()[1] for line in seen} == {"203.0.113.1"}, "only the gateway speaks to the provider"
    assert [line.split()[0] for line in seen] == ["GET", "POST"], "the suppressed call never got there"


# ---- one namespace for the application and the gateway, as in a pod ----------------------------------------

APP, OTHER = 10002, 10003
"""Users that have no name, as in a pod."""

CURL_AS = """
import os
os.setgroups([]), os.setgid({user}), os.setuid({user})
os.execv("{curl}", ["curl", "-sS", "--max-time", "20", "--cacert", "{trusted}", "-u", "{who}", "{url}"])
"""


needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


@pytest.fixture(scope="module")
def trusted(place: Trio) -> Iterator[Path]:
    """Whom to trust, where every user can read it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for bundle in (place.folder / "trust" / BUNDLE, place.folder / "provider-ca.pem"):
            (folder / bundle.name).write_bytes(bundle.read_bytes())
            (folder / bundle.name).chmod(0o644)
        yield folder


def _asked_by(place: Trio, user: int, trusted: Path) -> bool | None:
    """Whether numbers are masked for a user of the gateway's own namespace; None: it does not trust us."""
    url = f"https://{HOSTS[0]}/2010-04-01/Accounts/{twilio.ACCOUNT}/Messages.json?PageSize=2"
    who = f"{twilio.ACCOUNT}:{twilio.TOKEN}"
    program = CURL_AS.format(user=user, trusted=trusted, who=who, url=url, curl=shutil.which("curl"))
    done = place.run("gate", [sys.executable, "-c", program])
    if done.returncode == 60:
        return None
    assert done.returncode == 0, done.stderr
    [masked] = {message["to"].startswith("***") for message in json.loads(done.stdout)["messages"]}
    return bool(masked)


@needs_curl
def test_beside_the_gateway_only_the_applications_user_is_redirected(place: Trio, trusted: Path) -> None:
    ours, theirs = trusted / BUNDLE, trusted / "provider-ca.pem"
    assert _asked_by(place, APP, theirs) is False, "nothing is redirected yet"
    place.redirect("up", "--user", "root", "--to", "8445", "--app", str(APP))
    try:
        assert _asked_by(place, APP, ours) is True
        assert _asked_by(place, APP, theirs) is None, "it speaks to nobody but the gateway"
        assert _asked_by(place, OTHER, theirs) is False
        place.redirect("up", "--user", "root", "--to", "8445")
        assert _asked_by(place, OTHER, ours) is True, "without --app everybody but the gateway is"
    finally:
        place.redirect("down")
    assert _asked_by(place, APP, theirs) is False
    assert {"desk", "pod"} >= {record.get("client") for record in _records(place) if record.get("client")}


@needs_curl
def test_an_application_beside_a_gateway_that_is_away_gets_nothing(place: Trio, trusted: Path) -> None:
    place.redirect("up", "--user", "root", "--to", "8446", "--app", str(APP))  # nobody listens there
    try:
        with pytest.raises(AssertionError, match=r"curl: \(7\)"):
            _asked_by(place, APP, trusted / BUNDLE)
    finally:
        place.redirect("down")


# ---- the script ----------------------------------------


def test_what_is_undone_leaves_the_rules_of_others_as_they_were(place: Trio) -> None:
    for words in ("add table inet others", "add chain inet others nat { type nat hook output priority 0; }"):
        assert place.run("gate", ["nft", words]).returncode == 0
    try:
        before = place.ruleset()
        for more in ([], ["--only", f"{PROVIDER},2001:db8::7"], ["--app", str(APP)], ["--in", "g0"]):
            place.redirect("up", "--user", "root", *more)
            assert "hushgate_redirect" in place.ruleset()
        put = place.ruleset()
        script = str(ROOT / "deploy" / "redirect.sh")
        assert place.run("gate", [script, "up", "--user", "root", "--to", "99999"]).returncode != 0
        assert place.ruleset() == put, "what cannot be put in place leaves what is"
        for _ in range(2):
            place.redirect("down")
            assert place.ruleset() == before
    finally:
        place.run("gate", ["nft", "delete", "table", "inet", "others"])


# ---- clients ----------------------------------------


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_client_is_redirected_as_it_is(place: Trio, client: Client) -> None:
    if client.missing():
        pytest.skip(client.missing())
    page = f"https://{HOSTS[0]}/2010-04-01/Accounts/{twilio.ACCOUNT}/Messages.json?PageSize=2"
    token = TOKENS.get(client.name, twilio.TOKEN)
    given = {"URL": page, "ACCOUNT": twilio.ACCOUNT, "TOKEN": token, "HOME": str(place.folder)}
    trusted = client.trust(place.folder / "trust")
    place.redirect("up", "--user", "root", "--to", "8443", "--only", PROVIDER)
    try:
        done = place.run("app", client.command(place.folder), **given, **trusted)
    finally:
        place.redirect("down")
    assert done.returncode == 0, done.stderr[-2000:]
    seen = [message["to"] for message in json.loads(done.stdout)["messages"]]
    assert seen
    assert all(number[:-2] == "*" * (len(number) - 2) for number in seen)


def _records(place: Trio) -> list[dict[str, Any]]:
    logs = (place.folder / "audit").glob("*.jsonl")
    return [json.loads(line) for log in logs for line in log.read_text().splitlines()]


def test_what_was_redirected_is_in_the_log(place: Trio) -> None:
    done = subprocess.run(
        [*HUSHGATE, "audit", "verify", "--json", "audit"],
        cwd=place.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["verified"] is True
    records = _records(place)
    said = [(r["operation"], r["phase"], r.get("reason", "")) for r in records if r.get("client") == "desk"]
    assert [line for line in said if line[0] == "calls.create"] == SAID
    assert ("messages.list", "read", "") in said
    assert SUPPRESSED not in json.dumps(records)


def test_an_application_without_the_root_is_not_let_past(place: Trio) -> None:
    place.redirect("up", "--user", "root", "--to", "8443", "--only", PROVIDER)
    try:
        done = place.run(
            "app",
            ["curl", "-s", "--cacert", "provider-ca.pem", f"https://{HOSTS[0]}/2010-04-01/Accounts.json"],
        )
    finally:
        place.redirect("down")
    assert done.returncode == 60, "curl: the peer's certificate cannot be authenticated"


def test_while_the_gateway_is_away_nothing_passes(place: Trio) -> None:
    before = len(_callers(place))
    place.redirect("up", "--user", "root", "--to", "8444", "--only", PROVIDER)  # nobody listens there
    try:
        done = place.run("app", ["curl", "-s", "--cacert", "provider-ca.pem", f"https://{HOSTS[0]}/"])
    finally:
        place.redirect("down")
    assert done.returncode == 7, "curl: connection refused"
    assert len(_callers(place)) == before
