"""What happens to a field: a view grants, mask rules tighten, the strictest wins. Pure."""

from dataclasses import dataclass

from gateway.masking.table import stricter
from gateway.model import Direction, Mask, Rule, View, covers, overlaps
from gateway.policy.matchers import personal

_GONE = Mask(op="remove")
VIEW = "view:"
"""Stands for the view among the rules that determined a treatment; no rule can have this id."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """How values of a category are shown: `mask` None shows them. `rules` determined it."""

    mask: Mask | None
    rules: tuple[str, ...]


def granted(view: View, category: str) -> Mask | None:
    """What a view does with a category: the most specific grant, tightened by masks of what it may hold.

    A field labelled broadly (`user.contact`) may hold what a mask names narrowly (`user.contact.email`), so
    that mask applies to it too; a narrow `show` never opens a broad field.
    """
    shown = max((len(c) for c in view.show if covers(c, category)), default=-1)
    masks = [(len(c), m) for c, m in view.mask.items() if covers(c, category)]
    depth = max((n for n, _ in masks), default=-1)
    if shown < 0 and depth < 0:
        result: Mask | None = view.hide_with
    elif shown > depth:
        result = None
    else:
        result = _join([m for n, m in masks if n == depth])
    return _join([result, *(m for c, m in view.mask.items() if covers(category, c) and c != category)])


def treatment(category: str, direction: Direction, view: View | None, rules: tuple[Rule, ...]) -> Treatment:
    """The joined treatment of one category. `view` None grants everything (a request is the client's own).

    `rules` are the mask rules that apply in this situation; those for the other direction are passed over.
    """
    if not personal(category):
        return Treatment(None, ())
    parts = [(VIEW, base)] if view and (base := granted(view, category)) else []
    parts += [
        (rule.id, rule.operator)
        for rule in rules
        if rule.operator
        and (rule.scope.direction or "response") == direction
        # A rule that looks for it does not mask what only may hold it.
        and any((covers if rule.detect else overlaps)(c, category) for c in rule.mask)
    ]
    parts += [
        (rule.id, _GONE)
        for rule in rules
        if rule.only and direction == "request" and not any(covers(c, category) for c in rule.only)
    ]
    final = _join([mask for _, mask in parts])
    if final is None:
        return Treatment(None, ())
    alone = tuple(name for name, mask in parts if _join([mask, final]) == mask)
    return Treatment(final, alone or tuple(name for name, _ in parts))


def _join(masks: list[Mask | None]) -> Mask | None:
    result: Mask | None = None
    for mask in masks:
        if mask is not None:
            result = mask if result is None else stricter(result, mask)
    return result
