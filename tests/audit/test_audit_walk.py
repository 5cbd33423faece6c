import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway.audit import walk
from gateway.audit.chain import digest
from gateway.audit.names import chain_name, segment_name, segments
from gateway.audit.record import Record
from gateway.audit.walk import chains, verify_directory
from gateway.errors import StoreError
from tests.audit.audit_world import Fates, Turner, Unsynced, lines

DOCUMENT = Path(__file__).parents[2] / "docs" / "audit.md"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    turner, fates = Turner(), Fates()
    writer = turner.open(tmp_path, files=Unsynced(), segment_bytes=1_000)
    for number in range(20):
        fates.append(writer, f"r{number}")
        turner.turn()
    writer.close()
    return tmp_path


def test_names_and_their_order() -> None:
    names = [
        segment_name(chain_name(worker), number) for worker in (1, 0, 100) for number in (2, 1_000_000, 1)
    ]
    others = ["worker-00.lock", "worker-00.000001.jsonl.torn", "worker-0.000001.jsonl", "x.jsonl", ""]
    assert segments([*names, *others]) == {
        chain: [1, 2, 1_000_000] for chain in ("worker-00", "worker-01", "worker-100")
    }


def test_a_directory_is_verified_over_its_segments(log: Path) -> None:
    assert len(chains(log)["worker-00"]) > 3
    report = verify_directory(log)
    assert (report.verified, report.records, report.findings) == (True, 22, ())
    assert report.heads == {"worker-00": digest(lines(log)[-1])}


def test_a_missing_file_in_the_middle_is_found(log: Path) -> None:
    chains(log)["worker-00"][1].unlink()
    found = [(finding.file, finding.line) for finding in verify_directory(log).findings]
    assert found[0] == ("worker-00.000003.jsonl", 0)


def test_progress_is_told_in_steps(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "_STEP", 2)
    told: list[int] = []
    verify_directory(log, None, told.append)
    assert sum(told) >= 22 - 2 * len(chains(log)["worker-00"])


def test_a_line_past_the_limit_is_no_record(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (last := chains(log)["worker-00"][-1]).open("ab") as file:
        file.write(b"x" * 2_000 + b"\n")
    monkeypatch.setattr(walk, "LINE_LIMIT", 1_000)
    findings = verify_directory(log).findings
    assert [(f.kind, f.file) for f in findings] == [("failure", last.name)]


def test_what_cannot_be_read_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        verify_directory(tmp_path / "absent")
    (tmp_path / "worker-00.000001.jsonl").mkdir()
    with pytest.raises(StoreError, match="Is a directory"):
        verify_directory(tmp_path)


def test_the_check_in_the_documents_needs_none_of_our_code(log: Path) -> None:
    match = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert match is not None
    command = [sys.executable, "-I", "-c", match[1]]
    good = subprocess.run(command, cwd=log, capture_output=True, text=True, check=True)
    assert good.stdout == f"22 records, head {digest(lines(log)[-1])}\n"
    file = chains(log)["worker-00"][1]
    file.write_bytes(file.read_bytes().replace(b"acme", b"acne", 1))
    assert subprocess.run(command, cwd=log, capture_output=True, check=False).returncode == 1


def test_every_member_of_a_record_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = " ".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))
    documented = set(re.findall(r"`([a-z_]+)`", rows))
    assert {field.name for field in msgspec.structs.fields(Record)} - {"at"} <= documented
    assert {"seq", "prev", "time", "start", "stop", "recovered", "intent"} <= documented
