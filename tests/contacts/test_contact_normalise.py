import json
import os
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contacts import normalise as module
from gateway.contacts.normalise import normalise
from gateway.model import SubjectKind

ROOT = Path(__file__).parents[2]
CORPORA = Path(os.environ.get("HUSHGATE_CORPORA", ROOT.parent / "shared" / "corpora"))

KINDS: tuple[SubjectKind, ...] = ("phone", "email", "record")


def cases(file: str) -> list[dict[str, str]]:
    path = CORPORA / "pii" / file
    if not path.is_file():
        pytest.skip(f"{file} is not here: set HUSHGATE_CORPORA to the folder of the corpora")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    "text",
    [
        "+33612345678",
        "+330612345678",
        "0612345678",
        "06 12 34 56 78",
        "06.12.34.56.78",
        "(06) 12-34-56-78",
        "0033612345678",
        "+33 6 12 34 56 78",
        "  +33612345678 ",
        "whatsapp:+33612345678",
        "SMS:0612345678",
        "tel:+33-6-12-34-56-78",
        "rcs:+33612345678",
        "+33612345678 ext. 12",
        "+33612345678;ext=12",
        "\u202a+33\u00a06\u202f12 34 56 78\u202c",
        "\uff0b33612345678",
        "٠٦١٢٣٤٥٦٧٨",
    ],
)
def test_every_spelling_of_a_number_is_one_person(text: str) -> None:
    assert normalise("phone", text, "FR") == "+33612345678"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "12",
        "+0612345678",
        "+999123456789",
        "client:jane",
        "sip:+33612345678@example.com",
        "messenger:123456789",
        "+33612345678,+33698765432",
        "+33612345678;+33698765432",
        "+33612345678 or +33698765432",
        "+33612345678/+33698765432",
        "+33612345678 / x698765432",
        "+33612345678\n+33698765432",
        "call +33612345678",
        "0033612345678" * 10,
        "1-800-FLOWERS",
        "\ud800+33612345678",
        "+3361234567",
        "+336123456789",
    ],
)
def test_what_is_not_exactly_one_number_is_nobody(text: str) -> None:
    assert normalise("phone", text, "FR") is None


def test_a_national_number_needs_a_country() -> None:
    assert normalise("phone", "0612345678", None) is None
    assert normalise("phone", "0612345678", "ZZ") is None
    assert normalise("phone", "0612345678", "fr") == "+33612345678"
    assert normalise("phone", "2025550143", "US") == "+12025550143"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("+5704411771516", "+574411771516"),
        ("+8102772006756", "+812772006756"),
        ("+35804329853", "+3584329853"),
    ],
)
def test_a_trunk_prefix_after_the_calling_code_is_dropped(text: str, canonical: str) -> None:
    # Its length alone would pass: a suppressed person must not be reached by spelling the number this way.
    assert normalise("phone", text, None) == normalise("phone", canonical, None) == canonical


def test_italian_numbers_keep_their_zero() -> None:
    assert normalise("phone", "+390612345678", None) == "+390612345678"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Jane.Doe+News@Example.COM", "jane.doe+news@example.com"),
        (" jane@example.com\n", "jane@example.com"),
        ("mailto:jane@example.com", "jane@example.com"),
        ("jane@example.com.", "jane@example.com"),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("jane@BU\u0308CHER.example", "jane@xn--bcher-kva.example"),
        ("jane@XN--BCHER-KVA.example", "jane@xn--bcher-kva.example"),
        ("jane@example\u3002com", "jane@example.com"),
        ("e\u0301@example.com", "é@example.com"),
        ("a_b-c.d'e@mail.example.com", "a_b-c.d'e@mail.example.com"),
    ],
)
def test_an_address_has_one_spelling(text: str, canonical: str) -> None:
    assert normalise("email", text, None) == canonical


def test_two_registrable_domains_stay_two() -> None:
    assert normalise("email", "x@faß.example", None) != normalise("email", "x@fass.example", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jane",
        "@example.com",
        "jane@",
        "a@b@example.com",
        "Jane <jane@example.com>",
        "jane@example.com,joe@example.com",
        "jane@example.com;joe@example.com",
        "jane doe@example.com",
        '"jane"@example.com',
        "jane@[127.0.0.1]",
        "jane@exa mple.com",
        "jane@-example.com",
        "jane@example..com",
        "jane\u200b@example.com",
        "jane\x00@example.com",
        "a" * 65 + "@example.com",
        "a@" + "b" * 64 + ".com",
        "a@" + "b." * 200 + "com",
        "\ud800@example.com",
    ],
)
def test_what_is_not_exactly_one_address_is_nobody(text: str) -> None:
    assert normalise("email", text, None) is None


@pytest.mark.parametrize(("text", "kept"), [("123", True), ("a b", True), ("", False), (" ", False)])
def test_a_record_id_is_taken_as_it_is(text: str, kept: bool) -> None:
    assert normalise("record", text, None) == (text if kept else None)


def test_a_record_id_is_bounded() -> None:
    assert normalise("record", "x" * module.MAX_RECORD, None) is not None
    assert normalise("record", "x" * (module.MAX_RECORD + 1), None) is None


@given(
    kind=st.sampled_from(KINDS), text=st.text(), country=st.none() | st.sampled_from(("FR", "US", "x", ""))
)
def test_any_text_gives_a_canonical_form_or_none(kind: SubjectKind, text: str, country: str | None) -> None:
    canonical = normalise(kind, text, country)
    if canonical is not None:
        assert normalise(kind, canonical, country) == canonical
        canonical.encode()


@given(st.text("+0123456789 .-()/xX#;=extsp:", max_size=30), st.sampled_from(("FR", "US", "IT", None)))
def test_a_canonical_number_is_e164_and_stable(text: str, country: str | None) -> None:
    canonical = normalise("phone", text, country)
    if canonical is not None:
        assert canonical[0] == "+"
        assert canonical[1:].isdecimal() and canonical.isascii() and len(canonical) <= 16
        assert normalise("phone", canonical, None) == canonical


@given(
    st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)),
    st.text("0123456789", min_size=4, max_size=13),
)
def test_the_fast_path_says_what_the_full_parse_says(code: int, national: str) -> None:
    text = f"+{code}{national}"
    assert normalise("phone", text, None) == module._parse_phone.__wrapped__(text, None)


def test_the_fast_path_does_not_parse() -> None:
    before = module._parse_phone.cache_info()
    assert normalise("phone", "+33755501234", None) == "+33755501234"
    assert module._parse_phone.cache_info() == before


def test_example_numbers_of_every_region_in_every_format() -> None:
    wrong = {
        (case["region"], case["type"])
        for case in cases("phone_examples.jsonl")
        for form in ("e164", "international", "national", "rfc3966")
        if normalise("phone", case[form], case["region"]) != case["e164"]
    }
    # Benin's old numbers of eight digits can no longer be dialled from elsewhere.
    assert wrong == {("BJ", "VOIP"), ("BJ", "UAN")}


def test_impossible_numbers_are_nobody() -> None:
    for case in cases("phone_invalid_examples.jsonl"):
        number = phonenumbers.parse(case["e164"], None)
        known = normalise("phone", case["e164"], None)
        assert (known is not None) == (
            phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
        )
