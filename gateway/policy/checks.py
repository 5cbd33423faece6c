"""What rules ask of the people of an operation: of its recipients, of whoever is named in it. Pure."""

from collections.abc import Mapping

from gateway.contacts.alone import RecordCheck
from gateway.contacts.rules import Check
from gateway.model import Channel, Direction, Recording, Rule
from gateway.policy.matchers import Situation

BOTH: tuple[Direction, ...] = ("request", "response")


def contacts(it: Situation, live: list[Rule]) -> dict[Channel, tuple[Check, ...]]:
    """Checks per channel; a message operation may turn out to be WhatsApp by its recipient's address."""
    operation = it.operation
    channel = operation.channel or (operation.recording.channel if operation.recording else None)
    if channel is None:
        return {}
    possible: tuple[Channel, ...] = ("sms", "whatsapp") if channel == "sms" else (channel,)
    return {
        c: tuple(
            Check(rule.id, rule.mode, rule.contact, rule.scope.purposes, rule.on_refusal)
            for rule in live
            if rule.contact and (not rule.scope.channels or c in rule.scope.channels)
            if (operation.recording if rule.contact.recording else operation.channel)
        )
        for c in possible
    }


def recording(it: Situation, checks: Mapping[Channel, tuple[Check, ...]]) -> Recording | None:
    """How the operation has people recorded, where any check is about that."""
    asked = any(check.contact.recording for each in checks.values() for check in each)
    return it.operation.recording if asked else None


def channel_of(it: Situation, checks: Mapping[Channel, tuple[Check, ...]]) -> Channel | None:
    """The channel of those whom an operation reaches, or has recorded where any check is about that."""
    taped = recording(it, checks)
    return it.operation.channel or (taped.channel if taped else None)


def answered(it: Situation, checks: Mapping[Channel, tuple[Check, ...]], records: object) -> bool:
    """Whether its answer is read for them: it tells of those who were left out, or names a call."""
    taped = recording(it, checks)
    leaves_out = it.operation.partial is not None and bool(records or any(checks.values()))
    return leaves_out or bool(taped and taped.answer)


def left_alone(live: list[Rule]) -> dict[Direction, tuple[RecordCheck, ...]]:
    """Checks of the people named in a request, and in its answer; only directions that have any."""
    made = {
        direction: tuple(
            RecordCheck(rule.id, rule.mode, rule.records.suppressed_on, rule.on_refusal, rule.records.whom)
            for rule in live
            if rule.records and rule.scope.direction in (None, direction)
        )
        for direction in BOTH
    }
    return {direction: checks for direction, checks in made.items() if checks}
