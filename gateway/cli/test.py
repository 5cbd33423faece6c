"""`hushgate test`: runs the rule cases that stand beside the rules, and shows what differs."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli import exits
from gateway.cli.compare import differences
from gateway.cli.progress import Progress
from gateway.cli.verbs import VERBS, Subparsers
from gateway.errors import ConfigError, HushgateError, Problem
from gateway.exchange.case import Case, Outcome
from gateway.exchange.casefile import load_case
from gateway.model import Pack, Policy

if TYPE_CHECKING:
    from gateway.masking.custom import Custom

DESCRIPTION = """\
Runs the cases in <rules>/<tenant>/cases/*.yaml against the rule file <rules>/<tenant>.yaml: the request goes
through the gateway's own decision code, the upstream and the contact registry are what the case says."""


@dataclass(frozen=True, slots=True)
class Result:
    """One case that was run; `differences` is empty when it holds."""

    case: Case
    tenant: str
    differences: list[str]


Run = Callable[[Case], Outcome]


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "test",
        help=VERBS["test"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rules", nargs="?", default="rules", help="folder of the rule files (default: rules)")
    parser.add_argument("--tenant", action="append", default=[], help="only this tenant; may be repeated")
    parser.add_argument("-k", dest="word", default="", help="only cases whose name or file holds this text")
    parser.add_argument(
        "--plugins", action="append", default=[], help="folder of provider packs (repeatable)"
    )
    parser.add_argument(
        "-c", "--config", type=Path, help="deployment file whose plugins (`extensions`) the rules may use"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Run them. Raises ConfigError when a rule, pack or case file has mistakes."""
    cases = load_cases(Path(args.rules), frozenset(args.tenant), args.word)
    if not cases:
        sys.stderr.write(f"hushgate: no case in {args.rules}/*/cases/*.yaml fits\n")
        return exits.FAILED
    results = list(execute(cases, runner(Path(args.rules), args.plugins, cases, args.config)))
    print(as_json(results) if args.json else as_text(results))
    return exits.FAILED if any(result.differences for result in results) else exits.OK


def load_cases(rules: Path, tenants: frozenset[str] = frozenset(), word: str = "") -> list[tuple[str, Case]]:
    """(tenant, case) of every case file, by path. Raises ConfigError with the problems of all files."""
    cases: list[tuple[str, Case]] = []
    problems: list[Problem] = []
    for file in sorted(rules.glob("*/cases/*.yaml")):
        tenant = file.parts[-3]
        if tenants and tenant not in tenants:
            continue
        try:
            case = load_case(file.read_bytes(), str(file))
        except ConfigError as error:
            problems += error.problems
            continue
        if word in case.name or word in case.file:
            cases.append((tenant, case))
    if problems:
        raise ConfigError(tuple(problems))
    return cases


def runner(
    rules: Path, plugins: list[str], cases: Iterable[tuple[str, Case]], config: Path | None = None
) -> Mapping[str, Run]:
    """Per tenant, the function that runs one case under its rule file, the packs and the config's plugins."""
    from gateway.config import builtin_packs  # the decision code is heavy: only this verb pays for it
    from gateway.exchange.replay import Compiled, run_case
    from gateway.policy.packs import load_packs
    from gateway.policy.rulefile import read_rules

    loaded = load_packs([Path(folder) for folder in plugins] or [builtin_packs()])
    if loaded.problems:
        raise ConfigError(loaded.problems)
    packs: Mapping[str, Pack] = {pack.provider: pack for pack in loaded.packs}
    custom = _custom(config)

    def bound(policy: Policy) -> Run:
        compiled: Compiled = {}
        return lambda case: run_case(case, policy, packs, custom, compiled)

    files = {tenant: rules / f"{tenant}.yaml" for tenant, _ in cases}
    return {
        tenant: bound(read_rules(file.read_bytes(), str(file), maskers=custom.maskers))
        for tenant, file in files.items()
    }


def _custom(config: Path | None) -> "Custom":
    """What the plugins of a deployment add. Their codecs are in force in this process from now on."""
    from gateway import clock
    from gateway.codecs.table import install
    from gateway.config import load_config
    from gateway.plugins.load import NO_PLUGINS, load_plugins

    settings = load_config(config, None) if config else None
    loaded = NO_PLUGINS
    if settings:
        loaded = load_plugins(settings.extensions, settings.plugins, settings.file, clock.monotonic)
    install(loaded.codecs)
    return loaded.custom


def execute(cases: list[tuple[str, Case]], runs: Mapping[str, Run]) -> Iterator[Result]:
    """Run cases one after the other; an error of ours in one is its difference, and the others still run."""
    with Progress("cases", len(cases)) as progress:
        for tenant, case in cases:
            try:
                found = differences(case.expect, runs[tenant](case), case.webhooks)
            except HushgateError as error:
                found = [f"could not be run: {error}"]
            yield Result(case, tenant, found)
            progress.advance()


def as_text(results: list[Result]) -> str:
    """A line per case, what differs below it, and a closing line of counts."""
    lines = []
    for result in results:
        lines.append(f"{'FAIL' if result.differences else 'ok  '}  {result.tenant}: {result.case.name}")
        if result.differences:
            lines.append(f"      {result.case.file}")
            lines += [f"      {line}" for text in result.differences for line in text.splitlines()]
    failed = sum(bool(result.differences) for result in results)
    return "\n".join([*lines, f"{len(results) - failed} passed, {failed} failed"])


def as_json(results: list[Result]) -> str:
    """`{"passed": n, "failed": n, "cases": [{"tenant", "name", "file", "differences": [...]}]}`."""
    failed = sum(bool(result.differences) for result in results)
    cases = [
        {"tenant": r.tenant, "name": r.case.name, "file": r.case.file, "differences": r.differences}
        for r in results
    ]
    return json.dumps({"passed": len(results) - failed, "failed": failed, "cases": cases})
