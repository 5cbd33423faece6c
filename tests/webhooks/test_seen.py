"""What was seen is remembered, a day at most, and never more than so many."""

from gateway.webhooks import seen
from gateway.webhooks.seen import LONG, Seen


def test_an_event_is_known_until_a_day_has_gone() -> None:
    known = Seen()
    known.add(b"a", 0.0)
    assert b"a" in known
    assert b"b" not in known
    known.add(b"b", LONG)
    assert b"a" in known
    known.add(b"c", LONG + 1)
    assert b"a" not in known
    assert b"b" in known


def test_the_oldest_goes_first() -> None:
    known = Seen()
    for number in range(seen.MOST + 2):
        known.add(b"%d" % number, 0.0)
    assert b"1" not in known
    assert b"2" in known
    assert b"%d" % (seen.MOST + 1) in known
