"""`hushgate run`: serve until SIGTERM."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.progress import Progress
from gateway.cli.verbs import VERBS, Subparsers

if TYPE_CHECKING:
    from gateway.service.serve import Ports


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "run",
        help=VERBS["run"].help,
        description="Serve as the deployment file says. "
        "SIGHUP reloads rules and keyring, SIGTERM drains and stops.",
    )
    parser.add_argument("-c", "--config", type=Path, default=Path("hushgate.yaml"), help="deployment file")
    parser.add_argument("--json", action="store_true", help="announce the ports as one JSON line")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Serve. Returns the exit code."""
    from gateway.config import load_config
    from gateway.service.logs import set_up
    from gateway.service.serve import serve

    config = load_config(args.config, os.environ)
    set_up(config.log)
    return serve(config, counting("reading rules"), _announcer(as_json=args.json))


def counting(what: str) -> Callable[[int, int], None]:
    """A progress line for a task that says how many of how many are done."""
    shown: list[Progress] = []
    last = 0

    def update(done: int, total: int) -> None:
        nonlocal last
        if not shown:
            shown.append(Progress(what, total))
        shown[0].advance(done - last)
        last = done
        if done == total:
            shown[0].__exit__(None, None, None)

    return update


def _announcer(*, as_json: bool) -> "Callable[[Ports], None]":
    def announce(ports: "Ports") -> None:
        if as_json:
            said = {"listeners": ports.listeners, "admin": ports.admin, "api": ports.api}
            print(json.dumps(said), flush=True)
            return
        for name, (host, port) in ports.listeners.items():
            print(f"hushgate: listener {name} on http://{host}:{port}", file=sys.stderr, flush=True)
        if ports.api:
            host, port = ports.api
            print(f"hushgate: api on {host}:{port}", file=sys.stderr, flush=True)
        if ports.admin:
            host, port = ports.admin
            print(
                f"hushgate: admin on http://{host}:{port} (/healthz /readyz /metrics)",
                file=sys.stderr,
                flush=True,
            )

    return announce
