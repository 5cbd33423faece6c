"""Fields that list addresses: who is in them, and what is left without some of them."""

from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contacts.listed import MOST, Listed, listed

ANA, BO, CY = "ana@example.com", "bo@example.com", "cy@example.com"


def read(text: str) -> list[str] | None:
    made = listed(text, None)
    return None if made is None else [address for _, address in made.addresses]


@pytest.mark.parametrize(
    ("text", "people"),
    [
        (f"{ANA}; {BO},{CY}", [ANA, BO, CY]),
        (f'"Silva, Ana" <{ANA}>, Bo <{BO}>', [ANA, BO]),
        (f"Ana <{ANA}>", [ANA]),
        (f"<{ANA}>,", [ANA]),
        (f"{ANA} (a comment, with; signs), {BO}", [ANA, BO]),
        (f'"a \\" b, c" <{ANA}>;{BO}', [ANA, BO]),
        (f"=?utf-8?q?Ana?= <{ANA}>,, {BO}", [ANA, BO]),
        (f"{ANA.upper()}, {BO}", [ANA, BO]),
    ],
)
def test_who_is_in_a_field(text: str, people: list[str]) -> None:
    assert read(text) == people


@pytest.mark.parametrize(
    "text",
    [
        "",
        ", ;",
        f"{ANA} {BO}",
        f'"{ANA}" <{BO}>',
        f'"{ANA}, " <{BO}>',
        f"Ana <{ANA}",
        f'"Ana <{ANA}>',
        f"people: {ANA}, {BO};",
        f"undisclosed-recipients:;, {ANA}",
        f"{ANA}\r\nBcc: {BO}",
        f"=?utf-8?q?{ANA.replace('@', '=40')}?= <{BO}>",
        f"{ANA}, nobody",
        f"<@relay.example:{ANA}>",
        f"<{ANA}> <{BO}>",
        ",".join([ANA] * (MOST + 1)),
    ],
)
def test_what_two_readers_could_read_differently_is_nobody(text: str) -> None:
    assert read(text) is None


MAILBOX = st.sampled_from(
    [
        ANA,
        f"<{BO}>",
        f'"Silva, A; (x" <{CY}>',
        "d@example.com (a, b)",
        "Eve <e@example.com>",
        " f@example.com ",
    ]
)


@given(
    st.lists(st.tuples(MAILBOX, st.sampled_from([",", "; ", " , ", ",\t"])), min_size=1, max_size=6),
    st.data(),
)
def test_the_rest_keeps_every_byte(parts: list[tuple[str, str]], data: st.DataObject) -> None:
    text = "".join(mailbox + sign for mailbox, sign in parts)
    text = text if data.draw(st.booleans()) else text.rstrip(" ,;\t")
    made = listed(text, None)
    assert made is not None and len(made.addresses) == len(parts)
    numbers = [number for number, _ in made.addresses]
    gone = set(data.draw(st.lists(st.sampled_from(numbers), max_size=len(numbers) - 1)))
    left = Listed(made.parts, made.addresses, gone)
    if left.emptied:
        return
    kept = [address for number, address in made.addresses if number not in gone]
    assert read(left.text) == kept
    for number, (mailbox, _) in zip(numbers, parts, strict=True):
        assert number in gone or mailbox.strip() in left.text
    # Another reader finds the same people, once every sign between them is a comma.
    others = getaddresses([left.text.replace(";", ",")])
    assert {address for _, address in others if "@" in address} >= set(kept)


@given(st.text(max_size=60) | st.text(alphabet='ab@.,;:<>()"\\ ', max_size=40))
def test_any_text_is_a_list_or_none(text: str) -> None:
    made = listed(text, None)
    assert made is None or (made.addresses and "".join(made.parts) == text)
