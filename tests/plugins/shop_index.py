"""Trims the sources of two SDKs to what the truth check of their packs needs; run it to renew the vector.

    pip download --no-deps shippo==3.9.0 stripe==16.1.0, unpack both into one folder, then
    python tests/plugins/shop_index.py FOLDER > tests/vectors/shop_index.json

Stripe: for each call of its pack, the names of its form's parameters, with brackets. Shippo: its paths, and
the members of its models.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CALLS = {
    "POST /v1/tokens": "token_create",
    "POST /v1/payment_methods": "payment_method_create",
    "POST /v1/payment_methods/{payment_method}/attach": "payment_method_attach",
    "POST /v1/customers": "customer_create",
    "POST /v1/customers/{customer}": "customer_update",
    "POST /v1/payment_intents": "payment_intent_create",
    "POST /v1/payment_intents/{intent}/confirm": "payment_intent_confirm",
    "POST /v1/refunds": "refund_create",
}
PARTS = (
    "address",
    "automatic",
    "billing",
    "card",
    "customer",
    "mandate_data",
    "payment_method_data",
    "shipping",
)
"""How those members begin that are objects and are looked into."""
MODELS = {
    "address": ("Address", "AddressCreateRequest"),
    "parcel": ("Parcel", "ParcelCreateRequest", "ParcelCreateFromTemplateRequest"),
    "rate": ("Rate",),
    "shipment": ("Shipment", "ShipmentCreateRequest"),
    "transaction": ("Transaction", "TransactionCreateRequest", "InstantTransactionCreateRequest"),
}
"""Types of the pack, and the models they are made of."""
SERVICES = ("addresses", "shipments", "rates", "transactions")

Members = dict[str, set[str]]
"""Member -> names in its annotation."""


def index(folder: Path) -> dict[str, Any]:
    """The whole index, from the folder that holds the packages `stripe` and `shippo`."""
    return {
        "source": "stripe 16.1.0 and shippo 3.9.0 of PyPI, trimmed by tests/plugins/shop_index.py",
        "licence": "MIT, Copyright (c) Stripe, Inc.; Copyright (c) Shippo",
        "stripe": {call: sorted(set(_form(folder, name))) for call, name in CALLS.items()},
        "shippo": _models(folder / "shippo/models/components"),
        "paths": sorted({path for name in SERVICES for path in _paths(folder / f"shippo/{name}.py")}),
    }


def _form(folder: Path, name: str) -> Iterator[str]:
    classes = _classes(folder / f"stripe/params/_{name}_params.py")
    yield from _flat(classes, "".join(word.title() for word in f"{name}_params".split("_")), "")


def _flat(classes: dict[str, Members], name: str, prefix: str) -> Iterator[str]:
    for member, named in classes[name].items():
        own = f"{prefix}[{member}]" if prefix else member
        below = [each for each in named if each in classes]
        if not below or "List" in named:
            yield f"{own}[]" if "List" in named else own
        elif own.startswith(PARTS):
            for each in below:
                yield from _flat(classes, each, own)


def _models(folder: Path) -> dict[str, list[str]]:
    classes: dict[str, Members] = {}
    for file in folder.glob("*.py"):
        classes |= _classes(file)
    # A dataclass cannot have a member `async`.
    return {
        name: sorted({m.rstrip("_") for model in models for m in classes[model]})
        for name, models in MODELS.items()
    }


def _classes(file: Path) -> dict[str, Members]:
    return {
        node.name: {
            item.target.id: set(re.findall(r"\w+", ast.unparse(item.annotation)))
            for item in node.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        }
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ClassDef)
    }


def _paths(file: Path) -> Iterator[str]:
    yield from re.findall(r"'(/[\w/{}]+)'", file.read_text())


if __name__ == "__main__":
    print(json.dumps(index(Path(sys.argv[1])), indent=1, sort_keys=True))
