"""The packs of a shop (Stripe, Shippo, Mixpanel) against the sources of their SDKs, and on their answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.model import Field, Operation, Pack
from gateway.policy.packs import load_packs
from tests.plugins.pathcover import call
from tests.world import RULES, World, json_answer

ROOT = Path(__file__).parents[2]
TRUTH: dict[str, Any] = json.loads((ROOT / "tests/vectors/shop_index.json").read_text())
PACKS = {pack.provider: pack for pack in load_packs([ROOT / "plugins"]).packs}
STRIPE, SHIPPO, MIXPANEL = (PACKS[name] for name in ("stripe", "shippo", "mixpanel"))
EARLIER = {"payment_method_types[]"}
"""Of versions of the API before the one the SDK is made for."""


def operation(pack: Pack, wanted: str) -> Operation:
    return next(each for each in pack.operations if call(each) == wanted)


@pytest.mark.parametrize("wanted", TRUTH["stripe"])
def test_stripe_takes_these_parameters(wanted: str) -> None:
    named = {field.path for field in operation(STRIPE, wanted).request.form}
    assert named and named - EARLIER <= set(TRUTH["stripe"][wanted])


def test_every_card_number_that_stripe_takes_is_one_in_its_pack() -> None:
    """Truth from the SDK: wherever a form has a card's number, code or end, the pack says what it is."""
    for wanted, names in TRUTH["stripe"].items():
        fields = {field.path: field.category for field in operation(STRIPE, wanted).request.form}
        secret = [name for name in names if name.endswith(("[number]", "[cvc]", "[exp_month]", "[exp_year]"))]
        assert all(fields[name] == "user.financial.credit_card" for name in secret)


def test_shippo_has_these_paths() -> None:
    assert {each.path for each in SHIPPO.operations} <= set(TRUTH["paths"])


@pytest.mark.parametrize("wanted", ["address", "shipment", "transaction"])
def test_shippo_takes_these_members(wanted: str) -> None:
    place = {"address": "/addresses", "shipment": "/shipments", "transaction": "/transactions"}[wanted]
    named = members(operation(SHIPPO, f"POST {place}").request.json)
    assert named - {"detail"} <= set(TRUTH["shippo"][wanted])
    every = members(operation(SHIPPO, f"POST {place}").response.json)
    assert set(TRUTH["shippo"][wanted]) <= every, "what comes back is named"


def members(fields: tuple[Field, ...]) -> set[str]:
    return {field.path.split(".")[0].removesuffix("[]") for field in fields}


NOBODY = RULES.partition("views:")[0] + "views: {support: {}, caller: {}, admin: {}}\n"
R = "[redacted]"
CARD = {
    "brand": "visa",
    "country": "US",
    "exp_month": 8,
    "fingerprint": "AOB934",
    "last4": "4242",
    "name": "Jenny",
}
ANSWERS = {
    "stripe GET /v1/payment_methods/pm_1": (
        {
            "id": "pm_1",
            "object": "payment_method",
            "type": "card",
            "card": CARD,
            "billing_details": {"email": "jenny@example.com", "address": {"city": "Rome", "line1": "Via 1"}},
            "metadata": {"order": "of Jenny"},
        },
        {
            "id": "pm_1",
            "object": "payment_method",
            "type": "card",
            "card": {"brand": R, "country": R, "exp_month": None, "fingerprint": R, "last4": R, "name": R},
            "billing_details": {"email": R, "address": {"city": R, "line1": R}},
            "metadata": {"order": R},
        },
    ),
    "stripe GET /v1/payment_intents/pi_1": (
        {"id": "pi_1", "client_secret": "pi_1_secret", "receipt_email": "j@example.com", "amount": 1099},
        {"id": "pi_1", "client_secret": R, "receipt_email": R, "amount": 1099},
    ),
    "shippo GET /shipments/s1": (
        {
            "object_id": "s1",
            "object_owner": "shop@example.com",
            "address_to": {"name": "Jenny", "zip": "10", "is_complete": True, "metadata": "x"},
            "rates": [{"amount": "5.50", "provider": "DHL", "messages": [{"text": "Via 1?"}]}],
            "customs_declaration": {"certify_signer": "Jenny", "incoterm": "DDP"},
        },
        {
            "object_id": "s1",
            "object_owner": R,
            "address_to": {"name": R, "zip": R, "is_complete": True, "metadata": R},
            "rates": [{"amount": "5.50", "provider": "DHL", "messages": [{"text": R}]}],
            "customs_declaration": {"certify_signer": R, "incoterm": "DDP"},
        },
    ),
    "mixpanel POST /import": (
        {
            "code": 400,
            "error": "some data points",
            "failed_records": [
                {"index": 0, "$insert_id": "i", "field": "properties.time", "message": "of Jenny"}
            ],
            "num_records_imported": 23,
            "status": "Bad Request",
        },
        {
            "code": 400,
            "error": R,
            "failed_records": [{"index": 0, "$insert_id": "i", "field": "properties.time", "message": R}],
            "num_records_imported": 23,
            "status": "Bad Request",
        },
    ),
}
"""What is asked -> the answer, and what is left of it for who may see nothing of anybody (R: hidden)."""


@pytest.mark.parametrize("asked", ANSWERS)
def test_who_sees_nobody_is_left_with_structure(asked: str) -> None:
    provider, method, path = asked.split(" ")
    answer, left = ANSWERS[asked]
    pack = (ROOT / f"plugins/{provider}/pack.yaml").read_bytes()
    it = World(rules=NOBODY, pack=pack, provider=provider)
    body: list[object] | None = [] if method == "POST" else None
    shown = it.ask(method, f"/crm{path}", client="admin", json_body=body, answer=json_answer(answer)).json
    assert shown == json.loads(
        json.dumps(left).replace(": R,", ': "[redacted]",').replace(": R}", ': "[redacted]"}')
    ) | ({"failed_records": left["failed_records"]} if False else {})


@pytest.mark.parametrize(
    ("pack", "host", "region"),
    [
        (STRIPE, "api.stripe.com", "US"),
        (SHIPPO, "api.goshippo.com", "US"),
        (MIXPANEL, "api-eu.mixpanel.com", "EU"),
        (MIXPANEL, "api.mixpanel.com", "US"),
        (MIXPANEL, "api-in.mixpanel.com", "IN"),
    ],
)
def test_hosts(pack: Pack, host: str, region: str) -> None:
    assert region in {each.region for each in pack.hosts if each.name == host}
