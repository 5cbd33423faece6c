"""What would become of a campaign: how many recipients would be reached, how many skipped, and why. Pure.

Counts every recipient once, under the first reason there is. Frequency caps are left out: asking would count.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.contacts import formerly
from gateway.contacts.formerly import Names
from gateway.contacts.model import Standing
from gateway.contacts.records import names
from gateway.contacts.relied import subject
from gateway.contacts.rules import UNKNOWN_RECIPIENT, Check, Subject, Verdict, judge
from gateway.intake.table import Fault, Row
from gateway.model import Channel, SubjectKind

TOGETHER: Final = 500
"""recipients looked up at once"""
TWICE: Final = "named before"
UNREAD: Final = "line cannot be read"


@dataclass(frozen=True, slots=True)
class Records:
    """How record ids are written: `spaces` of the packs, `within` that of ids written without one.

    `bare`: whether what was entered under their names of before forbids (`contacts.records`).
    """

    spaces: tuple[str, ...] = ()
    within: str = ""
    bare: bool = True


@dataclass(frozen=True, slots=True)
class Campaign:
    """Whom it is asked about, and when: `at` in seconds since the epoch, `checks` of the tenant's plans."""

    channel: Channel
    purposes: tuple[str, ...]
    checks: tuple[Check, ...]
    at: float
    country: str | None
    kind: SubjectKind | None = None
    records: Records = Records()

    @property
    def lists(self) -> tuple[str, ...]:
        """Names of the lists that its checks rely on."""
        return tuple(dict.fromkeys(each.name for check in self.checks for each in check.contact.lists))


@dataclass(slots=True)
class Preview:
    """`skipped` by reason (errors.REASONS, or of the list itself) and `rules` by id; `waits` would heal."""

    recipients: int = 0
    reached: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    shadow: Counter[str] = field(default_factory=Counter)
    waits: int = 0


Skip = Callable[[int, str], None]
"""(line, reason) of one who would be skipped."""
Standings = Callable[[Sequence[str]], list[Standing]]
Pseudonymise = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class _Asked:
    line: int
    subject: Subject
    names: Names


def preview(
    rows: Iterable[Row],
    place: int,
    campaign: Campaign,
    pseudonymise: Pseudonymise,
    standings: Standings,
    skip: Skip,
) -> Preview:
    """Judge the recipients in column `place` of the rows. Raises what `standings` raises."""
    found = Preview()
    seen: set[bytes] = set()

    def skipped(line: int, reason: str) -> None:
        found.skipped[reason] += 1
        skip(line, reason)

    def asked() -> Iterator[_Asked]:
        for line, cells in rows:
            found.recipients += 1
            if isinstance(cells, Fault) or len(cells) <= place:
                skipped(line, UNREAD)
                continue
            one = _named(line, cells[place], campaign, pseudonymise)
            if one is None:
                skipped(line, UNKNOWN_RECIPIENT)
            elif (mark := one.names[0].encode()[:16]) in seen:
                skipped(line, TWICE)
            else:
                seen.add(mark)
                yield one

    dated = _dated(campaign.lists, standings)
    by = (campaign.channel, campaign.purposes, campaign.checks, campaign.at, (), dated, campaign.country)
    for batch in _batches(asked()):
        for one, standing in zip(batch, _known(batch, standings), strict=True):
            verdict = judge(one.subject, standing, *by)
            _note(found, verdict)
            if not verdict.allowed:
                skipped(one.line, verdict.reason)
    return found


def _known(batch: Sequence[_Asked], standings: Standings) -> list[Standing]:
    people = [one.names for one in batch]
    return formerly.merged(people, standings(formerly.asked(people)))


def _dated(lists: tuple[str, ...], standings: Standings) -> dict[str, float | None]:
    ages = standings([subject(name) for name in lists]) if lists else []
    return {name: standing.dated for name, standing in zip(lists, ages, strict=True)}


def _named(line: int, value: str, campaign: Campaign, pseudonymise: Pseudonymise) -> _Asked | None:
    value = value.strip()
    kind: SubjectKind = campaign.kind or ("email" if "@" in value else "phone")
    records = campaign.records
    ways = names(kind, value, campaign.country, records.spaces, records.within)
    if not ways:
        return None
    known = tuple([pseudonymise(kind, way) for way in (ways if records.bare else ways[:1])])
    return _Asked(line, Subject(kind, ways[0]), known)


def _note(found: Preview, verdict: Verdict) -> None:
    found.reached += verdict.allowed
    found.rules.update(verdict.rules)
    found.shadow.update(verdict.shadow)
    found.waits += verdict.retry_after is not None


def _batches(asked: Iterator[_Asked]) -> Iterator[list[_Asked]]:
    batch: list[_Asked] = []
    for one in asked:
        batch.append(one)
        if len(batch) == TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch
