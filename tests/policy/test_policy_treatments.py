"""Rules only tighten treatments: how strict, not only whether."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.masking.table import OPERATORS, stricter
from gateway.model import Mask, Rule, Scope, View
from gateway.policy.fields import granted, treatment
from tests.policy.tightening import SUBJECTS, category

# ---- and on treatments alone: how strict, not only whether ------------------------------------------------

mask_values = st.one_of(
    st.sampled_from([Mask(op=op) for op in OPERATORS]),
    st.builds(Mask, op=st.just("partial"), keep_first=st.integers(0, 4), keep_last=st.integers(0, 4)),
    st.builds(Mask, op=st.just("truncate"), keep=st.integers(0, 9)),
    st.builds(Mask, op=st.just("age_band"), width=st.integers(0, 9)),
    st.builds(Mask, op=st.just("fixed"), text=st.sampled_from(("a", "b"))),
)
view_values = st.builds(
    View,
    show=st.lists(category, max_size=3).map(tuple),
    mask=st.dictionaries(category, mask_values, max_size=3),
    hide_with=mask_values,
)
mask_rules = st.builds(
    Rule,
    id=st.text("abc", min_size=1, max_size=2),
    line=st.just(1),
    scope=st.builds(Scope, direction=st.sampled_from((None, "request", "response"))),
    mask=st.lists(category, min_size=1, max_size=2).map(tuple),
    operator=mask_values,
)
sides = st.sampled_from(("request", "response"))


@settings(deadline=None, max_examples=300)
@given(category, sides, st.none() | view_values, st.lists(mask_rules, max_size=4), mask_rules)
def test_a_masked_value_stays_masked_as_strictly(
    what: str, side: Any, view: View | None, held: list[Rule], added: Rule
) -> None:
    before = treatment(what, side, view, tuple(held)).mask
    after = treatment(what, side, view, (*held, added)).mask
    if before is not None:
        assert after is not None
        assert OPERATORS[after.op].rank >= OPERATORS[before.op].rank
        assert stricter(before, after) == after
    assert treatment(what, side, view, (*held, added, added)).mask == after
    assert treatment(what, side, view, (added, *reversed(held))).mask == after


@settings(deadline=None, max_examples=300)
@given(view_values, category, st.sampled_from(SUBJECTS), mask_values)
def test_what_a_field_may_hold_is_masked_at_least_as_its_part(
    view: View, broad: str, narrow: str, mask: Mask
) -> None:
    if not narrow.startswith(broad + "."):
        return
    view = msgspec.structs.replace(view, mask={**view.mask, narrow: mask})
    found = granted(view, broad)
    assert found is not None and stricter(found, mask) == found
