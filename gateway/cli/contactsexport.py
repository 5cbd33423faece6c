"""`hushgate contacts export`: the whole ledger, or the consents in force by funnel."""

import argparse
import json
import sys
from pathlib import Path

from gateway import clock
from gateway.cli import exits
from gateway.cli.contactsopen import UsageError, common, desk, use, when
from gateway.cli.progress import Progress
from gateway.intake.exporting import TABLES, target


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the action."""
    common(parser)
    parser.add_argument(
        "--table",
        choices=tuple(TABLES),
        default="ledger",
        help="`ledger` as JSON lines that can be imported, the same as CSV, or consents or funnels in force",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: stdout; gzip when it ends in .gz"
    )
    parser.add_argument("--purpose", type=use, help="only funnels of this purpose (consents, funnels)")
    parser.add_argument(
        "--at", type=when, metavar="TIME", help="consents as they are in force then (default: now)"
    )


def run(args: argparse.Namespace) -> int:
    """Write it. Raises ConfigError, StoreError, OSError, UsageError."""
    if args.json and args.output is None:
        raise UsageError("--json counts what was written: it needs --output")
    at = desk(args)
    now = clock.now() if args.at is None else args.at
    with at.books() as books, target(args.output) as out, Progress("entries") as progress:
        count = TABLES[args.table](books, at.tenant, out, progress.advance, now, args.purpose)
    if args.json:
        print(json.dumps({"table": args.table, "lines": count}))
    elif args.output:
        sys.stderr.write(f"hushgate: {count:,} lines written\n")
    return exits.OK
