"""Progress on stderr."""

import io

import pytest

from gateway.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def steps(stream: io.StringIO, *seconds: float, total: int | None = 4) -> str:
    clock = Clock()
    with Progress("verifying", total, stream, clock) as progress:
        for pause in seconds:
            clock.now += pause
            progress.advance()
    return stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_what_is_quick_shows_nothing(stream: io.StringIO) -> None:
    assert steps(stream, 0.3, 0.3, 0.3) == ""


def test_a_file_gets_a_line_every_five_seconds() -> None:
    out = steps(io.StringIO(), 0.5, 0.6, 4.0, 1.5)
    assert out == "verifying: 2 of 4 (50%), 1 s\nverifying: 4 of 4 (100%), 7 s\n"


def test_a_terminal_line_is_redrawn_and_wiped() -> None:
    out = steps(Terminal(), 1.5, 0.01, 0.2)
    assert out == "\r\x1b[Kverifying: 1 of 4 (25%), 2 s\r\x1b[Kverifying: 3 of 4 (75%), 2 s\r\x1b[K"


def test_an_unknown_total_is_counted_without_a_percentage() -> None:
    assert steps(io.StringIO(), 2.0, total=None) == "verifying: 1, 2 s\n"


def test_an_error_wipes_the_line_and_goes_on() -> None:
    stream, clock = Terminal(), Clock()
    with pytest.raises(KeyError), Progress("x", None, stream, clock) as progress:
        clock.now += 2
        progress.advance()
        raise KeyError
    assert stream.getvalue().endswith("\r\x1b[K")


def test_a_task_can_say_how_far_it_is_in_all() -> None:
    stream, clock = io.StringIO(), Clock()
    with Progress("rules", None, stream, clock) as progress:
        clock.now += 2
        progress.update(30, 40)
    assert stream.getvalue() == "rules: 30 of 40 (75%), 2 s\n"
