"""The table of masking operators, and which of two masks is the stricter. Pure.

"Stricter" is a join: commutative, associative and idempotent, so that the order of rules never matters.
Where no mask is stricter than showing, there is no mask: showing is no operator.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from math import lcm

import msgspec

from gateway.codecs.program import Masker
from gateway.errors import InternalError
from gateway.masking.dates import make_age_band, make_date_shift
from gateway.masking.generalise import make_fixed, make_initials
from gateway.masking.means import Means
from gateway.masking.operators import (
    make_hash,
    make_partial,
    make_redact,
    make_remove,
    make_truncate,
    make_truncate_ip,
    make_year,
)
from gateway.masking.places import make_coordinates, make_postcode_area
from gateway.model import Mask

Make = Callable[[Mask, str, bytes], Masker]
"""(mask, category, key) -> masker."""
Maker = Callable[[Mask, str, Means], Masker]
"""(mask, category, means) -> masker."""


@dataclass(frozen=True, slots=True)
class Operator:
    """How strict an operator is, how its masker is made, and which members of Mask it reads."""

    rank: int
    make: Maker
    params: tuple[str, ...] = ()


def _keyed(make: Make) -> Maker:
    return lambda mask, category, means: make(mask, category, means.key)


REVERSIBLE = "token"
"""The operator whose maker belongs to one tenant: gateway.masking.token, Tokens.masker."""

OPERATORS: Mapping[str, Operator] = {
    "remove": Operator(60, _keyed(make_remove)),
    "redact": Operator(50, _keyed(make_redact)),
    "fixed": Operator(45, make_fixed, ("text",)),
    REVERSIBLE: Operator(40, _keyed(make_redact)),  # without token keys nothing is shown
    "hash": Operator(30, _keyed(make_hash)),
    "partial": Operator(20, _keyed(make_partial), ("keep_first", "keep_last")),
    "year": Operator(10, _keyed(make_year)),
    "age_band": Operator(10, make_age_band, ("width",)),
    "date_shift": Operator(10, make_date_shift, ("days",)),
    "postcode_area": Operator(10, make_postcode_area),
    "coordinates": Operator(10, make_coordinates, ("decimals",)),
    "initials": Operator(10, make_initials),
    "truncate": Operator(10, _keyed(make_truncate), ("keep",)),
    "truncate_ip": Operator(10, _keyed(make_truncate_ip)),
}

JOINS: Mapping[str, Callable[[int, int], int]] = {
    "keep_first": min,
    "keep_last": min,
    "keep": min,
    "decimals": min,
    "days": max,
    "width": lcm,  # the bands of both are whole parts of its bands, which those of the wider one need not be
}
"""Parameter of Mask -> the one of two values that shows no more than either."""

PLUGIN = "plugin:"
"""How `Mask.op` begins for a masker that came with a plugin; its name follows."""

_NONE: Mapping[str, Make] = {}

NOTHING = Mask(op="truncate", keep=0)
"""Above all generalisations and below partial: shows nothing, as redact does.

Two generalisations have no stricter one among them. Redact itself cannot be their join: hash and partial are
above each of the two, hence above their join, or the order of rules would decide.
"""


def stricter(a: Mask, b: Mask) -> Mask:
    """The mask that shows no more than either, by the order of OPERATORS. Raises InternalError."""
    if a.op.startswith(PLUGIN) or b.op.startswith(PLUGIN):
        return _beside(a, b)
    first, second = _operator(a), _operator(b)
    if first.rank != second.rank:
        return _plain(a if first.rank > second.rank else b)
    if a.op != b.op:
        return NOTHING
    if a.text != b.text and "text" in first.params:
        return Mask(op="redact")  # two texts have nothing in common
    return msgspec.structs.replace(
        Mask(op=a.op, text=a.text if "text" in first.params else ""),
        **{
            name: join(getattr(a, name), getattr(b, name))
            for name, join in JOINS.items()
            if name in first.params
        },
    )


def _beside(a: Mask, b: Mask) -> Mask:
    """A plugin's masker stands beside all that shows something: what it shows is its own affair.

    So nothing but itself and what shows nothing can be its join, or a rule with a plugin could show what a
    built-in operator hides.
    """
    if a.op == b.op:
        return Mask(op=a.op)
    known = [_operator(mask).rank for mask in (a, b) if not mask.op.startswith(PLUGIN)]
    return Mask(op="remove" if known == [OPERATORS["remove"].rank] else "redact")


def build(
    mask: Mask,
    category: str,
    key: bytes,
    plugins: Mapping[str, Make] = _NONE,
    tokens: Make = make_redact,
    *,
    on: date | None = None,
    country: str | None = None,
) -> Masker:
    """The masker for values of a category; `key` is the tenant's masking key. Raises InternalError.

    `plugins` are the maskers that came with plugins, by name; `tokens` makes the tenant's tokens.
    `on` is the day the masker is for, `country` the tenant's.
    """
    if mask.op == REVERSIBLE:
        return tokens(mask, category, key)
    if mask.op.startswith(PLUGIN) and mask.op[len(PLUGIN) :] in plugins:
        return plugins[mask.op[len(PLUGIN) :]](mask, category, key)
    return _operator(mask).make(mask, category, Means(key, on, country))


def _plain(mask: Mask) -> Mask:
    """The mask without parameters that its operator does not read."""
    return stricter(mask, mask)


def _operator(mask: Mask) -> Operator:
    try:
        return OPERATORS[mask.op]
    except KeyError:
        raise InternalError("an unknown masking operator", mask.op) from None
