"""What a role may see of a person, and how the rest is hidden, as frozen values. Pure."""

from typing import Literal, dataclass_transform

import msgspec

from gateway.transfers import Confirmed

RevealIn = Literal["mapped", "anywhere"]
WriteBack = Literal["refuse", "strip", "restore"]


# model.Struct stands above this module, whose values are in it.
@dataclass_transform(frozen_default=True, kw_only_default=True)
class _Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Frozen, keyword-only, packable."""


class Mask(_Struct):
    """One masking operator with its parameters; `op` is a key of masking.table.OPERATORS.

    `keep_first`/`keep_last` (partial): characters shown. `keep` (truncate): characters shown. `width`
    (age_band): years. `decimals` (coordinates): digits after the point. `days` (date_shift): the most a date
    is moved. `text` (fixed): what is shown instead.
    """

    op: str
    keep_first: int = 0
    keep_last: int = 0
    keep: int = 0
    width: int = 0
    decimals: int = 0
    days: int = 0
    text: str = ""


class View(_Struct):
    """What a role may see: categories shown, categories shown masked, and how the rest is hidden.

    `reveal` are categories whose tokens the role may send back to be restored; `reveal_in` says whether only
    in fields of their category. `write_back` says what happens to masks in a body that writes. `confirmed`:
    it holds although the law speaks against it. `line` is where it stands in its file.
    """

    show: tuple[str, ...] = ()
    mask: dict[str, Mask] = {}
    hide_with: Mask = Mask(op="redact")
    reveal: tuple[str, ...] = ()
    reveal_in: RevealIn = "mapped"
    write_back: WriteBack = "refuse"
    confirmed: Confirmed | None = None
    line: int = 0
