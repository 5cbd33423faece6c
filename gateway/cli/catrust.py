"""`hushgate ca trust`: the root as each kind of client takes it, and how to take it back."""

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Final

from gateway.ca import authority, keystore, trust
from gateway.ca.trust import Export
from gateway.ca.trusttable import TARGETS
from gateway.cli import exits
from gateway.cli.ca import Action, Place
from gateway.errors import ConfigError, Problem

BINARY: Final = (".p12", ".cer")


def run(place: Place, args: argparse.Namespace) -> int:
    """Write the files into --out and say what to do; without --out, print the file itself."""
    root = authority.root_of(place.folder)
    system = cache(partial(trust.system_bundle, args.system))
    names = tuple(TARGETS) if args.target == "all" else (args.target,)
    where = (args.out or Path()).resolve()
    exports = [trust.export(name, root, where, system) for name in names]
    if args.out is None:
        return _printed(exports, args)
    args.out.mkdir(mode=0o755, parents=True, exist_ok=True)
    files = {name: data for export in exports for name, data in export.files.items()}
    for name, data in files.items():
        keystore.replace(where / name, data)
    print(_json(exports, where) if args.json else "\n".join(_lines(exports, trust.fingerprint(root))))
    return exits.OK


def _printed(exports: list[Export], args: argparse.Namespace) -> int:
    """One text on stdout, so that it can be redirected; what to do with it on stderr."""
    files = {name: data for export in exports for name, data in export.files.items()}
    if args.json or len(exports) > 1 or any(name.endswith(BINARY) for name in files):
        found = "no --out" if not args.json else "--json without --out"
        raise ConfigError(
            (Problem("--out", 1, 1, found, "a folder: there are several files, or binary ones"),)
        )
    [data] = files.values()
    sys.stdout.write(data.decode())
    sys.stderr.write("\n".join(_said(exports[0])) + "\n")
    return exits.OK


def _lines(exports: list[Export], sha256: str) -> Iterator[str]:
    yield f"# root {sha256}: compare it with `hushgate ca show` on the gateway before you install it"
    for export in exports:
        yield ""
        yield from _said(export)


def _said(export: Export) -> Iterator[str]:
    yield f"# {export.title}"
    yield from (f"export {name}={shlex.quote(value)}" for name, value in export.env.items())
    yield from export.install
    yield from (f"#   undo: {line}" for line in export.undo)
    if export.note:
        yield f"#   {export.note}"


def _json(exports: list[Export], where: Path) -> str:
    return json.dumps(
        {
            export.target: {
                "files": [str(where / name) for name in export.files],
                "env": dict(export.env),
                "install": export.install,
                "undo": export.undo,
                "note": export.note,
            }
            for export in exports
        }
    )


ACTIONS: Final[Mapping[str, Action]] = {"trust": run}
