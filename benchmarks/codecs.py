"""How fast bodies go through each codec, against parsing and writing them with the fastest library alone.

`python -m benchmarks.codecs` prints Markdown tables: MB per second, and the ratio to the fastest library
there is (of JSON: msgspec and orjson, of XML: ElementTree and lxml; orjson and lxml are in `.venv-bench`
alone). All take turns in short rounds, and a ratio is the median of those of each round: what else the
machine does falls on all of them. HUSHGATE_NATIVE=0 measures the reference readers.
"""

import csv
import gc
import importlib
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import HTTP
from functools import partial
from statistics import median
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

import msgspec

from benchmarks.detectors import corpora
from benchmarks.machine import BENCH_PYTHON, machine
from gateway.codecs.delimited import CSV
from gateway.codecs.json import JSON
from gateway.codecs.ndjson import NDJSON
from gateway.codecs.params import FORM
from gateway.codecs.paths import compile_names, compile_program
from gateway.codecs.program import Codec, Limits, Masker, Program, Slot, Tally
from gateway.codecs.sse import SSE
from gateway.codecs.table import codec_for
from gateway.codecs.text import TEXT
from gateway.codecs.xml import XML
from gateway.codecs.xmlpaths import compile_xml
from gateway.masking.detect import detector
from gateway.masking.operators import make_hash, redact
from gateway.model import Mask

ROUNDS = 31
TURN = 0.004
"""seconds of one turn, about"""
LIMITS = Limits()
DETECT = detector(("FR",))
_hash = make_hash(Mask(op="hash"), "user.contact.email", b"k" * 32)

Compile = Callable[[Sequence[Slot], Masker | None], Program]
Work = Callable[[], object]


