"""Writes a deployment of Hushgate into a folder: configuration, rules, keyring, registry."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from benchmarks import work
from benchmarks.processes import ROOT, free_port
from benchmarks.upstream.server import fill
from gateway import keys
from gateway.contacts.model import Entry
from gateway.contacts.sqlite import SqliteBooks

HERE = Path(__file__).parent
TENANT = "bench"
SOURCE = "benchmark"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What was written: the file, the ports, and what the process needs in its environment."""

    config: Path
    port: int
    admin: int
    env: dict[str, str]

    @property
    def command(self) -> list[str]:
        """What starts it."""
        return [sys.executable, "-m", "gateway.cli.main", "run", "-c", str(self.config)]


def key_hash(key: str) -> str:
    """A client key as a rule file holds it."""
    return sha256(key.encode()).hexdigest()


def write_rules(folder: Path) -> None:
    """The benchmark tenant's rule file."""
    folder.mkdir(exist_ok=True)
    text = fill(HERE / "rules.yaml", {"TENANT": TENANT, "KEY": key_hash(work.CLIENT_KEY)})
    (folder / f"{TENANT}.yaml").write_text(text)


def seed(folder: Path, tenants: Iterable[str]) -> None:
    """The people who must not be contacted, in the registry of the deployment."""
    ring = keys.read(folder / "keyring")
    books = SqliteBooks(folder / "state.db")
    alone = Entry(id=SOURCE, subject="", act="suppressed", at=0.0, source=SOURCE)
    for tenant in tenants:
        pseudonymise = ring.pseudonymiser(tenant)
        books.suppress_many(tenant, [pseudonymise("phone", work.phone(n)) for n in work.SUPPRESSED], alone)
    books.close()


def write_deployment(folder: Path, upstream: int, workers: int = 1) -> Deployment:
    """A deployment in front of the upstream at this port."""
    port, admin = free_port(), free_port()
    values = {
        "DIR": str(folder),
        "PORT": str(port),
        "ADMIN": str(admin),
        "UPSTREAM": str(upstream),
        "WORKERS": str(workers),
        "PLUGINS": str(ROOT / "plugins"),
    }
    config = folder / "hushgate.yaml"
    config.write_text(fill(HERE / "hushgate.yaml", values))
    keyring = folder / "keyring"
    keyring.touch(mode=0o600)
    keyring.write_bytes(keys.generate())
    (folder / "audit").mkdir(mode=0o700)
    write_rules(folder / "rules")
    seed(folder, [TENANT])
    return Deployment(config, port, admin, {"BENCH_CREDENTIAL": work.CREDENTIAL})
