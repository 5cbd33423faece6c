"""From the deployment file to a snapshot: packs, rules, keys, tables; and the same again on reload."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from msgspec import structs

from gateway import clock, keys
from gateway.codecs.table import install
from gateway.deployment import Config
from gateway.errors import ConfigError, Problem
from gateway.keyfile import content
from gateway.model import Pack, Policy
from gateway.plugins.load import NO_PLUGINS, Plugins, load_plugins
from gateway.policy.astray import astray
from gateway.policy.load import Entry, LoadedRules, Progress, load_rules, quiet, reload
from gateway.policy.packs import load_packs
from gateway.policy.reach import stated
from gateway.policy.snapshot import Secrets, Snapshot, Tenant
from gateway.residency.locate import AddressTable
from gateway.residency.recipients import decided
from gateway.secret import Secret
from gateway.service.deciding import UNTOLD, Told, told
from gateway.service.geo import opened

log = logging.getLogger("hushgate.rules")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was read from files and is in force."""

    config: Config
    packs: tuple[Pack, ...]
    rules: LoadedRules
    plugins: Plugins = NO_PLUGINS
    told: Told = UNTOLD

    def policies(self) -> dict[str, Policy]:
        """Every tenant's, by name."""
        return {entry.tenant: self.policy(entry) for entry in self.rules.tenants()}

    def policy(self, entry: Entry) -> Policy:
        """A tenant's policy with what was decided about its sub-processors and rules since."""
        policy = entry.policy()
        listed = decided(policy.subprocessors, policy.tenant, self.told.decisions)
        said = tuple(each for each in self.told.confirmations if each.tenant == policy.tenant)
        if listed == policy.subprocessors and not said:
            return policy
        return structs.replace(policy, subprocessors=listed, confirmations=said)

    def snapshot(self) -> Snapshot:
        """Put it in force. Raises ConfigError for a keyring, list or database that cannot be used."""
        ring = keys.load(self.config.keyring.encode())
        return Snapshot(
            tenants=[
                Tenant(entry.tenant, entry.clients, partial(self.policy, entry))
                for entry in self.rules.tenants()
            ],
            packs=self.packs,
            upstreams=self.config.upstreams,
            table=table_of(self.config, self.packs),
            secrets=Secrets.of(ring),
            custom=self.plugins.custom,
            inbound=self.config.inbound,
            clicks=self.config.unsubscribe,
            bare=self.config.bare,
        )


def load(config: Config, progress: Progress = quiet) -> Loaded:
    """Read packs and rules. Raises ConfigError with every problem: nothing starts on half of the rules.

    Plugins come first, since rules may name them; their codecs are in force in this process from now on.
    """
    plugins = load_plugins(config.extensions, config.plugins, config.file, clock.monotonic)
    packs = load_packs(Path(folder) for folder in config.plugins)
    rules = load_rules(
        Path(config.rules), _cache(config), packs.packs, progress, log.warning, plugins.maskers
    )
    problems = packs.problems + rules.problems
    if not problems:
        problems = tuple(astray(config.file, config.inbound, packs.packs, rules.clients()))
    if problems:
        raise ConfigError(problems)
    install(plugins.codecs)
    return Loaded(config, packs.packs, rules, plugins, told(config))


def again(loaded: Loaded) -> tuple[Loaded, tuple[Problem, ...]]:
    """Read rules and keyring again: what is wrong with a file leaves what it said before in force.

    When the folder of rules itself cannot be read, all rules stay as they are.
    """
    config, problems = _rekeyed(loaded.config)
    loaded = replace(loaded, config=config)
    try:
        loaded = redecided(loaded)
    except ConfigError as error:
        problems = (*problems, *error.problems)
    folder, cache = Path(loaded.config.rules), _cache(loaded.config)
    try:
        rules = reload(loaded.rules, folder, cache, loaded.packs, quiet, log.warning, loaded.plugins.maskers)
    except ConfigError as error:
        return loaded, (*problems, *error.problems)
    return replace(loaded, rules=rules), (*problems, *rules.problems)


def redecided(loaded: Loaded) -> Loaded:
    """The same with what was decided since. Raises ConfigError."""
    return replace(loaded, told=told(loaded.config))


def _rekeyed(config: Config) -> tuple[Config, tuple[Problem, ...]]:
    """The keyring as its file is now. Its first key cannot change: the registry finds people by it."""
    file = config.keyring_file
    if not file:
        return config, ()
    try:
        text = content(Path(file))
        ring, before = keys.load(text, file), keys.load(config.keyring.encode(), file)
        if ring.derive("", "pseudonym") != before.derive("", "pseudonym"):
            expected = "the one this gateway started with"
            raise ConfigError((Problem(file, 1, 1, "another first key", expected),))
    except ConfigError as error:
        return config, error.problems
    return replace(config, keyring=Secret(text.decode())), ()


def _cache(config: Config) -> Path:
    return Path(config.caches) / "rules.cache"


def table_of(config: Config, packs: Iterable[Pack]) -> AddressTable:
    """What is known of addresses. Raises ConfigError for a list or database that cannot be used."""
    known = opened(config.geo, clock.today())
    for file in known.old(config.geo.warn):
        log.warning("%s is %d days old; see hushgate geo", file.name, file.age)
    networks = [(n.cidr, n.country, n.operator) for n in config.networks]
    return AddressTable(networks, known.sources, stated(config.upstreams, packs))
