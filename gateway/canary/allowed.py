"""What a role may see, read once more from the rule file's own words. Pure.

Not the code that compiles plans, and simpler than it: where several things bear on a value, it is allowed
only if none of them is against it. What is found to come out although it is not allowed, must not.
"""

from dataclasses import dataclass, field
from math import inf

from gateway.model import Mask, Policy, Unmapped, View, covers, overlaps
from gateway.policy.matchers import Situation, obstacle, personal


@dataclass(frozen=True, slots=True)
class Allowed:
    """The view of a role, and the mask rules in force in one situation: (categories, operator, `detect`)."""

    view: View
    rules: tuple[tuple[tuple[str, ...], Mask, bool], ...]
    unmapped: Unmapped
    _known: dict[str, float] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, policy: Policy, it: Situation) -> "Allowed":
        """For the answers of one operation to one client."""
        rules = tuple(
            (rule.mask, rule.operator, rule.detect)
            for rule in policy.rules
            if rule.operator is not None
            and rule.mode == "enforce"
            and rule.scope.direction in (None, "response")
            and obstacle(rule, it, policy.consents) is None
        )
        return cls(policy.views[it.client.role], rules, policy.unmapped)

    def seen(self, category: str) -> float:
        """How many characters of a value may be seen, from its start: all, or what operators cut off."""
        known = self._known.get(category)
        if known is None:
            known = self._known[category] = inf if self.whole(category) else self._cut(category)
        return known

    def whole(self, category: str) -> bool:
        """Whether values of a category may be seen as they are."""
        if not personal(category):
            return True
        if self._masks(category):
            return False
        granted = max((len(each) for each in self.view.show if covers(each, category)), default=0)
        against = (each for each in self.view.mask if overlaps(each, category))
        return granted > 0 and all(covers(each, category) and len(each) < granted for each in against)

    def _cut(self, category: str) -> int:
        masks = [mask for each, mask in self.view.mask.items() if overlaps(each, category)]
        masks += self._masks(category)
        return max((mask.keep for mask in (*masks, self.view.hide_with) if mask.op == "truncate"), default=0)

    def _masks(self, category: str) -> list[Mask]:
        """Of the rules that mask a category; one that looks for it leaves what only may hold it."""
        return [
            mask
            for masked, mask, detect in self.rules
            if any((covers if detect else overlaps)(each, category) for each in masked)
        ]
