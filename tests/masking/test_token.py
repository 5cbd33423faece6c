"""A tenant's tokens: issued, found, revealed; never across tenants, and across epochs only backwards."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.errors import REASONS, HushgateError, InternalError, PayloadError
from gateway.keys import Keyring
from gateway.masking.operators import REDACTED
from gateway.masking.table import build
from gateway.masking.token import EMAIL, PHONE, Kind, Revealed, Tokens, kind_of, shared
from gateway.model import Mask

RING = Keyring(bytes(range(32)))
ROTATED = Keyring(bytes(range(32)), later={2: bytes(range(1, 33))})
NAME = "user.name"
ACME = Tokens(RING.token_keys("acme"), "FR")
OTHER = Tokens(RING.token_keys("other"), "FR")

phones = st.from_regex(r"\+(336|1415555|5511987|86138|49151)[0-9]{4,8}", fullmatch=True)
emails = st.emails().map(lambda text: text.lower())
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


def issued(category: str, kind: Kind, text: str, tokens: Tokens = ACME) -> str:
    token = tokens.issue(category, kind, text)
    assert token is not None
    return token


# ---- the way there and back -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "kind", "text", "token"),
    [
        (PHONE, "phone", "+33612345678", "+337159959171704"),
        (
            EMAIL,
            "email",
            "ana@example.org",
            "taf47j3pto33n3xyhh253ydhgonx2szsyw6i52drzobq4ndwo6c3is@token.hushgate.invalid",
        ),
        (NAME, "text", "Ana", "t_AT3d2OvlqA7okizK1iHNFha9tBkB37HH1gclUcdNqPRF"),
        (
            "user.demographic.age",
            "number",
            "42",
            "t_AQlJ0mwedfos67JzUPvrd8cJczz1EqkPqr9lC5UtQ3QFwvCJQ-TMsFt1OLNZyf6MQA",
        ),
    ],
)
def test_a_tenant_s_tokens_stay_the_same_across_restarts(
    category: str, kind: Kind, text: str, token: str
) -> None:
    fresh = Tokens(Keyring(bytes(range(32))).token_keys("acme"), "FR")
    assert issued(category, kind, text, fresh) == token
    assert fresh.reveal(token) == Revealed(category, kind, text, 1)


@given(phones | emails | texts, st.sampled_from([PHONE, EMAIL, NAME, "user", "user.contact"]), st.booleans())
def test_what_is_issued_is_found_and_revealed(text: str, category: str, number: bool) -> None:
    kind = kind_of(category)
    token = ACME.issue(category, "number" if number and kind == "text" else kind, text)
    if token is None:
        return
    there = ACME.reveal(token)
    assert ACME.find(token) == ((0, len(token)),)
    assert (there.category, there.epoch) == (category, 1)
    assert ACME.issue(category, there.kind, there.value) == token


@given(phones | emails | texts, st.sampled_from([PHONE, EMAIL, NAME]))
def test_no_two_tenants_share_a_token(text: str, category: str) -> None:
    kind = kind_of(category)
    token = ACME.issue(category, kind, text)
    assert token is None or token != OTHER.issue(category, kind, text)


@given(texts)
def test_no_two_categories_share_a_token(text: str) -> None:
    tokens = {ACME.issue(category, "text", text) for category in (NAME, "user", "user.contact", EMAIL)}
    assert tokens == {None} or len(tokens) == 4


@pytest.mark.parametrize(
    ("kind", "spellings", "canonical"),
    [
        (
            "phone",
            ["+33612345678", "06 12 34 56 78", "tel:+33-6-12-34-56-78", "0033612345678"],
            "+33612345678",
        ),
        ("email", ["Ana@Example.org", " ana@example.org ", "mailto:ana@example.org"], "ana@example.org"),
    ],
)
def test_one_person_has_one_token(kind: Kind, spellings: list[str], canonical: str) -> None:
    category = {"phone": PHONE, "email": EMAIL}[kind]
    tokens = {ACME.issue(category, kind, text) for text in spellings}
    assert len(tokens) == 1
    assert ACME.reveal(str(*tokens)).value == canonical


def test_a_text_is_itself_but_for_blanks_and_composition() -> None:
    assert (
        issued(NAME, "text", " Zoe\u0308 ")
        == issued(NAME, "text", "Zo\u00eb")
        != issued(NAME, "text", "zo\u00eb")
    )


def test_national_numbers_are_those_of_the_tenant_s_country() -> None:
    british = Tokens(RING.token_keys("acme"), "GB")
    assert british.reveal(issued(PHONE, "phone", "020 7946 0018", british)).value == "+442079460018"
    assert Tokens(RING.token_keys("acme")).issue(PHONE, "phone", "020 7946 0018") is None


@pytest.mark.parametrize(
    ("category", "kind", "text"),
    [
        (PHONE, "phone", "ask at the desk"),
        (PHONE, "phone", "+33612345678, +33612345679"),
        (EMAIL, "email", "ana at example"),
        (EMAIL, "email", "a" * 120 + "@example.org"),
        (NAME, "text", "   "),
        (NAME, "text", "\ud800"),
        (NAME, "text", "a" * 5_000),
        (NAME, "phone", "+33612345678"),
    ],
)
def test_what_cannot_be_read_back_has_no_token(category: str, kind: Kind, text: str) -> None:
    assert ACME.issue(category, kind, text) is None


def test_without_a_key_there_are_no_tokens() -> None:
    with pytest.raises(InternalError):
        Tokens({})


# ---- the operator ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "value", "there"),
    [
        (PHONE, "06 12 34 56 78", Revealed(PHONE, "phone", "+33612345678", 1)),
        (PHONE, 33612345678, Revealed(PHONE, "phone", "+33612345678", 1)),
        (EMAIL, "Ana@example.org", Revealed(EMAIL, "email", "ana@example.org", 1)),
        (NAME, "Ana", Revealed(NAME, "text", "Ana", 1)),
        (NAME, 7, Revealed(NAME, "number", "7", 1)),
        (NAME, Raw(b"1.10"), Revealed(NAME, "number", "1.10", 1)),
    ],
)
def test_the_operator_issues(category: str, value: Any, there: Revealed) -> None:
    token = build(Mask(op="token"), category, b"", {}, ACME.masker)(value)
    assert ACME.reveal(token) == there


@pytest.mark.parametrize(
    ("category", "value", "shown"),
    [
        (PHONE, "ask at the desk", REDACTED),
        (PHONE, 7, None),
        (PHONE, True, None),
        (NAME, False, None),
        (NAME, "", ""),
        (EMAIL, "", ""),
        (EMAIL, "ana", REDACTED),
        (EMAIL, Raw(b"1.10"), None),
    ],
)
def test_the_operator_hides_what_has_no_token(category: str, value: Any, shown: Any) -> None:
    assert build(Mask(op="token"), category, b"", {}, ACME.masker)(value) == shown


def test_without_the_tenant_s_keys_the_operator_redacts() -> None:
    assert build(Mask(op="token"), NAME, b"key")("Ana") == REDACTED


def test_a_shared_cache_keeps_tenants_apart_when_it_is_full() -> None:
    making = shared(3)
    cached = [Tokens(RING.token_keys(tenant), "FR", making) for tenant in ("acme", "other")]
    asked = [(own, plain, name) for own, plain in zip(cached, (ACME, OTHER), strict=True) for name in "abcd"]
    for _ in range(2):
        assert all(own.issue(NAME, "text", n) == plain.issue(NAME, "text", n) for own, plain, n in asked)


# ---- refused --------------------------------------------------------------------------------------------


def refusal(tokens: Tokens, token: str) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        tokens.reveal(token, "To")
    assert caught.value.reason == "token_invalid"
    assert caught.value.place == "To"
    assert token not in str(caught.value)
    return caught.value


SAMPLES = [
    issued(PHONE, "phone", "+33612345678"),
    issued(EMAIL, "email", "ana@example.org"),
    issued(EMAIL, "email", "a" * 40 + "@example.org"),
    issued(NAME, "text", "Ana"),
]


@pytest.mark.parametrize("token", SAMPLES)
def test_another_tenant_s_token_is_refused(token: str) -> None:
    assert OTHER.find(token) == ACME.find(token)
    assert "not this tenant's" in refusal(OTHER, token).detail


@pytest.mark.parametrize("token", SAMPLES)
def test_a_mangled_token_is_found_and_refused(token: str) -> None:
    at = len(token) // 2
    changed = token[:at] + ("7" if token[at] != "7" else "2") + token[at + 1 :]
    assert ACME.find(changed) == ((0, len(changed)),)
    assert "changed" in refusal(ACME, changed).detail


@given(st.text() | st.from_regex(r"\+?[0-9]{15}|t_[A-Za-z0-9_-]{44}|t[a-z2-7]{50}@token\.hushgate\.invalid"))
def test_any_text_is_a_token_or_a_typed_error(text: str) -> None:
    try:
        ACME.reveal(text)
    except HushgateError as error:
        assert error.reason in REASONS


def test_the_reasons_have_their_status() -> None:
    assert (REASONS["token_invalid"].status, REASONS["token_not_allowed"].status) == (422, 403)


def test_a_value_is_not_in_a_repr() -> None:
    assert "Ana" not in repr(ACME.reveal(SAMPLES[3]))


# ---- epochs ---------------------------------------------------------------------------------------------

AFTER = Tokens(ROTATED.token_keys("acme"), "FR")
MADE: list[tuple[str, Kind, str]] = [
    (PHONE, "phone", "+33612345678"),
    (EMAIL, "email", "ana@example.org"),
    (NAME, "text", "Ana"),
]


@pytest.mark.parametrize(("category", "kind", "text"), MADE)
def test_the_newest_epoch_issues_and_all_reveal(category: str, kind: Kind, text: str) -> None:
    old, new = issued(category, kind, text), issued(category, kind, text, AFTER)
    assert old != new
    assert AFTER.reveal(old) == Revealed(category, kind, text, 1)
    assert AFTER.reveal(new) == Revealed(category, kind, text, 2)


@pytest.mark.parametrize(("category", "kind", "text"), MADE)
def test_a_token_of_an_epoch_that_is_not_held_is_refused(category: str, kind: Kind, text: str) -> None:
    detail = refusal(ACME, issued(category, kind, text, AFTER)).detail
    assert ("epoch" in detail) == (kind != "phone")  # a number has no room to say its epoch


def test_a_number_that_two_epochs_can_read_is_refused() -> None:
    """Found by trial, as one number in thousands: guessing between two people is worse than refusing."""
    candidates = (f"+336{n:08}" for n in range(100_000))
    tokens = (issued(PHONE, "phone", number) for number in candidates)
    token = next(token for token in tokens if len(AFTER._numbers(token[1:])) > 1)
    refusal(AFTER, token)


# ---- found in texts -------------------------------------------------------------------------------------

PHONE_TOKEN, EMAIL_TOKEN, LONG_EMAIL_TOKEN, TEXT_TOKEN = SAMPLES
GROUPED = f"{PHONE_TOKEN[:3]} {PHONE_TOKEN[3]} {PHONE_TOKEN[4:6]} {PHONE_TOKEN[6:]}"


@pytest.mark.parametrize("token", [*SAMPLES, EMAIL_TOKEN.upper(), GROUPED])
@pytest.mark.parametrize(
    ("before", "after"),
    [("", ""), ("call ", " now"), ("<", ">"), ("(", ")"), ("é", ","), ("to:", ";"), ("=", "&")],
)
def test_a_token_is_found_inside_a_text(before: str, token: str, after: str) -> None:
    text = before + token + after
    assert ACME.find(text) == ((len(before), len(before) + len(token)),)
    assert ACME.reveal(token) in [ACME.reveal(each) for each in SAMPLES]


def test_several_tokens_are_found_in_order() -> None:
    there = [TEXT_TOKEN, EMAIL_TOKEN, PHONE_TOKEN, LONG_EMAIL_TOKEN]
    text = " and ".join(there)
    assert [text[a:b] for a, b in ACME.find(text)] == there


@pytest.mark.parametrize(
    "text", [PHONE_TOKEN[1:], " " + PHONE_TOKEN[1:], "00" + PHONE_TOKEN[1:], GROUPED[1:]]
)
def test_a_number_that_lost_its_plus_is_found_when_it_is_all_there_is(text: str) -> None:
    assert ACME.find(text) == ((0, len(text)),)
    assert ACME.reveal(text).value == "+33612345678"
    assert OTHER.find(text) == ()
    assert ACME.find(text + " x") == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ana",
        "ana@example.org",
        "+33612345678",
        "490154203237518",
        "1234567890123456",
        "+1234567890123456",
        "t_shirt",
        "t_shirt_size_of_the_customer_in_the_shop",
        "at_" + "a" * 50,
        "token.hushgate.invalid",
        "ana@token.hushgate.invalid.example.org",
        "ana@hushgate.invalid",
    ],
)
def test_what_only_resembles_a_token_is_left_alone(text: str) -> None:
    assert ACME.find(text) == ()


@pytest.mark.parametrize("text", ["ana+x@token.hushgate.invalid", "x" * 300 + "@a.b.token.hushgate.invalid"])
def test_every_address_at_the_domain_is_taken_for_a_token(text: str) -> None:
    assert ACME.find(text) == ((0, len(text)),)
    refusal(ACME, text)


def real_looking() -> Iterator[str]:
    """Numbers like the examples of every region and kind, in the spellings software uses."""
    formats = [
        getattr(phonenumbers.PhoneNumberFormat, name) for name in ("E164", "INTERNATIONAL", "NATIONAL")
    ]
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            head = (example.national_number or 0) // 10_000 * 10_000
            for trial in range(68):
                drawn = int.from_bytes(sha256(f"{region}{kind}{trial}".encode()).digest()) % 10_000
                example.national_number = head + drawn
                yield from (phonenumbers.format_number(example, each) for each in formats)


def test_no_number_of_any_region_is_taken_for_a_token() -> None:
    numbers = list(real_looking())
    assert len(numbers) >= 100_000 * 0.99
    assert [number for number in numbers if ACME.find(number)] == []


@given(st.text(st.sampled_from("+@t_0123456789 .-abcTOKENhushgate.invalid\u00e9"), max_size=200))
def test_spans_are_inside_in_order_and_apart(text: str) -> None:
    at = 0
    for start, end in ACME.find(text):
        assert at <= start < end <= len(text)
        at = end
