"""Everything an operator wrote, read once: every problem of config, packs and rules in one list."""

from datetime import date
from pathlib import Path

from msgspec.structs import replace

from gateway.config import builtin_packs, load_config
from gateway.errors import ConfigError, Problem
from gateway.model import Pack
from gateway.policy.astray import astray
from gateway.policy.catalogue import Catalogue
from gateway.policy.infringing import infringing
from gateway.policy.load import Parsed, Progress, load_rules, parse_file, quiet
from gateway.policy.packs import load_packs
from gateway.policy.rulefile import read_rules
from gateway.transfers import Confirmation
from gateway.webhooks.route import Route


def check_paths(
    config: Path | None, rules: Path | None, packs: Path | None, progress: Progress = quiet
) -> list[Problem]:
    """Every problem of what is given. Secrets are not resolved: a file can be checked where they are not.

    `rules` (a folder or one file) and `packs` (a folder) go before those the config names; without either,
    the packs are those that come along. Nothing is cached, and no plugin is run: the names of its
    maskers are those the config has.
    """
    problems: list[Problem] = []
    maskers: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    folders = [packs or builtin_packs()]
    if config:
        try:
            settings = load_config(config, None)
            rules = rules or Path(settings.rules)
            routes = settings.inbound
            maskers = tuple(each.name for each in settings.extensions if each.kind == "masker")
            folders = [packs] if packs else [Path(folder) for folder in settings.plugins]
        except ConfigError as error:
            problems += error.problems
    loaded = load_packs(folders)
    problems += loaded.problems
    # a pack that cannot be read would make every rule that names it look wrong
    known = None if loaded.problems else loaded.packs
    if rules:
        problems += _rules(rules, known, maskers, progress)
    if routes and rules and rules.is_dir() and not problems:
        problems += astray(str(config), routes, loaded.packs, load_rules(rules, maskers=maskers).clients())
    return problems


def rules_of(config: Path) -> Path:
    """The rules that a deployment file names. Raises ConfigError."""
    return Path(load_config(config, None).rules)


def instructions(
    rules: Path, on: date, within: int, since: tuple[Confirmation, ...] = ()
) -> tuple[list[Problem], list[Problem]]:
    """Infringing instructions of rule files that can be read: those that are void on a day, and those that
    will be within so many days. `since`: what was said of them outside of the files."""
    now: list[Problem] = []
    soon: list[Problem] = []
    for file in sorted(rules.glob("*.yaml")) if rules.is_dir() else [rules]:
        try:
            policy = read_rules(file.read_bytes(), str(file))
        except (OSError, ConfigError):
            continue
        said = tuple(each for each in since if each.tenant == policy.tenant)
        policy = replace(policy, confirmations=said)
        for each in infringing(policy, on, within):
            found = f"{each.rule!r}: {each.found}"
            (soon if each.ending else now).append(Problem(str(file), each.line, 1, found, each.mend))
    return now, soon


def _rules(
    path: Path, packs: tuple[Pack, ...] | None, maskers: tuple[str, ...], progress: Progress
) -> tuple[Problem, ...]:
    if path.is_file():
        result = parse_file(str(path), Catalogue.of(packs) if packs is not None else None, maskers)
        return () if isinstance(result, Parsed) else result
    try:
        return load_rules(path, None, packs, progress, maskers=maskers).problems
    except ConfigError as error:
        return error.problems
