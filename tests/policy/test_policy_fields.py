"""What happens to a field: the most specific grant, tightened by all that may be in it."""

import pytest

from gateway.model import Mask, Rule, Scope, View
from gateway.policy.fields import VIEW, granted, treatment

REDACT, HASH, REMOVE, YEAR = (Mask(op=op) for op in ("redact", "hash", "remove", "year"))
NARROW = View(show=("user.contact.email",))
BROAD = View(show=("user",), mask={"user.contact": HASH, "user.contact.email": REDACT})
MIXED = View(show=("user.contact.email",), mask={"user.contact": HASH}, hide_with=REMOVE)


@pytest.mark.parametrize(
    ("view", "category", "mask"),
    [
        (View(), "user.name", REDACT),
        (View(hide_with=REMOVE), "user.name", REMOVE),
        (View(show=("user",)), "user.name.first", None),
        (View(show=("user.name",)), "user.namesake", REDACT),
        (NARROW, "user.contact.email", None),
        (NARROW, "user.contact", REDACT),
        (NARROW, "user", REDACT),
        (BROAD, "user.name", None),
        (BROAD, "user.contact.phone_number", HASH),
        (BROAD, "user.contact.email", REDACT),
        (BROAD, "user.contact", REDACT),
        (BROAD, "user", REDACT),
        (MIXED, "user.contact.email", None),
        (MIXED, "user.contact.phone_number", HASH),
        (MIXED, "user.contact", HASH),
        (MIXED, "user", REMOVE),
    ],
)
def test_what_a_view_does(view: View, category: str, mask: Mask | None) -> None:
    assert granted(view, category) == mask


def rule(name: str, category: str, mask: Mask, scope: Scope | None = None) -> Rule:
    return Rule(id=name, line=1, scope=scope or Scope(), mask=(category,), operator=mask)


RESPONSE, REQUEST = Scope(direction="response"), Scope(direction="request")


@pytest.mark.parametrize("category", ["user.contact", "user.contact.email", "user"])
def test_a_rule_meets_what_covers_it_and_what_it_covers(category: str) -> None:
    found = treatment(category, "response", None, (rule("r", "user.contact", HASH),))
    assert (found.mask, found.rules) == (HASH, ("r",))


def test_what_is_not_personal_is_left_alone() -> None:
    assert treatment("system.operations", "response", View(), (rule("r", "user", HASH),)).mask is None


@pytest.mark.parametrize(
    ("scope", "direction", "masked"),
    [
        (Scope(), "response", True),
        (Scope(), "request", False),
        (RESPONSE, "response", True),
        (RESPONSE, "request", False),
        (REQUEST, "request", True),
        (REQUEST, "response", False),
    ],
)
def test_a_rule_speaks_of_answers_unless_it_says_requests(scope: Scope, direction: str, masked: bool) -> None:
    found = treatment("user.name", direction, None, (rule("r", "user", HASH, scope),))  # type: ignore[arg-type]  # a table's text
    assert (found.mask is not None) is masked


def test_the_strictest_wins_and_is_named() -> None:
    rules = (rule("weak", "user", HASH), rule("strong", "user.name", REMOVE), rule("again", "user", REMOVE))
    found = treatment("user.name", "response", View(show=("user",)), rules)
    assert (found.mask, found.rules) == (REMOVE, ("strong", "again"))


def test_a_view_that_hides_is_named_beside_rules_of_the_same_strength() -> None:
    assert treatment("user.name", "response", View(), ()).rules == (VIEW,)
    assert treatment("user.name", "response", View(), (rule("r", "user", HASH),)).rules == (VIEW,)
    assert treatment("user.name", "response", View(), (rule("r", "user", REDACT),)).rules == (VIEW, "r")
    assert treatment("user.name", "response", View(), (rule("r", "user", REMOVE),)).rules == ("r",)


def test_a_join_that_no_single_rule_wanted_names_them_all() -> None:
    rules = (rule("year", "user", YEAR), rule("cut", "user", Mask(op="truncate", keep=3)))
    found = treatment("user.name", "response", None, rules)
    assert found.mask == Mask(op="truncate", keep=0) and found.rules == ("year", "cut")
    cut = treatment("user.name", "response", View(mask={"user": YEAR}), rules[1:])
    assert cut.mask == found.mask and cut.rules == (VIEW, "cut")
