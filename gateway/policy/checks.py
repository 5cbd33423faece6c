"""What rules ask of the people of an operation: of its recipients, of whoever is named in it. Pure."""

from gateway.contacts.alone import RecordCheck
from gateway.contacts.rules import Check
from gateway.model import Channel, Direction, Rule
from gateway.policy.matchers import Situation

BOTH: tuple[Direction, ...] = ("request", "response")


def contacts(it: Situation, live: list[Rule]) -> dict[Channel, tuple[Check, ...]]:
    """Checks per channel; a message operation may turn out to be WhatsApp by its recipient's address."""
    channel = it.operation.channel
    if channel is None:
        return {}
    possible: tuple[Channel, ...] = ("sms", "whatsapp") if channel == "sms" else (channel,)
    return {
        c: tuple(
            Check(rule.id, rule.mode, rule.contact, rule.scope.purposes, rule.on_refusal)
            for rule in live
            if rule.contact and (not rule.scope.channels or c in rule.scope.channels)
        )
        for c in possible
    }


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
