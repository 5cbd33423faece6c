"""However hostile a text is, only so many candidates are looked into; a text that has more is hidden."""

import sys
from types import CodeType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.masking.detect import cover, detector
from gateway.masking.detectors.budget import MOST_CHECKS, Budget, Crowded
from gateway.masking.detectors.finder import Finder
from gateway.masking.detectors.hit import Hit
from gateway.masking.operators import REDACTED

SIZE = 200_000
REGIONS = ((), ("FR",), ("US",), ("GB",), ("IN",), ("DE", "PT", "BE", "CZ"))
FINDERS: dict[tuple[str, ...], Finder] = {regions: Finder(regions) for regions in REGIONS}
MOST_LINES = 60 * MOST_CHECKS
"""Lines of ours run for one text, whatever its length: those of a check, times how many there are."""

HOSTILE = [
    *("a@", "@", "a@b.fr ", "%40a.fr", "\uff20a.fr", '"@a.fr', "a@1.1.1.1 ", "@2x.png"),
    *("4", "4 ", "42-", "4242 ", "4242424242424242 ", "3 4 ", "5555-5555-5555-4444,"),
    *("+", "+1", "+1 ", "+33 6 ", "%2B33", "00 ", "00 33 ", "0033612345678 ", "0 6", "06 12 34 56 7"),
    *("06 12 34 56 78 ", "(06) ", "1.", "1.1.1.", "1.2.3.4 ", "1.2.3.4.5.", ":", "::1 ", "1:2:3:", "a:"),
    *("AB12", "AB12 ", "GB82 W ", "GB82WEST12345698765431 ", "RSSMRA85T10A562S ", "ABCD850101HDFABC09 "),
    *("123-45-6789 ", "900-70-0000 ", "1 70 02 75 115 001 23 ", "12345678A ", "X1234567L ", "7012-"),
    *("\u0663 ", "\u0663", "\u00e91", "1\u00ad", "01/01/2024 ", "2024-01-05 ", "1704448272345 "),
]


def _filled(unit: str) -> str:
    return (unit * (SIZE // len(unit) + 1))[:SIZE]


EVENTS = sys.monitoring.events.LINE | sys.monitoring.events.JUMP
"""A line that is a loop of its own is counted at each jump, too."""


def _lines(finder: Finder, text: str) -> int:
    count = 0

    def ran(code: CodeType, *_: object) -> Any:
        nonlocal count
        if "masking" not in code.co_filename:
            return sys.monitoring.DISABLE
        count += 1
        return None

    tool = sys.monitoring.PROFILER_ID
    sys.monitoring.use_tool_id(tool, "lines")
    for event in (sys.monitoring.events.LINE, sys.monitoring.events.JUMP):
        sys.monitoring.register_callback(tool, event, ran)
    try:
        sys.monitoring.set_events(tool, EVENTS)
        finder.find(text)
    finally:
        sys.monitoring.set_events(tool, 0)
        sys.monitoring.free_tool_id(tool)
    return count


@pytest.mark.parametrize("regions", REGIONS)
@pytest.mark.parametrize("unit", HOSTILE)
def test_work_is_bounded(unit: str, regions: tuple[str, ...]) -> None:
    finder = FINDERS[regions]
    finder.find(_filled(unit)[:2_000])  # metadata of calling codes is read when first met
    assert _lines(finder, _filled(unit)) <= MOST_LINES


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4).map("".join),
        st.text("0123456789 .-/()+", min_size=1, max_size=40),
        st.text("0123456789ABCXYZabcf@:.- ", min_size=1, max_size=60),
        st.text(min_size=1, max_size=30),
    ),
    st.sampled_from(REGIONS),
)
def test_work_is_bounded_whatever_the_text(unit: str, regions: tuple[str, ...]) -> None:
    finder = FINDERS[regions]
    finder.find(_filled(unit)[:2_000])
    assert _lines(finder, _filled(unit)) <= MOST_LINES


def test_a_text_with_more_candidates_is_hidden_whole() -> None:
    find = detector(("FR",))
    few, many = "a@b.fr, " * 100, "a@b.fr, " * (MOST_CHECKS + 1)
    assert find(few) == f"{REDACTED}, " * 100
    assert find(many) == REDACTED
    assert FINDERS["FR",].find(many) == [Hit(0, len(many), "email")]


@pytest.mark.parametrize("unit", ["1 2 ", "12-"])
def test_what_is_left_unread_is_not_shown(unit: str) -> None:
    """Behind more groups of digits than are looked into, a number is still hidden."""
    text = unit * MOST_CHECKS + "| 4242 4242 4242 4242"
    assert "4242 4242" not in detector(("FR",))(text)


def test_a_long_honest_text_is_read_to_its_end() -> None:
    page = "On 2024-01-05 at 10:11 they paid 12.50 for 3 items of 4.20 each, see note 17 and page 203.\n"
    text = page * 2_000 + "call 06 12 34 56 78"
    assert detector(("FR",))(text) == page * 2_000 + f"call {REDACTED}"


@given(st.text("0123456789 -.a@", max_size=40), st.sampled_from(REGIONS), st.integers(0, 12))
def test_fewer_checks_never_show_more(text: str, regions: tuple[str, ...], checks: int) -> None:
    finder = FINDERS[regions]
    budget = Budget(checks)
    hits = finder.find(text, budget)
    whole = finder.find(text)
    assert hits == (whole if budget.left >= 0 else [Hit(0, len(text), hits[0].kind)])
    shown = {at for hit in hits for at in range(hit.start, hit.end)}
    assert shown >= {at for hit in whole for at in range(hit.start, hit.end)}
    assert cover(text, hits) == text or hits


def test_checks_are_counted_before_they_are_made() -> None:
    budget = Budget(2)
    budget.spend()
    budget.spend()
    with pytest.raises(Crowded):
        budget.spend()


@pytest.mark.parametrize(
    "text",
    [
        "\u0660\u0666 \u0661\u0662 \u0663\u0664 \u0665\u0666 \u0667\u0668",
        "\uff14\uff12" * 8,
        "\u096a\u0968" * 8,
    ],
)
def test_digits_of_other_scripts(text: str) -> None:
    assert detector(("FR",))(f"\u00e9 {text} \u00e9") == f"\u00e9 {REDACTED} \u00e9"
