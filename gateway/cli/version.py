"""`hushgate version`: what is installed."""

import argparse
import json
import platform

from gateway import __version__
from gateway.cli import exits
from gateway.cli.verbs import VERBS, Subparsers
from gateway.native import loaded


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser("version", help=VERBS["version"].help, description="Print the version.")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, with Python's version and kernels"
    )


def run(args: argparse.Namespace) -> int:
    """Print it."""
    kernels = loaded()
    if args.json:
        found = {"hushgate": __version__, "python": platform.python_version(), "native": kernels}
        print(json.dumps(found))
    else:
        print(f"hushgate {__version__} ({'native: ' + ', '.join(kernels) if kernels else 'pure Python'})")
    return exits.OK
