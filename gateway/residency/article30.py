"""The record of processing (GDPR Art. 30) from what was observed, with what the tenant says beside. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from gateway.model import Policy, Struct
from gateway.residency.bases import Under, void
from gateway.residency.law import expand, inside
from gateway.residency.processing import differences, moment, retention
from gateway.residency.recipients import opens, state
from gateway.residency.register import Row
from gateway.transfers import Basis

_NOT_SAID: Final = "not declared"
_LISTED: Final = ("operator", "contract", "announced", "opens", "state")


class Purpose(Struct):
    """One line of the record: a purpose and a recipient, with all categories that went there."""

    purposes: tuple[str, ...]
    operator: str
    provider: str
    country: str
    basis: str
    categories: tuple[str, ...]
    first: float
    last: float
    exchanges: int


def summed(rows: Iterable[Row]) -> tuple[Purpose, ...]:
    """Transfers by purpose, recipient, country and basis; refused ones are none."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if row.exchanges:
            key = (row.purposes, row.operator, row.provider, row.country, row.basis)
            groups.setdefault(key, []).append(row)
    return tuple(_summed(group) for group in groups.values())


def _summed(group: Sequence[Row]) -> Purpose:
    one = group[0]
    return Purpose(
        purposes=one.purposes,
        operator=one.operator,
        provider=one.provider,
        country=one.country,
        basis=one.basis,
        categories=tuple(sorted({row.category for row in group})),
        first=min(row.first for row in group),
        last=max(row.last for row in group),
        exchanges=max(row.exchanges for row in group),
    )


def as_markdown(rows: Sequence[Row], policies: Mapping[str, Policy], on: date) -> str:
    """The record of every tenant, as a document."""
    parts = [f"# Record of processing activities, as observed until {on.isoformat()}\n"]
    for tenant in sorted({row.tenant for row in rows} | policies.keys()):
        parts += _tenant(tenant, [row for row in rows if row.tenant == tenant], policies.get(tenant), on)
    return "\n".join(parts)


def _tenant(tenant: str, rows: Sequence[Row], policy: Policy | None, on: date) -> list[str]:
    heads = ("purposes", "categories of data", "recipient", "country", "basis", "third country", "safeguards")
    lines = [_activity(each, policy, on) for each in summed(rows)]
    table = _table((*heads, "first", "last", "exchanges"), lines)
    if policy is None:
        return [f"## {tenant}\n", table]
    return [
        f"## {tenant}\n",
        *_said(policy),
        table,
        *_section("Safeguards", ("rule", "basis", "for", "document", "until", "state"), _bases(policy, on)),
        *_section("Retention", ("category", "kept"), _kept(rows, policy)),
        *_section(
            "Sub-processors", ("operator", "contract", "announced", "opens", "state"), _list(policy, on)
        ),
        *_differences(rows, policy, on),
    ]


def _said(policy: Policy) -> list[str]:
    told, own = policy.instruction, policy.processing
    parts = [f"Instruction: {told.ref}, by {told.by}, {told.date}. Rule file {policy.version}.\n"]
    known = {
        "Controller": own.controller if own else "",
        "Contact": own.contact if own else "",
        "Categories of data subjects": ", ".join(own.subjects) if own else "",
        "Security measures": own.measures if own else "",
    }
    return [*parts, *(f"- {name}: {value or _NOT_SAID}" for name, value in known.items()), ""]


def _activity(each: Purpose, policy: Policy | None, on: date) -> tuple[object, ...]:
    recipient = f"{each.operator or 'unknown'} ({each.provider})"
    times = (moment(each.first)[:10], moment(each.last)[:10])
    lists = (", ".join(each.purposes), ", ".join(each.categories))
    where = (each.country or "unknown", each.basis, _third(each.country, on))
    return (*lists, recipient, *where, _documents(each, policy), *times, each.exchanges)


def _third(country: str, on: date) -> str:
    if not country:
        return "unknown"
    return "no" if inside(country, expand(("EEA",), False, on), on) else "yes"


def _documents(each: Purpose, policy: Policy | None) -> str:
    """The documents of the bases that a transfer went on, as far as rules name them."""
    kinds = each.basis.split("+")
    whom = {each.provider, each.operator.casefold()}
    found = [
        basis.ref
        for basis in _declared(policy)
        if basis.ref and basis.kind in kinds and (not basis.recipients or whom & _names(basis))
    ]
    return ", ".join(dict.fromkeys(found))


def _declared(policy: Policy | None) -> list[Basis]:
    rules = policy.rules if policy else ()
    return [basis for rule in rules if rule.residency for basis in rule.residency.bases]


def _names(basis: Basis) -> frozenset[str]:
    return frozenset(map(str.casefold, basis.recipients))


def _bases(policy: Policy, on: date) -> list[tuple[object, ...]]:
    under = Under(policy.law, policy.consents)
    return [
        (
            rule.id,
            basis.kind,
            ", ".join((*basis.recipients, *basis.countries)) or "all",
            basis.ref,
            basis.until or "",
            void(basis, under, on) or "in force",
        )
        for rule in policy.rules
        if rule.residency
        for basis in rule.residency.bases
    ]


def _kept(rows: Iterable[Row], policy: Policy) -> list[tuple[object, ...]]:
    own = policy.processing
    if own is None or not own.retention:
        return []
    seen = {row.category for row in rows if row.exchanges and row.category != "-"}
    told = {category: retention(own.retention, category) or _NOT_SAID for category in seen}
    return sorted((own.retention | told).items())


def _list(policy: Policy, on: date) -> list[tuple[object, ...]]:
    return [(s.operator, s.dpa, s.announced, opens(s), state(s, on)) for s in policy.subprocessors or ()]


def _differences(rows: Sequence[Row], policy: Policy, on: date) -> list[str]:
    found = differences(rows, policy, (), on)
    return ["### Differences\n", *(f"- {each}" for each in found), ""] if found else []


def _section(title: str, heads: Sequence[str], lines: Sequence[Sequence[object]]) -> list[str]:
    return [f"### {title}\n", _table(heads, lines)] if lines else []


def _table(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    rows = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    rows += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join(rows) + "\n"
