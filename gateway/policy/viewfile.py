"""How views are written: what a role may see of a person. Pure."""

from typing import Final, get_args

from gateway.model import Mask, RevealIn, View, WriteBack
from gateway.policy.narrowing import many
from gateway.policy.operators import OPERATOR
from gateway.policy.rulekinds import CONFIRMED
from gateway.policy.taxonomy import CATEGORY
from gateway.strict.kinds import one_of
from gateway.strict.shapes import Fault, Key, ListOf, MapOf, Table
from gateway.transfers import Confirmed


def _view(
    hide_with: Mask,
    reveal_in: RevealIn,
    write_back: WriteBack,
    show: tuple[str, ...] = (),
    mask: dict[str, Mask] | None = None,
    reveal: tuple[str, ...] = (),
    confirmed: Confirmed | None = None,
    line: int = 0,
) -> View | Fault:
    both = set(show) & set(mask or ())
    if both:
        return Fault("mask", f"{min(both)!r} both shown and masked", "each category in one place")
    return View(
        show=show,
        mask=mask or {},
        hide_with=hide_with,
        reveal=reveal,
        reveal_in=reveal_in,
        write_back=write_back,
        confirmed=confirmed,
        line=line,
    )


VIEW: Final = Table(
    "view",
    (
        Key("show", ListOf(CATEGORY, least=0, one=True), "Data categories shown as they are."),
        Key("mask", MapOf(CATEGORY, OPERATOR), "Data categories shown masked, and how."),
        Key("hide_with", OPERATOR, "How everything else is hidden.", default="redact"),
        Key("reveal", many(CATEGORY), "Data categories whose tokens are restored when they are sent back."),
        Key(
            "reveal_in",
            one_of(*get_args(RevealIn)),
            "Where tokens are restored: in fields that hold their category, or in any value.",
            default="mapped",
        ),
        Key(
            "write_back",
            one_of(*get_args(WriteBack)),
            "What happens to masks in a body that writes: refused, or taken out of it; `restore` also gives "
            "tokens that the view shows their value back in fields of their category.",
            default="refuse",
        ),
        Key("confirmed", CONFIRMED, "Who has confirmed it although the law speaks against it, and why."),
    ),
    _view,
    lines=True,
    doc="What a role may see of a person. What a view does not name is hidden.",
)
