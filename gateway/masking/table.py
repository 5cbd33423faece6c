"""The table of masking operators, and which of two masks is the stricter. Pure.

"Stricter" is a join: commutative, associative and idempotent, so that the order of rules never matters.
Where no mask is stricter than showing, there is no mask: showing is no operator.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.codecs.program import Masker
from gateway.errors import InternalError
from gateway.masking.operators import (
    make_hash,
    make_partial,
    make_redact,
    make_remove,
    make_truncate,
    make_truncate_ip,
    make_year,
)
from gateway.model import Mask

Make = Callable[[Mask, str, bytes], Masker]
"""(mask, category, key) -> masker."""


@dataclass(frozen=True, slots=True)
class Operator:
    """How strict an operator is, how its masker is made, and which members of Mask it reads."""

    rank: int
    make: Make
    params: tuple[str, ...] = ()


REVERSIBLE = "token"
"""The operator whose maker belongs to one tenant: gateway.masking.token, Tokens.masker."""

OPERATORS: Mapping[str, Operator] = {
    "remove": Operator(60, make_remove),
    "redact": Operator(50, make_redact),
    REVERSIBLE: Operator(40, make_redact),  # without token keys nothing is shown
    "hash": Operator(30, make_hash),
    "partial": Operator(20, make_partial, ("keep_first", "keep_last")),
    "year": Operator(10, make_year),
    "truncate": Operator(10, make_truncate, ("keep",)),
    "truncate_ip": Operator(10, make_truncate_ip),
}

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
    return Mask(
        op=a.op,
        keep_first=min(a.keep_first, b.keep_first) if "keep_first" in first.params else 0,
        keep_last=min(a.keep_last, b.keep_last) if "keep_last" in first.params else 0,
        keep=min(a.keep, b.keep) if "keep" in first.params else 0,
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
) -> Masker:
    """The masker for values of a category; `key` is the tenant's masking key. Raises InternalError.

    `plugins` are the maskers that came with plugins, by name; `tokens` makes the tenant's tokens.
    """
    if mask.op == REVERSIBLE:
        return tokens(mask, category, key)
    if mask.op.startswith(PLUGIN) and mask.op[len(PLUGIN) :] in plugins:
        return plugins[mask.op[len(PLUGIN) :]](mask, category, key)
    return _operator(mask).make(mask, category, key)


def _plain(mask: Mask) -> Mask:
    """The mask without parameters that its operator does not read."""
    return stricter(mask, mask)


def _operator(mask: Mask) -> Operator:
    try:
        return OPERATORS[mask.op]
    except KeyError:
        raise InternalError("an unknown masking operator", mask.op) from None
