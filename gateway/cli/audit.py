"""`hushgate audit`: verify the access log, and read its last records."""

import argparse
import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from heapq import merge
from itertools import islice
from operator import attrgetter
from pathlib import Path

from gateway.audit.chain import Line
from gateway.audit.verify import Report
from gateway.audit.walk import Follower, chains, newest_first, verify_directory
from gateway.cli import exits
from gateway.cli.progress import Progress
from gateway.cli.verbs import VERBS, Subparsers

POLL = 0.25
"""Seconds between two looks at a log that is followed."""

VERIFY = """\
Reads every chain of an audit directory and checks that nothing was changed, removed, added or moved: each
line holds the hash of the one before. What a chain alone cannot show is that its end was cut off. So note the
heads this prints, somewhere else, and give them back later with --expect; the log may have grown since."""

_EXPECT = re.compile(r"(worker-\d{2,})=([0-9a-f]{64})")


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser and its actions."""
    parser = subparsers.add_parser("audit", help=VERBS["audit"].help, description="Reads access logs.")
    parser.set_defaults(func=run)
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    raw = argparse.RawDescriptionHelpFormatter
    verify = actions.add_parser("verify", help="check the whole log", description=VERIFY, formatter_class=raw)
    _source(verify)
    verify.add_argument("--json", action="store_true", help="print one JSON object")
    verify.add_argument(
        "--expect",
        metavar="CHAIN=HASH",
        type=_expected,
        action="append",
        default=[],
        help="a head noted earlier, that must be in the chain (repeatable)",
    )
    tail = actions.add_parser("tail", help="show the last records", description="Shows the last records.")
    _source(tail)
    tail.add_argument("-n", dest="count", type=int, default=10, help="how many (default: 10)")
    tail.add_argument("-f", dest="follow", action="store_true", help="go on with what is appended")
    tail.add_argument("--tenant", help="only records of this tenant")
    tail.add_argument("--client", help="only records of this client")
    tail.add_argument("--decision", metavar="ID", dest="id", help="only records of this decision")
    tail.add_argument("--effect", choices=("allow", "refuse", "error"), help="only records of this effect")
    tail.add_argument("--json", action="store_true", help="print the lines as they are in the log")


def run(args: argparse.Namespace) -> int:
    """Verify or show. Raises StoreError when the directory cannot be read, ConfigError for a bad config."""
    directory = Path(args.directory) if args.directory else _configured(Path(args.config))
    if args.action == "tail":
        return tail_records(directory, args)
    return verify_log(directory, args)


def verify_log(directory: Path, args: argparse.Namespace) -> int:
    """Verify a directory; FAILED when anything in it is not so, or nothing is in it."""
    expect: dict[str, list[str]] = {}
    for chain, head in args.expect:
        expect.setdefault(chain, []).append(head)
    with Progress("records") as progress:
        report = verify_directory(directory, expect, progress.advance)
    print(as_json(report) if args.json else as_text(report, directory))
    return exits.OK if report.verified and report.chains else exits.FAILED


def as_json(report: Report) -> str:
    """`{"verified", "records", "chains", "heads": {chain: hash}, "findings": [{"kind", "file", ...}]}`."""
    return json.dumps(
        {
            "verified": report.verified and report.chains > 0,
            "records": report.records,
            "chains": report.chains,
            "heads": dict(report.heads),
            "findings": [asdict(finding) for finding in report.findings],
        }
    )


def as_text(report: Report, directory: Path) -> str:
    """A line per finding, a line per chain with its head, and a closing line of counts."""
    if not report.chains:
        return f"not verified: no audit chain in {directory}"
    lines = [str(finding) for finding in report.findings]
    lines += [f"head: {chain}={head}" for chain, head in report.heads.items()]
    kinds = [finding.kind for finding in report.findings]
    begun = [finding.begun for finding in report.findings]
    lines.append(
        f"{'verified' if report.verified else 'NOT VERIFIED'}: {report.records:,} records in {report.chains} "
        f"chains, {kinds.count('failure')} failures, {kinds.count('warning')} warnings, "
        f"{begun.count('intent')} open intents, {begun.count('stream')} open streams"
    )
    return "\n".join(lines)


def tail_records(
    directory: Path, args: argparse.Namespace, wait: Callable[[float], object] = time.sleep
) -> int:
    """Show the last records that fit, oldest first; with -f go on until Ctrl-C."""
    fits = matcher(args)
    show = _raw if args.json else one_line
    follower = Follower(directory)
    by_time = merge(
        *(newest_first(paths, follower.ends) for paths in chains(directory).values()),
        key=attrgetter("record.at"),
        reverse=True,
    )
    _print(show, reversed(list(islice(filter(fits, by_time), max(0, args.count)))))
    while args.follow:
        wait(POLL)
        _print(show, filter(fits, follower.more()))
    return exits.OK


def matcher(args: argparse.Namespace) -> Callable[[Line], bool]:
    """Whether a record has what the options ask for."""
    wanted = {name: getattr(args, name) for name in ("tenant", "client", "id", "effect")}
    given = [(name, value) for name, value in wanted.items() if value is not None]
    return lambda line: all(getattr(line.record, name) == value for name, value in given)


def one_line(line: Line) -> str:
    """A record for people: when, what, who, and what was done, in that order."""
    record = line.record
    time_text = line.text.partition(b'"time":"')[2][:27].decode()
    words = [time_text, record.phase]
    if record.phase in ("start", "stop", "recovered"):
        return " ".join([*words, record.note]).rstrip()
    if record.phase == "step":
        about = ",".join(record.rules) or record.operator
        return " ".join([*words, record.reason, f"{record.tenant}/{about}", record.note])
    words += [record.effect, str(record.status or "-"), f"{record.tenant}/{record.client}", record.method]
    words.append(record.operation)
    facts = {
        "reason": record.reason,
        "masked": sum(record.masked.values()),
        "dropped": record.dropped,
        "rules": ",".join(record.rules),
        "shadow": ",".join(record.shadow),
        "to": "/".join(filter(None, (record.address, record.country, record.operator))),
        "us": record.added_us,
        "id": record.id,
    }
    return " ".join([*words, *(f"{name}={value}" for name, value in facts.items() if value)])


def _print(show: Callable[[Line], str], lines: Iterable[Line]) -> None:
    for line in lines:
        print(show(line), flush=True)


def _raw(line: Line) -> str:
    return line.text.decode()


def _source(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("directory", nargs="?", help="the audit directory")
    source.add_argument("-c", "--config", metavar="FILE", help="take the directory from this configuration")


def _expected(text: str) -> tuple[str, str]:
    match = _EXPECT.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError("write it as worker-00=<64 hex digits>")
    return match[1], match[2]


def _configured(file: Path) -> Path:
    from gateway.config import load_config  # heavy, and not needed to read a directory

    return Path(load_config(file, None).audit.dir)
