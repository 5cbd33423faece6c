"""`hushgate run`: serve until SIGTERM."""

import argparse
import json
import os
import sys
from pathlib import Path

from gateway.cli.progress import Progress
from gateway.service.serve import Ports


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "run",
        help="serve traffic",
        description="Serve traffic as the deployment file says. SIGHUP reloads rules, SIGTERM drains and stops.",
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
    with Progress("reading rules") as progress:
        return serve(config, progress.update, _announcer(as_json=args.json))


def _announcer(*, as_json: bool):  # type: ignore[no-untyped-def]
    def announce(ports: Ports) -> None:
        if as_json:
            print(json.dumps({"listeners": ports.listeners, "admin": ports.admin}), flush=True)
            return
        for name, (host, port) in ports.listeners.items():
            print(f"hushgate: listener {name} on http://{host}:{port}", file=sys.stderr, flush=True)
        if ports.admin:
            host, port = ports.admin
            print(
                f"hushgate: admin on http://{host}:{port} (/healthz /readyz /metrics)",
                file=sys.stderr,
                flush=True,
            )

    return announce
