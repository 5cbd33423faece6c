"""What an operator makes is recognised, and real values are not."""

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.codecs.program import REMOVED
from gateway.masking.recognise import TRACES, covered, needle, ours, recogniser, universal
from gateway.masking.table import OPERATORS, REVERSIBLE, build
from gateway.model import Mask

UNRECOGNISED = {"truncate", "date_shift", "remove", REVERSIBLE}
MASKS = {
    "redact": Mask(op="redact"),
    "hash": Mask(op="hash"),
    "fixed": Mask(op="fixed", text="on file"),
    "partial": Mask(op="partial", keep_first=1, keep_last=2),
    "year": Mask(op="year"),
    "age_band": Mask(op="age_band", width=5),
    "postcode_area": Mask(op="postcode_area"),
    "coordinates": Mask(op="coordinates", decimals=2),
    "initials": Mask(op="initials"),
    "truncate_ip": Mask(op="truncate_ip"),
}
REAL: dict[str, list[Any]] = {
    "redact": ["Ana", "[redacted", "see [redacted]", 7, True],
    "hash": ["h_", "h_" + 31 * "0", "x" + 34 * "0", 7],
    "fixed": ["on  file", "off file", 7],
    "partial": ["+33639980001", "a*c", "67", "", 1234, True],
    "year": ["1984-03-07", "07/03/1984", 447465600000, "19841", True],
    "age_band": ["1984-03-07", "41", "40-45", "41-45", 41],
    "postcode_area": ["69003", "SW1A 1AA", "1017 AB", "Lyon", 69003],
    "coordinates": ["48.85661", "48.85661,2.35222", "Lyon", Raw(b"48.85661")],
    "initials": ["Ana Silva", "Ana", "A", "7.", 7],
    "truncate_ip": ["203.0.113.77", "2001:db8:1:2::9", "Lyon", 7],
}
SHOWN = [
    "Ana López",
    "+33639980001",
    "ana@example.com",
    "1984-03-07",
    "48.85661, 2.35222",
    "69003",
    "203.0.113.77",
]
SHOWN += ["x", "42", "2001:db8:1:2::9", "SW1A 1AA"]


def test_every_operator_is_recognised_or_said_not_to_be() -> None:
    assert set(MASKS) | UNRECOGNISED == set(OPERATORS)
    assert set(TRACES) < set(MASKS)


@pytest.mark.parametrize("op", MASKS)
@pytest.mark.parametrize("country", [None, "FR", "GB", "US"])
def test_what_an_operator_made_is_recognised(op: str, country: str | None) -> None:
    mask = MASKS[op]
    masker = build(mask, "user", b"key", on=date(2026, 4, 1), country=country)
    made = [masker(value) for value in (*SHOWN, 42, Raw(b"48.85661"), 1712000000000)]
    for value in made:
        assert value is None or recogniser(mask)(value), value


@pytest.mark.parametrize("op", REAL)
def test_real_values_are_not(op: str) -> None:
    assert not [value for value in REAL[op] if recogniser(MASKS[op])(value)]


@given(st.text(max_size=30), st.integers(0, 4), st.integers(0, 4))
def test_every_partial_shape(text: str, first: int, last: int) -> None:
    mask = Mask(op="partial", keep_first=first, keep_last=last)
    made = build(mask, "user", b"")(text)
    if first or last:
        assert recogniser(mask)(made) or made == ""


@given(st.sampled_from(list(MASKS)), st.text(max_size=20) | st.integers() | st.sampled_from(SHOWN))
def test_a_body_with_a_recognised_value_holds_its_needle(op: str, value: str | int) -> None:
    mask = MASKS[op]
    made = build(mask, "user", b"key", on=date(2026, 4, 1))(value)
    if made is None or made is REMOVED or not recogniser(mask)(made):
        return
    text = made if isinstance(made, str) else bytes(made).decode() if isinstance(made, Raw) else str(made)
    body = b'{"a":"' + text.encode("utf-8", "surrogatepass") + b'"}'
    own = needle(mask)
    assert universal(body) or (own and re.search(own, body))


def test_whatever_the_field() -> None:
    assert ours(" [redacted] ") and ours("h_" + 32 * "a") and not ours("a [redacted] b") and not ours(7)
    assert covered("a [redacted] b") and not covered("a") and not covered(None)
    assert recogniser(None)("[redacted]") and not recogniser(Mask(op="plugin:x"))("x")
    assert needle(None) == needle(Mask(op="token")) == b""
