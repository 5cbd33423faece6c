"""Reads audit directories: their chains for the verifier, their last lines for people. Writes nothing."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain as chained
from pathlib import Path
from typing import BinaryIO

from gateway.audit.chain import Line, backwards, decode
from gateway.audit.names import segment_name, segments
from gateway.audit.verify import Report, Segment, Verifier
from gateway.errors import StoreError

LINE_LIMIT = 16 * 1024 * 1024
"""Bytes; a longer line is read as several, none of which is a record."""
_STEP = 4096


def chains(directory: Path) -> dict[str, list[Path]]:
    """The segments of every chain of a directory, in ascending order. Raises StoreError."""
    try:
        found = segments(entry.name for entry in directory.iterdir())
    except OSError as error:
        raise _unreadable(error) from None
    return {
        name: [directory / segment_name(name, number) for number in numbers]
        for name, numbers in found.items()
    }


def verify_directory(
    directory: Path,
    expect: Mapping[str, Iterable[str]] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify every chain of a directory. `progress` is told how many lines were read since it was last told.

    Raises StoreError when a file cannot be read.
    """
    verifier = Verifier(expect)
    for name, paths in chains(directory).items():
        verifier.read(name, (_segment(path, progress) for path in paths))
    return verifier.report()


def newest_first(paths: Iterable[Path], ends: Mapping[Path, int]) -> Iterator[Line]:
    """The records of one chain from its end, of each file those before its offset in `ends`.

    Raises StoreError when a file cannot be read or holds what is no record.
    """
    for path in reversed(list(paths)):
        try:
            with path.open("rb") as file:
                for line in backwards(partial(_read_at, file), ends.get(path, 0)):
                    yield decode(line.removesuffix(b"\n"))
        except OSError as error:
            raise _unreadable(error) from None


class Follower:
    """What is appended to a directory from now on, over all its chains. Raises StoreError.

    `ends` is how far each file was read: the end of its last whole line.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.ends: dict[Path, int] = {}
        for path in self._paths():
            self.ends[path] = self._whole(path)

    def more(self) -> list[Line]:
        """The records of all chains that came since it was last asked, by time."""
        try:
            lines = list(chained.from_iterable(map(self._read, self._paths())))
        except OSError as error:
            raise _unreadable(error) from None
        return sorted(lines, key=lambda line: line.record.at)

    def _paths(self) -> list[Path]:
        return list(chained.from_iterable(chains(self._directory).values()))

    def _whole(self, path: Path) -> int:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            last = next(backwards(partial(_read_at, file), size), b"\n")
        return size if last.endswith(b"\n") else size - len(last)

    def _read(self, path: Path) -> list[Line]:
        with path.open("rb") as file:
            # the writer may have cut off lines that it could not get accepted
            start = min(self.ends.get(path, 0), file.seek(0, os.SEEK_END))
            whole, newline, _ = _read_at(file, start, -1).rpartition(b"\n")
        self.ends[path] = start + len(whole + newline)
        return [decode(line) for line in whole.split(b"\n")] if newline else []


def _read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _segment(path: Path, progress: Callable[[int], None] | None) -> Segment:
    number = int(path.name.split(".")[1])
    return Segment(path.name, number, _lines(path, progress))


def _lines(path: Path, progress: Callable[[int], None] | None) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(partial(file.readline, LINE_LIMIT), b""), 1):
                yield line
                if progress is not None and number % _STEP == 0:
                    progress(_STEP)
    except OSError as error:
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> StoreError:
    return StoreError("audit_unavailable", error.strerror or "cannot be read", str(error.filename or ""))
