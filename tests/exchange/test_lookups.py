"""Lookups are limited per client, and time heals it."""

import pytest

from gateway.exchange.lookups import MAX_CLIENTS, Lookups
from gateway.exchange.refused import Refused


def drained(lookups: Lookups, per_minute: int, now: float, client: str = "app") -> Refused:
    for _ in range(per_minute):
        lookups.take("acme", client, per_minute, now)
    with pytest.raises(Refused) as caught:
        lookups.take("acme", client, per_minute, now)
    return caught.value


def test_a_minutes_worth_at_once_and_then_evenly() -> None:
    lookups = Lookups()
    no = drained(lookups, 6, 100.0)
    assert (no.reason, no.retry_after) == ("too_many_lookups", 10)
    with pytest.raises(Refused):
        lookups.take("acme", "app", 6, 109.9)
    lookups.take("acme", "app", 6, 110.0)
    with pytest.raises(Refused):
        lookups.take("acme", "app", 6, 110.0)
    drained(lookups, 6, 1000.0)


def test_clients_and_tenants_have_their_own() -> None:
    lookups = Lookups()
    drained(lookups, 2, 0.0)
    lookups.take("acme", "other", 2, 0.0)
    lookups.take("another", "app", 2, 0.0)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    lookups = Lookups()
    drained(lookups, 3, 50.0)
    with pytest.raises(Refused):
        lookups.take("acme", "app", 3, 10.0)


def test_none_at_all() -> None:
    with pytest.raises(Refused) as caught:
        Lookups().take("acme", "app", 0, 0.0)
    assert caught.value.retry_after is None


def test_buckets_are_bounded() -> None:
    lookups = Lookups()
    for n in range(MAX_CLIENTS + 10):
        lookups.take("acme", f"app-{n}", 1, 0.0)
    lookups.take("acme", "app-0", 1, 0.0)  # forgotten, and full again
    with pytest.raises(Refused):
        lookups.take("acme", f"app-{MAX_CLIENTS + 9}", 1, 0.0)
