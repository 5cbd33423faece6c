"""A seed is found in every encoding anybody would try, and only that seed."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canary.leaks import Haystack, found
from gateway.canary.seeds import MOST, Seed, Seeds

CATEGORIES = (
    "user.name",
    "user.contact.phone_number",
    "user.contact.fax_number",
    "user.contact.email",
    "user.demographic.date_of_birth",
    "user.device.ip_address",
    "",
)
ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "upper": str.upper,
    "reversed": lambda text: text[::-1],
    "quoted": lambda text: quote(text, safe=""),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "hex": lambda text: text.encode().hex(),
    "escaped": lambda text: "".join(f"\\u{ord(c):04X}" for c in text),
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64url": lambda text: urlsafe_b64encode(text.encode()).decode(),
    "within base64": lambda text: b64encode(f"a{text}b".encode()).decode(),
    "deep within base64": lambda text: b64encode(f"ab{text}bcd".encode()).decode(),
}


def some() -> list[Seed]:
    seeds = Seeds("00ff")
    return [seeds.of(category) for category in CATEGORIES for _ in range(3)] + [
        seeds.number() for _ in range(3)
    ]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("at", range(3 * len(CATEGORIES) + 3))
def test_a_seed_is_found_in_every_encoding_and_no_other_is(encoding: str, at: int) -> None:
    every = some()
    hay = f"<b>{ENCODINGS[encoding](every[at].value)}</b>".encode()
    assert set(found(every, Haystack.of(b"before", hay, b"after"))) == {every[at]}


def test_a_phone_number_is_found_as_it_is_written_at_home() -> None:
    seed = Seeds("00ff").of("user.contact.phone_number")
    assert found([seed], Haystack.of(b"0" + seed.value[3:].encode())) == {seed: "digits"}


@given(st.binary(max_size=300))
def test_nothing_is_found_where_nothing_is(data: bytes) -> None:
    assert found(some(), Haystack.of(data)) == {}


def test_seeds_of_one_person_are_all_different() -> None:
    seeds = Seeds("00ff")
    kinds = [lambda c=c: seeds.of(c) for c in CATEGORIES] + [seeds.number]
    every = [kinds[at % len(kinds)]() for at in range(3 * MOST)]
    assert len({seed.needle for seed in every}) == len(every)
    assert all(seed.needle in seed.value and seed.needle.startswith(seed.family) for seed in every)


def test_another_salt_makes_another_person() -> None:
    assert Seeds("00fe").text().needle != Seeds("00ff").text().needle


@pytest.mark.parametrize("keep", [1, 32, 64])
def test_what_operators_show_of_a_text_by_design_is_no_leak(keep: int) -> None:
    seed = Seeds("00ff").text()
    shown = f"{seed.value[:keep]}***{seed.value[-keep:]}"
    assert found([seed], Haystack.of(shown.encode())) == {}
    assert found([seed], Haystack.of(seed.value[: len(seed.value) // 2].encode())) == {}
