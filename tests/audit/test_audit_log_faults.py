"""Every call to the system fails in turn, without and with effect; then the log is opened again and verified.

The model is Sunlight's TestSequenceErrors: after any failure, all that was accepted is there, exactly once.
"""

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from shutil import rmtree
from typing import Literal

import pytest

from gateway.audit.chain import decode
from gateway.audit.files import Files, OsFiles
from gateway.audit.log import Durability
from gateway.errors import StoreError
from tests.audit.audit_world import Fates, Turner, Unsynced, assert_verified, lines

Mode = Literal["not applied", "applied", "half applied", "half taken"]
HALF = ("half applied", "half taken")
GROUPS = ("ab", "c", "def", "g", "h", "ij", "k")
LATER = "k"
REAL: Files = OsFiles()


class Faulty:
    """The real files, of which the calls with the given numbers fail; `crash` is what a kill leaves."""

    def __init__(self, faults: dict[int, Mode]) -> None:
        self.faults = faults
        self.calls: list[str] = []
        self.fds: set[int] = set()

    @contextmanager
    def _call(self, name: str) -> Iterator[Mode | None]:
        mode = self.faults.get(len(self.calls))
        self.calls.append(name)
        if mode == "not applied":
            raise OSError(errno.EIO, "injected")
        yield mode
        if mode not in (None, "half taken"):
            raise OSError(errno.ENOSPC, "injected")

    def crash(self) -> None:
        for fd in self.fds:
            with suppress(OSError):
                os.close(fd)

    def makedirs(self, path: str, mode: int) -> None:
        with self._call("makedirs"):
            REAL.makedirs(path, mode)

    def listdir(self, path: str) -> list[str]:
        with self._call("listdir"):
            return REAL.listdir(path)

    def open(self, path: str, flags: int, mode: int) -> int:
        with self._call("open"):
            fd = REAL.open(path, flags, mode)
            self.fds.add(fd)
            return fd

    def lock(self, fd: int) -> None:
        with self._call("lock"):
            REAL.lock(fd)

    def stat(self, path: str) -> os.stat_result:
        with self._call("stat"):
            return REAL.stat(path)

    def fstat(self, fd: int) -> os.stat_result:
        with self._call("fstat"):
            return REAL.fstat(fd)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        with self._call("pread"):
            return REAL.pread(fd, size, offset)

    def write(self, fd: int, data: bytes) -> int:
        with self._call("write") as mode:
            return REAL.write(fd, data[: len(data) // 2] if mode in HALF else data)

    def ftruncate(self, fd: int, size: int) -> None:
        with self._call("ftruncate"):
            REAL.ftruncate(fd, size)

    def fdatasync(self, fd: int) -> None:
        with self._call("fdatasync"):
            pass

    def fsync(self, fd: int) -> None:
        with self._call("fsync"):
            pass

    def close(self, fd: int) -> None:
        with self._call("close"):
            self.fds.discard(fd)
            REAL.close(fd)


def live(directory: Path, files: Faulty, durability: Durability, close: bool) -> tuple[Fates, bool]:
    """A log's life in which groups of records come; its fates, and whether it was well at the end."""
    turner, fates = Turner(), Fates()
    try:
        log = turner.open(directory, durability, files, segment_bytes=700)
    except StoreError:
        files.crash()
        return fates, False
    for names in GROUPS:
        fates.append(log, *names)
        turner.turn()
    well = log.ready()
    if close:
        log.close()
    files.crash()
    return fates, well


def survive(directory: Path, fates: Fates) -> Counter[str]:
    """Open the log again, as it is; how often each record is in it."""
    again = Fates()
    turner = Turner()
    log = turner.open(directory, "written", Unsynced(), segment_bytes=700)
    again.append(log, "later")
    turner.turn()
    assert again.accepted == ["later"]
    log.close()
    assert_verified(directory)
    found = Counter(decode(line).record.id for line in lines(directory))
    rmtree(directory)
    assert {len(answers) for answers in fates.answers.values()} <= {1}
    assert {name: found[name] for name in fates.accepted} == dict.fromkeys(fates.accepted, 1)
    return found


def prepare(directory: Path) -> None:
    """A log that lived and ended in the middle of a write, so that opening it takes every path."""
    Turner().open(directory, "written", Unsynced(), segment_bytes=100).close()
    with (directory / "worker-00.000002.jsonl").open("ab") as file:
        file.write(b'{"seq":2,"pre')


Start = Callable[[Path], None]
STARTS: dict[str, Start] = {"new": lambda directory: None, "torn": prepare}
MODES: tuple[Mode, ...] = ("not applied", "applied", "half applied", "half taken")
LIVES = list(product(STARTS, ("strict", "written"), (True, False)))


def calls_of(directory: Path, start: str, durability: Durability, close: bool) -> list[str]:
    STARTS[start](directory)
    files = Faulty({})
    fates, well = live(directory, files, durability, close)
    assert well
    assert fates.accepted == list("".join(GROUPS))
    return files.calls


@pytest.mark.parametrize(("start", "durability", "close"), LIVES)
def test_any_one_call_fails(tmp_path: Path, start: str, durability: Durability, close: bool) -> None:
    calls = calls_of(tmp_path / "none", start, durability, close)
    assert {"makedirs", "open", "lock", "listdir", "fsync", "fstat", "stat", "write", "close"} <= set(calls)
    refused = 0
    for number, mode in product(range(len(calls)), MODES):
        if mode in HALF and calls[number] != "write":
            continue
        directory = tmp_path / f"{number} {mode}"
        STARTS[start](directory)
        fates, well = live(directory, Faulty({number: mode}), durability, close)
        found = survive(directory, fates)
        assert [name for name in fates.refused if found[name]] == []
        assert sum(set(group) <= set(fates.refused) for group in GROUPS) <= (mode != "half taken")
        assert not fates.answers or well or set(LATER) <= set(fates.refused)
        refused += len(fates.refused)
    assert refused


@pytest.mark.parametrize(("start", "durability", "close"), [LIVES[0], LIVES[5]])
def test_any_two_calls_fail(tmp_path: Path, start: str, durability: Durability, close: bool) -> None:
    calls = calls_of(tmp_path / "none", start, durability, close)
    for number, apart, modes in product(range(len(calls)), (1, 2, 3), product(MODES[1:3], MODES[:2])):
        directory = tmp_path / f"{number} {apart} {modes}"
        STARTS[start](directory)
        faults = {number: modes[0], number + apart: modes[1]}
        fates, well = live(directory, Faulty(faults), durability, close)
        found = survive(directory, fates)
        if well and not close:
            assert [name for name in fates.refused if found[name]] == []


@pytest.mark.parametrize("durability", ["strict", "written"])
def test_a_device_that_fails_for_long_refuses_all_and_comes_back(
    tmp_path: Path, durability: Durability
) -> None:
    calls = calls_of(tmp_path / "none", "new", durability, False)
    for first in range(calls.index("write") + 3, len(calls)):
        directory = tmp_path / str(first)
        files, turner, fates = Faulty({}), Turner(), Fates()
        log = turner.open(directory, durability, files, segment_bytes=700)
        files.faults = dict.fromkeys(range(first, first + 10_000), "applied")
        for names in GROUPS:
            fates.append(log, *names)
            turner.turn()
        assert not log.ready()
        turner.turn()
        files.faults = {}
        assert not log.ready()
        turner.turn()
        assert log.ready()
        fates.append(log, "z")
        turner.turn()
        assert fates.accepted[-1] == "z"
        files.crash()
        notes = [decode(line).record.note for line in lines(directory)]
        found = survive(directory, fates)
        assert [name for name in fates.refused if found[name]] == []
        assert (
            sum(note == f"the log was unavailable, {len(fates.refused)} records refused" for note in notes)
            == 1
        )
