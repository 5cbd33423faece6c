"""Views that show special categories of data to who acts for marketing (GDPR Art. 9 and 10). Pure.

Nothing but an exception of Art. 9(2), such as explicit consent, allows that, and the gateway knows of none:
it is an infringing instruction. In its strictest reading such data is hidden from that client, until the view
is confirmed with a reason, or changed.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from gateway.model import Client, Policy, Rule, View, covers, overlaps
from gateway.policy.fields import treatment
from gateway.policy.matchers import in_force

SPECIAL: Final = (
    "user.authorization.biometric",
    "user.biometric",
    "user.criminal_history",
    "user.demographic.political_opinion",
    "user.demographic.race_ethnicity",
    "user.demographic.religious_belief",
    "user.demographic.sexual_orientation",
    "user.health_and_medical",
)
"""Of the taxonomy, which marks none itself: Art. 9(1), and Art. 10 for criminal history."""
MARKETING: Final = "marketing"
HIDING: Final = frozenset(("remove", "redact", "fixed", "token", "hash"))
"""Operators after which nothing of a value can be read."""


def special(category: str) -> bool:
    """Whether all that is labelled so is of a special category."""
    return any(covers(each, category) for each in SPECIAL)


def markets(purposes: tuple[str, ...]) -> bool:
    """Whether who acts for these acts for marketing too."""
    return any(covers(MARKETING, purpose) for purpose in purposes)


def shown(policy: Policy, client: Client, on: date) -> tuple[str, ...]:
    """The special categories that a view lets a client read of answers whatever it calls, by rules that
    always apply to it. What is shown of a part of one counts as it."""
    view = policy.views[client.role]
    always = tuple(rule for rule in policy.rules if _always(rule, client, on))
    named = {c for c in (*view.show, *view.mask) if special(c)}
    return tuple(sorted(c for c in {*SPECIAL, *named} if _readable(c, view, always)))


def _readable(category: str, view: View, rules: tuple[Rule, ...]) -> bool:
    mask = treatment(category, "response", view, rules).mask
    return mask is None or mask.op not in HIDING


def _always(rule: Rule, client: Client, on: date) -> bool:
    """Whether a rule hides something from a client in every call."""
    scope = rule.scope
    elsewhere = scope.providers or scope.operations or scope.channels or scope.regions or scope.data
    if rule.operator is None or rule.mode == "shadow" or rule.consents or rule.spared:
        return False
    if elsewhere or scope.recipients or not in_force(rule, on):
        return False
    sought = [purpose for purpose in client.purposes if markets((purpose,))]
    return (
        (not scope.roles or client.role in scope.roles)
        and (not scope.clients or client.id in scope.clients)
        and (not scope.purposes or all(any(covers(own, p) for own in scope.purposes) for p in sought))
    )


def touches(policy: Policy) -> bool:
    """Whether how a view stands may depend on the day."""
    return any(True for role in policy.views for _ in _marketers(policy, role))


def _marketers(policy: Policy, role: str) -> Iterator[Client]:
    view = policy.views[role]
    if any(overlaps(each, c) for each in SPECIAL for c in (*view.show, *view.mask)):
        yield from (c for c in policy.clients if c.role == role and markets(c.purposes))


def readers(policy: Policy, role: str, on: date) -> Iterator[tuple[Client, tuple[str, ...]]]:
    """The clients of a role that act for marketing, with the special categories they are shown."""
    for client in _marketers(policy, role):
        if found := shown(policy, client, on):
            yield client, found
