"""The straight way does what the long one does: the same commands, heads and records, byte for byte."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange import exchange as exchanges
from gateway.exchange.commands import Acquire, Append, CollectAnswer, Link, Release, Send
from gateway.exchange.finding import Family
from gateway.exchange.straight import straight
from gateway.http1.head import RequestHead
from gateway.model import Upstream
from gateway.native import load
from gateway.policy.plan import Plan
from tests.exchange.test_exchange import CONTACT
from tests.world import RULES, Answer, Played, World, json_answer

SHADOW = RULES + "rules:\n  - {id: shy, access: {operations: ['crm.contacts.*']}, mode: shadow}\n"
OTHER = Upstream(
    name="crm-2",
    provider="crm",
    url="https://two.crm.example",
    region="FR",
    operator="OVH",
    prefix="/crm/contacts/second",
)
REQUESTS: list[tuple[str, dict[str, str]]] = [
    ("/crm/contacts/7", {}),
    ("/crm/contacts/7", {"Accept-Encoding": "gzip, br", "X-Trace": "1", "Connection": "close, X-Trace"}),
    ("/crm/contacts/7", {"Sec-GPC": "1"}),
    ("/crm/contacts/7", {"Sec-GPC": "0"}),
    ("/crm/contacts/7", {"X-Note": "t_" + "a" * 60}),
    ("/crm/contacts/7", {"X-Note": "100%"}),
    ("/crm/contacts/7", {"Upgrade": "websocket", "Connection": "upgrade"}),
    ("/crm/contacts/7", {"Content-Length": "0"}),
    ("/crm/contacts/7?a=b", {}),
    ("/crm/contacts/7?a=+33639980001", {}),
    ("/crm/contacts?email=a@b.example", {}),
    ("/crm/contacts/second", {}),
    ("/crm/contacts/second/contacts/7", {}),
    ("/crm/contacts/123456789012345", {}),
    ("/crm/contacts/a%2Fb", {}),
    ("/crm/contacts/a%20b", {}),
    ("/crm/contacts/..", {}),
    ("/crm/contacts/", {}),
    ("/crm/contacts/delete", {}),
    ("/crm/status", {}),
    ("/crm/recordings/7", {}),
    ("/elsewhere/contacts/7", {}),
]


def seen(played: Played) -> tuple[list[type], object, object, object]:
    """All that anybody sees of an exchange."""
    sent = None if played.nothing_sent else played.sent
    return played.kinds, sent, played.script.released, [msgspec.to_builtins(r) for r in played.records]


def long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanges, "straight", lambda *_: False)


@pytest.mark.parametrize("rules", [RULES, SHADOW])
@pytest.mark.parametrize(("path", "headers"), REQUESTS)
def test_both_ways_are_one(
    monkeypatch: pytest.MonkeyPatch, path: str, headers: dict[str, str], rules: str
) -> None:
    asked = [World(rules=rules, credential="secret", others=(OTHER,)) for _ in range(2)]
    answer = json_answer(CONTACT)
    straight = [seen(asked[0].ask("GET", path, headers=headers, answer=answer)) for _ in range(3)]
    long(monkeypatch)
    assert straight == [seen(asked[1].ask("GET", path, headers=headers, answer=answer)) for _ in range(3)]


@pytest.mark.skipif(load("scankernel") is None, reason="without the scanner all go the long way")
def test_a_read_goes_straight(monkeypatch: pytest.MonkeyPatch) -> None:
    ways: list[bool] = []

    def noted(plan: Plan, head: RequestHead) -> bool:
        ways.append(straight(plan, head))
        return ways[-1]

    monkeypatch.setattr(exchanges, "straight", noted)
    played = World().ask("GET", "/crm/contacts/7", answer=json_answer(CONTACT))
    assert played.kinds == [Acquire, Send, CollectAnswer, Link, Append, Release] and ways == [True]


def test_where_data_may_not_go_it_does_not_go_straight() -> None:
    played = World(addresses=("10.1.1.1",), networks=()).ask("GET", "/crm/contacts/7")
    assert played.status >= 400 and played.nothing_sent


@pytest.mark.parametrize("status", [204, 206, 301, 304, 404, 500])
def test_answers_of_any_kind(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    answer = Answer(status, body=b"" if status in (204, 304) else b'{"message": "Ana"}')
    straight = seen(World().ask("GET", "/crm/contacts/7", answer=answer))
    long(monkeypatch)
    assert straight == seen(World().ask("GET", "/crm/contacts/7", answer=answer))


WARM = World()
ODD = ("7", "delete", "..", "", "%37", "1" * 15, "t_" + "a" * 50)
SIGNS = st.lists(st.sampled_from([*"a7-_.~/;:@+,=!'()*0", "%2F", "%41", "%c3"]), max_size=20).map("".join)


@given(st.sampled_from(ODD) | SIGNS)
def test_a_path_is_the_same_when_its_family_is_known(last: str) -> None:
    answer = json_answer(CONTACT)
    WARM.ask("GET", "/crm/contacts/1", answer=answer)
    assert any(isinstance(kept, Family) for kept in WARM.snapshot.addressed.values())
    asked = "/crm/contacts/" + last
    kinds, *known = seen(WARM.ask("GET", asked, answer=answer))
    fresh_kinds, *fresh = seen(World().ask("GET", asked, answer=answer))
    # Who was linked before is not linked again.
    assert known == fresh and kinds == [kind for kind in fresh_kinds if kind is not Link]


def test_what_can_lead_elsewhere_is_no_family() -> None:
    world = World(others=(OTHER,))
    for last in ("1", "second"):
        world.ask("GET", f"/crm/contacts/{last}", answer=json_answer(CONTACT))
    assert not any(isinstance(kept, Family) for kept in world.snapshot.addressed.values())


def test_nothing_of_a_person_is_kept_with_a_family() -> None:
    world = World()
    world.ask("GET", "/crm/contacts/anasilva", answer=json_answer(CONTACT))
    assert "anasilva" not in repr(list(world.snapshot.addressed.items()))
