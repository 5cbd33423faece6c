from hypothesis import given
from hypothesis import strategies as st

from gateway.contacts.cached import Passed, Recent


def test_it_remembers_at_least_the_bound_and_at_most_twice_as_much() -> None:
    recent: Recent[int, str] = Recent(10)
    for number in range(100):
        recent.put(number, str(number))
        assert len(recent) <= 20
    assert all(recent.get(number) == str(number) for number in range(90, 100))
    assert recent.get(0) is None


def test_what_is_asked_for_again_outlives_what_is_not() -> None:
    recent: Recent[int, str] = Recent(10)
    recent.put(-1, "kept")
    for number in range(200):
        assert recent.get(-1) == "kept"
        recent.put(number, "other")


def test_clear_forgets_both_halves() -> None:
    recent: Recent[int, str] = Recent(2)
    for number in range(3):
        recent.put(number, "x")
    recent.clear()
    assert len(recent) == 0
    assert [recent.get(number) for number in range(3)] == [None] * 3


@given(st.lists(st.tuples(st.integers(0, 9), st.integers())), st.integers(1, 4))
def test_an_answer_is_the_last_one_put_or_none(puts: list[tuple[int, int]], bound: int) -> None:
    recent: Recent[int, int] = Recent(bound)
    truth: dict[int, int] = {}
    for key, value in puts:
        recent.put(key, value)
        truth[key] = value
        assert all(recent.get(k) in (None, v) for k, v in truth.items())


def test_a_pair_passes_once_and_another_tenants_is_another() -> None:
    passed = Passed(100)
    pairs = [("r", "a"), ("r", "b")]
    fresh, marks = passed.fresh("t", pairs)
    assert fresh == pairs == passed.fresh("t", pairs)[0], "nothing has gone by until it is kept"
    passed.keep(marks)
    assert passed.fresh("t", [*pairs, ("q", "a")])[0] == [("q", "a")]
    assert passed.fresh("u", pairs)[0] == pairs
    passed.clear()
    assert passed.fresh("t", pairs)[0] == pairs


def test_no_more_pairs_are_known_than_twice_the_bound() -> None:
    passed = Passed(10)
    for number in range(100):
        passed.keep(passed.fresh("t", [("r", str(number))])[1])
        assert passed.fresh("t", [("r", str(max(0, number - 4)))])[0] == []
    assert next(n for n in range(100) if not passed.fresh("t", [("r", str(n))])[0]) >= 75


def test_what_is_asked_for_again_stays() -> None:
    passed = Passed(4)
    passed.keep(passed.fresh("t", [("r", "kept")])[1])
    for number in range(50):
        passed.keep(passed.fresh("t", [("r", str(number))])[1])
        assert passed.fresh("t", [("r", "kept")])[0] == []
