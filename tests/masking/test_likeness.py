"""Names that resemble those of hidden fields."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.masking import likeness
from gateway.masking.likeness import ALIASES, Likeness, called, vocabulary, words
from gateway.policy.taxonomy import CATEGORIES

HIDDEN = Likeness.of(
    (
        *called("user.contact.email", lambda _: True),
        *called("user.contact.phone_number", lambda _: True),
        *called("user.demographic.date_of_birth", lambda _: True),
        *("hs_lead_rating", "state", "name"),
    )
)


def test_the_examples_are_true() -> None:
    found = doctest.testmod(likeness)
    assert found.attempted and not found.failed


@pytest.mark.parametrize(
    "name",
    [
        *(
            "email",
            "Email",
            "EMAIL",
            "e-mail",
            "filter[email]",
            "email__contains",
            "email.eq",
            "contactEmail",
        ),
        *(
            "contactemail",
            "EmailAddress",
            "emails",
            "where[contacts][email][$like]",
            "phone__contains",
            "tel",
        ),
        *("PhoneNumber", "phone_number", "telephone", "to_phone", "msisdn", "date_of_birth", "dateOfBirth"),
        *("birthdate", "birth-date", "DOB", "dob_from", "minAge", "hs_lead_rating", "hsLeadRating.gt"),
        *("state", "filter[state]", "state__eq", "State", "name", "name__startswith"),
    ],
)
def test_what_is_about_a_hidden_field_is_known_in_any_spelling(name: str) -> None:
    assert HIDDEN.resembles(name)


@pytest.mark.parametrize(
    "name",
    [
        *("limit", "offset", "page", "PageSize", "after", "cursor", "archived", "createdAt", "updated_since"),
        *(
            "accountId",
            "filename",
            "hostname",
            "username",
            "language",
            "lead_rating",
            "statement",
            "",
            "[]",
            "\ud800",
        ),
        *("statement_id", "object_state_id", "campaignName", "format", "storage", "éméil"),
    ],
)
def test_what_is_not_is_left_alone(name: str) -> None:
    assert not HIDDEN.resembles(name)


def test_of_nothing_hidden_nothing_is_like_it() -> None:
    empty = Likeness.of(())
    assert not empty and not empty.resembles("email") and not empty.resembles("")


def test_a_broad_category_is_called_what_is_hidden_of_it() -> None:
    made = Likeness.of(called("user", lambda category: category == "user.contact.email"))
    assert made.resembles("email") and not made.resembles("phone")


def test_aliases_are_of_categories_there_are() -> None:
    assert set(ALIASES) <= set(CATEGORIES.values())
    for names in ALIASES.values():
        assert all("".join(words(name)) == name for name in vocabulary(names))


@given(st.text(max_size=60))
def test_any_text_is_a_name(text: str) -> None:
    assert HIDDEN.resembles(text) in (True, False)


@given(
    st.sampled_from(("email", "phone", "birthdate")),
    st.sampled_from("-_.[]$: "),
    st.text("abcXYZ", max_size=8),
)
def test_no_word_beside_it_hides_one(name: str, sign: str, other: str) -> None:
    assert HIDDEN.resembles(f"{other}{sign}{name}") and HIDDEN.resembles(f"{name.upper()}{sign}{other}")
