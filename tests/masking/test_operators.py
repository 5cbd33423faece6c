"""What each operator shows of which value."""

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.codecs.program import REMOVED
from gateway.masking.operators import PSEUDONYM, REDACTED
from gateway.masking.table import OPERATORS, build
from gateway.model import Mask

KEY = b"k" * 32


def masked(value: Any, op: str, category: str = "c", **params: Any) -> Any:
    return build(Mask(op=op, **params), category, KEY)(value)


@pytest.mark.parametrize(
    ("op", "params", "value", "expected"),
    [
        ("remove", {}, "x", REMOVED),
        ("remove", {}, 7, REMOVED),
        ("redact", {}, "Ana", REDACTED),
        ("redact", {}, "", REDACTED),
        ("redact", {}, 7, None),
        ("redact", {}, True, None),
        ("redact", {}, Raw(b"1.10"), None),
        ("partial", {"keep_last": 4}, "4242424242424242", "************4242"),
        ("partial", {"keep_last": 4}, 4242424242424242, "************4242"),
        ("partial", {"keep_last": 4}, "12345", "***45"),
        ("partial", {"keep_first": 3, "keep_last": 1}, "abcd", "a**d"),
        ("partial", {"keep_first": 9, "keep_last": 9}, "abcdef", "***def"),
        ("partial", {"keep_first": 1}, "a", "*"),
        ("partial", {"keep_first": -1}, "ab", "**"),
        ("partial", {}, "", ""),
        ("partial", {"keep_first": 1}, False, None),
        ("partial", {"keep_first": 1}, Raw(b"1.10"), "1***"),
        ("year", {}, "1984-03-07", "1984"),
        ("year", {}, " 1984-03-07T10:11:12.345+01:00", "1984"),
        ("year", {}, "1984-03", "1984"),
        ("year", {}, "07/03/1984", "1984"),
        ("year", {}, "7.3.1984", "1984"),
        ("year", {}, "447465600000", "1984"),
        ("year", {}, 447465600000, 1984),
        ("year", {}, -1, None),
        ("year", {}, -86400000, 1969),
        ("year", {}, 1984, 1984),
        ("year", {}, 999999999999999, None),
        ("year", {}, "9" * 40, REDACTED),
        ("year", {}, "1984-03-07 Ana", REDACTED),
        ("year", {}, "March 1984", REDACTED),
        ("year", {}, True, None),
        ("year", {}, Raw(b"1.5"), None),
        ("truncate", {"keep": 2}, "69003", "69"),
        ("truncate", {"keep": 2}, 69003, "69"),
        ("truncate", {"keep": 2}, True, None),
        ("truncate", {"keep": 0}, "69003", REDACTED),
        ("truncate", {"keep": -1}, 69003, None),
        ("truncate_ip", {}, "203.0.113.77", "203.0.113.0"),
        ("truncate_ip", {}, "2001:db8:1:2::9", "2001:db8:1::"),
        ("truncate_ip", {}, "::ffff:203.0.113.77", "203.0.113.0"),
        ("truncate_ip", {}, "fe80::1%eth0", "fe80::"),
        ("truncate_ip", {}, "203.0.113.77:80", REDACTED),
        ("truncate_ip", {}, "", REDACTED),
        ("truncate_ip", {}, 3405803853, None),
        ("hash", {}, "", ""),
        ("hash", {}, True, None),
    ],
)
def test_masked(op: str, params: dict[str, Any], value: Any, expected: Any) -> None:
    assert build(Mask(op=op, **params), "c", KEY)(value) == expected


@pytest.mark.parametrize("key", [b"", b"short", b"k" * 64, b"k" * 65])
def test_hash_is_hmac_sha256(key: bytes) -> None:
    expected = hmac.new(key, b"user.name\0ana", hashlib.sha256).hexdigest()[:32]
    assert build(Mask(op="hash"), "user.name", key)("Ana ") == PSEUDONYM + expected


def test_hash_tells_values_categories_and_keys_apart() -> None:
    first = masked("ana@example.org", "hash")
    assert first == masked(" ANA@example.org", "hash")
    assert masked(7, "hash") == masked("7", "hash") == masked(Raw(b"7"), "hash")
    others = {
        masked("bob@example.org", "hash"),
        masked("ana@example.org", "hash", "d"),
        build(Mask(op="hash"), "c", b"other")("ana@example.org"),
    }
    assert len(others | {first}) == 4


_values = st.one_of(
    st.text(), st.integers(), st.booleans(), st.integers().map(lambda n: Raw(str(n).encode()))
)


@given(st.sampled_from(sorted(OPERATORS)), _values, st.integers(0, 5), st.integers(0, 5))
def test_every_operator_takes_every_scalar(op: str, value: Any, first: int, last: int) -> None:
    new = masked(value, op, keep_first=first, keep_last=last, keep=first)
    assert new is None or new is REMOVED or isinstance(new, str | int | Raw)
    if isinstance(value, str):
        assert new is REMOVED or isinstance(new, str)


@given(st.text(alphabet="abcdef"), st.integers(0, 9), st.integers(0, 9))
def test_partial_shows_at_most_half(text: str, first: int, last: int) -> None:
    new = masked(text, "partial", keep_first=first, keep_last=last)
    assert len(new) == len(text)
    assert len(new.replace("*", "")) <= len(text) // 2
