"""`hushgate key`: keys of clients, and the keyring from which the gateway derives its own keys."""

import argparse
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from gateway import keys
from gateway.cli import exits
from gateway.cli.verbs import VERBS, Subparsers

PREFIX = "hgk_"
"""What every client key begins with, so that a secret scanner can know one."""

DESCRIPTION = """\
key new                  prints a client's key, once, and the line the rule file holds in its place
key new --keyring FILE   writes the gateway's own master key to a new file that only you can read"""


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "key",
        help=VERBS["key"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    new = actions.add_parser("new", help="make a key", description=DESCRIPTION)
    new.formatter_class = argparse.RawDescriptionHelpFormatter
    new.add_argument(
        "--keyring", metavar="FILE", help="write a new keyring here; never over an existing file"
    )
    new.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Make the key. Raises OSError when the keyring cannot be written."""
    return new_keyring(Path(args.keyring), args.json) if args.keyring else new_client_key(args.json)


def client_key(entropy: Callable[[int], str] = secrets.token_urlsafe) -> tuple[str, str]:
    """A client's key (256 random bits) and what the rule file holds: `sha256:` and the hex of its SHA-256."""
    key = PREFIX + entropy(32)
    return key, "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def new_client_key(as_json: bool) -> int:
    """Print a new client key."""
    key, line = client_key()
    if as_json:
        print(json.dumps({"key": key, "rule": line}))
        return exits.OK
    print(f"key for the client, shown only now:  {key}")
    print(f'line for the rule file:              key: "{line}"')
    return exits.OK


def new_keyring(file: Path, as_json: bool) -> int:
    """Write a new keyring, unless something is there: a lost master key makes old pseudonyms unfindable."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.stderr.write(f"hushgate: {file} exists and is left as it is\n")
        return exits.FAILED
    with os.fdopen(descriptor, "wb") as out:
        out.write(keys.generate())
        out.flush()
        os.fsync(out.fileno())
    print(json.dumps({"keyring": str(file)}) if as_json else f"wrote {file}; keep a copy where backups are")
    return exits.OK
