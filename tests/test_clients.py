"""Unmodified clients through the forward proxy: HTTPS_PROXY, whom to trust, and nothing else."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import keys
from gateway.sandbox import salesforce, twilio
from tests.architecture import ROOT
from tests.clientprograms import CLIENTS, Client, certify, write_packs
from tests.namespaces import wait_until

HUSHGATE = [sys.executable, "-m", "gateway.cli.main"]
HOST = "api.twilio.com"
KEY = "hgk_clients-through-the-proxy"
PAGE = f"https://{HOST}/2010-04-01/Accounts/{twilio.ACCOUNT}/Messages.json?PageSize=2"

RULES = f"""\
tenant: acme
instruction: {{by: dpo@acme.example, ref: "clients", date: 2026-01-01}}
clients:
  - id: desk
    key: "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"
    role: support
    purposes: [essential.service.operations]
views:
  support:
    show: [user.name]
    mask: {{user.contact.phone_number: {{partial: {{keep_last: 2}}}}}}
"""

CONFIG = """\
listeners:
  - {{name: legacy, plane: intercept, mode: proxy, bind: "127.0.0.1:0", workers: 1}}
upstreams:
  - name: twilio-ie
    provider: twilio
    url: https://localhost:{provider}
    connect: [127.0.0.1]
    ca: provider-ca.pem
    region: IE
    operator: Twilio
    route: {{host: api.twilio.com}}
  - name: salesforce-ie
    provider: salesforce
    url: https://localhost:{provider}
    connect: [127.0.0.1]
    ca: provider-ca.pem
    region: IE
    operator: Salesforce
    route: {{host: acme.my.salesforce.com}}
certificates: {{dir: certs}}
rules: rules
plugins: [packs]
state: sqlite://state.db
audit: {{dir: audit}}
keyring: file:keyring
admin: {{bind: "127.0.0.1:0"}}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A gateway that runs, and what applications are told of it."""

    folder: Path
    proxy: int

    def run(self, command: list[str], **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run an application to its end."""
        kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=self.folder,
            env={**kept, "PYTHONPATH": str(ROOT), **environment},
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The sandbox with TLS, and a gateway in front of it."""
    folder = tmp_path_factory.mktemp("clients")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "provider-ca.pem"))
    ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "provider.pem"))
    files: dict[str, Any] = {"ssl_certfile": folder / "provider.pem", "ssl_keyfile": folder / "provider.pem"}
    provider = uvicorn.Server(uvicorn.Config(_providers(), log_level="error", lifespan="off", **files))
    with socket.create_server(("127.0.0.1", 0)) as sock:
        serving = threading.Thread(target=provider.run, kwargs={"sockets": [sock]}, daemon=True)
        serving.start()
        _furnish(folder, sock.getsockname()[1])
        command = [*HUSHGATE, "run", "--json", "-c", "hushgate.yaml"]
        with (folder / "log").open("w") as log:
            gateway = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert gateway.stdout is not None
            ports = json.loads(gateway.stdout.readline())
            _, port = ports["listeners"]["legacy"]
            wait_until(gateway, lambda: _listens(port))
            yield Place(folder, port)
        finally:
            gateway.terminate()
            gateway.communicate(timeout=30)
            provider.should_exit = True
            serving.join(10)


def _providers() -> ASGIApp:
    """Two sandboxes at one address, told apart by the paths that each has."""
    crm, telephony = salesforce.create(), twilio.create()

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        app = crm if scope["path"].startswith("/services/data/") else telephony
        await app(scope, receive, send)

    return both


def _furnish(folder: Path, provider: int) -> None:
    (folder / "hushgate.yaml").write_text(CONFIG.format(provider=provider))
    write_packs(folder)
    (folder / "rules").mkdir()
    (folder / "rules" / "acme.yaml").write_text(RULES)
    (folder / "audit").mkdir(mode=0o700)
    (folder / "keyring").touch(mode=0o600)
    (folder / "keyring").write_bytes(keys.generate())
    certify(folder)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _given(place: Place, client: Client, key: str = KEY) -> dict[str, str]:
    token = salesforce.TOKEN if client.name == "simple-salesforce" else twilio.TOKEN
    return {
        "URL": PAGE,
        "ACCOUNT": twilio.ACCOUNT,
        "TOKEN": token,
        "HOME": str(place.folder),
        "HTTPS_PROXY": f"http://app:{key}@127.0.0.1:{place.proxy}",
        **client.trust(place.folder / "trust"),
    }


@pytest.mark.parametrize("client", [c for c in CLIENTS if c.proxies], ids=lambda client: client.name)
def test_a_client_goes_through_the_proxy_as_it_is(place: Place, client: Client) -> None:
    if client.missing():
        pytest.skip(client.missing())
    done = place.run(client.command(place.folder), **_given(place, client))
    assert done.returncode == 0, done.stderr[-2000:]
    seen = [message["to"] for message in json.loads(done.stdout)["messages"]]
    assert seen
    assert all(number[:-2] == "*" * (len(number) - 2) for number in seen)


@pytest.mark.parametrize("client", [c for c in CLIENTS if c.proxies], ids=lambda client: client.name)
def test_with_another_key_it_gets_nothing(place: Place, client: Client) -> None:
    if client.missing():
        pytest.skip(client.missing())
    done = place.run(client.command(place.folder), **_given(place, client, key="hgk_another"))
    assert done.returncode != 0
    assert not done.stdout


def test_the_table_in_the_documents_names_every_client() -> None:
    table = (ROOT / "docs" / "interception.md").read_text()
    rows = {line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")}
    assert {client.name for client in CLIENTS} <= rows
