"""The quick reading of national numbers says nothing that a full parse would not say."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contacts import national, normalise

COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)
SIGNS = st.text(" ()-./", max_size=2)


@st.composite
def spelt(draw: st.DrawFn) -> tuple[str, str]:
    """A country, and digits with signs between: those of an example number of it, or any."""
    country = draw(st.sampled_from(COUNTRIES))
    example = phonenumbers.example_number(country)
    home = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL) if example else ""
    start = "".join(sign for sign in home if sign.isdigit())[: draw(st.integers(0, 15))]
    first = draw(st.sampled_from(["", "", "0", "1", "8", "00", "011", str(example and example.country_code)]))
    digits = first + start + draw(st.text("0123456789", max_size=12))
    return country, "".join(digit + draw(SIGNS) for digit in digits[:20])


@given(spelt())
@settings(max_examples=400)
def test_it_agrees_with_a_full_parse(case: tuple[str, str]) -> None:
    country, value = case
    quick = national.read(value, country)
    assert quick is None or quick == normalise._parsed(value, country)


@given(st.text("+0123456789 ()-./", max_size=20).map("+{}".format))
@settings(max_examples=200)
def test_signs_in_international_numbers_change_nothing(value: str) -> None:
    quick = normalise._spaced(value)
    assert quick is None or quick == normalise._parsed(value, None)


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_countrys_example_is_read_as_by_a_full_parse(country: str) -> None:
    for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
        number = phonenumbers.example_number_for_type(country, kind)
        if number is None:
            continue
        home = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        if not home.isascii():
            continue
        quick = national.read(home, country)
        assert quick is None or quick == normalise._parsed(home, country)


@pytest.mark.parametrize(
    ("country", "value", "wanted"),
    [
        ("FR", "06 12 34 56 78", "+33612345678"),
        ("fr", "01.23.45.67.89", "+33123456789"),
        ("GB", "(020) 7946 0000", "+442079460000"),
        ("DE", "030/1234567", "+49301234567"),
        ("ES", "612 34 56 78", "+34612345678"),
        ("US", "(212) 555-0100", "+12125550100"),
        ("FR", "0033 612345678", None),
        ("FR", "1234", None),
        ("FR", "06 12 34 56", None),
        ("US", "1 212 555 0100", None),
        (None, "0612345678", None),
        ("XX", "0612345678", None),
        ("FR", "٠٦١٢٣٤٥٦٧٨", None),
    ],
)
def test_what_it_reads_and_what_it_leaves(country: str | None, value: str, wanted: str | None) -> None:
    assert national.read(value, country) == wanted
