"""A deployment in a folder and `hushgate run` as a process of its own: real workers, signals and files."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gateway
from gateway import keys
from tests.world import FOLDER, KEYS, PACK, RULES

PATIENCE = 30.0
"""seconds anything may take before a test fails"""
SOURCE = str(Path(gateway.__file__).parents[1])

CONFIG = """\
listeners:
  - {{name: apps, plane: reverse, bind: "127.0.0.1:0", workers: {workers}{listener}}}
upstreams:
  - {{name: crm-1, provider: crm, url: "{url}", region: FR, operator: OVH, route: {{prefix: /crm}}{upstream}}}
networks: [{{cidr: 127.0.0.0/8, country: FR, operator: OVH}}]
rules: rules
plugins: [packs]
state: sqlite://state.db
audit: {{dir: audit, durability: {durability}}}
keyring: file:keyring
admin: {{bind: "127.0.0.1:0"}}
timeouts: {{drain: 5s, idle: 10s, answer: 5s}}
{more}"""


@dataclass
class House:
    """A folder with everything `hushgate run` needs, and the running process."""

    folder: Path
    port: int
    workers: int = 1
    rules: str = RULES
    durability: str = "written"
    listener: str = ""
    upstream: str = ""
    url: str = ""
    more: str = ""
    wrapper: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None
    apps: tuple[str, int] = ("", 0)
    admin: tuple[str, int] = ("", 0)
    api: tuple[str, int] = ("", 0)
    listeners: dict[str, tuple[str, int]] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "rules").mkdir(exist_ok=True)
        (self.folder / "packs" / "crm").mkdir(parents=True, exist_ok=True)
        (self.folder / "packs" / "crm" / "pack.yaml").write_bytes(PACK)
        self.write_rules(self.rules)
        keyring = self.folder / "keyring"
        keyring.write_bytes(keys.generate(lambda size: b"k" * size))
        keyring.chmod(0o600)
        self.config.write_text(
            CONFIG.format(
                workers=self.workers,
                url=self.url or f"http://127.0.0.1:{self.port}",
                durability=self.durability,
                listener=self.listener,
                upstream=self.upstream,
                more=self.more,
            )
        )

    @property
    def config(self) -> Path:
        return self.folder / "hushgate.yaml"

    @property
    def log(self) -> str:
        """What the processes wrote to standard error."""
        return (self.folder / "stderr").read_text(errors="replace")

    def write_rules(self, text: str) -> None:
        (self.folder / "rules" / "acme.yaml").write_text(text)

    def start(self) -> None:
        """Run it, and wait until it is ready."""
        self.launch()
        assert self.process is not None and self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log
        ports = json.loads(line)
        self.listeners = {name: tuple(address) for name, address in ports["listeners"].items()}
        self.apps, self.admin = tuple(ports["listeners"]["apps"]), tuple(ports["admin"])
        self.api = tuple(ports["api"] or ("", 0))
        until(self.ready, lambda: self.log)

    def launch(self) -> None:
        command = [*self.wrapper, *hushgate("run", "--json", "-c", str(self.config))]
        with (self.folder / "stderr").open("ab") as stderr:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stderr, env=environ() | self.environ, cwd=self.folder
            )

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            if self.process.stdout:
                self.process.stdout.close()

    def page(self, path: str) -> tuple[int, str]:
        """(status, body) of a page of the admin port."""
        connection = http.client.HTTPConnection(*self.admin, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ready(self) -> bool:
        try:
            return self.page("/readyz")[0] == 200
        except OSError:
            return False

    def pids(self) -> list[int]:
        """Process ids of the workers; 0 for one that is down."""
        return [row["pid"] for row in json.loads(self.page("/readyz")[1])["workers"]]

    def metrics(self) -> dict[str, float]:
        """`name{labels}` -> value."""
        lines = self.page("/metrics")[1].splitlines()
        return {name: float(v) for name, _, v in (x.rpartition(" ") for x in lines if x[:1] != "#")}

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """One request on a connection of its own, as the client `support` unless `key` says another."""
        connection = http.client.HTTPConnection(*self.apps, timeout=PATIENCE)
        try:
            return asked(connection, method, path, body, **headers)
        finally:
            connection.close()

    def verify(self) -> dict[str, Any]:
        """What `hushgate audit verify` says of the log."""
        done = run("audit", "verify", "--json", str(self.folder / "audit"))
        verified: dict[str, Any] = json.loads(done.stdout)
        return verified

    def records(self) -> list[dict[str, Any]]:
        """Every line of the log."""
        files = sorted((self.folder / "audit").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


def asked(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, bytes]:
    """One request on this connection."""
    sent = {"Hushgate-Key": KEYS[headers.pop("key", "support")].decode()}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body or None, sent)
    answer = connection.getresponse()
    return answer.status, answer.read()


def hushgate(*words: str) -> list[str]:
    """The command line of the command."""
    return [sys.executable, "-m", "gateway.cli.main", *words]


def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": SOURCE}


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return subprocess.run(
        hushgate(*words), capture_output=True, text=True, env=environ(), timeout=60, check=False
    )


def until(true: Callable[[], object], why: Callable[[], str] = lambda: "") -> None:
    """Wait for something to become so."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, why()
        time.sleep(0.02)


@contextmanager
def running(house: House) -> Iterator[House]:
    """The house, running; killed at the end whatever became of it."""
    try:
        house.start()
        yield house
    finally:
        if house.process is not None:
            if house.process.poll() is None:
                house.stop()
            if house.process.stdout:
                house.process.stdout.close()


__all__ = ["FOLDER", "House", "asked", "hushgate", "run", "running", "until"]
