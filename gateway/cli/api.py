"""`hushgate api`: the registry's REST API alone, and its OpenAPI document."""

import argparse
import json
import os
import sys
from pathlib import Path

from gateway.cli import exits
from gateway.cli.run import counting
from gateway.cli.verbs import VERBS, Subparsers


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "api",
        help=VERBS["api"].help,
        description="Serve the registry's REST API as the section `api` of the deployment file says, without "
        "any traffic: `hushgate run` serves both. SIGHUP reloads the rules, SIGTERM stops.",
    )
    parser.add_argument("-c", "--config", type=Path, default=Path("hushgate.yaml"), help="deployment file")
    parser.add_argument("--json", action="store_true", help="announce the port as one JSON line")
    parser.add_argument("--openapi", action="store_true", help="print the OpenAPI document and end")


def run(args: argparse.Namespace) -> int:
    """Serve, or print the document. Raises ConfigError, StoreError."""
    if args.openapi:
        from gateway.api.openapi import document

        print(json.dumps(document(), indent=2))
        return exits.OK
    from gateway.config import load_config
    from gateway.service.logs import set_up
    from gateway.service.serve import serve_api

    config = load_config(args.config, os.environ)
    if config.api is None:
        sys.stderr.write(f"hushgate: {config.file} has no section 'api'\n")
        return exits.CONFIG
    set_up(config.log)

    def announce(host: str, port: int) -> None:
        if args.json:
            print(json.dumps({"api": [host, port]}), flush=True)
        else:
            print(f"hushgate: api on {host}:{port}", file=sys.stderr, flush=True)

    return serve_api(config, counting("reading rules"), announce)
