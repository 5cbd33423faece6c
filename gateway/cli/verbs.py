"""The table of verbs, and the parser made from it.

A verb is a module `gateway.cli.<module>` with `register(subparsers) -> None`, which adds its parser, and
`run(args) -> int`, which answers an exit code. It is imported only when it is called, so that a quick verb
stays quick and a verb that lacks a package does not stop the others.
"""

import argparse
import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol, cast

from gateway.cli import exits

Subparsers = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


class Verb(Protocol):
    """What the module of a verb offers."""

    def register(self, subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
        """Add the verb's parser, options and nested verbs."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the answer is a code of gateway.cli.exits. Raises HushgateError or OSError."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A verb's module below gateway.cli and its line in the list of `hushgate --help`."""

    module: str
    help: str


VERBS: Final = {
    "init": Entry("init", "write a starter configuration, rule file and client key"),
    "check": Entry("check", "every mistake in configuration, rules and packs"),
    "run": Entry("run", "run the gateway"),
    "explain": Entry("explain", "which rules decide on a request, why, and what would be sent"),
    "test": Entry("test", "run the rule cases that stand beside the rules"),
    "canary": Entry("canary", "a made-up person through every plan: nothing hidden may come out"),
    "key": Entry("key", "make a client's key, or a key epoch"),
    "ca": Entry("ca", "the gateway's own certificate authority: make, rotate, revoke, trust, check"),
    "geo": Entry("geo", "where addresses are: update lists, their age, what is known of an address"),
    "wireguard": Entry("wireguard", "keys of a WireGuard listener, and its clients' configuration"),
    "contacts": Entry("contacts", "suppressions and consents in the contact registry"),
    "api": Entry("api", "serve the contact registry's REST API alone"),
    "oneclick": Entry("oneclick", "mint a link of one click (RFC 8058) for one person"),
    "audit": Entry("audit", "verify or follow the access log"),
    "register": Entry("register", "which data went to whom, and where: the record of processing"),
    "rules": Entry("rules", "instructions the law speaks against: suspended, confirmed, withdrawn"),
    "residency": Entry("residency", "what a change of rules or of law would break"),
    "drift": Entry("drift", "personal data at paths that no data map names"),
    "demo": Entry("demo", "sandbox APIs behind a gateway, and a tour of what it does"),
    "version": Entry("version", "print the version"),
}

DESCRIPTION: Final = (
    "Hushgate stands between applications and the CRM and telephony APIs they call, and decides on every\n"
    "exchange: may this caller see this field, may this person be contacted, may these bytes go there?"
)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Lists every verb on one line where the terminal is wide enough."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=16)
        self._action_max_length = 14  # it does not count how far verbs are indented


def load(verb: str) -> Verb:
    """The module of a verb. Raises ModuleNotFoundError when it, or a package it needs, is not installed."""
    return cast("Verb", importlib.import_module(f"gateway.cli.{VERBS[verb].module}"))


def parser(verbs: Iterable[str]) -> argparse.ArgumentParser:
    """The command's parser, with the options of the named verbs and one line of help for the others."""
    loaded = frozenset(verbs)
    top = argparse.ArgumentParser(
        prog="hushgate",
        description=DESCRIPTION,
        epilog=exits.epilog(),
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    subparsers = top.add_subparsers(dest="verb", metavar="verb", required=True, title="verbs")
    for name, entry in VERBS.items():
        if name in loaded:
            load(name).register(subparsers)
        else:
            subparsers.add_parser(name, help=entry.help)
    return top
