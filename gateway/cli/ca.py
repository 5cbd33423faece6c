"""`hushgate ca`: the parser of the verb and its actions, and where these find folders and passphrases."""

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.ca.trusttable import TARGETS
from gateway.cli.verbs import VERBS, Subparsers
from gateway.errors import ConfigError, Problem
from gateway.secret import Missing, Secret, resolve

DESCRIPTION: Final = """\
The gateway's own certificate authority, for traffic that is intercepted: a root that stays offline,
intermediates that live for weeks and are constrained to the intercepted names, and certificates minted from
them by the host.

  hushgate ca init -c hushgate.yaml --root-out /media/safe   a root, and the first intermediate
  hushgate ca trust --for node --out trust/                  what clients need, and how to take it back
  hushgate ca check                                          what is wrong, or soon will be
  hushgate ca rotate --root /media/safe                      the next intermediate, when it is due
  hushgate ca revoke NAME --root /media/safe                 an intermediate whose key got out

Where the root is on another machine: `request` on the gateway, `issue` beside the root, `install` on the
gateway. Passphrases are given by reference, env:NAME or file:PATH."""

RUNBOOK: Final = "certs/README.md has the runbooks."

_DEFAULTS: Final[tuple[Path, Secret | None, tuple[str, ...]]] = (Path("certs/ca"), None, ())

Action = Callable[["Place", argparse.Namespace], int]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the gateway's part and the root are, and what opens their keys."""

    folder: Path
    root: Path
    passphrase: Secret | None
    root_passphrase: Secret | None
    hosts: tuple[str, ...]
    """Names that the deployment file's upstreams and packs ask for, where one is given."""


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser, and one for each action."""
    parser = subparsers.add_parser(
        "ca",
        help=VERBS["ca"].help,
        description=DESCRIPTION,
        epilog=RUNBOOK,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    for name, (text, options) in OPTIONS.items():
        made = actions.add_parser(name, help=text, description=text)
        made.add_argument(
            "-c", "--config", type=Path, metavar="FILE", help="deployment file: folder, passphrase, hosts"
        )
        made.add_argument("--dir", type=Path, metavar="DIR", help="the gateway's folder (default: certs/ca)")
        made.add_argument("--passphrase", metavar="REF", help="what opens, or encrypts, the gateway's keys")
        for option in options:
            option(made)
        made.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Do the action. Raises ConfigError, CertificateError, StoreError or OSError."""
    try:
        return _action(args.action)(_place(args), args)
    except FileExistsError as error:
        raise ConfigError(
            (Problem(str(error.filename), 1, 1, "a file", "none: a key is never replaced"),)
        ) from None


def _action(name: str) -> Action:
    # cryptography and the packs are not for every `--help`
    from gateway.cli import cacheck, caissue, catrust

    actions: Mapping[str, Action] = {**caissue.ACTIONS, **catrust.ACTIONS, **cacheck.ACTIONS}
    return actions[name]


def _place(args: argparse.Namespace) -> Place:
    folder, passphrase, hosts = _DEFAULTS
    if args.config:
        from gateway.cli.cahosts import settings

        folder, passphrase, hosts = settings(args.config)
    folder = args.dir or folder
    given: str | None = getattr(args, "root_passphrase", None)
    return Place(
        folder,
        getattr(args, "root", None) or folder / "root",
        secret(args.passphrase, "--passphrase") if args.passphrase else passphrase,
        secret(given, "--root-passphrase") if given else None,
        hosts,
    )


def secret(reference: str, option: str) -> Secret:
    """What a reference stands for. Raises ConfigError; a passphrase itself has no place on a command line."""
    known = reference.startswith(("env:", "file:"))
    found = resolve(reference, os.environ, Path()) if known else Missing("a text that is no reference")
    if isinstance(found, Missing):
        raise ConfigError(
            (Problem(option, 1, 1, found.why, "env:NAME or file:PATH, and a passphrase there"),)
        )
    return found


