"""`hushgate rules`: which instructions the law speaks against, and who has confirmed them."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway import clock
from gateway.cli import exits
from gateway.cli.verbs import VERBS, Subparsers

if TYPE_CHECKING:  # heavy, and not needed for --help
    from gateway.deployment import Config
    from gateway.policy.steps import Standing
    from gateway.service.boot import Loaded
    from gateway.transfers import Confirmation

DESCRIPTION: Final = """\
A rule that relies on a basis which is void is suspended: that basis counts for nothing. `list` shows such
rules (ends with 1 when one is suspended). `confirm` has a rule carried out as it is written, with --withdraw
no longer.

  hushgate rules
  hushgate rules confirm stay-in-europe --by dpo@acme.example --reason "litigation, Art. 49(1)(e)"

A confirmation is about the rule as it is now and what of it is void now: when either changes, it ends. It is
put on record, and in force in every worker within a second."""


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "rules",
        help=VERBS["rules"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "action", nargs="?", choices=("list", "confirm"), default="list", help="what to do (default: list)"
    )
    parser.add_argument("rule", nargs="?", help="id of the rule to confirm")
    parser.add_argument("-c", "--config", type=Path, default=Path("hushgate.yaml"), help="deployment file")
    parser.add_argument("--tenant", help="this tenant's alone; needed where two have a rule of that id")
    parser.add_argument("--by", help="who confirms, or withdraws")
    parser.add_argument("--reason", default="", help="why it holds although the law speaks against it")
    parser.add_argument("--withdraw", action="store_true", help="take the confirmation back")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Do it. Raises ConfigError for files with mistakes, StoreError when the log takes no record."""
    from gateway.config import load_config
    from gateway.service import boot

    config = load_config(args.config, None)
    loaded = boot.load(config)
    found = _infringing(loaded, args.tenant)
    if args.action == "confirm":
        return _confirm(config, [each for each in found if each.name == args.rule], args)
    print(as_json(found) if args.json else as_text(found))
    return exits.FAILED if any(each.state == "suspended" for each in found) else exits.OK


def _infringing(loaded: "Loaded", tenant: str | None) -> "list[Standing]":
    from gateway.policy.steps import SOUND, standings

    entries = [entry for entry in loaded.rules.tenants() if entry.line.accountable]
    every = [
        each
        for entry in entries
        if tenant in (None, entry.tenant)
        for each in standings(loaded.policy(entry), _today())
    ]
    return [each for each in every if each.kind == "rule" and each.state != SOUND]


def as_text(found: "Sequence[Standing]") -> str:
    """A line per rule, and one that counts."""
    suspended = sum(each.state == "suspended" for each in found)
    lines = [f"{each.tenant}/{each.name}: {each.state}: {each.told}" for each in found]
    return "\n".join([*lines, f"{suspended} suspended, {len(found) - suspended} confirmed"])


def as_json(found: "Sequence[Standing]") -> str:
    """`{"rules": [{"tenant", "rule", "state", "told", "text", "basis"}]}`."""
    told = [
        {
            "tenant": each.tenant,
            "rule": each.name,
            "state": each.state,
            "told": each.told,
            "text": each.text,
            "basis": each.basis,
        }
        for each in found
    ]
    return json.dumps({"rules": told})


def _confirm(config: "Config", found: "Sequence[Standing]", args: argparse.Namespace) -> int:
    from gateway.service.deciding import decide

    word = "withdrawn" if args.withdraw else "confirmed"
    if not (args.rule and args.by and (args.reason or args.withdraw)):
        return _refused(
            "a confirmation needs RULE, --by and --reason; a withdrawal RULE and --by", exits.USAGE
        )
    if len(found) > 1:
        return _refused("several tenants have such a rule: name one with --tenant", exits.USAGE)
    if not found:
        return _refused(f"the law speaks against no rule {args.rule!r}: nothing to confirm", exits.FAILED)
    if args.withdraw and found[0].state == "suspended":
        return _refused("that rule is not confirmed", exits.FAILED)
    if "confirmed in the rule file" in found[0].told:
        return _refused("that rule is confirmed in its file: change it there", exits.FAILED)
    decide(config, _confirmation(found[0], args), clock.now())
    print(f"{word}: {args.rule} of {found[0].tenant}; in force within a second")
    return exits.OK


def _confirmation(it: "Standing", args: argparse.Namespace) -> "Confirmation":
    from gateway.transfers import Confirmation

    return Confirmation(
        tenant=it.tenant,
        rule=it.name,
        word="withdraw" if args.withdraw else "confirm",
        by=args.by,
        date=_today().isoformat(),
        text=it.text,
        basis=it.basis,
        reason=args.reason,
    )


def _refused(why: str, code: int) -> int:
    sys.stderr.write(f"hushgate: {why}\n")
    return code


def _today() -> date:
    return datetime.fromtimestamp(clock.now(), UTC).date()
