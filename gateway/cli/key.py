"""`hushgate key`: keys of clients, and the keyring from which the gateway derives its own keys."""

import argparse
import hashlib
import json
import os
import secrets
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from gateway import keyfile, keys
from gateway.cli import exits
from gateway.cli.verbs import VERBS, Subparsers

PREFIX = "hgk_"
"""What every client key begins with, so that a secret scanner can know one."""

DESCRIPTION = """\
key new                     prints a client's key, once, and the line the rule file holds in its place
key new --keyring FILE      writes the gateway's own master key to a new file that only you can read
key rotate --keyring FILE   adds a key epoch: it issues tokens from the next reload (SIGHUP)
                            on, and tokens of earlier epochs are still read
key rotate --env NAME       prints what the variable should hold from now on"""


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
    rotate = actions.add_parser("rotate", help="add a key epoch to a keyring", description=DESCRIPTION)
    rotate.formatter_class = argparse.RawDescriptionHelpFormatter
    where = rotate.add_mutually_exclusive_group(required=True)
    where.add_argument("--keyring", metavar="FILE", help="the keyring's file; replaced as a whole")
    where.add_argument("--env", metavar="NAME", help="the environment variable that holds the keyring")
    rotate.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Make the key. Raises OSError when the keyring cannot be written, ConfigError when it is none."""
    if args.action == "rotate":
        return rotate_file(Path(args.keyring), args.json) if args.keyring else rotate_env(args.env, args.json)
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
        _write(file, keys.generate())
    except FileExistsError:
        sys.stderr.write(f"hushgate: {file} exists and is left as it is\n")
        return exits.FAILED
    print(json.dumps({"keyring": str(file)}) if as_json else f"wrote {file}; keep a copy where backups are")
    return exits.OK


def rotate_file(file: Path, as_json: bool) -> int:
    """Put a keyring with one epoch more in the place of the file, with its owner and mode, in one step."""
    before = file.stat() if file.exists() else None
    text, epoch = keyfile.rotated(keyfile.content(file), str(file))
    beside = file.with_name(file.name + ".new")
    try:
        _write(beside, text, before)
    except FileExistsError:
        sys.stderr.write(f"hushgate: {beside} exists: another rotation is under way, or one was broken off\n")
        return exits.FAILED
    beside.replace(file)
    _sync(file.parent)
    done = f"epoch {epoch} is in {file}; copy it to the backups, then reload the gateways (SIGHUP)"
    print(json.dumps({"keyring": str(file), "epoch": epoch}) if as_json else done)
    return exits.OK


def rotate_env(name: str, as_json: bool) -> int:
    """Print the keyring that the variable should hold, on one line: only the operator can change it."""
    text, epoch = keyfile.rotated(os.environ.get(name, "").encode("utf-8", "surrogateescape"), f"env:{name}")
    value = " ".join(text.decode().split())
    print(json.dumps({"env": name, "epoch": epoch, "value": value}) if as_json else value)
    return exits.OK


def _write(file: Path, text: bytes, like: os.stat_result | None = None) -> None:
    """A new file on the disk that nobody but its owner can read. `like` gives owner and mode."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            if like:
                _match(out.fileno(), like)
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
    except OSError:
        file.unlink()
        raise


def _match(descriptor: int, like: os.stat_result) -> None:
    """Root rotates what a service account has to read."""
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (like.st_uid, like.st_gid):
        os.fchown(descriptor, like.st_uid, like.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
