"""`hushgate drift`: paths no data map names at which personal data was seen, as lines for a data map."""

import argparse
import http.client
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from gateway.cli import exits
from gateway.cli.verbs import VERBS, Subparsers
from gateway.masking.drift import Strange

DESCRIPTION: Final = """\
Lists what a running gateway has seen so far: fields of answers that no data map names and that look like
personal data, each with the category to name it by. Answers are sampled, one per operation, worker and half
minute, so a count says that a field is there, not how often. Only the names of fields are kept, never values.

  hushgate drift -c hushgate.yaml                asks the gateway's admin address
  hushgate drift --metrics FILE                  reads a saved /metrics page (`-` for standard input)
"""
METRIC: Final = "hushgate_unmapped_paths"
TIMEOUT: Final = 10.0

Counts = dict[Strange, int]


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "drift",
        help=VERBS["drift"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-c", "--config", type=Path, default=Path("hushgate.yaml"), help="deployment file")
    parser.add_argument("--metrics", metavar="FILE", help="a saved metrics page, `-` for standard input")
    parser.add_argument("--json", action="store_true", help="print one JSON array")


def run(args: argparse.Namespace) -> int:
    """List. Raises OSError when the admin address does not answer."""
    page = _page(args)
    if page is None:
        sys.stderr.write(f"hushgate: {args.config} has no `admin` address to ask\n")
        return exits.FAILED
    counts = read(page)
    print(as_json(counts) if args.json else "\n".join(as_lines(counts)))
    return exits.OK


def _page(args: argparse.Namespace) -> str | None:
    if args.metrics:
        return sys.stdin.read() if args.metrics == "-" else Path(args.metrics).read_text("utf-8")
    from gateway.config import load_config

    admin = load_config(args.config, os.environ).admin
    if admin is None:
        return None
    connection = http.client.HTTPConnection(admin.host, admin.port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except http.client.HTTPException as error:
        raise OSError("the admin address does not speak HTTP") from error
    finally:
        connection.close()


def read(page: str) -> Counts:
    """Counts by place, of a page of Prometheus text."""
    counts: Counts = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples if family.name == METRIC else ():
            if sample.name == f"{METRIC}_total":
                counts[Strange(**sample.labels)] = int(sample.value)
    return counts


def as_lines(counts: Counts) -> Iterator[str]:
    """Per operation a heading, then a line for its data map per path, the most frequent first."""
    if not counts:
        yield "nothing was seen that the data maps do not name"
    heading = None
    for strange, number in sorted(counts.items(), key=lambda row: (*row[0][:2], -row[1], row[0])):
        if heading != strange[:2]:
            heading = strange[:2]
            yield f"{strange.provider}.{strange.operation}, response:"
        line = f"  {strange.path}: {strange.category}"
        yield f"{line}   # {number} value{'' if number == 1 else 's'}"


def as_json(counts: Counts) -> str:
    """One object per path."""
    return json.dumps([{**strange._asdict(), "values": number} for strange, number in sorted(counts.items())])
