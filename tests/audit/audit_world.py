"""What the tests of the log share: a loop turned by hand, records, and a log on it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.audit.files import Files, OsFiles
from gateway.audit.log import SEGMENT_BYTES, Durability, FileLog
from gateway.audit.record import Phase, Record
from gateway.audit.verify import Report
from gateway.audit.walk import chains, verify_directory

START = 1_767_225_600.0


def record(name: str, phase: Phase = "read", at: float = START) -> Record:
    return Record(
        phase=phase, id=name, at=at, tenant="acme", client="desk", subjects=("AECAwQFBgcICQoLDA0ODx",)
    )


class Unsynced(OsFiles):
    """The real files of a machine that keeps its power: thousands of syncs would only take time."""

    def fdatasync(self, fd: int) -> None:  # type: ignore[override] # a method over a static one
        return

    def fsync(self, fd: int) -> None:  # type: ignore[override] # as above
        return


@dataclass
class Turner:
    """An event loop without time: what it was asked to run runs when the test says so."""

    queue: deque[Callable[[], None]] = field(default_factory=deque)
    now: float = START

    def call_soon(self, job: Callable[[], None]) -> None:
        self.queue.append(job)

    def run_blocking(self, work: Callable[[], None], done: Callable[[], None]) -> None:
        self.queue.append(work)
        self.queue.append(done)

    def turn(self, jobs: int = 1_000) -> None:
        while self.queue and jobs:
            jobs -= 1
            self.queue.popleft()()

    def open(
        self,
        directory: Path,
        durability: Durability = "strict",
        files: Files | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        worker: int = 0,
    ) -> FileLog:
        return FileLog(
            str(directory),
            worker,
            durability,
            call_soon=self.call_soon,
            run_blocking=self.run_blocking,
            now=lambda: self.now,
            files=files,
            segment_bytes=segment_bytes,
        )


@dataclass
class Fates:
    """Who was answered what: record id to the answers it got."""

    answers: dict[str, list[Exception | None]] = field(default_factory=dict)

    def append(self, log: FileLog, *names: str, phase: Phase = "read", at: float = START) -> None:
        for name in names:
            self.answers[name] = []
            log.append(record(name, phase, at), self.answers[name].append)

    @property
    def accepted(self) -> list[str]:
        return [name for name, got in self.answers.items() if got == [None]]

    @property
    def refused(self) -> list[str]:
        return [name for name, got in self.answers.items() if len(got) == 1 and got[0] is not None]


def lines(directory: Path) -> list[bytes]:
    return [
        line
        for paths in chains(directory).values()
        for path in paths
        for line in path.read_bytes().splitlines()
    ]


def failures(report: Report) -> list[str]:
    return [str(finding) for finding in report.findings if finding.kind != "open"]


def assert_verified(directory: Path) -> Report:
    report = verify_directory(directory)
    assert failures(report) == []
    return report
