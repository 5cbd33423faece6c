"""Verifies audit chains, as an outsider would. Pure: takes lines, gives what it found.

Checks that every line is one the writer makes, that numbers and hashes link without a gap from the first
line of the first segment to the last, that no id is used twice and no outcome lacks its beginning (an intent,
a stream, or the one and then the other). A chain alone
cannot show that its end was cut off: `expect` takes a head that was noted somewhere else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.audit.chain import GENESIS, Line, decode, digest
from gateway.audit.record import Phase, Record
from gateway.errors import StoreError

Kind = Literal["failure", "warning", "open"]

BACKWARDS = 300.0
"""Seconds a record may be older than one before it: exchanges overlap, and do not end as they began."""

_BEGINS: Mapping[Phase, str] = {
    "intent": "an intent without an outcome",
    "stream": "a stream under way or cut off",
    "message": "a WebSocket under way or cut off",
}
"""Phases that wait for an outcome, and what is said when it is missing."""
_GOES_ON = frozenset(
    (
        *(("intent", "outcome"), ("stream", "outcome"), ("intent", "stream")),
        *(("stream", "message"), ("message", "message"), ("message", "outcome")),
    )
)
"""What may follow under the same id."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. `open` is a beginning without an outcome, of the phase `begun`.

    `id` is a record's.
    """

    kind: Kind
    file: str
    line: int
    found: str
    expected: str
    id: str = ""
    begun: str = ""

    def __str__(self) -> str:
        about = f" (id {self.id})" if self.id else ""
        return f"{self.kind}: {self.file}:{self.line}: found {self.found}, expected {self.expected}{about}"


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a chain: its name, its number (from 1), its lines, each with its newline."""

    name: str
    number: int
    lines: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification gave. `heads` is the hash of each chain's last line, to be noted elsewhere."""

    records: int
    chains: int
    heads: Mapping[str, str]
    findings: tuple[Finding, ...]

    @property
    def verified(self) -> bool:
        """Whether nothing failed. Warnings, and what is under way, are not failures."""
        return not any(finding.kind == "failure" for finding in self.findings)


@dataclass(slots=True)
class _Chain:
    """Where the reading of one chain stands."""

    expect: set[str]
    seq: int = 0
    prev: str = GENESIS
    number: int = 0
    latest: float = float("-inf")
    begun: dict[str, tuple[Phase, str, int]] = field(default_factory=dict)
    """By id, what waits for its outcome: phase, file, line."""
    file: str = ""
    line: int = 0


class Verifier:
    """Reads chain after chain; ids are unique over all of them. About 100 bytes of memory for each record.

    `expect`: for a chain's name, hashes of lines that must be in it (heads noted at an earlier time).
    """

    def __init__(self, expect: Mapping[str, Iterable[str]] | None = None) -> None:
        self._expect = {name: set(heads) for name, heads in (expect or {}).items()}
        self._ids: set[str] = set()
        self._findings: list[Finding] = []
        self._heads: dict[str, str] = {}
        self._chain = _Chain(set())
        self.records = 0
        """Lines read so far, for whoever shows progress."""

    def read(self, name: str, segments: Iterable[Segment]) -> None:
        """Read the chain of that name, segments in ascending order."""
        self._chain = chain = _Chain(self._expect.pop(name, set()) - {GENESIS})
        unended = False
        for segment in segments:
            chain.file, chain.line = segment.name, 0
            if unended:
                self._find("failure", "an unfinished last line in the segment before", "a newline at its end")
            if segment.number != chain.number + 1:
                self._find("failure", f"segment {segment.number}", f"segment {chain.number + 1}")
            chain.number = segment.number
            unended = self._segment(segment.lines)
        if unended:
            self._find(
                "warning", "an unfinished last line", "a newline: it is being written, or was cut by a crash"
            )
        self._end(name)

    def report(self) -> Report:
        """What was found in all the chains that were read."""
        for name in sorted(self._expect):
            self._findings.append(
                Finding("failure", name, 0, "no such chain", "a chain whose head was noted")
            )
        self._expect.clear()
        return Report(self.records, len(self._heads), dict(self._heads), tuple(self._findings))

    def _find(self, kind: Kind, found: str, expected: str, about: str = "") -> None:
        self._findings.append(Finding(kind, self._chain.file, self._chain.line, found, expected, about))

    def _segment(self, lines: Iterable[bytes]) -> bool:
        """Read the lines of a segment. Gives whether the last one has no newline."""
        unended = False
        for line in lines:
            self._chain.line += 1
            unended = not line.endswith(b"\n")
            if not unended:
                self._line(line[:-1])
        return unended

    def _line(self, line: bytes) -> None:
        self.records += 1
        try:
            read = decode(line)
        except StoreError:
            self._find("failure", "a line the writer does not make", "an audit record")
            self._chain.seq, self._chain.prev = self._chain.seq + 1, digest(line)
            return
        self._links(read)
        self._in_time(read.record)
        self._pairs(read.record)

    def _links(self, read: Line) -> None:
        chain = self._chain
        if read.seq != chain.seq:
            self._find("failure", f"seq {read.seq}", f"seq {chain.seq}", read.record.id)
        if read.prev != chain.prev:
            self._find("failure", f"prev {read.prev}", f"prev {chain.prev}", read.record.id)
        # go on from what is there, so that one break is one finding
        chain.seq, chain.prev = read.seq + 1, read.digest
        chain.expect.discard(chain.prev)

    def _in_time(self, record: Record) -> None:
        chain = self._chain
        if record.at < chain.latest - BACKWARDS:
            back = f"a time {chain.latest - record.at:.0f} s before that of an earlier record"
            self._find("warning", back, f"at most {BACKWARDS:.0f} s", record.id)
        chain.latest = max(chain.latest, record.at)

    def _pairs(self, record: Record) -> None:
        """What is begun has an outcome of the same id in the same chain; any other id is there once."""
        chain = self._chain
        phase = record.phase
        before = chain.begun.get(record.id)
        if before is not None and (before[0], phase) in _GOES_ON:
            if phase == "outcome":
                del chain.begun[record.id]
            else:
                chain.begun[record.id] = phase, chain.file, chain.line
            return
        if record.id in self._ids:
            self._find(
                "failure", f"{record.phase} with an id that was there before", "an id of its own", record.id
            )
        elif phase == "outcome":
            self._find(
                "failure",
                "an outcome without an intent or stream",
                "an intent or stream before it",
                record.id,
            )
        elif phase in _BEGINS:
            chain.begun[record.id] = phase, chain.file, chain.line
        self._ids.add(record.id)

    def _end(self, name: str) -> None:
        chain = self._chain
        for about, (phase, file, line) in chain.begun.items():
            self._findings.append(Finding("open", file, line, _BEGINS[phase], "its outcome", about, phase))
        for head in sorted(chain.expect):
            self._find("failure", f"no line with the noted hash {head}", "it: lines were cut off or replaced")
        self._heads[name] = chain.prev
