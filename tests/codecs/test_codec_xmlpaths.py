"""The path syntax of XML data maps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.program import Slot
from gateway.codecs.xmlpaths import compile_xml, validate_xml_path
from gateway.errors import InternalError


@pytest.mark.parametrize(
    "path",
    [
        "$",
        "a",
        "a/b",
        "@a",
        "a/@b",
        "**/b",
        "**/@b",
        "a/**/b",
        "*",
        "a/*",
        "*/b",
        "a/text()",
        "É-1.x/b_",
        "a/*/text()",
    ],
)
def test_paths(path: str) -> None:
    assert validate_xml_path(path) is None
    assert compile_xml([Slot(path, "c")], None).slots[0].path == path


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "empty"),
        ("/a", "empty"),
        ("a//b", "empty"),
        ("a/", "empty"),
        ("s:a", "without prefix"),
        ("a.b[]", "without prefix"),
        ("a/$", "without prefix"),
        ("a b", "without prefix"),
        ("1a", "without prefix"),
        ("a'b", "without prefix"),
        ("@", "without prefix"),
        ("@*", "without prefix"),
        ("@a/b", "nothing comes after"),
        ("text()/b", "nothing comes after"),
        ("text()", "follow an element"),
        ("**", "followed by a name"),
        ("a/**", "followed by a name"),
        ("**/**/a", "followed by a name"),
        ("**/text()", "followed by a name"),
    ],
)
def test_mistakes(path: str, why: str) -> None:
    assert why in (validate_xml_path(path) or "")
    with pytest.raises(InternalError):
        compile_xml([Slot(path, "c")], None)


@given(st.text(alphabet="ab/@*$.:()tex'[]", max_size=12))
def test_what_is_found_right_compiles(path: str) -> None:
    if validate_xml_path(path) is None:
        compile_xml([Slot(path, "c")], None)


def test_one_place_is_mapped_once() -> None:
    with pytest.raises(InternalError):
        compile_xml([Slot("a/b", "c"), Slot("a/b", "d")], None)
