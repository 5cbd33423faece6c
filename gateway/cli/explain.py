"""`hushgate explain`: which rules decide on a request, why, and what would be sent; nothing is sent."""

import argparse
import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli import exits
from gateway.cli.verbs import VERBS, Subparsers

if TYPE_CHECKING:
    from gateway.deployment import Config
    from gateway.exchange.explain import Explanation

DESCRIPTION = """\
Plays a request through the gateway's own decision code, with the rules and the contact registry of this
deployment, and says which rules decide on it, why, and what would be sent. Nothing is sent or logged.

  hushgate explain -c hushgate.yaml --request FILE        a raw HTTP/1.1 request (`-` for standard input)
  hushgate explain -c hushgate.yaml -- curl -H 'Hushgate-Key: ...' https://gw/hubspot/crm/v3/objects/contacts/1
  hushgate explain -c hushgate.yaml --id DECISION         from the access log
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to explain: head block and body."""

    head: bytes
    body: bytes


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "explain",
        help=VERBS["explain"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-c", "--config", type=Path, default=Path("hushgate.yaml"), help="deployment file")
    parser.add_argument("--request", metavar="FILE", help="a raw HTTP/1.1 request, `-` for standard input")
    parser.add_argument("--id", help="a decision id (Hushgate-Decision) to find in the access log")
    parser.add_argument("--client", metavar="TENANT/CLIENT", help="ask as this client, whatever key is given")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("curl", nargs="*", help="curl's command line: -X -H -d --data-* -u -G URL")


def run(args: argparse.Namespace) -> int:
    """Explain. Returns FAILED when the request would be refused, so that a script can tell."""
    from gateway.config import load_config

    config = load_config(args.config, os.environ)
    if args.id:
        return _from_log(config, args.id, as_json=args.json)
    asked = _asked(args)
    if asked is None:
        sys.stderr.write("hushgate: give --request, --id, or curl's arguments after --\n")
        return exits.USAGE
    from gateway.exchange.explain import as_members, as_text

    explained = _explain(config, asked, args.client)
    print(json.dumps(as_members(explained)) if args.json else as_text(explained))
    return exits.OK if explained.outcome.effect == "allow" else exits.FAILED


def _asked(args: argparse.Namespace) -> Asked | None:
    if args.request:
        raw = sys.stdin.buffer.read() if args.request == "-" else Path(args.request).read_bytes()
        return from_file(raw)
    return from_curl(args.curl) if args.curl else None


def from_file(raw: bytes) -> Asked:
    """A request as text: bare line ends are allowed, and the length is that of the body that is there."""
    normal = raw if b"\r\n\r\n" in raw else raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    head, _, body = normal.partition(b"\r\n\r\n")
    body = body if b"\r\n\r\n" in raw else raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2].rstrip(b"\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length:")]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return Asked(b"\r\n".join(lines) + b"\r\n\r\n", body)


def from_curl(arguments: list[str]) -> Asked:
    """What curl would send for this command line. Raises PayloadError for an option not known here."""
    from gateway.cli.curl import read_curl

    words = shlex.split(arguments[0]) if len(arguments) == 1 else arguments
    return Asked(*read_curl(words[1:] if words[:1] == ["curl"] else words))


def _explain(config: "Config", asked: Asked, client: str | None) -> "Explanation":
    from gateway.service.explaining import explain_request

    return explain_request(config, asked.head, asked.body, client)


def _from_log(config: "Config", identifier: str, *, as_json: bool) -> int:
    """What the log has of a decision, and its rules when the same rule file is still in force."""
    from gateway.service.explaining import explain_records

    lines, records = explain_records(config, identifier)
    if not records:
        sys.stderr.write(f"hushgate: no record of decision {identifier} in {config.audit.dir}\n")
        return exits.FAILED
    print(json.dumps(records) if as_json else "\n".join(lines))
    return exits.OK
