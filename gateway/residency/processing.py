"""The transfer register as it is exported, and how what was observed differs from what is declared. Pure."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

from gateway.model import Policy, Upstream, covers
from gateway.residency.judge import SUBPROCESSORS
from gateway.residency.law import COUNTRIES
from gateway.residency.recipients import opens, state
from gateway.residency.register import NOTHING, Row

COLUMNS: Final = (
    *("tenant", "client", "purposes", "category", "provider", "upstream", "operation", "operator"),
    *("country", "basis", "first", "last", "exchanges", "values", "refused", "rules"),
)
_RISKY: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula."""


def cells(row: Row) -> dict[str, object]:
    """A row as it is exported: times as RFC 3339, lists as lists."""
    made: dict[str, object] = {name: getattr(row, name) for name in COLUMNS}
    return made | {"first": moment(row.first), "last": moment(row.last)}


def moment(at: float) -> str:
    """Seconds since the epoch as RFC 3339, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_json(rows: Iterable[Row]) -> str:
    """`{"transfers": [...]}`."""
    return json.dumps({"transfers": [cells(row) for row in rows]})


def as_csv(rows: Iterable[Row]) -> str:
    """A heading and a line per row (RFC 4180); lists are parted by a blank."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(value) for value in cells(row).values()])
    return out.getvalue()


def _cell(value: object) -> object:
    text = " ".join(value) if isinstance(value, tuple) else value
    risky = isinstance(text, str) and text != "-" and text.startswith(_RISKY)
    return f"'{text}" if risky else text


def differences(rows: Sequence[Row], policy: Policy, upstreams: Iterable[Upstream], on: date) -> list[str]:
    """What was seen and not declared, and what is declared and was not seen, in words."""
    sent = [row for row in rows if row.exchanges]
    known = {upstream.name: upstream for upstream in upstreams}
    return [
        *_recipients(sent, policy, on),
        *_bases(sent),
        *_places(sent, known),
        *_kept(sent, policy),
        *_unseen(sent, policy, known),
    ]


def _recipients(sent: Iterable[Row], policy: Policy, on: date) -> list[str]:
    if policy.subprocessors is None:
        return []
    listed = {line.operator.casefold(): line for line in policy.subprocessors}
    seen = {row.operator.casefold(): row.operator for row in sent}
    strange = [
        f"{name or 'somebody unknown'} was given data and is no sub-processor"
        for key, name in sorted(seen.items())
        if key not in listed
    ]
    closed = [
        f"{line.operator} was given data and is {state(line, on)}"
        for key, line in listed.items()
        if key in seen and state(line, on) != "open"
    ]
    idle = [
        f"{line.operator} is a sub-processor and was given nothing"
        for key, line in listed.items()
        if key not in seen
    ]
    return strange + closed + idle


def _bases(sent: Iterable[Row]) -> list[str]:
    found = {(row.operator, row.country) for row in sent if row.basis in ("none", "unknown")}
    return [
        f"{operator or 'somebody'} in {country or 'an unknown country'}: no basis in law by itself"
        for operator, country in sorted(found)
    ]


def _places(sent: Iterable[Row], known: Mapping[str, Upstream]) -> list[str]:
    found = {
        (row.upstream, row.country, known[row.upstream].region)
        for row in sent
        if row.upstream in known
        and known[row.upstream].region in COUNTRIES
        and row.country != known[row.upstream].region
    }
    return [
        f"upstream {name} is declared in {region} and was seen in {country or 'no known country'}"
        for name, country, region in sorted(found)
    ]


def _kept(sent: Iterable[Row], policy: Policy) -> list[str]:
    """Where the tenant declares how long data is kept: what it says nothing of."""
    if policy.processing is None or not policy.processing.retention:
        return []
    told = policy.processing.retention
    lacks = {
        row.category for row in sent if row.category != NOTHING and retention(told, row.category) is None
    }
    return [f"{category} was seen and has no retention" for category in sorted(lacks)]


def retention(told: Mapping[str, str], category: str) -> str | None:
    """How long data of a category is kept, as is declared of it or of what it is a part of."""
    own = [each for each in told if covers(each, category)]
    return told[max(own, key=len)] if own else None


def _unseen(sent: Sequence[Row], policy: Policy, known: Mapping[str, Upstream]) -> list[str]:
    met = {row.upstream for row in sent}
    open_to = [u for u in known.values() if not u.tenants or policy.tenant in u.tenants]
    idle = [f"upstream {u.name} is declared and was not used" for u in open_to if u.name not in met]
    stated = {purpose for row in sent for purpose in row.purposes}
    purposes = {(client.id, purpose) for client in policy.clients for purpose in client.purposes}
    unused = [
        f"client {client} is declared for {purpose}, which was not seen"
        for client, purpose in sorted(purposes)
        if not any(covers(purpose, each) for each in stated)
    ]
    return idle + unused


def quarantined(rows: Iterable[Row], policies: Mapping[str, Policy], on: date) -> list[dict[str, object]]:
    """Who was refused for want of a line in a list, with what the list says of it now."""
    found: list[dict[str, object]] = []
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if SUBPROCESSORS in row.rules and row.refused:
            groups.setdefault((row.tenant, row.operator, row.country), []).append(row)
    for (tenant, operator, country), group in sorted(groups.items()):
        listed = policies[tenant].subprocessors if tenant in policies else None
        line = next((each for each in listed or () if each.operator.casefold() == operator.casefold()), None)
        found.append(
            {
                "tenant": tenant,
                "operator": operator,
                "country": country,
                "state": state(line, on) if line else "not announced",
                "opens": opens(line).isoformat() if line else None,
                "refused": sum(row.refused for row in group),
                "last": moment(max(row.last for row in group)),
            }
        )
    return found
