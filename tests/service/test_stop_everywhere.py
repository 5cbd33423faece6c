"""A STOP that a worker accepted: nobody writes to that person after it. Real processes, over each store.

Over a file that holds for the very next request of any worker. Over Redis it holds at once where the STOP was
accepted, and everywhere else not later than `staleness`.

HUSHGATE_STOP_KILLS is how many processes are killed (default: a few).
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.service.stopping import Play
from tests.service.stops import FORM, STORES, Chance, Gateways, Line, Store, gateways

KILLS = int(os.environ.get("HUSHGATE_STOP_KILLS", "4"))
LIMIT = 3
RULE = f"""
rules:
  - id: seldom
    contact: {{channels: [sms, email], at_most: {LIMIT} in 7 days}}
    roles: admin
"""


@pytest.fixture(scope="module", params=STORES)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    store: Store = request.param
    with gateways(tmp_path_factory.mktemp(store), store, RULE) as made:
        yield made


@pytest.fixture
def lines(running: Gateways) -> Iterator[list[Line]]:
    made = running.lines()
    yield made
    for line in made:
        line.close()


def in_force(running: Gateways, since: float) -> None:
    """Wait until what was acknowledged at `since` has to be in force: over a file, that is at once."""
    time.sleep(max(0.0, since + running.bound - time.monotonic()))


def test_a_stop_counts_on_every_worker_and_with_every_provider(running: Gateways, lines: list[Line]) -> None:
    running.meet([1])
    for line in lines:  # every worker remembers that nothing was known
        assert line.text(1).passed and line.mail(1).passed and line.text(2).passed
    told = lines[0].say(1, "Stop.", "SM-1")
    acknowledged = time.monotonic()
    assert told.passed
    assert lines[0].text(1).reason == "contact_suppressed", "where it was accepted, at once"
    in_force(running, acknowledged)
    for line in reversed(lines):
        assert line.text(1).reason == line.mail(1).reason == "contact_suppressed"
        assert line.text(2).passed, "nobody else"


def test_a_stop_that_comes_again_counts_once(running: Gateways, lines: list[Line]) -> None:
    for line in lines:
        assert line.say(3, "STOP", "SM-2").passed, "each worker is told of the same event"
    assert lines[-1].say(3, "START", "SM-3").passed
    for line in lines:
        assert line.say(3, "STOP", "SM-2").passed
    in_force(running, time.monotonic())
    assert all(line.text(3).passed for line in lines), "what is older than the START is not made anew"
    assert running.acts(3) == ["suppressed", "lifted"]


def test_what_is_forged_changes_nothing(running: Gateways, lines: list[Line]) -> None:
    told = lines[0].ask("POST", "/in/twilio/sms", b"From=x", X_Twilio_Signature="bm8=", **FORM)
    assert told.status == 403
    assert lines[0].ask("GET", "/in/twilio/sms").status == 405


def test_looking_at_a_link_changes_nothing_and_a_click_counts_everywhere(
    running: Gateways, lines: list[Line]
) -> None:
    running.meet([4])
    link = running.link(4)
    assert lines[0].ask("GET", link).passed
    assert all(line.mail(4).passed for line in lines)
    assert lines[0].ask("POST", link, b"List-Unsubscribe=One-Click", **FORM).passed
    in_force(running, time.monotonic())
    for line in lines:
        assert line.text(4).reason == line.mail(4).reason == "contact_suppressed"


def test_nobody_is_reached_more_often_than_allowed(running: Gateways, lines: list[Line]) -> None:
    people = range(10, 14)
    running.meet(people)
    begun = threading.Barrier(8)

    def contact(number: int) -> Counter[int]:
        chance, line, passed = (
            Chance(number),
            Line(running.houses[number % len(running.houses)]),
            Counter[int](),
        )
        begun.wait()
        for person in sorted([*people] * LIMIT, key=lambda _: chance.below(1000)):
            for told in line.text(person, f"{person}-{number}", "admin"), line.mail(person, person, "admin"):
                assert told.passed or told.reason == "contact_too_often", told
                passed[person] += told.passed
        line.close()
        return passed

    before = len(running.providers.arrived)
    with ThreadPoolExecutor(8) as clients:
        passed = sum(clients.map(contact, range(8)), Counter[int]())
    assert passed == Counter(dict.fromkeys(people, LIMIT))
    arrived = Counter(int(note.partition("-")[0]) for note in running.providers.arrived[before:])
    assert arrived == passed


def test_both_providers_and_all_workers_count_together(running: Gateways, lines: list[Line]) -> None:
    running.meet([20])
    ways = (lines[0].text, lines[-1].mail, lines[0].mail, lines[-1].text, lines[0].text, lines[-1].mail)
    told = [way(20, "", "admin") for way in ways]
    assert [one.passed for one in told] == [True] * LIMIT + [False] * (len(ways) - LIMIT)
    assert lines[0].text(20).passed, "the rule is for another role"


def test_whoever_is_killed_nobody_is_reached_after_a_stop(running: Gateways, tmp_path: Path) -> None:
    play = Play(running, tmp_path, KILLS)
    play.run()
    play.check()
