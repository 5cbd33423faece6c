"""The compiled writer of records and moments against the Python it stands for, which does all it leaves."""

import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from sys import getrefcount
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.audit import chain, template
from gateway.audit.chain import encoder, moments
from gateway.audit.record import Record
from gateway.audit.template import Template, Text, by_rule
from gateway.errors import InternalError
from tests.native.kernels import kernel

KERNEL: Any = kernel("textkernel")
PIECES = (b'"time":"', b'","id":"', b'","%d":["', b'"],"a":', b',"b":', b"}")
MOMENT = moments()
RULE = by_rule(PIECES, MOMENT)
TEXT: Text = KERNEL.Text(PIECES, RULE)
FIRST, PAST = -62_135_596_800.0, 253_402_300_800.0
"""When year 1 begins, and year 10000."""
LEFT = (ValueError, OverflowError, OSError, TypeError)


def outcome(text: Callable[..., bytes], *arguments: object, **named: object) -> bytes | type[Exception]:
    try:
        return text(*arguments, **named)
    except LEFT as why:
        return type(why)


def alone(*arguments: object) -> bytes:
    raise AssertionError("this goes to the reference")


TIMES = (
    st.floats(FIRST - 5, PAST + 5)
    | st.floats()
    | st.floats(-4e9, 4e9)
    | st.integers(-(2**33), 2**33).map(lambda half: half / 2e6)
    | st.integers(-719_162, 2_932_896).map(lambda day: day * 86_400.0 - 1e-6)
    | st.integers(-(2**40), 2**40)
)
WORDS = st.text("ABCabc019-_", max_size=22)
PEOPLE = st.lists(WORDS | st.text(max_size=4), max_size=5)
NUMBERS = st.integers(-(2**65), 2**65) | st.sampled_from([0, -1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1])


@given(TIMES)
@example(FIRST)
@example(FIRST - 1e-5)
@example(PAST - 1e-4)
@example(PAST)
@example(0.0000005)
@example(0.0000015)
@example(-0.0000005)
@example(-0.0000015)
@example(-0.0000007)
@example(-0.0)
@example(951_782_400.0)  # 29 February 2000
@example(-2_203_891_200.25)  # 1 March 1900, which had no leap day
@example(1_709_251_199.9999996)  # up to 1 March 2024
def test_moments_are_those_of_the_reference(at: float) -> None:
    expected = outcome(lambda: b"%b.%06dZ" % MOMENT(at))
    said = KERNEL.stamp(at)
    assert said == (expected if isinstance(expected, bytes) and isinstance(at, float) else None)


@pytest.mark.parametrize(
    "year", [1, 4, 100, 400, 1600, 1700, 1899, 1900, 1970, 2000, 2023, 2024, 2100, 9996, 9999]
)
def test_every_day_of_odd_years(year: int) -> None:
    first = datetime(year, 1, 1, tzinfo=UTC).timestamp()
    for day in range(365):
        at = first + day * 86_400.0 + day
        assert KERNEL.stamp(at) == b"%b.%06dZ" % MOMENT(at)


@given(WORDS, TIMES, PEOPLE, st.sampled_from([list, tuple, dict.fromkeys, iter, set]), NUMBERS, NUMBERS)
@example("", 0.0, [], list, 0, 0)
@example("é", 0.0, ["\ud800"], tuple, 1, 2)
@example("a-1", 1.5, ["x" * 9000], tuple, 1, 2)
@example("a" * 9000, 1.5, ["x"], list, 1, 2)
def test_records_are_those_of_the_reference(
    name: str, at: float, people: list[str], shape: Callable[[list[str]], Iterable[str]], one: int, two: int
) -> None:
    for identifier in (name, name.encode()):
        expected = outcome(RULE, identifier, at, shape(people), one, two)
        assert outcome(TEXT, identifier, at, shape(people), one, two) == expected


@given(WORDS, st.floats(0, 4e9), st.lists(WORDS, max_size=300, unique=True), st.integers(-(2**63), 2**63 - 1))
def test_the_usual_ones_do_not_go_to_the_reference(name: str, at: float, people: list[str], one: int) -> None:
    text: Text = KERNEL.Text(PIECES, alone)
    for shaped in (people, tuple(people), dict.fromkeys(people)):
        assert text(name, at, shaped, one, 7) == RULE(name, at, people, one, 7)


