"""A plugin's detector: its spans in order, and nothing that is no span."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PluginError
from gateway.plugins.api import Detector
from gateway.plugins.detectors import MOST_SPANS, finding, merged
from gateway.plugins.guard import Guard


def found(spans: Any, text: str = "0123456789") -> tuple[tuple[int, int], ...]:
    guard = Guard("badge", 1.0, lambda: 0.0, {})
    return tuple(finding(Detector("badge", lambda _: spans), guard)(text))


def test_spans_come_in_order_and_as_one_where_they_meet() -> None:
    assert found(iter([(5, 7), (0, 2), (6, 9), (2, 3)])) == ((0, 3), (5, 9))
    assert found([]) == ()


@pytest.mark.parametrize(
    "spans",
    [
        [(0, 11)],
        [(-1, 2)],
        [(3, 3)],
        [(4, 2)],
        [(0, 1, 2)],
        [[0, 1]],
        ["01"],
        [(0.0, 1)],
        [(False, True)],
        [None],
        None,
        7,
    ],
)
def test_what_is_no_span_is_its_failure(spans: Any) -> None:
    with pytest.raises(PluginError):
        found(spans)


def test_more_than_can_be_is_its_failure() -> None:
    def endless() -> Iterable[tuple[int, int]]:
        while True:
            yield 0, 1

    with pytest.raises(PluginError):
        found(endless())
    assert found([(0, 1)] * MOST_SPANS) == ((0, 1),)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)).map(lambda s: (s[0], s[0] + s[1]))))
def test_merged_spans_cover_the_same_and_lie_apart(spans: list[tuple[int, int]]) -> None:
    out = merged(spans)
    assert {at for s, e in spans for at in range(s, e)} == {at for s, e in out for at in range(s, e)}
    assert all(end < start for (_, end), (start, _) in pairwise(out))
