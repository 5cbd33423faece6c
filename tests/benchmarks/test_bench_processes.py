"""What is said of two processes against one has to follow from what was measured."""

import os
import subprocess
import sys

import pytest

from benchmarks.processes import cpu_seconds
from benchmarks.usage import Round, Trio, children, each_process, machine, pin


def one(requests: int, gateway: float, load: float = 0.2, idle: float = 0.0, others: float = 0.0) -> Round:
    """Two seconds."""
    return Round(
        2.0, requests, gateway, upstream=0.1, load=load, idle=idle, stolen=0.0, others=others, least=1.0
    )


def trio(single: Round, first: Round, two: Round) -> Trio:
    """One turn."""
    made = Trio()
    made.add({"two": two, "single": single, "one": first})
    return made


def test_figures_are_of_requests() -> None:
    made = one(1000, gateway=2.0, idle=0.1)
    assert (made.rps, made.cost, made.beside, made.waste) == pytest.approx((500, 2000, 300, 200))


def test_two_against_one_by_requests_and_by_cpu() -> None:
    made = trio(one(800, 1.6), one(1000, 2.0), one(1600, 3.2))
    made.add({"single": one(800, 1.6), "one": one(2000, 2.0), "two": one(3000, 4.0)})
    assert made.rps == pytest.approx([1.6, 1.5])
    assert made.cpu == pytest.approx([2.0, 1.5])


def test_what_is_attainable_leaves_the_load_its_share() -> None:
    """One request costs 2 ms here and 0.5 ms beside: two cores do 800/s, one process 500/s."""
    made = trio(one(800, 1.6), one(1000, 2.0, load=0.4), one(1600, 3.2))
    assert made.attainable() == pytest.approx(1.6)


def test_with_nobody_else_two_have_both_cores() -> None:
    """Half of the machine went elsewhere; of the rest, 0.2 cores were idle."""
    made = trio(one(800, 1.6), one(1000, 2.0), one(800, 1.6, load=0.1, idle=0.1, others=1.0))
    assert made.rps == pytest.approx([0.8])
    assert made.alone == pytest.approx([2 * 2000 / (2000 + 250 + 250)])


def test_each_core_with_its_own_load() -> None:
    """1 core: 2 ms and 0.375 ms beside; 2 cores: 2.2 ms and 0.175."""
    made = trio(one(800, 1.6), one(1000, 2.0), one(1600, 3.52, load=0.18))
    assert made.cores == pytest.approx([2.0])


def test_turns_are_quiet_where_nobody_disturbed_either() -> None:
    made = trio(one(1, 1), one(1, 1), one(1, 1, others=0.3))
    made.add({"single": one(1, 1, others=0.3), "one": one(1, 1), "two": one(1, 1)})
    made.add({"single": one(1, 1), "one": one(1, 1, others=0.3), "two": one(1, 1)})
    quiet = made.quiet()
    assert (quiet.single, quiet.one, quiet.two) == tuple(
        list(each[1:2]) for each in (made.single, made.one, made.two)
    )


def test_everybody_has_used_less_than_the_machine() -> None:
    assert 0 < sum(each_process(os.getpid()).values()) <= cpu_seconds(os.getpid()) + children() + 1
    cores = range(os.cpu_count() or 1)
    every = machine(cores)
    assert every.used > max(every.stolen, cpu_seconds(os.getpid(), deep=False))
    assert every.idle >= machine([0]).idle
    assert machine(()).used == 0


def test_a_server_is_kept_to_a_core() -> None:
    core = min(os.sched_getaffinity(0))
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        pin(child.pid, [core])
        assert os.sched_getaffinity(child.pid) == {core}
    finally:
        child.communicate(b"\n")
