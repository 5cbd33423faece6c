"""Exchanges played against a script."""

import json

import pytest

from gateway.errors import InternalError, StoreError
from gateway.exchange.case import Case, CaseRequest, CaseResponse, CaseWebhook, Expectation, Known
from gateway.exchange.commands import Append
from gateway.exchange.replay import run_case, upstream_for
from gateway.exchange.script import Script
from gateway.policy.packfile import read_pack
from gateway.policy.rulefile import read_rules
from tests.world import PACK, RULES

POLICY = read_rules(RULES.encode(), "acme.yaml")
PACKS = {"crm": read_pack(PACK, "crm/pack.yaml")}


def case(**changes: object) -> Case:
    given: dict[str, object] = {
        "name": "n",
        "file": "f",
        "client": "helpdesk",
        "upstream": "crm",
        "request": CaseRequest(method="GET", path="/contacts/7"),
        "response": CaseResponse(
            status=200, headers=(("Content-Type", "application/json"),), body=b'{"email": "a@b.fr"}'
        ),
        "expect": Expectation(effect="allow"),
    }
    return Case(**{**given, **changes})  # type: ignore[arg-type]  # a test's table


def test_a_case_gives_what_came_out() -> None:
    out = run_case(case(), POLICY, PACKS)
    assert (out.effect, out.status, out.masked, json.loads(out.body)) == (
        "allow",
        200,
        1,
        {"email": "[redacted]"},
    )
    assert out.rules == ("view:support",) and out.upstream_request is not None
    assert (out.upstream_request.method, out.upstream_request.path) == ("GET", "/contacts/7")


def test_a_case_without_an_answer_is_an_upstream_that_is_away() -> None:
    assert run_case(case(response=None), POLICY, PACKS).reason == "upstream_unreachable"


@pytest.mark.parametrize(
    "changes",
    [
        {"client": "nobody"},
        {"upstream": "nothing"},
        {"registry": (Known(kind="phone", value="no number"),)},
        {"webhooks": (CaseWebhook(provider="nobody", path=""),)},
        {"webhooks": (CaseWebhook(provider="crm", path="", client="nobody"),)},
        {"webhooks": (CaseWebhook(provider="crm", path="", headers=(("Content-Type", "x/y"),), body=b"x"),)},
    ],
)
def test_a_case_that_names_what_is_not_there_is_a_mistake(changes: dict[str, object]) -> None:
    with pytest.raises(InternalError):
        run_case(case(**changes), POLICY, PACKS)


def test_an_upstream_stands_where_the_case_says() -> None:
    assert (upstream_for(PACKS["crm"]).region, upstream_for(PACKS["crm"]).operator) == ("FR", "OVH")
    moved = upstream_for(PACKS["crm"], "192.0.2.1", "US", "AWS")
    assert (moved.region, moved.operator, moved.connect) == ("US", "AWS", ("192.0.2.1",))


def test_a_script_that_released_nothing_says_so() -> None:
    with pytest.raises(InternalError):
        _ = Script(commands=[Append(None)]).released  # type: ignore[arg-type]  # no record is needed
    with pytest.raises(StoreError):
        Script(failures={Append: StoreError("audit_unavailable", "")}).answer_to(Append(None))  # type: ignore[arg-type]  # as above
