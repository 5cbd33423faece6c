"""Which of a tenant's sub-processors may be used on a day. Pure; `on` is a parameter."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal

from msgspec.structs import replace

from gateway.model import covers
from gateway.recipients import Decision, Said, Subprocessor

State = Literal["open", "waiting", "objected"]


def opens(line: Subprocessor) -> date:
    """The first day on which it may be used if nobody says anything: its objection period has passed."""
    return date.fromisoformat(line.announced) + timedelta(days=line.objection_period)


def state(line: Subprocessor, on: date) -> State:
    """How a line stands. An objection counts from when it is made, an approval from its date."""
    if line.objected is not None:
        return "objected"
    approved = line.approved is not None and date.fromisoformat(line.approved.date) <= on
    return "open" if approved or opens(line) <= on else "waiting"


def usable(
    lines: Iterable[Subprocessor] | None, purposes: tuple[str, ...], on: date
) -> frozenset[str] | None:
    """Operators that may be given data for all of these purposes; None where no list is kept.

    An objection to an operator on any line closes it on all of them.
    """
    if lines is None:
        return None
    known = tuple(lines)
    closed = {line.operator.casefold() for line in known if state(line, on) == "objected"}
    return frozenset(
        line.operator
        for line in known
        if state(line, on) == "open" and line.operator.casefold() not in closed and _for(line, purposes)
    )


def _for(line: Subprocessor, purposes: tuple[str, ...]) -> bool:
    # Where a client acts for several purposes and states none, data may be given for any of them.
    return not line.purposes or (
        bool(purposes) and all(any(covers(own, each) for own in line.purposes) for each in purposes)
    )


def decided(
    lines: tuple[Subprocessor, ...] | None, tenant: str, decisions: Iterable[Decision]
) -> tuple[Subprocessor, ...] | None:
    """The tenant's list with what was decided since; of several decisions on an operator the last counts.

    What the file itself says of an objection stays: a decision outside it cannot lift one.
    """
    if lines is None:
        return None
    last = {each.operator.casefold(): each for each in decisions if each.tenant == tenant}
    return tuple(_with(line, last.get(line.operator.casefold())) for line in lines)


def _with(line: Subprocessor, decision: Decision | None) -> Subprocessor:
    if decision is None:
        return line
    said = Said(by=decision.by, date=decision.date, reason=decision.reason)
    return replace(line, objected=said) if decision.word == "object" else replace(line, approved=said)
