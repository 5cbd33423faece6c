"""How fast bodies go through each codec, against parsing and writing them with the fastest library alone.

`python -m benchmarks.codecs` prints a Markdown table: MB per second of processor time, and the ratio. Bodies
are made up here and fed in pieces of 64 KiB; two fields of each record are masked. HUSHGATE_NATIVE=0 measures
the reference readers.
"""

import csv
import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec

from gateway.codecs.delimited import CSV
from gateway.codecs.jsonarray import JSON_ARRAY
from gateway.codecs.ndjson import NDJSON
from gateway.codecs.paths import compile_names, compile_program
from gateway.codecs.program import Limits, Masker, Program, Slot, Streaming, Tally
from gateway.codecs.sse import SSE
from gateway.codecs.text import TEXT
from gateway.masking.detect import detector
from gateway.masking.operators import redact

PIECE = 64 * 1024
RECORDS = 20_000
ROUNDS = 5
LIMITS = Limits(max_record=1 << 30)

_decode, _encode = msgspec.json.decode, msgspec.json.encode


def _record(number: int) -> dict[str, object]:
    person = {"email": f"ana{number}@mail.example", "phone": "+33612345678", "firstname": "Ana", "score": 1.5}
    return {"id": str(number), "properties": person, "createdAt": "2024-01-01T00:00:00Z", "tags": ["a", "b"]}


_LINES = [json.dumps(_record(number)).encode() for number in range(RECORDS)]
_NAMES = ["id", "email", "firstname", "phone", "city", "note", "created", "score", "status"]


def _whole(body: bytes) -> None:
    _encode(_decode(body))


def _each(end: bytes, prefix: int = 0) -> Callable[[bytes], object]:
    return lambda body: [_encode(_decode(record[prefix:])) for record in body.split(end) if record]


def _rows(note: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_NAMES)
    for number in range(RECORDS):
        mail = f"ana{number}@mail.example"
        writer.writerow([number, mail, "Ana", "+33612345678", "Lyon", note, "2024-01-01", "1.5", "active"])
    return out.getvalue().encode()


def _again(body: bytes) -> None:
    out = io.StringIO()
    csv.writer(out).writerows(csv.reader(io.StringIO(body.decode(), newline="")))
    out.getvalue().encode()


@dataclass(frozen=True, slots=True)
class Case:
    """One body, the codec, where its fields are, and what to compare with."""

    codec: Streaming
    body: bytes
    prefix: str
    alone: Callable[[bytes], object]

    def program(self, unmapped: Masker | None) -> Program:
        """Two fields masked, one shown."""
        masks: Mapping[str, Masker | None] = {"email": redact, "phone": redact, "firstname": None}
        slots = [Slot(self.prefix + name, name, mask) for name, mask in masks.items()]
        return (compile_names if self.codec is CSV else compile_program)(slots, unmapped)


CASES: Mapping[str, Case] = {
    "JSON array": Case(JSON_ARRAY, b"[%b]" % b", ".join(_LINES), "[].properties.", _whole),
    "JSON object": Case(
        JSON_ARRAY, b'{"total": 1, "results": [%b]}' % b", ".join(_LINES), "results[].properties.", _whole
    ),
    "NDJSON": Case(NDJSON, b"\n".join(_LINES), "properties.", _each(b"\n")),
    "events": Case(
        SSE, b"".join([b"data: %b\n\n" % line for line in _LINES]), "properties.", _each(b"\n\n", 6)
    ),
    "CSV": Case(CSV, _rows("called back"), "", _again),
    "CSV, quoted": Case(CSV, _rows('said "hi", left'), "", _again),
    "text": Case(TEXT, b"Called back on Monday, no answer. Wrote to them.\n" * RECORDS, "", bytes.decode),
}


def speed(work: Callable[[], object], size: int) -> float:
    """MB per second of processor time, the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return size / best / 1e6


def through(case: Case, program: Program) -> None:
    """The body through a stream; subjects are none, so the tally stays small."""
    stream = case.codec.stream(program, Tally.of(program), LIMITS)
    for at in range(0, len(case.body), PIECE):
        stream.feed(case.body[at : at + PIECE])
    stream.finish()


def main() -> None:
    """Print the table."""
    print("| codec | library alone | masked | ratio | with `unmapped: detect` | ratio |")
    print("|---" + "|--:" * 5 + "|")
    for name, case in CASES.items():
        size = len(case.body)
        alone = speed(partial(case.alone, case.body), size)
        cells = [f"{alone:.0f}"]
        for unmapped in (None, detector()):
            program = case.program(unmapped)
            ours = speed(partial(through, case, program), size)
            cells += [f"{ours:.0f}", f"{ours / alone:.2f}"]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
