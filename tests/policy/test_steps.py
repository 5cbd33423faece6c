from collections.abc import Iterable
from datetime import date

import pytest
from msgspec.structs import replace

from gateway.model import Policy
from gateway.policy.infringing import confirmed, infringing
from gateway.policy.rulefile import read_rules
from gateway.policy.steps import Standing, record_of, said, standings, steps
from gateway.recipients import Decision
from gateway.transfers import Confirmation
from tests.world import RULES

TODAY = date(2026, 11, 22)
ENDED = "{scc: {recipients: x, until: 2026-01-01, ref: y}}"
SHIELD = "{privacy_shield: {recipients: x}}"
NEXT = "{scc: {recipients: x, until: 2027-01-01, ref: z}}"


def policy(bases: str, *said: Confirmation, before: str = "", rest: str = "", more: str = "") -> Policy:
    text = (
        f"{RULES}{more}rules:\n{before}  - {{id: r, residency: {{regions: [EEA], bases: [{bases}]}}{rest}}}\n"
    )
    return replace(read_rules(text.encode(), "acme.yaml"), confirmations=said)


def standing(it: Policy, on: date = TODAY) -> Standing:
    return next(each for each in standings(it, on) if each.name == "r")


def said_of(it: Policy, on: date = TODAY, word: str = "confirm") -> Confirmation:
    at = standing(it, on)
    made = {"tenant": "acme", "rule": "r", "by": "dpo", "date": "2026-11-22", "reason": "litigation"}
    if word == "withdraw":
        return Confirmation(**made, word="withdraw", text=at.text, basis=at.basis)
    return Confirmation(**made, word="confirm", text=at.text, basis=at.basis)


def test_a_confirmation_is_about_the_rule_as_it_was() -> None:
    it = policy(ENDED)
    once = said_of(it)
    assert infringing(it, TODAY) and standing(it).state == "suspended"
    for same in (policy(ENDED, once), policy(ENDED, once, before="  # a line\n"), policy(ENDED, once, once)):
        assert not infringing(same, TODAY)
        assert standing(same).told == "confirmed by dpo on 2026-11-22: litigation"
    others = (
        policy(f"{ENDED}, {NEXT}", once),
        policy(ENDED.replace("ref: y", "ref: w"), once),
        policy(ENDED, once, rest=", roles: [support]"),
        policy(ENDED, once, said_of(it, word="withdraw")),
        policy(ENDED, replace(once, rule="other")),
        policy(ENDED, replace(once, basis="")),
    )
    assert [standing(each).state for each in others] == ["suspended"] * 6


def test_a_confirmation_ends_when_something_else_falls() -> None:
    it = policy(f"{ENDED}, {NEXT}")
    it = replace(it, confirmations=(said_of(it),))
    assert confirmed(it.rules[-1], it, date(2026, 12, 31)) is not None
    assert confirmed(it.rules[-1], it, date(2027, 1, 1)) is None
    [(word, now)] = steps([standing(it)], [standing(it, date(2027, 1, 1))])
    assert word == "suspended" and now.told.startswith("the confirmation does not hold any more, something")


def test_of_countries_it_counts_which_are_not_adequate() -> None:
    it = policy("{adequacy: {countries: [CA, JP]}}")
    before, between = date(2001, 1, 1), date(2010, 1, 1)  # neither; Canada since 2001-12-20
    it = replace(it, confirmations=(said_of(it, before),))
    assert [standing(it, day).state for day in (before, between, TODAY)] == [
        "confirmed",
        "suspended",
        "sound",
    ]
    other = replace(it, law="CH")
    assert standing(other, before).state == "suspended"


def told(before: Iterable[Standing], after: Iterable[Standing]) -> list[tuple[str, str, str]]:
    return [(word, each.name, each.told) for word, each in steps(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "word", "why"),
    [
        (None, policy(SHIELD), "suspended", "a transfer on the basis privacy_shield, which is void"),
        (policy(SHIELD), policy(f"{SHIELD}, {NEXT}"), "suspended", "the rule was changed: a transfer"),
        (policy(SHIELD), policy(NEXT), "resolved", "the rule was changed"),
        (policy(SHIELD), policy(SHIELD, said_of(policy(SHIELD))), "resumed", "confirmed by dpo on 2026"),
        (policy(SHIELD, said_of(policy(SHIELD))), policy(SHIELD), "suspended", "the confirmation does not"),
        (policy(SHIELD, said_of(policy(SHIELD))), policy(NEXT), "resolved", "the rule was changed"),
        (
            policy(SHIELD),
            policy(SHIELD, rest=", confirmed: {by: a, reason: b, date: 2026-01-01}"),
            "resumed",
            "confirmed in the rule file by a on 2026-01-01: b",
        ),
        (policy(SHIELD), None, "resolved", "it is not in the rules any more"),
    ],
)
def test_steps_of_a_rule(before: Policy | None, after: Policy | None, word: str, why: str) -> None:
    was, now = ((standing(each),) if each else () for each in (before, after))
    [(step, name, text)] = told(was, now)
    assert (step, name, text[: len(why)]) == (word, "r", why)
    assert told(now, now) == []


def test_what_is_sound_is_no_step() -> None:
    assert told((), [standing(policy(NEXT))]) == []
    assert standing(policy("{tenant_consent: {name: a}}", more="consents: [a]\n")).state == "sound"


LIST = """\
subprocessors:
  - {operator: OVH, dpa: D-1, announced: 2026-11-01, objection_period: 21 days}
  - {operator: AWS, dpa: D-2, announced: 2020-01-01, purposes: [marketing]}
"""


def test_steps_of_a_recipient() -> None:
    listed = policy(NEXT, more=LIST)

    def at(day: date, it: Policy = listed) -> tuple[Standing, ...]:
        return tuple(each for each in standings(it, day) if each.kind == "recipient")

    before, after = at(date(2026, 11, 21)), at(date(2026, 11, 22))
    assert told((), before) == [
        ("announced", "OVH", "D-1, announced 2026-11-01, opens on 2026-11-22"),
        ("opened", "AWS (marketing)", "D-2, announced 2020-01-01"),
    ]
    assert told(before, after) == [("opened", "OVH", "D-1, announced 2026-11-01")]
    objected = ", objected: {by: dpo, date: 2026-11-20, reason: no report}}\n"
    closed = policy(NEXT, more=LIST.replace("21 days}\n", "21 days" + objected))
    text = "D-1, announced 2026-11-01, objected by dpo on 2026-11-20: no report"
    assert told(after, at(TODAY, closed)) == [("closed", "OVH", text)]
    assert [word for word, _, _ in told(after, ())] == ["unlisted", "unlisted"]


def test_their_records() -> None:
    it = standing(policy(SHIELD))
    made = record_of("suspended", it, 1_790_000_000.5, 3)
    assert (made.phase, made.reason, made.rules, made.operator) == ("step", "suspended", ("r",), "")
    assert (made.policy, made.note) == (it.version, it.told) and made.id.endswith("-3")
    spoken = said(said_of(policy(SHIELD)), 1.0)
    assert (spoken.reason, spoken.rules, spoken.note) == ("confirmed", ("r",), "by dpo: litigation")
    decided = said(Decision(tenant="t", operator="o", word="object", by="x", date="2026-01-01"), 1.0)
    assert (decided.reason, decided.operator, decided.note) == ("objected", "o", "by x")
