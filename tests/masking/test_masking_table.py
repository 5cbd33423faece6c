"""Stricter is a join: the order in which rules meet never matters."""

import json
import re
from datetime import date
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.json import encode as to_json

from gateway.codecs.program import REMOVED
from gateway.errors import InternalError
from gateway.masking.operators import REDACTED
from gateway.masking.table import NOTHING, OPERATORS, build, stricter
from gateway.model import Mask
from gateway.policy.operators import OPERATOR
from gateway.strict.document import read
from gateway.strict.report import Report

_masks = st.builds(
    Mask,
    op=st.sampled_from(sorted(OPERATORS)),
    keep_first=st.integers(0, 3),
    keep_last=st.integers(0, 3),
    keep=st.integers(0, 3),
    width=st.integers(0, 6),
    decimals=st.integers(0, 3),
    days=st.integers(0, 3),
    text=st.sampled_from(("", "a", "b")),
)


@given(_masks, _masks, _masks)
def test_join(a: Mask, b: Mask, c: Mask) -> None:
    assert stricter(a, b) == stricter(b, a)
    assert stricter(stricter(a, b), c) == stricter(a, stricter(b, c))
    once = stricter(a, b)
    assert stricter(once, a) == stricter(once, b) == stricter(once, once) == once


@given(_masks, _masks, st.text())
def test_parameters_never_open(a: Mask, b: Mask, text: str) -> None:
    """Of two masks of one operator, the join shows no character that one of them hides."""
    if a.op == b.op == "partial":
        shown = [
            sum(c != "*" for c in build(m, "c", b"")(text.replace("*", "-"))) for m in (a, b, stricter(a, b))
        ]
        assert shown[2] <= min(shown[0], shown[1])


def test_the_order() -> None:
    order = ["remove", "redact", "fixed", "token", "hash", "partial", "year"]
    for strict, loose in pairwise(order):
        assert stricter(Mask(op=loose), Mask(op=strict)).op == strict
    assert stricter(Mask(op="partial", keep_first=1, keep_last=4), Mask(op="partial", keep_first=2)) == Mask(
        op="partial", keep_first=1
    )
    assert stricter(Mask(op="truncate", keep=3), Mask(op="truncate", keep=2)) == Mask(op="truncate", keep=2)


@pytest.mark.parametrize(
    ("a", "b", "joined"),
    [
        (Mask(op="age_band", width=10), Mask(op="age_band", width=4), Mask(op="age_band", width=20)),
        (Mask(op="coordinates", decimals=3), Mask(op="coordinates"), Mask(op="coordinates")),
        (Mask(op="date_shift", days=9), Mask(op="date_shift", days=30), Mask(op="date_shift", days=30)),
        (Mask(op="fixed", text="a"), Mask(op="fixed", text="a"), Mask(op="fixed", text="a")),
        (Mask(op="fixed", text="a"), Mask(op="fixed", text="b"), Mask(op="redact")),
        (Mask(op="fixed", text="a", keep=3), Mask(op="year"), Mask(op="fixed", text="a")),
    ],
)
def test_parameters_join(a: Mask, b: Mask, joined: Mask) -> None:
    assert stricter(a, b) == joined


GENERALISATIONS = [op for op, row in OPERATORS.items() if row.rank == OPERATORS["year"].rank]


@pytest.mark.parametrize("pair", [*combinations(GENERALISATIONS, 2)])
def test_two_generalisations_show_nothing(pair: tuple[str, str]) -> None:
    joined = stricter(Mask(op=pair[0], keep=4), Mask(op=pair[1], keep=4))
    assert joined == NOTHING
    assert build(joined, "c", b"")("1984") == REDACTED


@pytest.mark.parametrize("op", ["show", "", "Redact"])
def test_unknown_operator(op: str) -> None:
    with pytest.raises(InternalError):
        build(Mask(op=op), "c", b"")
    with pytest.raises(InternalError):
        stricter(Mask(op="redact"), Mask(op=op))


# ---- the document ---------------------------------------------------------------------------------------

DOCUMENT = (Path(__file__).parents[2] / "docs" / "masking.md").read_text("utf-8")
ROWS = re.findall(
    r"^\| `(.+?)` \| `(.+?)` \| (?:`(.+?)`|nothing.*?) \|$", DOCUMENT.partition("## Unmapped")[0], re.M
)


def written(text: str) -> Mask:
    """An operator as a rule file has it."""
    report = Report("docs/masking.md")
    mask = OPERATOR.read(read(text.encode(), report), report)
    assert isinstance(mask, Mask), report
    return mask


@pytest.mark.parametrize(("text", "value", "shown"), ROWS)
def test_the_document_says_what_operators_do(text: str, value: str, shown: str) -> None:
    masker = build(written(text), "c", b"", on=date(2026, 4, 1), country="FR")
    scalar = Raw(value.encode()) if re.fullmatch(r"[0-9.]+", value) else json.loads(value)
    new = masker(scalar)
    assert new is REMOVED if not shown else to_json(new).decode() == shown


def test_a_masker_knows_the_country() -> None:
    shown = {build(Mask(op="postcode_area"), "c", b"", country=country)("90210") for country in ("US", "FR")}
    assert shown == {"902", "90"}


def test_the_document_has_every_operator() -> None:
    assert {written(text).op for text, _, _ in ROWS} | {"hash", "token"} == set(OPERATORS)
