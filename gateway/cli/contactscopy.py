"""`hushgate contacts copy`: the registry into another store, entry by entry, verified."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from gateway.cli import exits
from gateway.cli.contactsopen import UsageError
from gateway.cli.progress import Progress
from gateway.config import load_config
from gateway.contacts.books import open_books
from gateway.contacts.copying import copy
from gateway.contacts.redisaddress import Misread, Shared, is_shared, read

_FILE: Final = "sqlite://"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the action."""
    parser.add_argument("-c", "--config", required=True, metavar="FILE", help="the deployment file")
    parser.add_argument(
        "--to",
        required=True,
        metavar="STORE",
        help="sqlite://PATH, redis://..., or another deployment file, whose `state` it is",
    )
    parser.add_argument(
        "--tenant", action="append", metavar="NAME", help="only this one; may be given again (default: all)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per tenant")


def run(args: argparse.Namespace) -> int:
    """Copy tenant by tenant. Raises ConfigError, StoreError, UsageError."""
    config = load_config(Path(args.config), os.environ)
    tenants = sorted(file.stem for file in Path(config.rules).glob("*.yaml"))
    if args.tenant:
        tenants = [tenant for tenant in args.tenant if tenant in tenants]
        if len(tenants) < len(args.tenant):
            raise UsageError("no rule file is named after this tenant")
    target = _store(args.to)
    if target == config.store:
        raise UsageError("the registry cannot be copied into itself")
    source, into = open_books(config.store, create=False), open_books(target)
    try:
        for tenant in tenants:
            with Progress(tenant) as progress:
                done = copy(source, into, tenant, progress.advance)
            if args.json:
                print(json.dumps({"tenant": tenant, **msgspec.structs.asdict(done)}))
            else:
                sys.stderr.write(
                    f"hushgate: {tenant}: {done.entries:,} entries, {done.new:,} of them new there, "
                    f"{done.links:,} links; verified\n"
                )
    finally:
        into.close()
        source.close()
    return exits.OK


def _store(text: str) -> str | Shared:
    if text.startswith(_FILE):
        return _FILE + str(Path(text.removeprefix(_FILE)).resolve())
    if not is_shared(text):
        return load_config(Path(text), os.environ).store
    address = read(text)
    if isinstance(address, Misread):
        raise UsageError(f"the URL has {address.why}")
    return Shared(address)
