"""Whatever a plugin does, what comes of it is an answer in time or one error of ours without its words."""

import logging
from collections.abc import Callable, Iterator

import pytest

from gateway.errors import PluginError
from gateway.plugins.guard import Failures, Guard

SECRET = "ana@example.com"


class Ticks:
    """A clock that goes on by what is set each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0
        self.step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def failures() -> Failures:
    return {}


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def guard(ticks: Ticks, failures: Failures) -> Guard:
    return Guard("badge", 0.05, ticks, failures)


def raising(error: BaseException) -> Callable[[str], str]:
    def function(_: str) -> str:
        raise error

    return function


def test_an_answer_in_time_is_the_answer(guard: Guard, ticks: Ticks, failures: Failures) -> None:
    ticks.step = 0.05
    assert guard.call(str.upper, "a") == "A"
    assert failures == {}


def test_an_answer_too_late_is_none(guard: Guard, ticks: Ticks, failures: Failures) -> None:
    ticks.step = 0.051
    with pytest.raises(PluginError) as caught:
        guard.call(str.upper, SECRET)
    assert (caught.value.reason, caught.value.place) == ("plugin_failed", "badge")
    assert failures == {"badge": 1}


@pytest.mark.parametrize(
    "error",
    [
        ValueError(SECRET),
        MemoryError(SECRET),
        RecursionError(SECRET),
        SystemExit(SECRET),
        GeneratorExit(SECRET),
        StopIteration(SECRET),
        PluginError(SECRET, SECRET),
        type(SECRET.replace("@", "_").replace(".", "_"), (Exception,), {})(SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_it_raises_is_one_error_without_its_words(
    guard: Guard, failures: Failures, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(PluginError) as caught:
        guard.call(raising(error), "")
    assert SECRET not in str(caught.value) + repr(caught.value) + caplog.text
    assert caught.value.__cause__ is None
    assert f"it raised {type(error).__name__} at {__file__}:" in caplog.text
    assert failures == {"badge": 1}


def test_the_operator_can_still_interrupt(guard: Guard) -> None:
    with pytest.raises(KeyboardInterrupt):
        guard.call(raising(KeyboardInterrupt()), "")


def test_failures_add_up(guard: Guard, failures: Failures) -> None:
    def generate(text: str) -> Iterator[str]:
        yield text[:1]
        raise OSError

    for _ in range(3):
        with pytest.raises(PluginError):
            guard.call(lambda text: list(generate(text)), "")
    assert failures == {"badge": 3}
