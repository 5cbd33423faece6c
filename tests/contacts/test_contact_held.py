from hypothesis import given
from hypothesis import strategies as st

from gateway.contacts.held import Held
from gateway.contacts.model import Standing, Suppression

T = "t"


def standing(number: int) -> Standing:
    return Standing(suppressions=(Suppression(source=str(number)),))


def test_what_follows_from_others_is_forgotten_with_them() -> None:
    held = Held()
    held.put((T, "mail"), standing(1), ("record", "phone"))
    held.put((T, "phone"), standing(2), ("record", "mail"))
    held.put((T, "alone"), standing(3))
    held.put(("other", "mail"), standing(4), ("another record",))
    held.forget(T, ["record"])
    assert [held.get((T, name)) for name in ("mail", "phone")] == [None, None]
    assert held.get((T, "alone")) == standing(3)
    assert held.get(("other", "mail")) == standing(4)


NAMES = [f"n{number}" for number in range(12)]
NAME = st.sampled_from(NAMES)
STEPS = st.tuples(st.sampled_from(["put", "forget", "get", "get"]), NAME, st.sets(NAME, max_size=3))


@given(st.lists(STEPS, max_size=120))
def test_nothing_outlives_what_it_follows_from(steps: list[tuple[str, str, set[str]]]) -> None:
    """Against a plain dictionary: an answer may be forgotten early, it is never kept too long."""
    held, truth = Held(8), dict[str, tuple[Standing, set[str]]]()
    for turn, (step, name, others) in enumerate(steps):
        if step == "put":
            truth[name] = standing(turn), others - {name}
            held.put((T, name), standing(turn), tuple(others - {name}))
        elif step == "forget":
            held.forget(T, [name])
            truth = {k: v for k, v in truth.items() if name != k and name not in v[1]}
        else:
            found = held.get((T, name))
            assert found is None or found == truth[name][0]
        assert len(held) <= 18
    held.clear()
    assert len(held) == 0 and held.get((T, NAMES[0])) is None
