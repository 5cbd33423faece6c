"""`hushgate contacts`: the table of its actions, each of which stands in a file of its group.

People are stored and printed as keyed pseudonyms; an identifier goes nowhere.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway.cli import (
    contactscopy,
    contactsexport,
    contactsimport,
    contactslists,
    contactspreview,
    contactsshow,
    contactswrites,
    exits,
)
from gateway.cli import contactstell as tell
from gateway.cli.contactsopen import UsageError
from gateway.cli.verbs import VERBS, Subparsers

DESCRIPTION: Final = """\
What people agreed to, took back and asked for. It takes effect on the next request, on every provider and
without a restart. Entries are only added; of those about one thing the latest is in force."""


@dataclass(frozen=True, slots=True)
class Action:
    """A line of help, and the functions that add its arguments and carry it out."""

    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


ACTIONS: Final[Mapping[str, Action]] = {
    "show": Action("what is in force for a person", contactsshow.show_arguments, contactsshow.show),
    "history": Action(
        "all that was entered about a person", contactsshow.history_arguments, contactsshow.history
    ),
    "writes": Action(
        "who edited, deleted or reached a person, from the access log",
        contactswrites.arguments,
        contactswrites.run,
    ),
    **{
        verb: Action(telling.help, partial(tell.arguments, verb), tell.run)
        for verb, telling in tell.TELLINGS.items()
    },
    "link": Action(
        "a record and an identifier are one person's", contactsshow.link_arguments, contactsshow.link
    ),
    "import": Action("take in a list or table of people", contactsimport.arguments, contactsimport.run),
    "lists": Action(
        "lists that were imported, and how old they are", contactslists.arguments, contactslists.run
    ),
    "export": Action("the ledger, or the consents in force", contactsexport.arguments, contactsexport.run),
    "copy": Action("the registry into another store, verified", contactscopy.arguments, contactscopy.run),
    "preview": Action(
        "whom a campaign would not reach, and why", contactspreview.arguments, contactspreview.run
    ),
}


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser and its actions."""
    parser = subparsers.add_parser(
        "contacts",
        help=VERBS["contacts"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(func=run)
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    for name, action in ACTIONS.items():
        text = action.help[0].upper() + action.help[1:] + "."
        action.arguments(actions.add_parser(name, help=action.help, description=text))


def run(args: argparse.Namespace) -> int:
    """Do it. Raises ConfigError, StoreError, PayloadError, OSError."""
    try:
        return ACTIONS[args.action].run(args)
    except UsageError as error:
        sys.stderr.write(f"hushgate: {error}\n")
        return exits.USAGE
