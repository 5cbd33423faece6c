"""`hushgate demo`: the tour."""

import argparse
from pathlib import Path

from gateway.cli import exits
from gateway.cli.verbs import VERBS, Subparsers

DESCRIPTION = """\
Starts a sandbox HubSpot and Twilio with fictional people, and a gateway in front of them. Shows, with the
providers' own SDKs, what applications see with and without it, what is refused, and that the access log
verifies. Then goes on serving, for you to try, until Ctrl-C. The last line before that is a JSON object."""


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "demo",
        help=VERBS["demo"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--once", action="store_true", help="end after the tour; 1 when a step went wrong")
    parser.add_argument("--port", type=int, default=0, help="the gateway's port (default: a free one)")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep configuration, log and registry here")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Run the tour. Raises InternalError when the gateway does not start, OSError for a taken address."""
    from gateway.demo.tour import tour

    total = tour(once=args.once, state=args.state, port=args.port)
    return exits.OK if total.ok else exits.FAILED
