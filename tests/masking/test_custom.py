"""What plugins add to masking: joins that never loosen, and detectors that only cover more."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.program import REMOVED, Masker
from gateway.errors import InternalError
from gateway.masking.custom import NOTHING_CUSTOM, Custom, cover
from gateway.masking.detect import detector
from gateway.masking.table import OPERATORS, PLUGIN, build, stricter
from gateway.model import Mask

masks = st.builds(
    Mask,
    op=st.sampled_from((*sorted(OPERATORS), f"{PLUGIN}one", f"{PLUGIN}two")),
    keep_first=st.integers(0, 3),
    keep_last=st.integers(0, 3),
    keep=st.integers(0, 3),
)


@given(masks, masks, masks)
def test_the_join_with_plugins_is_one(a: Mask, b: Mask, c: Mask) -> None:
    assert stricter(a, b) == stricter(b, a)
    assert stricter(stricter(a, b), c) == stricter(a, stricter(b, c))
    once = stricter(a, b)
    assert stricter(once, a) == stricter(once, b) == stricter(once, once) == once


@pytest.mark.parametrize("op", [*sorted(OPERATORS), f"{PLUGIN}two"])
def test_a_plugins_masker_never_takes_the_place_of_another(op: str) -> None:
    """What it shows nobody but its author knows: what is between it and any other operator shows nothing."""
    joined = stricter(Mask(op=f"{PLUGIN}one"), Mask(op=op, keep=2, keep_last=2))
    assert joined == Mask(op="remove" if op == "remove" else "redact")


def test_the_masker_that_was_handed_in_is_built() -> None:
    def make(mask: Mask, category: str, key: bytes) -> Masker:
        return lambda value: f"{mask.op} {category} {key.decode()} {len(value)}"

    mask = Mask(op=f"{PLUGIN}one")
    assert build(mask, "user.name", b"k", {"one": make})("Ana") == "plugin:one user.name k 3"
    with pytest.raises(InternalError):
        build(mask, "user.name", b"k", {"other": make})


def words(text: str) -> Iterable[tuple[int, int]]:
    """Finds `secret`."""
    at = text.find("secret")
    while at >= 0:
        yield at, at + 6
        at = text.find("secret", at + 6)


@given(st.one_of(st.text(), st.text("secret @.ab", max_size=40), st.integers(), st.booleans()))
def test_a_detector_only_covers_more(value: Any) -> None:
    inner = detector()
    before, after = inner(value), Custom(detectors=(words,)).detecting(inner)(value)
    if before.__class__ is str:
        assert after == before.replace("secret", "[redacted]")
    else:
        assert after is before


def test_a_number_in_which_something_is_found_is_null() -> None:
    custom = Custom(detectors=(lambda text: [(0, 2)] if text.startswith("77") else [],))
    detect = custom.detecting(detector())
    assert (detect(7701), detect(8801), detect(True)) == (None, 8801, True)


def test_every_detector_is_asked_and_sees_what_the_others_left() -> None:
    seen: list[str] = []

    def second(text: str) -> Iterable[tuple[int, int]]:
        seen.append(text)
        return [(0, 1)]

    detect = Custom(detectors=(words, second)).detecting(lambda value: value)
    assert detect("x secret") == "[redacted] [redacted]"
    assert seen == ["x [redacted]"]


@pytest.mark.parametrize("gone", [None, REMOVED])
def test_what_is_hidden_whole_is_not_asked_about(gone: object) -> None:
    assert Custom(detectors=(words,)).detecting(lambda _: gone)("secret") is gone


def test_without_detectors_nothing_is_wrapped() -> None:
    inner = detector()
    assert NOTHING_CUSTOM.detecting(inner) is inner


def test_cover() -> None:
    assert cover("abcdef", [(0, 1), (2, 4)]) == "[redacted]b[redacted]ef"