@pytest.mark.parametrize("size", range(8192 - 27 - sum(map(len, PIECES)) - 60, 8200, 13))
def test_long_ones_are_written_here_or_there(size: int) -> None:
    text = "x" * size
    for given_ in (("a", [text]), (text, ["a"]), ("a", ["b"] * (size // 4)), (text, ())):
        for number in (0, -(2**63)):
            name, people = given_
            assert TEXT(name, 0.0, people, number, number) == RULE(name, 0.0, people, number, number)


class Word(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a", 0.0, [], 1, 2),
        ("a", 0.0, []),
        ("a", 0.0, [], 1),
        ("a", 0.0, [], 1, 2, 3),
        ("a", "0", [], 1, 2),
        ("a", None, [], 1, 2),
        ("a", True, [], 1, 2),
        (None, 0.0, [], 1, 2),
        (bytearray(b"a"), 0.0, [], 1, 2),
        (Word("a"), 0.0, [Word("é")], 1, 2),
        ("a", 0.0, None, 1, 2),
        ("a", 0.0, "abc", 1, 2),
        ("a", 0.0, [1], 1, 2),
        ("a", 0.0, {b"a": None}, 1, 2),
        ("a", 0.0, [], 1.5, True),
        ("a", 0.0, [], "1", 2),
        ("a", float("nan"), [], 1, 2),
        ("a", float("-inf"), [], 1, 2),
    ],
)
def test_what_is_odd_is_as_in_python(arguments: tuple[object, ...]) -> None:
    assert outcome(TEXT, *arguments) == outcome(RULE, *arguments)
    assert outcome(TEXT, *arguments, odd=1) is outcome(RULE, *arguments, odd=1) is TypeError


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (PIECES,),
        (list(PIECES), RULE),
        (PIECES[:3], RULE),
        ((), RULE),
        ((*PIECES, "text"), RULE),
        (PIECES, 1, 2),
    ],
)
def test_no_text_is_made_of_other_pieces(arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        KERNEL.Text(*arguments)
    with pytest.raises(TypeError):
        KERNEL.Text(PIECES, rule=RULE)


def test_nothing_is_kept_of_what_was_written() -> None:
    people, numbers = dict.fromkeys(f"person-{at}" for at in range(9)), (10**15, -(10**15))
    held = getrefcount(RULE), getrefcount(PIECES)
    tracemalloc.start()
    try:
        for round_ in range(3000):
            if round_ == 1000:
                before = tracemalloc.get_traced_memory()[0]
            TEXT("a-1", 1e9 + round_, people, *numbers)
            TEXT("a-1", 1e9 + round_, {**people, "é": None}, *numbers)
            assert KERNEL.stamp(1e9 + round_) is not KERNEL.stamp(1e300)
            assert outcome(KERNEL.Text(PIECES, RULE), "a-1", 1e300, (), *numbers) is OverflowError
        assert tracemalloc.get_traced_memory()[0] - before < 3000
        assert (getrefcount(RULE), getrefcount(PIECES)) == held
    finally:
        tracemalloc.stop()


def test_a_text_that_holds_itself_is_found() -> None:
    class Rule:
        text: object = None

    gone: list[str] = []
    rule = Rule()
    rule.text = KERNEL.Text(PIECES, rule)
    assert gc.is_tracked(rule.text)
    weakref.finalize(rule, gone.append, "gone")
    del rule
    gc.collect()
    assert gone == ["gone"]


RECORD = Record(phase="read", id="", at=0.0, note='100%d "id":"id" %b')


@pytest.mark.parametrize("module", [KERNEL, None], ids=["compiled", "reference"])
def test_templates_and_the_encoder_say_the_same(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "_kernel", module)
    monkeypatch.setattr(chain, "_text", module)
    text = Template(RECORD, moments()).text
    assert (type(text) is KERNEL.Text) is (module is not None)
    whole = replace(RECORD, id="a-1", at=1.5, subjects=("x", "y"), response_bytes=7, added_us=8, total_us=9)
    assert text("a-1", 1.5, {"x": None, "y": None}, 7, 8, 9) == encoder()(whole)
    with pytest.raises(InternalError):
        encoder()(replace(whole, at=float("nan")))
