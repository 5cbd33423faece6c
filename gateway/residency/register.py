"""The transfer register: which data went to whom, where, on which basis, as the access log saw it. Pure.

It holds names, counts and times; nothing of a person, not even a pseudonym.
"""

from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Final

import msgspec

from gateway.model import Struct
from gateway.residency.law import FRAMEWORKS, expand, inside

NOTHING: Final = "-"
"""The category of exchanges in which no personal data was seen."""
_COUNTED: Final = frozenset(("read", "outcome"))
Key = tuple[str | tuple[str, ...], ...]


class Observed(msgspec.Struct, frozen=True, gc=False):
    """What the register takes from a line of the access log (audit.record.Record), of all that is in it."""

    phase: str
    time: datetime
    prev: str
    tenant: str = "-"
    client: str = "-"
    purposes: tuple[str, ...] = ()
    provider: str = "-"
    upstream: str = "-"
    operation: str = "-"
    seen: dict[str, int] = {}
    address: str = ""
    country: str = ""
    operator: str = ""
    bases: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


class Row(Struct):
    """One kind of transfer. `basis` is what residency rules let it go on (several with `+`), else what the
    law allows by itself. `first` and `last` are seconds since the epoch; `values` counts those of the
    category in both directions; `refused` are exchanges that were not let through: nothing was sent."""

    tenant: str
    client: str
    purposes: tuple[str, ...]
    provider: str
    upstream: str
    operation: str
    operator: str
    country: str
    basis: str
    category: str
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


_WHOM: Final = Row.__struct_fields__[:9]
"""What is the same for all categories of an exchange."""


class Register:
    """Rows by what tells them apart; lines of the log are added to them."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._rows: dict[Key, dict[str, _Sum]] = {}
        for row in rows:
            key = tuple(getattr(row, name) for name in _WHOM)
            kept = self._rows.setdefault(key, {})[row.category] = _Sum(row.first, row.last)
            kept.exchanges, kept.values, kept.refused = row.exchanges, row.values, row.refused
            kept.rules.update(dict.fromkeys(row.rules))

    def add(self, it: Observed) -> None:
        """Count one line. What never came to a destination is no transfer, nor a refused one."""
        refused = it.phase == "refusal"
        if not (refused or it.phase in _COUNTED) or not it.address:
            return
        at = it.time.timestamp()
        basis = "+".join(it.bases) or basis_of(it.country, it.time.date())
        whom = (it.tenant, it.client, it.purposes, it.provider, it.upstream, it.operation)
        sums = self._rows.setdefault((*whom, it.operator, it.country, basis), {})
        for category, number in (it.seen or {NOTHING: 0}).items():
            kept = sums.get(category)
            if kept is None:
                kept = sums[category] = _Sum(at, at)
            kept.first, kept.last = min(kept.first, at), max(kept.last, at)
            if refused:
                kept.refused += 1
                kept.rules.update(dict.fromkeys(it.rules))
            else:
                kept.exchanges += 1
                kept.values += number

    def rows(self, tenant: str | None = None) -> tuple[Row, ...]:
        """All of them, or a tenant's, in order of their names."""
        return tuple(
            _row(key, category, kept)
            for key, sums in sorted(self._rows.items())
            if tenant is None or key[0] == tenant
            for category, kept in sorted(sums.items())
        )


def _row(key: Key, category: str, kept: _Sum) -> Row:
    members: dict[str, object] = dict(zip(_WHOM, key, strict=True))
    members |= {"category": category, "first": kept.first, "last": kept.last, "rules": tuple(kept.rules)}
    members |= {"exchanges": kept.exchanges, "values": kept.values, "refused": kept.refused}
    return msgspec.convert(members, Row)


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