def bench_library(name: str) -> Any:
    """A library of the peers' environment, which is never a dependency; None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        pass
    for place in (BENCH_PYTHON.parent.parent / "lib").glob("python3.*/site-packages"):
        sys.path.append(str(place))
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
        finally:
            sys.path.remove(str(place))
    return None


ORJSON, LXML = bench_library("orjson"), bench_library("lxml.etree")


# ---- bodies -----------------------------------------------------------------------------------------------


def record(number: int) -> dict[str, Any]:
    """A contact of twelve fields as a CRM answers it."""
    properties = {
        "createdate": "2024-01-05T10:11:12.123Z",
        "email": f"ana.lopez{number}@mail.example.org",
        "firstname": "Ana",
        "lastname": "L\u00f3pez",
        "phone": "+33612345678",
        "city": "Lyon",
        "company": "Acme & Sons",
        "hs_object_id": str(51000 + number),
        "lastmodifieddate": "2024-02-05T10:11:12.123Z",
        "lifecyclestage": "lead",
        "score": 12.5,
        "visits": 17,
    }
    times = {"createdAt": "2024-01-05T10:11:12.123Z", "updatedAt": "2024-02-05T10:11:12.123Z"}
    return {"id": str(51000 + number), "properties": properties, **times, "archived": False}


def _listed(count: int) -> bytes:
    answer = {"results": [record(n) for n in range(count)], "paging": {"next": {"after": "10"}}}
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


def _one(number: int) -> bytes:
    return json.dumps(record(number), separators=(",", ":"), ensure_ascii=False).encode()


def _rows(note: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "email", "firstname", "phone", "city", "note", "created", "score", "status"])
    for n in range(500):
        mail = f"ana.lopez{n}@mail.example.org"
        writer.writerow([n, mail, "Ana", "+33612345678", "Lyon", note, "2024-01-01", "1.5", "active"])
    return out.getvalue().encode()


def _xml(count: int) -> bytes:
    person = (
        '<Contact id="{n}" type="lead"><Email>ana.lopez{n}@mail.example.org</Email>'
        "<Phone>+33612345678</Phone><FirstName>Ana</FirstName><City>Lyon</City>"
        "<Company>Acme &amp; Sons</Company><Created>2024-01-05T10:11:12Z</Created>"
        "<Score>12.5</Score></Contact>\n"
    )
    return f"<?xml version='1.0'?>\n<List>{''.join(person.format(n=n) for n in range(count))}</List>".encode()


def _multipart(count: int) -> bytes:
    part = '--XyZ\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    names = {"email": "ana.lopez@mail.example.org", "phone": "+33612345678", "city": "Lyon", "note": "called"}
    parts = [part.format(name, value) for _ in range(count) for name, value in names.items()]
    return ("".join(parts) + "--XyZ--\r\n").encode()


def _form(count: int) -> bytes:
    one = {
        "Email": "ana@mail.example.org",
        "To": "+33612345678",
        "City": "Lyon",
        "Body": "Hello Ana, see you",
    }
    return urlencode([pair for _ in range(count) for pair in one.items()]).encode()


def recorded() -> Iterator[tuple[str, bytes]]:
    """Third-party recorded bodies, where they are there: names and bodies."""
    folder = corpora()
    if folder is None:
        return
    with (folder / "traffic" / "twilio_python_holodeck.jsonl").open(encoding="utf-8") as file:
        bodies = [json.loads(line)["response"].get("body") or "" for line in file]
    long = sorted((body.encode() for body in bodies if body.startswith("{")), key=len)
    for name, at in (("recorded, median", len(long) // 2), ("recorded, longest", -1)):
        yield name, long[at]
    yield "events of GitHub", (folder / "json/simdjson-data/jsonexamples/github_events.json").read_bytes()


# ---- cases ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """One body, its codec, where its fields are (the first is hashed, the second redacted), its libraries."""

    codec: Codec
    body: bytes
    paths: Sequence[str]
    libraries: Mapping[str, Callable[[bytes], object]]
    compile: Compile = field(default=compile_program)

    def program(self, unmapped: Masker | None = None, *, masks: bool = True) -> Program:
        """Two fields masked, the rest shown."""
        ways: Sequence[Masker | None] = (_hash, redact) if masks else ()
        slots = [
            Slot(path, f"category.{at}", ways[at] if at < len(ways) else None)
            for at, path in enumerate(self.paths)
        ]
        return self.compile(slots, unmapped)


_decode, _encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode


def _json_libraries(each: Callable[[bytes], Sequence[bytes]] | None = None) -> dict[str, Any]:
    """Libraries that read and write a body, or each of the JSON texts in it."""
    pairs = {"msgspec": (_decode, _encode)}
    if ORJSON is not None:
        pairs["orjson"] = (ORJSON.loads, ORJSON.dumps)
    return {name: partial(_again, each, *pair) for name, pair in pairs.items()}


def _again(
    each: Callable[[bytes], Sequence[bytes]] | None,
    read: Callable[[bytes], Any],
    write: Callable[[Any], bytes],
    body: bytes,
) -> object:
    return write(read(body)) if each is None else [write(read(text)) for text in each(body)]


def _csv_again(body: bytes) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(csv.reader(io.StringIO(body.decode(), newline="")))
    return out.getvalue().encode()


def _form_again(body: bytes) -> bytes:
    return urlencode(parse_qsl(body.decode(), keep_blank_values=True)).encode()


def _mime_again(body: bytes) -> bytes:
    return bytes(message_from_bytes(b"Content-Type: " + _MIXED + b"\r\n\r\n" + body, policy=HTTP))


_MIXED = b"multipart/form-data; boundary=XyZ"
_XML_LIBRARIES: dict[str, Callable[[bytes], object]] = {
    "ElementTree": lambda body: ElementTree.tostring(ElementTree.fromstring(body))
} | ({"lxml": lambda body: LXML.tostring(LXML.fromstring(body))} if LXML is not None else {})
_FIELDS = ("properties.email", "properties.phone", "properties.firstname", "properties.lastname")
_IN_LIST = tuple(f"results[].{path}" for path in _FIELDS)
_DEEP = ("**.friendly_name", "**.phone_number", "**.from", "**.to")


def cases() -> dict[str, Case]:
    """Every codec's body by name."""
    alone = _json_libraries()
    lines = [_one(n) for n in range(120)]
    rows = ("email", "phone", "firstname")
    xml = tuple(f"List/Contact/{name}" for name in ("Email", "Phone", "FirstName"))
    made = {
        "JSON, 0.5 KB": Case(JSON, _one(1), _FIELDS, alone),
        "JSON, 5 KB": Case(JSON, _listed(11), _IN_LIST, alone),
        "JSON, 50 KB": Case(JSON, _listed(115), _IN_LIST, alone),
    }
    for name, body in recorded():
        paths = ("[].actor.login", "[].repo.name") if body[:1] == b"[" else _DEEP
        made[f"JSON, {name}"] = Case(JSON, body, paths, alone)
    return made | {
        "NDJSON": Case(NDJSON, b"\n".join(lines), _FIELDS, _json_libraries(bytes.splitlines)),
        "events": Case(
            SSE,
            b"".join([b"data: %b\n\n" % line for line in lines]),
            _FIELDS,
            _json_libraries(lambda body: [line[6:] for line in body.split(b"\n") if line]),
        ),
        "form": Case(FORM, _form(8), ("Email", "To", "City"), {"urllib": _form_again}, compile_names),
        "CSV": Case(CSV, _rows("called back"), rows, {"csv": _csv_again}, compile_names),
        "CSV, quoted": Case(CSV, _rows('said "hi", left'), rows, {"csv": _csv_again}, compile_names),
        "XML": Case(XML, _xml(190), xml, _XML_LIBRARIES, compile_xml),
        "multipart": Case(
            codec_for(_MIXED),
            _multipart(25),
            ("email", "phone", "city"),
            {"email": _mime_again},
            compile_names,
        ),
    }


