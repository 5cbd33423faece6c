"""fixed and initials; and what holds for every operator that generalises."""

import doctest
import json
from datetime import date
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.codecs.json import JSON
from gateway.codecs.paths import compile_program
from gateway.codecs.program import Limits, Masker, Slot, Tally, by_steps
from gateway.exchange.replay import NOON
from gateway.masking import dates, generalise, places
from gateway.masking.generalise import MAX_WORDS, initials
from gateway.masking.operators import REDACTED
from gateway.masking.table import build
from gateway.model import Mask
from tests.world import RULES, World, json_answer

MASKS = (
    Mask(op="fixed", text="on file"),
    Mask(op="fixed", text=""),
    Mask(op="fixed", text="x"),
    Mask(op="initials"),
    Mask(op="age_band", width=10),
    Mask(op="date_shift", days=90),
    Mask(op="postcode_area"),
    Mask(op="coordinates", decimals=2),
)


def made(mask: Mask, country: str | None = None) -> Masker:
    return build(mask, "user.name", b"key", on=date(2026, 4, 1), country=country)


@pytest.mark.parametrize("module", [generalise, places, dates])
def test_the_examples_are_true(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted and not found.failed


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Ana María López", "A. M. L."),
        ("  ana\tmaría ", "A. M."),
        ("Jean-Paul Sartre", "J. S."),
        ("(Ana) \u201eBo\u201c X.", "A. B. X."),
        ("E\u0301milie Zola", "É. Z."),
        ("Ελένη Παπά", "Ε. Π."),
        ("Жанна д\u2019Арк", "Ж. Д."),
        ("ßeta Ölm", "ß. Ö."),
        ("\u0915\u093f\u0930\u0923 राव", "\u0915\u093f. रा."),
        ("محمد علي", "م. ع."),
        ("김철수", "김."),
        ("王小明", "王."),
        ("Ana 2nd 7", "A. N."),
        ("A. M. L.", "A. M. L."),
        (" ".join("ab" for _ in range(MAX_WORDS)), " ".join("A." for _ in range(MAX_WORDS))),
        (" ".join("ab" for _ in range(MAX_WORDS + 1)), REDACTED),
        ("X", REDACTED),
        ("7 X.", REDACTED),
        ("+33 6 12", REDACTED),
        ("   ", REDACTED),
        ("", ""),
        (7, None),
        (True, None),
        (Raw(b"1.5"), None),
    ],
)
def test_initials(value: Any, shown: Any) -> None:
    assert initials(value) == shown


def test_initials_of_a_long_text_are_not_sought() -> None:
    assert initials("word " * 1_000_000) == REDACTED


@given(st.text())
def test_initials_once_are_initials_twice(text: str) -> None:
    once = initials(text)
    assert initials(once) in (once, REDACTED, "R.")


@pytest.mark.parametrize("value", ["Ana", "", "on file"])
def test_fixed_tells_nothing(value: str) -> None:
    fixed = made(Mask(op="fixed", text="on file"))
    assert (fixed(value), fixed(7), fixed(True), fixed(Raw(b"1.5"))) == ("on file", None, None, None)


# ---- all of them ---------------------------------------------------------------------------------------

scalars = st.one_of(
    st.text(max_size=30),
    st.text("0123456789-/.:TZ +,; ", max_size=24),
    st.integers(-(10**16), 10**16),
    st.booleans(),
    st.decimals(allow_nan=False, allow_infinity=False).map(lambda n: Raw(f"{n:f}".encode())),
)
countries = st.sampled_from((None, "US", "GB", "FR", "NL"))


@given(st.sampled_from(MASKS), countries, scalars)
def test_a_string_stays_a_string(mask: Mask, country: str | None, value: Any) -> None:
    new = made(mask, country)(value)
    if isinstance(value, str):
        assert isinstance(new, str)
    else:
        assert new is None or isinstance(new, str | int | Raw)
        assert not isinstance(new, bool)


@given(
    st.sampled_from(MASKS), st.lists(st.one_of(st.text(max_size=9), st.integers(), st.none(), st.booleans()))
)
def test_a_body_has_the_same_meaning_with_and_without_the_kernel(mask: Mask, values: list[Any]) -> None:
    masker = made(mask)
    program = compile_program([Slot("a[]", "user.name", masker)], None)
    body = json.dumps({"a": [*values, "48.85661, 2.35222", "1984-03-07", 41, 48.85661], "b": 1.10}).encode()
    first, second = Tally.of(program), Tally.of(program)
    by_kernel = JSON.transform(body, program, first, Limits())
    assert json.loads(by_kernel) == json.loads(by_steps(JSON, body, program, second, Limits()))
    assert first == second


WRITTEN = """
rules:
  - {id: born, mask: user.demographic.date_of_birth, with: age_band}
  - {id: named, mask: user.name, with: initials}
  - {id: housed, mask: user.contact.address, with: postcode_area}
  - {id: reached, mask: user.contact.email, with: {fixed: {text: "on file"}}}
"""


@pytest.mark.parametrize(("days", "band"), [(0, "30-39"), (1, "40-49")])
def test_rules_as_they_are_written(days: int, band: str) -> None:
    """The day is that of the request, the country the tenant's."""
    world = World(rules=RULES + WRITTEN, now=NOON + days * 86_400)
    person = {
        "name": {"first": "Ana María", "last": "López"},
        "email": "ana@example.org",
        "born": "1986-04-02",
        "address": {"zip": "69003", "city": "Lyon"},
    }
    assert world.ask("GET", "/crm/contacts/7", client="admin", answer=json_answer(person)).json == {
        "name": {"first": "A. M.", "last": "L."},
        "email": "on file",
        "born": band,
        "address": {"zip": "69", "city": REDACTED},
    }
