"""`hushgate check`: every mistake in configuration, rules and packs, in one go, without starting anything."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gateway import clock
from gateway.cli import exits
from gateway.cli.progress import Progress
from gateway.cli.verbs import VERBS, Subparsers
from gateway.errors import Problem

if TYPE_CHECKING:  # heavy, and not needed for --help
    from gateway.transfers import Confirmation

DESCRIPTION = """\
Reads a deployment file with the rules and packs it names, or a folder of rule files, or one rule file, and
prints each mistake as file:line:column, what was found, what was expected and the nearest valid word. Secrets
are not read: a file can be checked where they are not. Infringing instructions are found too: transfers on a
basis that is void today, special categories shown for marketing. Prints nothing and ends with 0 when all is
well; what this machine lacks for interception is told on standard error."""


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "check",
        help=VERBS["check"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "path",
        nargs="?",
        type=Path,
        default=Path("hushgate.yaml"),
        help="deployment file, folder of rule files, or rule file (default: hushgate.yaml)",
    )
    parser.add_argument("--rules", type=Path, help="these rules instead of those the deployment file names")
    parser.add_argument("--plugins", type=Path, help="packs of this folder instead of those it names")
    parser.add_argument(
        "--within", type=int, default=30, metavar="DAYS", help="also tell of bases that end so soon (30)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Check. Raises OSError when the path is not there."""
    from gateway.policy.check import (  # reading the rule language is not for every verb
        check_paths,
        instructions,
        rules_of,
    )

    args.path.stat()
    config, rules = (None, args.path) if _holds_rules(args.path) else (args.path, None)
    with Progress("rule files") as progress:
        problems = check_paths(config, args.rules or rules, args.plugins, progress.update)
        beside = args.path.parent / "rules"
        # A deployment file with mistakes does not say where its rules are: they are where init puts them.
        broken = any(problem.file == str(config) for problem in problems)
        if broken and not args.rules and beside.is_dir():
            problems += check_paths(None, beside, args.plugins, progress.update)
    addresses, here = _machine(config) if config and not problems else ((), ())
    soon: list[Problem] = []
    if not problems:
        folder = args.rules or rules or rules_of(args.path)
        today = datetime.fromtimestamp(clock.now(), UTC).date()
        problems, soon = instructions(folder, today, args.within, _confirmations(config))
    sys.stderr.write("".join(f"soon: {problem}\n" for problem in soon))
    sys.stderr.write("".join(f"here: {problem}\n" for problem in here))
    problems += addresses
    print(as_json(problems) if args.json else as_text(problems), end="")
    return exits.CONFIG if problems else exits.OK


def _holds_rules(path: Path) -> bool:
    """Whether a path is a folder of rules or a rule file; a deployment file is told by its first key."""
    if path.is_dir():
        return True
    words = (line.partition(b":")[0] for line in path.read_bytes().splitlines())
    return b"tenant" in words


def as_text(problems: list[Problem]) -> str:
    """A line per problem and one that counts them; nothing when there is none."""
    if not problems:
        return ""
    count = len(problems)
    return "".join(f"{problem}\n" for problem in problems) + f"{count} mistake{'s' if count > 1 else ''}\n"


def as_json(problems: list[Problem]) -> str:
    """`{"ok": bool, "problems": [{"file", "line", "column", "found", "expected", "nearest"}]}`."""
    return json.dumps({"ok": not problems, "problems": msgspec.to_builtins(problems)}) + "\n"


def _confirmations(config: Path | None) -> "tuple[Confirmation, ...]":
    """What was said of infringing rules beside the registry of a deployment."""
    from gateway.config import load_config
    from gateway.service.deciding import told

    return told(load_config(config, None)).confirmations if config else ()


def _machine(config: Path) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """What is wrong with the lists and databases of addresses a deployment names; and what this machine lacks
    for interception."""
    from gateway.config import load_config
    from gateway.service import geo, interception

    read = load_config(config, None)
    return geo.mistakes(read.geo, clock.today()), interception.wanting(read)
