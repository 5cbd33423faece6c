from random import Random

import pytest

from gateway.contacts.model import Standing, Suppression
from gateway.contacts.redis.held import Held

T = "t"


def standing(number: int) -> Standing:
    return Standing(suppressions=(Suppression(source=str(number)),))


def test_what_follows_from_others_is_forgotten_with_them() -> None:
    held = Held()
    held.put((T, "mail"), standing(1), ("record", "phone"))
    held.put((T, "phone"), standing(2), ("record", "mail"))
    held.put((T, "alone"), standing(3))
    held.put(("other", "mail"), standing(4), ("record",))
    held.forget(T, ["record"])
    assert [held.get((T, name)) for name in ("mail", "phone")] == [None, None]
    assert held.get((T, "alone")) == standing(3)
    assert held.get(("other", "mail")) == standing(4)


@pytest.mark.parametrize("seed", range(6))
def test_nothing_outlives_what_it_follows_from(seed: int) -> None:
    """Against a plain dictionary: an answer may be forgotten early, it is never kept too long."""
    random, held, truth = Random(seed), Held(8), dict[str, tuple[Standing, tuple[str, ...]]]()
    names = [f"n{number}" for number in range(14)]
    for turn in range(3000):
        name = random.choice(names)
        match random.randrange(4):
            case 0:
                others = tuple(random.sample([n for n in names if n != name], random.randrange(4)))
                truth[name] = standing(turn), others
                held.put((T, name), *truth[name])
            case 1:
                held.forget(T, [name])
                for key in [k for k, (_, others) in truth.items() if name == k or name in others]:
                    del truth[key]
            case _:
                found = held.get((T, name))
                assert found is None or found == truth[name][0]
        assert len(held) <= 16 + 2
    held.clear()
    assert len(held) == 0
    assert all(held.get((T, name)) is None for name in names)
