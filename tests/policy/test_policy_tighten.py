"""Rules only tighten: for generated policies and one more rule, nothing gets through that did not before.

One thing a rule may change besides: `on_refusal: drop` says how a refusal is carried out, so a request with a
refused recipient can go on without it. What is sent then is what the policy lets through without that rule.
"""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.contacts.model import Suppression
from tests.policy.tightening import (
    EMAILS,
    PHONES,
    ROLES,
    TOKENS,
    Json,
    Policy,
    Request,
    Scene,
    allowed,
    decided,
    mail,
    message,
    passed_on,
    policies,
    recipients,
    rules,
    scenes,
    shown,
)

# ---- the properties -------------------------------------------------------------------------------------

EVERYBODY = {role: {"show": ["user"]} for role in ROLES}
DROP = {"contact": {"channels": ["email"]}, "on_refusal": "drop"}
REVEALED = {role: {**view, "reveal": "user"} for role, view in EVERYBODY.items()}
CALLED = Scene("caller", message(TOKENS[0]), {}, "127.0.0.1")
COPIED = Scene("support", mail(EMAILS[0], [EMAILS[1]]), {EMAILS[1]: [Suppression()]}, "127.0.0.1")


@settings(deadline=None, max_examples=200)
@given(policies, rules(), scenes)
@example(Policy(EVERYBODY, (), "pass"), DROP, COPIED)
@example(Policy(REVEALED, (), "pass"), {"seal": ["user.contact"]}, CALLED)
def test_one_more_rule_lets_nothing_more_through(policy: Policy, rule: Json, scene: Scene) -> None:
    before, after = scene.play(policy), scene.play(policy.plus(rule))
    if allowed(before):
        assert shown(scene, after) <= shown(scene, before)
        assert recipients(after) <= recipients(before)
        assert passed_on(scene, after) <= passed_on(scene, before)
    elif allowed(after):
        assert rule.get("on_refusal") == "drop" and after.records[-1].dropped
        rest = json.loads(after.sent[1])
        asked = scene.play(policy, Request("POST", "/crm/mails", json_body=rest))
        assert allowed(asked), "without the ones left out the policy lets it through"
        assert recipients(asked) == recipients(after)


@settings(deadline=None)
@given(policies, rules(), scenes)
def test_a_shadow_rule_changes_only_what_is_reported(policy: Policy, rule: Json, scene: Scene) -> None:
    before, after = scene.play(policy), scene.play(policy.plus({**rule, "mode": "shadow"}))
    assert decided(before) == decided(after)
    was, now = before.records[-1], after.records[-1]
    assert set(was.rules) == set(now.rules)
    assert set(was.shadow) <= set(now.shadow) <= {*was.shadow, f"r{len(policy.rules)}"}


@settings(deadline=None)
@given(policies, scenes, st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(policy: Policy, scene: Scene, random: Any) -> None:
    mixed = list(policy.rules)
    random.shuffle(mixed)
    assert decided(scene.play(policy)) == decided(
        scene.play(Policy(policy.views, tuple(mixed), policy.unmapped))
    )


@settings(deadline=None)
@given(policies.filter(lambda policy: policy.rules), scenes, st.data())
def test_a_rule_said_twice_is_said_once(policy: Policy, scene: Scene, data: st.DataObject) -> None:
    again = data.draw(st.sampled_from(policy.rules))
    assert decided(scene.play(policy)) == decided(scene.play(policy.plus(again)))


def test_a_seal_takes_away_what_a_view_grants() -> None:
    open_, sealed = Policy(REVEALED, (), "pass"), Policy(REVEALED, ({"seal": ["user.contact"]},), "pass")
    assert passed_on(CALLED, CALLED.play(open_)) >= {PHONES[0]}
    assert not allowed(CALLED.play(sealed))
