"""Tables of the tour."""

import pytest

from gateway.demo.table import WIDEST, table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("field", "x"), [("a", "long value"), ("longer field", "b")]) == [
        "field         x",
        "------------  ----------",
        "a             long value",
        "longer field  b",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), ("", "(empty)"), (0, "0"), ("a\n b", "a b"), ("x" * 50, "x" * (WIDEST - 1) + "…")],
)
def test_cells(value: object, shown: str) -> None:
    assert table(("h",), [(value,)])[2] == shown


def test_wide_characters_keep_columns_aligned() -> None:
    lines = table(("a", "b"), [("山", "1"), ("xy", "2")])
    assert lines[2:] == ["山  1", "xy  2"]


def test_a_short_row_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        table(("a", "b"), [("x",)])
