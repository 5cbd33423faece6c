"""`hushgate contacts lists`: the lists a tenant imports, and whether each is young enough to be relied on."""

import argparse
import json
from typing import Final

from gateway import clock
from gateway.cli import exits
from gateway.cli.contactsopen import common, desk
from gateway.contacts.model import Books, Entry
from gateway.contacts.relied import subject
from gateway.intake.ages import DAY, Age, aged
from gateway.intake.moments import day
from gateway.model import Policy

_STATES: Final = {"fresh": "", "ageing": "warning: ", "stale": "too old: "}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the action."""
    common(parser)
    parser.add_argument("name", nargs="*", metavar="NAME", help="lists beside those of the rule file")


def run(args: argparse.Namespace) -> int:
    """Print them; FAILED when one of the rule file's is too old or was never imported."""
    at = desk(args)
    now = clock.now()
    with at.books() as books:
        found = {name: latest(books, at.tenant, name) for name in (*at.policy.lists, *args.name)}
    ages = {name: _age(name, entry, at.policy, now) for name, entry in found.items()}
    print(_as_json(found, ages) if args.json else _as_text(found, ages))
    relied = [ages[name] for name in at.policy.lists]
    return exits.FAILED if any(age is None or age.state == "stale" for age in relied) else exits.OK


def latest(books: Books, tenant: str, name: str) -> Entry | None:
    """The newest import of a list, by the list's own date."""
    return max(books.history(tenant, subject(name)), key=lambda entry: entry.at, default=None)


def _age(name: str, entry: Entry | None, policy: Policy, now: float) -> Age | None:
    return aged(name, entry.at, policy.lists.get(name), now) if entry else None


def _as_json(found: dict[str, Entry | None], ages: dict[str, Age | None]) -> str:
    rows = [
        {
            "name": name,
            "dated": day(entry.at) if entry else None,
            "age_days": round(age.age / DAY, 1) if age else None,
            "max_age_days": age.limit.max_age / DAY if age and age.limit else None,
            "state": age.state if age else "never imported",
            "detail": entry.detail if entry else "",
        }
        for (name, entry), age in zip(found.items(), ages.values(), strict=True)
    ]
    return json.dumps({"lists": rows})


def _as_text(found: dict[str, Entry | None], ages: dict[str, Age | None]) -> str:
    lines = []
    for name, entry in found.items():
        age = ages[name]
        if entry is None or age is None:
            lines.append(f"never imported: the list {name}")
        else:
            lines.append(f"{_STATES[age.state]}{age.said} (of {day(entry.at)}; {entry.detail})")
    return "\n".join(lines) or "no list is named in the rule file"
