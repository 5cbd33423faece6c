"""`hushgate contacts writes`: who edited or deleted a person's record, or reached it, from the log."""

import argparse
import json
from collections.abc import Iterator
from heapq import merge
from operator import attrgetter
from pathlib import Path

from gateway.audit.record import Record
from gateway.audit.walk import Follower, chains, newest_first
from gateway.cli import exits
from gateway.cli.contactsopen import desk, person
from gateway.cli.progress import Progress
from gateway.intake.moments import spelt


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the action."""
    person(parser)


def run(args: argparse.Namespace) -> int:
    """Print them, oldest first. Raises ConfigError, StoreError, UsageError."""
    at = desk(args)
    with at.books() as books:
        subject = at.subject(args.kind, args.value)
        # the access log is older than the form that record ids have now
        names = at.people.known(args.kind, args.value, bare=True)
        people = {*names, *books.linked(at.tenant, subject)}
    with Progress("records") as progress:
        found = [_row(*pair) for pair in _writes(Path(at.config.audit.dir), at.tenant, people, progress)]
    if args.json:
        print(json.dumps({"tenant": at.tenant, "subject": subject, "writes": found}))
    else:
        print("\n".join([f"subject {subject}", *(map(_line, found) if found else ["  nothing was written"])]))
    return exits.OK


def _writes(
    directory: Path, tenant: str, people: set[str], progress: Progress
) -> Iterator[tuple[Record, Record | None]]:
    """Intents about any of the people, each with its outcome. Raises StoreError."""
    ends = Follower(directory).ends
    by_time = merge(
        *(newest_first(paths, ends) for paths in chains(directory).values()),
        key=attrgetter("record.at"),
        reverse=True,
    )
    intents: list[Record] = []
    outcomes: dict[str, Record] = {}
    for line in by_time:
        progress.advance()
        record = line.record
        if record.tenant != tenant or people.isdisjoint(record.subjects):
            continue
        if record.phase == "intent":
            intents.append(record)
        elif record.phase == "outcome":
            outcomes.setdefault(record.id, record)
    return ((intent, outcomes.get(intent.id)) for intent in reversed(intents))


def _row(intent: Record, outcome: Record | None) -> dict[str, object]:
    return {
        "at": spelt(intent.at),
        "client": intent.client,
        "role": intent.role,
        "purposes": intent.purposes,
        "provider": intent.provider,
        "operation": intent.operation,
        "fields": intent.fields,
        "status": outcome.status if outcome else None,
        "reason": outcome.reason if outcome else "",
        "decision": intent.id,
    }


def _line(row: dict[str, object]) -> str:
    fields = ", ".join(row["fields"]) if isinstance(row["fields"], tuple) else ""
    ended = row["reason"] or row["status"] or "no outcome is on record"
    said = f"  {row['at']:<21} {row['client']:<16} {row['provider']}.{row['operation']} ({ended})"
    return f"{said}: {fields}" if fields else said
