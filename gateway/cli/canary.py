"""`hushgate canary`: a made-up person goes through every plan; nothing hidden of theirs may come out."""

import argparse
import http.client
import json
import os
import secrets
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli import exits
from gateway.cli.progress import Progress
from gateway.cli.verbs import VERBS, Subparsers

if TYPE_CHECKING:
    from gateway.canary.play import Leak, Played
    from gateway.deployment import Config

DESCRIPTION = """\
Makes up a person, plants a value of theirs in every field of every answer that the packs describe, and sends
the answers through this deployment's own plans: every client of every tenant, every upstream, every operation
(acts too). A value that the client's role may not see, and that is in what comes out (as it is, reversed,
escaped, in base64 or hex), is a leak. Nothing is sent to a provider or written to the access log.

With --live the running gateway is asked instead what its workers' own canaries see (`canary:` and `admin:` in
hushgate.yaml)."""
TIMEOUT = 5.0
"""seconds for the admin port to answer"""


@dataclass(slots=True)
class Row:
    """What came of one role of one tenant."""

    tenant: str
    role: str
    results: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    hidden: int = 0
    leaks: "list[Leak]" = field(default_factory=list)


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "canary",
        help=VERBS["canary"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-c", "--config", type=Path, default=Path("hushgate.yaml"), help="deployment file")
    parser.add_argument("--tenant", action="append", default=[], help="only this tenant; may be repeated")
    parser.add_argument("--role", action="append", default=[], help="only this role; may be repeated")
    parser.add_argument("--live", action="store_true", help="ask the running gateway at its admin address")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Play, or ask. FAILED when a value came out, or when nothing was proved."""
    from gateway.config import load_config

    config = load_config(args.config, os.environ)
    if args.live:
        return _live(config, as_json=args.json)
    rows = gathered(_played(config, frozenset(args.tenant), frozenset(args.role)))
    print(as_json(rows) if args.json else as_text(rows))
    if not any(row.hidden for row in rows):
        sys.stderr.write("hushgate: no hidden value was looked for, so nothing is proved\n")
        return exits.FAILED
    return exits.FAILED if any(row.leaks or row.results["failed"] for row in rows) else exits.OK


def _played(config: "Config", tenants: frozenset[str], roles: frozenset[str]) -> "Iterator[Played]":
    from gateway import clock
    from gateway.canary.rounds import check, targets
    from gateway.exchange.exchange import Env
    from gateway.service import boot

    env = Env(boot.load(config).snapshot(), config.limits, clock.monotonic)
    every = [t for t in targets(env.snapshot, tenants) if not roles or t.identity.client.role in roles]
    with Progress("plans", len(every)) as progress:
        for target in every:
            yield from check(env, target, clock.now(), secrets.token_hex(4))
            progress.advance()


def gathered(played: "Iterable[Played]") -> list[Row]:
    """One row per tenant and role, in order."""
    rows: dict[tuple[str, str], Row] = {}
    for one in played:
        identity = one.target.identity
        key = (identity.tenant, identity.client.role)
        row = rows.setdefault(key, Row(*key))
        row.results[one.result] += 1
        row.hidden += one.hidden
        row.leaks += one.leaks
        if one.reason:
            row.reasons[one.reason] += 1
    return [rows[key] for key in sorted(rows)]


def as_text(rows: list[Row]) -> str:
    """A line per tenant and role, and below it what leaked and why answers were refused."""
    lines = []
    for row in rows:
        word = "LEAK" if row.leaks else "FAIL" if row.results["failed"] else "ok  "
        counts = f"{row.results.total():,} answers, {row.hidden:,} hidden values, {len(row.leaks)} came out"
        lines.append(f"{word}  {row.tenant} / {row.role}: {counts}")
        lines += [f"      {n:,} refused: {reason}" for reason, n in sorted(row.reasons.items())]
        if row.results["failed"]:
            lines.append(f"      {row.results['failed']:,} answers could not be judged")
        lines += dict.fromkeys(map(_leak_text, row.leaks))
    total = sum(len(row.leaks) for row in rows)
    return "\n".join([*lines, f"{sum(row.hidden for row in rows):,} hidden values, {total:,} came out"])


def _leak_text(leak: "Leak") -> str:
    target = leak.target
    return (
        f"      {target.name} of {target.upstream.name} for {target.identity.client.id}: {leak.place} "
        f"({leak.category or 'unmapped'}) in the {leak.where}, {leak.how}, answer {leak.variant!r}"
    )


def as_json(rows: list[Row]) -> str:
    """`{"hidden": n, "leaks": n, "roles": [{"tenant", "role", "answers", ..., "leaks": [...]}]}`."""
    roles = [
        {
            "tenant": row.tenant,
            "role": row.role,
            "answers": row.results.total(),
            "results": dict(row.results),
            "reasons": dict(row.reasons),
            "hidden": row.hidden,
            "leaks": [_leak_members(leak) for leak in row.leaks],
        }
        for row in rows
    ]
    hidden, leaks = sum(row.hidden for row in rows), sum(len(row.leaks) for row in rows)
    return json.dumps({"hidden": hidden, "leaks": leaks, "roles": roles})


def _leak_members(leak: "Leak") -> dict[str, str | None]:
    return {
        "client": leak.target.identity.client.id,
        "upstream": leak.target.upstream.name,
        "operation": leak.target.name,
        "purpose": leak.target.purpose,
        "answer": leak.variant,
        "place": leak.place,
        "category": leak.category,
        "where": leak.where,
        "how": leak.how,
    }


# ---- the running gateway --------------------------------------------------------------------------------


def _live(config: "Config", *, as_json: bool) -> int:
    """What the workers' canaries count. Raises OSError when nobody answers."""
    if config.admin is None or config.canary is None:
        sys.stderr.write("hushgate: --live needs `admin` and `canary` in the deployment file\n")
        return exits.USAGE
    series = canary_series(_page(config.admin.host, config.admin.port, "/metrics"))
    print(json.dumps(series) if as_json else "\n".join(f"{k} {v:g}" for k, v in series.items()))
    runs = sum(v for k, v in series.items() if k.startswith("hushgate_canary_runs_total"))
    leaking = series.get("hushgate_canary_leaking", 0.0)
    if not runs:
        sys.stderr.write("hushgate: no worker has played an answer yet\n")
    return exits.OK if runs and not leaking else exits.FAILED


def _page(host: str, port: int, path: str) -> str:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def canary_series(text: str) -> dict[str, float]:
    """`name{labels}` -> value, of the canary's metrics in a page of Prometheus text."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line.startswith("hushgate_canary_"))
    return {name: float(value) for name, _, value in lines}
