"""A plugin's masker: what it gets, what it may answer, and that no answer shows the value."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.codecs.program import Masker as Built
from gateway.errors import PluginError
from gateway.masking.operators import REDACTED
from gateway.model import Mask
from gateway.plugins.api import Context, Masker
from gateway.plugins.guard import Guard
from gateway.plugins.maskers import MOST, making, shows

Function = Callable[[Any], Any]


def built(
    function: Function | None = None,
    *,
    partial: bool = False,
    key: bytes = b"key",
    category: str = "user.name",
    make: Callable[[Context], Any] | None = None,
    name: str = "badge",
) -> Built:
    maker: Callable[[Context], Any] = make or (lambda _: function)
    plugin = Masker(name, maker, partial)
    guard = Guard(name, 1.0, lambda: 0.0, {})
    return making(plugin, guard)(Mask(op=f"plugin:{name}"), category, key)


def test_it_gets_text_and_its_text_stands_in() -> None:
    seen: list[object] = []
    mask = built(lambda text: seen.append(text) or "masked")  # type: ignore[func-returns-value]
    assert [mask("Ana Martin"), mask(1234567), mask(Raw(b"1.10"))] == ["masked"] * 3
    assert seen == ["Ana Martin", "1234567", "1.10"]


def test_it_is_not_asked_where_there_is_nothing_to_tell() -> None:
    mask = built(lambda text: "masked")
    assert (mask(""), mask(True), mask(False)) == ("", None, None)


def test_none_hides_the_value_whole() -> None:
    mask = built(lambda text: None)
    assert (mask("Ana"), mask(7)) == (REDACTED, None)


@pytest.mark.parametrize("answer", [7, b"x", ["x"], type("Text", (str,), {})("x"), "\ud800"])
def test_what_is_no_text_is_its_failure(answer: object) -> None:
    with pytest.raises(PluginError):
        built(lambda text: answer)("Ana")


@pytest.mark.parametrize("made", [None, 7, "x"])
def test_what_cannot_be_called_is_its_failure(made: object) -> None:
    with pytest.raises(PluginError):
        built(make=lambda _: made)


def test_a_maker_that_raises_is_its_failure() -> None:
    with pytest.raises(PluginError):
        built(make=lambda context: [][len(context.category)])


@pytest.mark.parametrize(
    "leak",
    [
        lambda text: text,
        str.upper,
        lambda text: text[::-1],
        lambda text: f"<b>{text}</b>",
        lambda text: text[:5] + "*****",
        lambda text: "x" + text[-6:],
    ],
)
@pytest.mark.parametrize("partial", [False, True])
def test_an_answer_that_shows_the_value_is_redacted(leak: Callable[[str], str], partial: bool) -> None:
    assert built(leak, partial=partial)("Anna Bo") == REDACTED


def test_a_partial_answer_may_show_half() -> None:
    last_four = lambda text: "*" * (len(text) - 4) + text[-4:]  # noqa: E731 - a plugin as short as can be
    assert built(last_four, partial=True)("12345678") == "****5678"
    assert built(last_four, partial=True)("1234567") == REDACTED
    assert built(last_four)("12345678") == REDACTED
    assert built(lambda text: "*" + text[-MOST:])("12345678") == "*678"


@given(st.text(min_size=1), st.text(), st.text(), st.booleans())
def test_no_answer_ever_holds_the_value(value: str, before: str, after: str, partial: bool) -> None:
    """Whatever stands around it, whatever the case."""
    if value.strip():
        assert shows(value, before + value + after, partial=partial)
        assert shows(value, before + value.strip().casefold()[::-1] + after, partial=partial)


@given(st.text("abc1", min_size=20, max_size=600), st.data())
def test_a_run_of_more_than_half_is_found_wherever_it_stands(value: str, data: st.DataObject) -> None:
    size = len(value) // 2 + 1
    at = data.draw(st.integers(0, len(value) - size))
    assert shows(value, "??" + value[at : at + size] + "??", partial=True)


@given(st.text("abcd", min_size=8, max_size=600), st.data())
def test_a_run_of_more_than_three_is_found_wherever_it_stands(value: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(value) - MOST - 1))
    assert shows(value, "??" + value[at : at + MOST + 1] + "??", partial=False)


def test_a_pseudonym_is_one_persons_within_category_tenant_and_plugin() -> None:
    def make(context: Context) -> Callable[[str], str]:
        return context.pseudonym

    first = built(make=make)("ana@example.com")
    assert len(first) == 32
    assert int(first, 16)
    assert built(make=make)("ana@example.com") == first
    others = [
        built(make=make)("bo@example.com"),
        built(make=make, key=b"other")("ana@example.com"),
        built(make=make, category="user.contact")("ana@example.com"),
        built(make=make, name="other")("ana@example.com"),
    ]
    assert len({first, *others}) == 5


def test_a_plugin_is_told_the_category_and_not_the_key() -> None:
    contexts: list[Context] = []
    built(make=lambda context: contexts.append(context) or str, key=b"the-tenants-key")  # type: ignore[func-returns-value]
    assert contexts[0].category == "user.name"
    assert "the-tenants-key" not in repr(contexts[0])


@pytest.mark.parametrize("size", [30, 256, 257, 500])
@pytest.mark.parametrize("back", [False, True])
def test_a_run_of_more_than_half_is_found_in_long_values_too(size: int, back: bool) -> None:
    value = "".join(chr(0x4E00 + at) for at in range(size))
    run = size // 2 + 1
    for at in range(size - run + 1):
        shown = value[at : at + run]
        assert shows(value, f"?{shown[::-1] if back else shown}?", partial=True), at
    assert not shows(value, f"?{value[: size // 8]}?", partial=True)
