"""Which lines select a place: the canary's own reading agrees with the compiled programs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canary.places import Ways, lines, planted
from gateway.codecs.json import JSON
from gateway.codecs.paths import compile_program, validate_path
from gateway.codecs.program import Slot, Tally
from gateway.model import Field

keys = st.sampled_from(("a", "b", "c", "*", "**", "a[]", "b[][]", "*[]"))
paths = st.lists(keys, min_size=1, max_size=4).map(".".join).filter(lambda p: validate_path(p) is None)
documents: st.SearchStrategy[Any] = st.recursive(
    st.just("x"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)


def selected(ways: Ways, document: Any) -> list[bool]:
    """Of every leaf in document order, whether a line selects it."""
    if isinstance(document, dict):
        return [s for key, value in document.items() for s in selected(ways.onward(key), value)]
    if isinstance(document, list):
        return [s for value in document for s in selected(ways.onward(None), value)]
    return [bool(ways.selecting())]


def marked(document: Any) -> list[bool]:
    """Of every leaf, whether a program masked it."""
    if isinstance(document, dict):
        return [m for value in document.values() for m in marked(value)]
    if isinstance(document, list):
        return [m for value in document for m in marked(value)]
    return [document == "masked"]


@given(st.lists(paths, min_size=1, max_size=3, unique=True), documents)
def test_the_same_places_as_a_compiled_program(chosen: list[str], document: Any) -> None:
    ways = Ways(lines(Field(path=path, category="user") for path in chosen))
    expected = selected(ways, document)
    program = compile_program([Slot(path, "user", lambda _: "masked") for path in chosen], None)
    assert marked(JSON.rewrite(document, program, Tally.of(program))) == expected


@given(st.lists(paths, min_size=1, max_size=5, unique=True))
def test_every_line_has_a_place_in_what_is_planted(chosen: list[str]) -> None:
    every = list(lines(Field(path=path, category=path) for path in chosen))
    ends: list[str] = []
    todo = [planted(every)]
    while todo:
        spot = todo.pop()
        ends += [spot.ends.category] if spot.ends else []
        todo += [*spot.keys.values(), *([spot.items] if spot.items else [])]
    assert set(ends) <= set(chosen)
    assert ends


@pytest.mark.parametrize(
    ("path", "place", "yes"),
    [
        ("$", ("x",), True),
        ("a", ("a", "b", None), True),
        ("a.b", ("a",), False),
        ("**.b", ("x", None, "b"), True),
        ("a[].b", ("a", "b"), False),
        ("*.b", (None, "b"), False),
    ],
)
def test_by_example(path: str, place: tuple[str | None, ...], yes: bool) -> None:
    ways = Ways(lines([Field(path=path, category="user")]))
    for key in place:
        ways = ways.onward(key)
    assert bool(ways.selecting()) is yes