# ---- measuring --------------------------------------------------------------------------------------------


def through(case: Case, program: Program) -> None:
    """The body as an exchange sends it through."""
    case.codec.transform(case.body, program, Tally.of(program), LIMITS)


def turns(works: Mapping[str, Work]) -> dict[str, list[float]]:
    """Seconds of one call, a list of one figure per round."""
    loops = {name: max(1, round(TURN / _seconds(work, 3))) for name, work in works.items()}
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            taken[name].append(_seconds(work, loops[name]))
    return taken


def _seconds(work: Work, loops: int) -> float:
    start = time.process_time()
    for _ in range(loops):
        work()
    return (time.process_time() - start) / loops


def measured(case: Case) -> list[str]:
    """Cells: bytes, the fastest library and its MB/s, then MB/s and ratio masked, and with `detect`."""
    ways = {"masked": case.program(), "detect": case.program(DETECT)}
    works: dict[str, Work] = {name: partial(work, case.body) for name, work in case.libraries.items()}
    taken = turns(works | {name: partial(through, case, program) for name, program in ways.items()})
    fastest = min(case.libraries, key=lambda name: median(taken[name]))
    size = len(case.body)
    cells = [f"{size:,}", fastest, f"{size / median(taken[fastest]) / 1e6:.0f}"]
    for name in ways:
        ratio = median(lib / own for lib, own in zip(taken[fastest], taken[name], strict=True))
        cells += [f"{size / median(taken[name]) / 1e6:.0f}", f"{ratio:.2f}"]
    return cells


def nothing(case: Case) -> list[str]:
    """Cells: bytes, microseconds of a plan that shows everything and counts it."""
    program = case.program(masks=False)
    taken = turns({"shown": partial(through, case, program)})["shown"]
    return [f"{len(case.body):,}", f"{median(taken) * 1e6:.1f}"]


def _table(head: str, rows: Mapping[str, list[str]]) -> str:
    lines = [head, "|---" * (head.count("|") - 1) + "|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())])


def main() -> None:
    """Print the tables and what they were measured on."""
    known = cases()
    gc.freeze()
    print({name: value for name, value in machine().items() if name != "memory"}, sys.version.split()[0])
    head = "| body | bytes | fastest library | its MB/s | masked | ratio | with `detect` | ratio |"
    print(_table(head, {name: measured(case) for name, case in known.items()}))
    text = b"Called back on Monday at 10:11, no answer. Wrote to them twice.\n" * 800
    case = Case(TEXT, text, (), {})
    program = case.program(DETECT)
    taken = turns({"text": partial(through, case, program)})["text"]
    print(f"\nPlain text, with `detect`: {len(text) / median(taken) / 1e6:.0f} MB/s\n")
    print(
        _table(
            "| shown whole | bytes | microseconds |", {name: nothing(case) for name, case in known.items()}
        )
    )


if __name__ == "__main__":
    main()
