"""Path syntax, and which slot wins where: the automaton against a plain reading of the rules."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.json import JSON
from gateway.codecs.paths import compile_names, compile_program, validate_path
from gateway.codecs.program import Node, Program, Slot, Tally
from gateway.codecs.steps import compiled
from gateway.errors import InternalError

GOOD = [
    "a",
    "$",
    "$.a",
    "$[]",
    "[]",
    "[].a",
    "$[][].a",
    "a[][]",
    "a.b[].*",
    "*",
    "*[].a",
    "**.email",
    "a.**.b[].c",
    "'odd.key'.x",
    "'it''s'",
    "''",
    "$ref.$id",
    "DateCreated<",
    "x-name",
    "a.'*'",
    "été",
]
BAD = [
    "",
    ".",
    "a.",
    ".a",
    "a..b",
    "**",
    "a.**",
    "**.**.a",
    "**[].a",
    "a[",
    "a[0]",
    "a]",
    "'a",
    "a'b'",
    "a b",
    "a*",
    "$.",
    "$a.$",
    "[]a",
    "$$[",
    "***",
]


@pytest.mark.parametrize("path", GOOD)
def test_good_path(path: str) -> None:
    assert validate_path(path) is None
    compile_program([Slot(path, "c")], None)


@pytest.mark.parametrize("path", BAD)
def test_bad_path(path: str) -> None:
    assert validate_path(path)
    with pytest.raises(InternalError):
        compile_program([Slot(path, "c")], None)


@given(st.text(alphabet="a.[]'*$ ", max_size=12))
def test_any_text_is_a_path_or_has_a_fault(text: str) -> None:
    fault = validate_path(text)
    if fault is None:
        compile_program([Slot(text, "c")], None)


@pytest.mark.parametrize("twice", [("a", "a"), ("a", "$.a"), ("a.'b'", "a.b")])
def test_one_place_has_one_slot(twice: tuple[str, str]) -> None:
    with pytest.raises(InternalError, match="twice"):
        compile_program([Slot(path, "c") for path in twice], None)


def test_a_program_that_was_not_compiled_is_refused() -> None:
    program = Program(Node(keys={"a": Node(slot=0)}), (Slot("a", "c", mask=lambda _: "x"),))
    with pytest.raises(InternalError):
        JSON.rewrite({"a": "b"}, program, Tally.of(program))


def test_names_are_taken_verbatim() -> None:
    program = compiled(compile_names([Slot("Attributes[a.b]", "c"), Slot("*", "c")], None))
    assert (program.names, program.rest) == ({"Attributes[a.b]": 0}, 1)
    with pytest.raises(InternalError, match="twice"):
        compile_names([Slot("To", "c"), Slot("To", "c")], None)


def chosen(paths: list[str], document: Any, unmapped: bool = False) -> Any:
    """The document with every scalar replaced by the path that selects it."""

    def naming(path: str) -> Slot:
        return Slot(path, "c", mask=lambda _: path)

    masks = [naming(path) for path in paths]
    program = compile_program(masks, (lambda _: "-") if unmapped else None)
    return JSON.rewrite(document, program, Tally.of(program))


@pytest.mark.parametrize(
    ("paths", "document", "expected"),
    [
        (
            ["a.b", "a.*", "**.b"],
            {"a": {"b": 1, "c": 2}, "b": 3},
            {"a": {"b": "a.b", "c": "a.*"}, "b": "**.b"},
        ),
        (["a.*", "*.b"], {"a": {"b": 1}, "c": {"b": 2}}, {"a": {"b": "a.*"}, "c": {"b": "*.b"}}),
        (["a.x", "*.b"], {"a": {"b": 1}}, {"a": {"b": "*.b"}}),
        (["a"], {"a": [1, {"b": [2]}, None]}, {"a": ["a", {"b": ["a"]}, None]}),
        (["a", "a.b"], {"a": {"b": 1, "c": {"b": 2}}}, {"a": {"b": "a.b", "c": {"b": "a"}}}),
        (["a", "**.id"], {"a": {"x": {"id": 1, "y": 2}}}, {"a": {"x": {"id": "**.id", "y": "a"}}}),
        (["$"], {"a": [1]}, {"a": ["$"]}),
        (["$"], 7, "$"),
        (["[].a", "[][]"], [{"a": 1}, [2], 3], [{"a": "[].a"}, ["[][]"], 3]),
        (["**.b.c", "a.**.c"], {"a": {"b": {"c": 1}, "c": 2}}, {"a": {"b": {"c": "**.b.c"}, "c": "a.**.c"}}),
        (["**.c", "a.**.c"], {"a": {"c": 1}, "c": 2}, {"a": {"c": "a.**.c"}, "c": "**.c"}),
        (["'*'.'a.b'"], {"*": {"a.b": 1}}, {"*": {"a.b": "'*'.'a.b'"}}),
        (["a[].b"], {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_precedence(paths: list[str], document: Any, expected: Any) -> None:
    assert chosen(paths, document) == expected


def test_what_no_path_selects_is_unmapped_at_every_depth() -> None:
    document = {"a": {"b": 1, "x": [2, {"y": 3}]}, "c": [[4]], "n": None, "**": True}
    assert chosen(["a.b"], document, unmapped=True) == {
        "a": {"b": "a.b", "x": ["-", {"y": "-"}]},
        "c": [["-"]],
        "n": None,
        "**": "-",
    }


# ---- against a plain reading of the rules -----------------------------------------------------------------

_keys = st.sampled_from(["a", "b", "c"])
_part = st.builds(lambda part, items: part + "[]" * items, st.one_of(_keys, st.just("*")), st.integers(0, 1))


@st.composite
def _paths(draw: st.DrawFn) -> str:
    parts = draw(st.lists(_part, min_size=1, max_size=3))
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts) - 1)), "**")
    return ".".join(parts)


_documents = st.recursive(
    st.just("v"),
    lambda below: st.one_of(st.dictionaries(_keys, below, max_size=3), st.lists(below, max_size=2)),
    max_leaves=12,
)
_Place = tuple[str | int, ...]


def _expected(document: Any, paths: list[str], place: _Place = ()) -> Any:
    if isinstance(document, dict):
        return {key: _expected(value, paths, (*place, key)) for key, value in document.items()}
    if isinstance(document, list):
        return [_expected(value, paths, (*place, at)) for at, value in enumerate(document)]
    for end in range(len(place), -1, -1):
        ranks = [(rank, path) for path in paths if (rank := _rank(path, place[:end])) is not None]
        if ranks:
            return min(ranks)[1]
    return document


def _rank(path: str, place: _Place) -> tuple[Any, ...] | None:
    """How a path reaches a place: smaller wins; None when it does not."""
    head, deep, tail = path.rpartition("**.")
    before, after = _flat(head), _flat(tail)
    kinds = [_fits(link, key) for link, key in zip(before, place, strict=False)]
    rest = place[len(place) - len(after) :] if after else ()
    kinds_after = [_fits(link, key) for link, key in zip(after, rest, strict=False)]
    exact_length = len(before) + len(after) == len(place)
    if None in (*kinds, *kinds_after) or not (
        exact_length or (deep and len(before) + len(after) < len(place))
    ):
        return None
    return bool(deep), -len(after), -len(before) if deep else 0, kinds, kinds_after


def _flat(text: str) -> list[str]:
    return [link for part in text.split(".") if part for link in part.replace("[]", ".[]").split(".")]


def _fits(link: str, key: str | int) -> int | None:
    if isinstance(key, int) or link == "[]":
        return 0 if isinstance(key, int) and link == "[]" else None
    return 0 if link == key else 1 if link == "*" else None


@given(st.lists(_paths(), max_size=5, unique=True), _documents)
def test_the_automaton_agrees_with_the_rules(paths: list[str], document: Any) -> None:
    expected = _expected(document, paths)
    assert chosen(paths, document) == expected


def test_the_automaton_stays_small() -> None:
    program = compiled(compile_program([Slot(f"**.k{n}", "c") for n in range(40)], None))
    elsewhere = program.start.any
    assert elsewhere is not None
    assert elsewhere.any is elsewhere
    assert repr(elsewhere).count("Step") == 1
