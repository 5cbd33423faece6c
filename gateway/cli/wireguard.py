"""`hushgate wireguard`: the keys of a WireGuard listener, and what its clients are configured with."""

import argparse
import json
import sys
from pathlib import Path

from gateway import wireguard
from gateway.cli import exits
from gateway.cli.verbs import VERBS, Subparsers

DESCRIPTION = """\
wireguard init FILE                       makes the listener's keys: `mode: wireguard:FILE`
wireguard add FILE NAME --endpoint H:P    lets a client in and prints its configuration, once
wireguard remove FILE NAME                lets it in no longer
wireguard show FILE                       who may connect; no private key is shown

The gateway reads the file when it starts: restart it after a change."""


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(
        "wireguard", help=VERBS["wireguard"].help, description=DESCRIPTION, formatter_class=raw
    )
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    texts = {"init": "make a file of keys", "add": "let a client in", "remove": "let one in no longer"}
    for action, text in {**texts, "show": "who may connect"}.items():
        made = actions.add_parser(action, help=text, description=DESCRIPTION, formatter_class=raw)
        made.add_argument("file", metavar="FILE", type=Path, help="the listener's file of keys, of mode 0600")
        if action in ("add", "remove"):
            made.add_argument("name", metavar="NAME", help="the client's name in the file")
        if action == "add":
            made.add_argument(
                "--endpoint", metavar="HOST:PORT", required=True, help="where the client reaches the listener"
            )
        if action == "show":
            made.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Do it. Raises OSError when the file cannot be written, ConfigError when it is none."""
    return {"init": _init, "add": _add, "remove": _remove, "show": _show}[args.action](args)


def _init(args: argparse.Namespace) -> int:
    try:
        wireguard.create(args.file)
    except FileExistsError:
        sys.stderr.write(f"hushgate: {args.file} exists and is left as it is\n")
        return exits.FAILED
    print(f"wrote {args.file}; in hushgate.yaml: mode: wireguard:{args.file}")
    return exits.OK


def _add(args: argparse.Namespace) -> int:
    private, client = wireguard.add(args.file, args.name)
    sys.stdout.write(wireguard.client_config(wireguard.load(args.file), private, client, args.endpoint))
    sys.stderr.write("hushgate: its private key is kept nowhere: this is shown only now\n")
    return exits.OK


def _remove(args: argparse.Namespace) -> int:
    wireguard.remove(args.file, args.name)
    print(f"removed {args.name}; restart the gateway")
    return exits.OK


def _show(args: argparse.Namespace) -> int:
    held = wireguard.load(args.file)
    public = wireguard.public_key(held.private)
    if args.json:
        clients = {
            name: {"public_key": client.public_key, "addresses": client.addresses}
            for name, client in held.clients.items()
        }
        print(json.dumps({"public_key": public, "clients": clients}))
        return exits.OK
    print(f"gateway  {public}")
    for name, client in held.clients.items():
        print(f"{name}  {client.public_key}  {', '.join(client.addresses)}")
    return exits.OK
