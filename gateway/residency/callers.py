"""The judgement whether who asks stands where data may be asked for from. Pure; `today` is a parameter.

A caller is where the deployment's own networks, or other evidence, say its address is. Nobody declares where
it stands, so one that is not known is outside.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.model import Mode
from gateway.residency.addresses import parse
from gateway.residency.law import expand, inside
from gateway.residency.locate import AddressTable

CALLER: Final = "caller_region_not_allowed"
_MEMO: Final = 4096


class CallerCheck(NamedTuple):
    """One rule: the region words of those who may ask."""

    rule: str
    mode: Mode
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallerFound:
    """The rules that keep a caller out, those that would, and its country (empty: not known)."""

    rules: tuple[str, ...]
    shadow: tuple[str, ...]
    country: str


class Callers:
    """Where calls may come from under some rules on a day; remembers addresses."""

    __slots__ = ("judge",)

    def __init__(self, checks: Sequence[CallerCheck], table: AddressTable, today: date) -> None:
        bound = [(check, expand(check.regions, False, today)) for check in checks]

        @lru_cache(maxsize=_MEMO)
        def judge(address: str) -> CallerFound:
            parsed = parse(address.partition("%")[0])
            rows = table.find(parsed, today) if parsed is not None else ()
            failed = [
                check
                for check, places in bound
                if not rows or not all(inside(row.country, places, today) for row in rows)
            ]
            return CallerFound(
                tuple(check.rule for check in failed if check.mode == "enforce"),
                tuple(check.rule for check in failed if check.mode == "shadow"),
                rows[0].country if rows else "",
            )

        self.judge: Callable[[str], CallerFound] = judge
        """Takes a source address in text form."""
