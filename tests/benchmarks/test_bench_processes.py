"""What is said of two processes against one has to follow from what was measured."""

import os

import pytest

from benchmarks.intercept_processes import Pair, Round, busy, children, each_process
from benchmarks.processes import cpu_seconds


def one(requests: int, gateway: float, load: float = 0.2) -> Round:
    """Two seconds."""
    return Round(2.0, requests, gateway, upstream=0.1, load=load, others=0.0, least=1.0)


def test_figures_are_of_requests() -> None:
    made = one(1000, gateway=2.0)
    assert (made.rps, made.cost, made.beside) == pytest.approx((500, 2000, 300))


def test_two_against_one_by_requests_and_by_cpu() -> None:
    pair = Pair([one(1000, 2.0), one(2000, 2.0)], [one(1600, 3.2), one(3000, 4.0)])
    assert pair.rps == pytest.approx([1.6, 1.5])
    assert pair.cpu == pytest.approx([2.0, 1.5])


def test_the_ceiling_leaves_the_load_its_share() -> None:
    """One request costs 2 ms here and 0.5 ms beside: two cores do 800/s, one process 500/s."""
    pair = Pair([one(1000, 2.0)], [one(1600, 3.2, load=0.7)])
    assert pair.ceiling(2) == pytest.approx(1.6)
    assert pair.ceiling(4) == 2.0


def test_everybody_has_used_less_than_the_machine() -> None:
    assert 0 < sum(each_process(os.getpid()).values()) <= cpu_seconds(os.getpid()) + children() + 1
    assert busy() > cpu_seconds(os.getpid(), deep=False)
