"""`hushgate geo`: what is known of addresses, how old it is, and where the upstreams are by it."""

import argparse
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.cli import exits
from gateway.cli.verbs import VERBS, Subparsers

if TYPE_CHECKING:
    from gateway.deployment import Config
    from gateway.model import Upstream
    from gateway.residency.locate import AddressTable

DESCRIPTION = """\
geo update [--from DIR|FILE|URL ...]   fetch the lists that clouds publish, into the folder `geo.published`
geo show                               which lists and databases are in use, and their age
geo find [HOST|ADDRESS ...]            what is known of addresses; of those of every upstream by default

Lists are AWS's ip-ranges.json, Google's cloud.json and goog.json, Oracle's public_ip_ranges.json, Azure's
ServiceTags_Public_DATE.json, and geofeeds (RFC 8805) in files named after their operator (DigitalOcean.csv).
OVH and Scaleway publish none: write one of the blocks you know. A running gateway takes new lists in when it
reloads (SIGHUP). `find` ends with 1 when an upstream's address is not known to be where it is declared to
be."""


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(
        "geo", help=VERBS["geo"].help, description=DESCRIPTION, formatter_class=raw
    )
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    texts = {"update": "fetch lists", "show": "what is in use", "find": "where addresses are"}
    for action, text in texts.items():
        made = actions.add_parser(action, help=text, description=DESCRIPTION, formatter_class=raw)
        made.add_argument("-c", "--config", type=Path, default=Path("hushgate.yaml"), help="deployment file")
        made.add_argument("--json", action="store_true", help="print one JSON array")
        if action == "update":
            made.add_argument(
                "--from", dest="places", action="append", metavar="PLACE", help="a folder, file or https URL"
            )
            made.add_argument(
                "--force", action="store_true", help="take a list that is older or much shorter"
            )
        if action == "find":
            made.add_argument("hosts", nargs="*", metavar="HOST", help="host names or addresses")


def run(args: argparse.Namespace) -> int:
    """Do it. Raises OSError when files cannot be written, ConfigError for what cannot be used."""
    from gateway.config import load_config

    config = load_config(args.config, None if args.action == "update" else os.environ)
    return {"update": _update, "show": _show, "find": _find}[args.action](args, config)


def _update(args: argparse.Namespace, config: "Config") -> int:
    from gateway import clock
    from gateway.service.geofetch import LISTS, update

    if config.geo.published is None:
        sys.stderr.write(f"hushgate: {args.config} has no `geo.published` to keep lists in\n")
        return exits.FAILED
    folder = Path(config.geo.published)
    folder.mkdir(parents=True, exist_ok=True)
    taken = list(update(args.places or LISTS, folder, clock.today(), force=args.force))
    rows = [
        {"list": each.name, "taken": False, "why": each.why}
        if each.published is None
        else {
            "list": each.name,
            "taken": True,
            "operator": each.published.operator,
            "dated": each.published.source.dated.isoformat(),
            "blocks": each.published.source.rows,
            "unknown_regions": list(each.published.unknown),
        }
        for each in taken
    ]
    _print(args, rows)
    return exits.OK if rows and all(row["taken"] for row in rows) else exits.FAILED


def _show(args: argparse.Namespace, config: "Config") -> int:
    from gateway import clock
    from gateway.residency.snapshot import builtin
    from gateway.service.geo import opened

    found = opened(config.geo, clock.today())
    old, refused = found.old(config.geo.warn), found.old(config.geo.refuse)
    rows: list[dict[str, object]] = [
        {
            "evidence": file.evidence,
            "name": file.name,
            "operator": file.operator or "-",
            "dated": file.dated.isoformat(),
            "age": f"{file.age} days",
            "state": "refused" if file in refused else "old" if file in old else "in use",
        }
        for file in found.files
    ]
    for source in (builtin().head.countries.source, builtin().head.operators.source):
        state = "in use" if config.geo.snapshot else "off"
        shown = {"evidence": "snapshot", "name": source.name, "operator": "-", "dated": str(source.dated)}
        rows.append({**shown, "age": f"{(clock.today() - source.dated).days} days", "state": state})
    _print(args, rows)
    return exits.FAILED if refused else exits.OK


def _find(args: argparse.Namespace, config: "Config") -> int:
    from gateway.model import Upstream
    from gateway.policy.packs import load_packs
    from gateway.service.boot import table_of

    asked = [
        Upstream(name=host, provider="-", url=f"https://{_bracketed(host)}", region="", operator="")
        for host in args.hosts
    ]
    table = table_of(config, load_packs(Path(folder) for folder in config.plugins).packs)
    rows = [row for upstream in asked or config.upstreams for row in _places(table, upstream)]
    _print(args, rows)
    return exits.OK if asked or all(row["finding"] == "" for row in rows) else exits.FAILED


def _places(table: "AddressTable", upstream: "Upstream") -> Iterator[dict[str, object]]:
    from gateway import clock
    from gateway.model import AGAINST
    from gateway.residency.addresses import parse
    from gateway.residency.locate import locate

    for address in upstream.connect or _resolved(upstream.url):
        parsed, today = parse(address), clock.today()
        if upstream.region or parsed is None:
            places = locate(table, address, upstream, today)
        else:
            places = table.find(parsed, today)
        against = any(at.evidence.endswith(AGAINST) for at in places)
        yield {
            "upstream": upstream.name,
            "address": address,
            "places": [
                f"{at.country or '-'} {at.operator or '-'} {at.region}".rstrip()
                + f" ({at.evidence.removesuffix(AGAINST)})"
                for at in places
            ],
            "finding": "unknown" if not places else "against what is declared" if against else "",
        }


def _resolved(url: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(urlsplit(url).hostname, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(row[4][0]) for row in found))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _print(args: argparse.Namespace, rows: list[dict[str, object]]) -> None:
    if args.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print("  ".join(f"{name}: {_text(value)}" for name, value in row.items() if value not in ("", [])))


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
