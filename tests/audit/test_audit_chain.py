import hashlib
import json
import math
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.chain import GENESIS, Line, Link, backwards, decode, digest, encoder
from gateway.audit.record import Record
from gateway.errors import InternalError, StoreError

ENCODE = encoder()
TEXT = st.text(st.characters(codec="utf-8"))
TRICKY = st.sampled_from(['","at":1,', '"at":', "}", "\n", "\\", '"', "\u2028"])
COUNTS = st.dictionaries(TEXT, st.integers(0, 2**63), max_size=3)
TIMES = st.floats(-62_135_596_800, 253_402_300_799, allow_nan=False)
RECORDS = st.builds(
    Record,
    phase=st.sampled_from(["read", "intent", "outcome", "refusal", "start", "stop", "recovered"]),
    id=TEXT | TRICKY,
    at=TIMES | st.integers(0, 2**31),
    tenant=TEXT | TRICKY,
    effect=st.sampled_from(["allow", "refuse", "error"]),
    status=st.integers(0, 999),
    rules=st.lists(TEXT | TRICKY, max_size=3).map(tuple),
    seen=COUNTS,
    paths=COUNTS,
    note=TEXT | TRICKY,
    total_us=st.integers(0, 2**53),
)


@given(st.lists(RECORDS, min_size=1, max_size=4))
def test_a_record_comes_back_from_its_line(records: list[Record]) -> None:
    link = Link()
    for number, record in enumerate(records):
        line = link.line(ENCODE(record))
        read = decode(line)
        assert b"\n" not in line
        assert (read.seq, read.prev, read.text) == (number, link.prev, line)
        assert abs(read.record.at - record.at) <= 1e-6 * max(1.0, abs(record.at) / 1e9)
        read.record.at = record.at
        assert read.record == record
        link = link.after(line)
    assert link == Link(len(records), read.digest)


@given(RECORDS)
def test_a_line_is_json_without_spaces_and_without_defaults(record: Record) -> None:
    line = Link().line(ENCODE(record))
    read = json.loads(line)
    assert list(read)[:5] == ["seq", "prev", "time", "phase", "id"]
    assert json.dumps(read, separators=(",", ":"), ensure_ascii=False).encode() == line.replace(
        b"\x7f", b"\x7f"
    )
    assert "at" not in read
    assert ("status" in read) == (record.status != 0)


def test_the_format_is_what_the_documents_say() -> None:
    record = Record(phase="read", id="d1", at=1_767_225_600.25, tenant="acme", status=200)
    first = Link().line(ENCODE(record))
    assert first.decode() == (
        f'{{"seq":0,"prev":"{GENESIS}","time":"2026-01-01T00:00:00.250000Z",'
        '"phase":"read","id":"d1","tenant":"acme","status":200}'
    )
    second = Link().after(first).line(ENCODE(Record(phase="stop", id="s", at=0)))
    assert second.decode() == (
        f'{{"seq":1,"prev":"{hashlib.sha256(first).hexdigest()}","time":"1970-01-01T00:00:00.000000Z",'
        '"phase":"stop","id":"s"}'
    )


def test_sha256sum_alone_checks_a_link(tmp_path: Path) -> None:
    sha256sum = shutil.which("sha256sum")
    assert sha256sum is not None
    line = Link().line(ENCODE(Record(phase="read", id="é", at=1.0)))
    (tmp_path / "line").write_bytes(line)
    output = subprocess.run([sha256sum, tmp_path / "line"], capture_output=True, check=True, text=True).stdout
    assert output.split()[0] == Link().after(line).prev == digest(line)


@pytest.mark.parametrize(
    "record",
    [
        Record(phase="read", id="\ud800", at=1.0),
        Record(phase="read", id="a", at=math.nan),
        Record(phase="read", id="a", at=math.inf),
        Record(phase="read", id="a", at=1e18),
    ],
)
def test_what_has_no_text_form_is_an_internal_error(record: Record) -> None:
    with pytest.raises(InternalError, match="no text form"):
        ENCODE(record)


HEAD = b'{"seq":0,"prev":"' + GENESIS.encode() + b'","time":"2026-01-01T00:00:00.000000Z",'


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        HEAD,
        HEAD + b'"phase":"read"}',
        HEAD + b'"phase":"read","id":"a"}x',
        HEAD + b'"phase":"other","id":"a"}',
        HEAD + b'"phase":"read","id":"a","status":"200"}',
        HEAD.replace(b'"seq":0', b'"seq":00') + b'"phase":"read","id":"a"}',
        HEAD.replace(b'"seq":0', b'"seq": 0') + b'"phase":"read","id":"a"}',
        HEAD.replace(b"000000Z", b"000Z") + b'"phase":"read","id":"a"}',
        HEAD.replace(b"-01-01T", b"-13-01T") + b'"phase":"read","id":"a"}',
    ],
)
def test_another_line_is_a_store_error(line: bytes) -> None:
    with pytest.raises(StoreError, match="not a line"):
        decode(line)


@given(st.binary() | st.binary().map(lambda tail: HEAD + tail) | st.text().map(lambda t: HEAD + t.encode()))
def test_any_bytes_are_a_line_or_a_store_error(line: bytes) -> None:
    try:
        assert isinstance(decode(line), Line)
    except StoreError as error:
        assert error.reason == "audit_unavailable"


@given(st.lists(st.sampled_from([b"", b"a", b"\r", b"b\r\nc", b"x" * 70_000, b"y" * 65_535])), st.booleans())
def test_backwards_gives_the_lines_from_the_end(parts: list[bytes], ended: bool) -> None:
    data = b"\n".join(parts) + b"\n" * ended
    forwards = [line + b"\n" for line in data.split(b"\n")]
    forwards[-1] = forwards[-1][:-1]
    expected = [line for line in reversed(forwards) if line]
    assert list(backwards(lambda offset, size: data[offset : offset + size], len(data))) == expected
