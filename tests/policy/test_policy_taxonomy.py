import json
import os
from pathlib import Path

import pytest

from gateway.cli import filereference
from gateway.policy.taxonomy import CATEGORIES, EXTRA_USES, SPELLINGS, USES

ROOT = Path(__file__).parents[2]
CORPORA = Path(os.environ.get("HUSHGATE_CORPORA") or ROOT.parent / "shared" / "corpora")


@pytest.mark.parametrize("names", [set(CATEGORIES) - set(SPELLINGS), USES - set(EXTRA_USES)])
def test_every_parent_is_there(names: set[str]) -> None:
    assert {name.rpartition(".")[0] for name in names} - {""} <= names


def test_spellings_lead_into_the_taxonomy() -> None:
    assert all(CATEGORIES[name] == name for name in SPELLINGS.values())


def test_names_of_the_design_exist() -> None:
    for name in (
        "user.contact.phone_number",
        "user.demographic.date_of_birth",
        "user.financial.payment_card",
        "user.device.ip_address",
        "user.organization",
        "system.operations",
    ):
        assert name in CATEGORIES
    assert {"marketing.communications.sms", "essential.service.operations.support"} <= USES


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora (HUSHGATE_CORPORA) are not here")
@pytest.mark.parametrize(
    ("file", "kind", "ours"),
    [
        ("data_categories.json", "data_category", set(CATEGORIES) - set(SPELLINGS)),
        ("data_uses.json", "data_use", USES - set(EXTRA_USES)),
    ],
)
def test_the_names_are_those_of_fideslang(file: str, kind: str, ours: set[str]) -> None:
    theirs = json.loads((CORPORA / "pii/fideslang" / file).read_text())[kind]
    assert {line["fides_key"] for line in theirs} == ours


@pytest.mark.parametrize("page", filereference.pages())
def test_the_committed_reference_is_the_generated_one(page: str) -> None:
    written = (ROOT / "docs/reference" / page).read_text()
    assert written == filereference.pages()[page], "run: python -m gateway.cli.filereference"
