"""The transfer register: which data went to whom, where, on which basis, as the access log saw it. Pure.

It holds names, counts and times; nothing of a person, not even a pseudonym.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

import msgspec

from gateway.audit.record import Record
from gateway.model import Struct
from gateway.residency.law import FRAMEWORKS, expand, inside

NOTHING: Final = "-"
"""The category of exchanges in which no personal data was seen."""
_COUNTED: Final = frozenset(("read", "outcome"))
Key = tuple[str | tuple[str, ...], ...]


class Row(Struct):
    """One kind of transfer. `first` and `last` are seconds since the epoch; `values` counts those of the
    category in both directions; `refused` are exchanges that were not let through: nothing was sent."""

    tenant: str
    client: str
    purposes: tuple[str, ...]
    category: str
    provider: str
    upstream: str
    operation: str
    operator: str
    country: str
    basis: str
    first: float
    last: float
    exchanges: int = 0
    values: int = 0
    refused: int = 0
    rules: tuple[str, ...] = ()
    """Those that refused."""


class _Sum:
    __slots__ = ("exchanges", "first", "last", "refused", "rules", "values")

    def __init__(self, first: float, last: float) -> None:
        self.first, self.last = first, last
        self.exchanges = self.values = self.refused = 0
        self.rules: dict[str, None] = {}


_KEY: Final = Row.__struct_fields__[:10]


class Register:
    """Rows by what tells them apart; records are added to them."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._rows: dict[Key, _Sum] = {}
        for row in rows:
            kept = self._rows[tuple(getattr(row, name) for name in _KEY)] = _Sum(row.first, row.last)
            kept.exchanges, kept.values, kept.refused = row.exchanges, row.values, row.refused
            kept.rules.update(dict.fromkeys(row.rules))

    def add(self, record: Record) -> None:
        """Count one record. What never came to a destination is no transfer, nor a refused one."""
        refused = record.phase == "refusal"
        if not (refused or record.phase in _COUNTED) or not record.address:
            return
        basis = basis_of(record.country, _day(record.at))
        for category, number in (record.seen or {NOTHING: 0}).items():
            key = (
                record.tenant,
                record.client,
                record.purposes,
                category,
                record.provider,
                record.upstream,
                record.operation,
                record.operator,
                record.country,
                basis,
            )
            kept = self._rows.get(key)
            if kept is None:
                kept = self._rows[key] = _Sum(record.at, record.at)
            kept.first, kept.last = min(kept.first, record.at), max(kept.last, record.at)
            if refused:
                kept.refused += 1
                kept.rules.update(dict.fromkeys(record.rules))
            else:
                kept.exchanges += 1
                kept.values += number

    def rows(self, tenant: str | None = None) -> tuple[Row, ...]:
        """All of them, or a tenant's, in order of their names."""
        return tuple(
            _row(key, kept) for key, kept in sorted(self._rows.items()) if tenant is None or key[0] == tenant
        )


def _row(key: Key, kept: _Sum) -> Row:
    members: dict[str, object] = dict(zip(_KEY, key, strict=True))
    members |= {"first": kept.first, "last": kept.last, "rules": tuple(kept.rules)}
    members |= {"exchanges": kept.exchanges, "values": kept.values, "refused": kept.refused}
    return msgspec.convert(members, Row)


def _day(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()


@lru_cache(maxsize=4096)
def basis_of(country: str, on: date) -> str:
    """What EU law allows a transfer on by itself (GDPR Art. 44 to 46): `EEA` (none is needed), an `adequacy`
    decision, a framework's word; `none` that the gateway knows of, or `unknown`, as the place is."""
    word = country.upper()
    if not word:
        return "unknown"
    if inside(word, expand(("EEA",), False, on), on):
        return "EEA"
    if not inside(word, expand((), True, on), on):
        return "none"
    return word if word in FRAMEWORKS else "adequacy"
