"""`hushgate residency simulate`: what a change of rules or of law would break, by what was observed."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway import clock
from gateway.cli import exits
from gateway.cli.verbs import VERBS, Subparsers

if TYPE_CHECKING:  # heavy, and not needed for --help
    from gateway.model import Policy
    from gateway.policy.simulation import Change, World
    from gateway.service.boot import Loaded

DESCRIPTION: Final = """\
Judges every kind of transfer in the register again: by other rules, on another day, or without an adequacy
decision. Ends with 1 when something that is let through today would be refused.

  hushgate residency simulate --without adequacy:IL --on 2027-01-01
  hushgate residency simulate --rules new-rules/"""


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "residency",
        help=VERBS["residency"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=("simulate",), help="what to do")
    parser.add_argument("-c", "--config", type=Path, default=Path("hushgate.yaml"), help="deployment file")
    parser.add_argument("--rules", type=Path, metavar="DIR", help="rule files instead of those in force")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        type=_decision,
        metavar="adequacy:PLACE",
        help="an adequacy decision or framework (`adequacy:US-DPF`) that is void (repeatable)",
    )
    parser.add_argument("--on", type=date.fromisoformat, metavar="DATE", help="the day (default: today)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _decision(text: str) -> str:
    from gateway.policy.simulation import voided
    from gateway.residency.law import COUNTRIES, FRAMEWORKS

    try:
        return voided([text], COUNTRIES | FRAMEWORKS.keys())[0]
    except ValueError:
        raise argparse.ArgumentTypeError("write it as adequacy:IL or adequacy:US-DPF") from None


def run(args: argparse.Namespace) -> int:
    """Simulate. Raises ConfigError for rules with mistakes, StoreError when the log cannot be read."""
    from gateway.config import load_config
    from gateway.policy.simulation import simulate
    from gateway.service import boot
    from gateway.service.registering import register as brought_up_to_date

    config = load_config(args.config, None)
    loaded = boot.load(config)
    before = _world(loaded, loaded.policies(), _today())
    changed = _rules(loaded, args.rules) if args.rules else loaded
    after = _world(changed, changed.policies(), args.on or before.on, args.without)
    changes = simulate(brought_up_to_date(config).rows(), before, after)
    print(as_json(changes) if args.json else as_text(changes))
    return exits.FAILED if any(change.breaks for change in changes) else exits.OK


def _world(loaded: "Loaded", policies: "dict[str, Policy]", on: date, void: Sequence[str] = ()) -> "World":
    from gateway.policy.simulation import World

    return World(
        policies=policies,
        packs={pack.provider: pack for pack in loaded.packs},
        upstreams={upstream.name: upstream for upstream in loaded.config.upstreams},
        on=on,
        void=tuple(void),
    )


def _rules(loaded: "Loaded", folder: Path) -> "Loaded":
    from gateway.errors import ConfigError
    from gateway.policy.load import load_rules

    rules = load_rules(folder, None, loaded.packs, maskers=loaded.plugins.maskers)
    if rules.problems:
        raise ConfigError(rules.problems)
    return replace(loaded, rules=rules)


def as_text(changes: "Sequence[Change]") -> str:
    """A line per kind of transfer whose judgement changes, and one that counts."""
    breaks = [change for change in changes if change.breaks]
    opens = [change for change in changes if change.before and not change.after]
    lines = [f"refused  {_line(change)}" for change in breaks]
    lines += [f"allowed  {_line(change)}" for change in opens]
    lines.append(
        f"{len(breaks)} of {len(changes)} kinds of transfers would be refused, {len(opens)} no longer"
    )
    return "\n".join(lines)


def _line(change: "Change") -> str:
    row = change.row
    why = f"{change.after} ({', '.join(change.rules) or '-'})" if change.after else change.before
    return (
        f"{row.tenant}/{row.client} {row.operation} {row.category} -> {row.operator or '?'}/"
        f"{row.country or '?'}: {why}, {row.exchanges} exchanges"
    )


def as_json(changes: "Sequence[Change]") -> str:
    """`{"breaks": n, "changes": [{"before", "after", "rules", "transfer"}]}`: those that change."""
    from gateway.residency.processing import cells

    told = [
        {"before": c.before, "after": c.after, "rules": c.rules, "transfer": cells(c.row)}
        for c in changes
        if bool(c.before) != bool(c.after)
    ]
    return json.dumps({"breaks": sum(change.breaks for change in changes), "changes": told})


def _today() -> date:
    return datetime.fromtimestamp(clock.now(), UTC).date()
