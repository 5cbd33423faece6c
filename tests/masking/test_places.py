"""What is left of a place."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.masking.means import Means
from gateway.masking.operators import REDACTED
from gateway.masking.places import AREAS, SPARSE, make_coordinates, make_postcode_area
from gateway.model import Mask


def area(value: Any, country: str | None = None) -> Any:
    return make_postcode_area(Mask(op="postcode_area"), "c", Means(b"", country=country))(value)


@pytest.mark.parametrize(
    ("country", "value", "shown"),
    [
        ("GB", "SW1A 1AA", "SW1A"),
        ("GB", "m11ae", "M1"),
        ("GB", " EC1A1BB ", "EC1A"),
        ("GB", "B33", "B33"),
        ("FR", "69003", "69"),
        ("FR", "97400", "97"),
        ("DE", "10115", "10"),
        ("ES", "08001", "08"),
        ("IT", "00184", "00"),
        ("FR", 1234, "01"),
        ("FR", Raw(b"1234"), "01"),
        ("US", "90210", "902"),
        ("US", "90210-1234", "902"),
        ("US", "902101234", "902"),
        ("US", 2139, "021"),
        ("US", "03601", "000"),
        ("US", "893", "89"),
        ("FR", "03601", "03"),
        # of another country than the tenant's
        ("FR", "SW1A 1AA", "SW1A"),
        ("FR", "90210-1234", "90"),
        ("GB", "69003", "69"),
        ("NL", "1017 AB", "10"),
        ("IE", "D02 AF30", "D0"),
        ("CA", "K1A 0B1", "K1"),
        ("PT", "1000-205", "10"),
        (None, "69003", "69"),
        (None, "SW1A 1AA", "SW1A"),
        (None, "B33", "B3"),
        # what is no postcode
        ("FR", "Lyon", REDACTED),
        ("FR", "69003 Lyon", "69"),
        ("FR", "3 rue des Lilas, 69003 Lyon", REDACTED),
        ("FR", "69", REDACTED),
        ("FR", 1.5, None),
        ("FR", Raw(b"1.5"), None),
        ("FR", -1234, None),
        ("FR", True, None),
        ("FR", "", ""),
        ("FR", "٦٩٠٠٣", REDACTED),
    ],
)
def test_postcode_area(country: str | None, value: Any, shown: Any) -> None:
    assert area(value, country) == shown


def test_few_people_stand_for_all_places_like_theirs() -> None:
    assert len(SPARSE) == 17
    for part in range(1000):
        three = f"{part:03}"
        assert area(f"{three}01", "US") == ("000" if three in SPARSE else three)


@given(
    st.sampled_from((*AREAS, None)),
    st.from_regex(r"[0-9]{5}|[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2}", fullmatch=True),
)
def test_never_the_whole_postcode(country: str | None, postcode: str) -> None:
    shown = area(postcode, country)
    assert len(shown) <= len(postcode) - 2 and (postcode.startswith(shown) or shown == "000")


# ---- coordinates ----------------------------------------------------------------------------------------


def rounded(value: Any, decimals: int = 2) -> Any:
    new = make_coordinates(Mask(op="coordinates", decimals=decimals), "c", Means(b""))(value)
    return bytes(new) if isinstance(new, Raw) else new


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        ("48.85661", 2, "48.86"),
        ("48.85661,2.35222", 2, "48.86,2.35"),
        (" 48.85661 ,  -2.35222 ", 1, " 48.9 ,  -2.4 "),
        ("48.85661;2.35222", 0, "49;2"),
        ("48.85661 2.35222", 2, "48.86 2.35"),
        ("-179.99999", 2, "-180.00"),
        ("-0.0049", 2, "0.00"),
        ("+1.256", 2, "1.26"),
        ("+1.25", 2, "+1.25"),
        ("48", 2, "48"),
        ("48.1", 2, "48.1"),
        (48, 2, 48),
        (Raw(b"48.85661"), 2, b"48.86"),
        (Raw(b"-0.001"), 2, b"0.00"),
        (Raw(b"0.125"), 2, b"0.12"),
        (Raw(b"0.375"), 2, b"0.38"),
        (Raw(b"4.885661e1"), 2, None),
        (Raw(b"181.5"), 2, None),
        (181, 2, None),
        ("180.00001", 2, REDACTED),
        ("48.85,200.1", 2, REDACTED),
        ("48.85661,2.35222,35.1", 2, REDACTED),
        ("48\u00b051'24\"N", 2, REDACTED),
        ("POINT(2.35222 48.85661)", 2, REDACTED),
        ("1." + "1" * 31, 2, REDACTED),
        ("Paris", 2, REDACTED),
        (",", 2, REDACTED),
        ("", 2, ""),
        (True, 2, None),
    ],
)
def test_coordinates(value: Any, decimals: int, shown: Any) -> None:
    assert rounded(value, decimals) == shown


@given(st.decimals(-180, 180, places=9), st.integers(0, 4))
def test_no_more_is_left_than_the_rounding(number: Decimal, decimals: int) -> None:
    text = f"{number:f}"
    shown = rounded(text, decimals)
    assert len(shown.partition(".")[2]) == decimals
    assert abs(Decimal(shown) - number) * 2 <= Decimal(10) ** -decimals
    assert rounded(shown, decimals) == shown
    assert rounded(f"{text},{text}", decimals) == f"{shown},{shown}"


@given(st.text("0123456789-+.,; \u00a0\u2003\u3000\x1f\t", max_size=12), st.integers(0, 3))
def test_whatever_stands_around_a_number_is_no_number(text: str, decimals: int) -> None:
    assert isinstance(rounded(text, decimals), str)


def test_any_space_is_space() -> None:
    assert rounded("48.85661\u00a0,\u20032.35222\u3000", 2) == "48.86\u00a0,\u20032.35\u3000"
