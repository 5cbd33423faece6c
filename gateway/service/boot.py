"""From the deployment file to a snapshot: packs, rules, keys, tables; and the same again on reload."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from gateway import keys
from gateway.deployment import Config
from gateway.errors import Problem
from gateway.model import Pack
from gateway.policy.cache import LoadedRules, load_rules, reload_rules
from gateway.policy.catalogue import load_packs
from gateway.policy.snapshot import Secrets, Snapshot, Tenant
from gateway.residency.locate import AddressTable

Progress = Callable[[int, int], None]
"""(files done, files in all)"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was read from files and is in force."""

    config: Config
    packs: tuple[Pack, ...]
    rules: LoadedRules

    def snapshot(self) -> Snapshot:
        """Put it in force."""
        ring = keys.load(self.config.keyring.encode())
        return Snapshot(
            tenants=[Tenant(entry.tenant, entry.clients, entry.policy) for entry in self.rules.entries],
            packs=self.packs,
            upstreams=self.config.upstreams,
            table=AddressTable([(n.cidr, n.country, n.operator) for n in self.config.networks]),
            secrets=Secrets(lambda tenant: ring.derive(tenant, "masking"), ring.pseudonymiser),
        )


def load(config: Config, progress: Progress | None = None) -> Loaded:
    """Read packs and rules. Raises ConfigError with every problem found."""
    packs = load_packs(config.plugins)
    rules = load_rules(Path(config.rules), _cache(config), packs, progress)
    return Loaded(config, packs, rules)


def again(loaded: Loaded) -> tuple[Loaded, tuple[Problem, ...]]:
    """Read the rules again: a bad file leaves its tenant's old rules in force and is among the problems."""
    rules = reload_rules(loaded.rules, Path(loaded.config.rules), _cache(loaded.config), loaded.packs)
    return replace(loaded, rules=rules), rules.problems


def _cache(config: Config) -> Path:
    return Path(config.database).parent / "rules.cache"