# ---- options ----------------------------------------

Parser = argparse.ArgumentParser
Option = Callable[[Parser], object]


def _root(made: Parser) -> None:
    made.add_argument("--root", type=Path, metavar="DIR", help="the root's folder (default: `root` in --dir)")
    made.add_argument("--root-passphrase", metavar="REF", help="what opens the root's key")


def _root_out(made: Parser) -> None:
    made.add_argument(
        "--root-out", dest="root", type=Path, metavar="DIR", help="make the root here, to be taken offline"
    )
    made.add_argument("--root-passphrase", metavar="REF", help="encrypts the root's key")
    made.add_argument(
        "--root-days", type=int, default=3650, help="days the root is valid (default: %(default)s)"
    )
    made.add_argument(
        "--constrain-root", action="store_true", help="the root too is for these names only, for good"
    )
    made.add_argument("--organisation", default="Hushgate", help="name in the root (default: %(default)s)")
    made.add_argument(
        "--crl-url", default="", metavar="URL", help="where the root's CRL will be, for clients that ask"
    )
    made.add_argument("--root-signer", metavar="NAME:KEY", help="the root's key is in this signer plugin")


def _hosts(made: Parser) -> None:
    made.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="a host or *.suffix to issue for; repeatable",
    )


def _days(made: Parser) -> None:
    made.add_argument(
        "--days", type=int, default=30, help="days the intermediate is valid (default: %(default)s)"
    )


def _signer(made: Parser) -> None:
    made.add_argument("--signer", metavar="NAME:KEY", help="the intermediate's key is in this signer plugin")


def _out(made: Parser) -> None:
    made.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write")


def _request(made: Parser) -> None:
    made.add_argument("request", type=Path, help="what `request` wrote on the gateway")


def _answer(made: Parser) -> None:
    made.add_argument("answer", type=Path, help="what `issue` or `revoke` wrote beside the root")


def _force(made: Parser) -> None:
    made.add_argument("--force", action="store_true", help="also when it is not due")


def _revoked(made: Parser) -> None:
    made.add_argument(
        "name", nargs="?", help="the intermediate's name or serial; without one the CRL is renewed"
    )
    reasons = ("compromise", "superseded", "ended")
    made.add_argument("--reason", choices=reasons, default="compromise", help="why (default: %(default)s)")
    made.add_argument("--out", type=Path, metavar="FILE", help="write the CRL here instead of into --dir")


def _trust(made: Parser) -> None:
    made.add_argument("--for", dest="target", choices=(*TARGETS, "all"), required=True, help="kind of client")
    made.add_argument(
        "--out", type=Path, metavar="DIR", help="write the files here, and print what to do with them"
    )
    made.add_argument(
        "--system", type=Path, metavar="FILE", help="the system's own bundle, if it is elsewhere"
    )


def _probe(made: Parser) -> None:
    made.add_argument(
        "--host", action="append", default=[], metavar="NAME", help="mint for this host; repeatable"
    )


OPTIONS: Final[Mapping[str, tuple[str, tuple[Option, ...]]]] = {
    "init": ("make a root and the first intermediate", (_root_out, _hosts, _days, _signer)),
    "rotate": (
        "make the next intermediate, when it is due; remove ended ones",
        (_root, _hosts, _days, _signer, _force),
    ),
    "request": (
        "make an intermediate's key and ask an offline root for its certificate",
        (_out, _hosts, _signer),
    ),
    "issue": ("beside the root: answer a request", (_request, _root, _hosts, _days, _out)),
    "install": ("take the answer of an offline root, or its CRL", (_answer,)),
    "revoke": ("beside the root: put an intermediate on the CRL, or renew the CRL", (_revoked, _root)),
    "trust": ("what clients need to trust the root, and how to undo it", (_trust,)),
    "show": ("what is in the folder", ()),
    "check": ("what is wrong with it or soon will be; mints a certificate", (_probe,)),
}
