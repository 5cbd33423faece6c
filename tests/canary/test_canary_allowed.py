"""What may be seen, read once more: never less strict than the views and rules that plans are made from."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canary.allowed import Allowed
from gateway.model import Mask, Rule, View
from gateway.policy.fields import treatment

CATEGORIES = (
    "user",
    "user.name",
    "user.name.first",
    "user.contact",
    "user.contact.email",
    "user.contact.phone_number",
    "system.operations",
)
category = st.sampled_from(CATEGORIES)
masks = st.sampled_from((Mask(op="redact"), Mask(op="hash"), Mask(op="truncate", keep=5)))
views = st.builds(
    lambda show, mask: View(show=tuple(show), mask={c: m for c, m in mask.items() if c not in show}),
    st.lists(category, max_size=3, unique=True),
    st.dictionaries(category, masks, max_size=3),
)
rules = st.lists(
    st.tuples(st.lists(category, min_size=1, max_size=2, unique=True).map(tuple), masks, st.booleans()),
    max_size=2,
)


@given(views, rules, category)
def test_it_is_the_same_as_what_plans_are_made_from(
    view: View, some: list[tuple[tuple[str, ...], Mask, bool]], wanted: str
) -> None:
    """Two readings of the same words, written apart."""
    made = tuple(
        Rule(id=f"r{n}", line=1, mask=m, operator=op, detect=detect) for n, (m, op, detect) in enumerate(some)
    )
    plain = treatment(wanted, "response", view, made).mask is None
    assert Allowed(view, tuple(some), "redact").whole(wanted) is plain


@pytest.mark.parametrize(
    ("wanted", "keep"), [("user.name.first", 9), ("user.contact", 0), ("user.contact.email", inf)]
)
def test_what_is_cut_off_shows_so_much(wanted: str, keep: float) -> None:
    view = View(show=("user.contact.email",), mask={"user.name": Mask(op="truncate", keep=9)})
    assert Allowed(view, (), "redact").seen(wanted) == keep


def test_how_the_rest_is_hidden_counts() -> None:
    view = View(hide_with=Mask(op="truncate", keep=4))
    assert Allowed(view, ((("user",), Mask(op="truncate", keep=6), False),), "redact").seen("user.name") == 6
