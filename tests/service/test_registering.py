"""The register goes on reading where it ended, over rotations, and says when it cannot."""

from pathlib import Path

import pytest

from gateway.audit.log import FileLog
from gateway.cli.main import main
from gateway.config import load_config
from gateway.errors import StoreError
from gateway.service.registering import FILE, register
from tests.cli.test_cli_register import CONFIG, RULES, record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "acme.yaml").write_text(RULES)
    (tmp_path / "keyring").write_text("not read")
    (tmp_path / "hushgate.yaml").write_text(CONFIG)
    return tmp_path


def write(folder: Path, count: int, segment_bytes: int = 1_000_000) -> None:
    log = FileLog(
        str(folder / "audit"),
        0,
        "written",
        call_soon=lambda work: work(),
        run_blocking=lambda _work, _done: None,
        segment_bytes=segment_bytes,
    )
    for _ in range(count):
        log.append(record(seen={"user.name": 1}), lambda error: pytest.fail(str(error)) if error else None)
    log.close()


def counted(folder: Path) -> int:
    return sum(row.exchanges for row in register(load_config(folder / "hushgate.yaml", None)).rows())


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "audit").glob("*.jsonl"))


def test_what_was_read_to_its_end_is_not_opened_again(folder: Path) -> None:
    write(folder, 5, segment_bytes=500)
    assert counted(folder) == 5 and len(segments(folder)) > 3
    *old, _, _ = segments(folder)
    for segment in old:
        segment.write_bytes(b"nothing that could be read")
    write(folder, 4)
    assert counted(folder) == 9 == counted(folder)
    for segment in segments(folder)[:-1]:
        segment.unlink()
    write(folder, 2, segment_bytes=500)
    assert counted(folder) == 11


def test_a_line_that_is_not_whole_is_counted_when_it_is(folder: Path) -> None:
    write(folder, 2)
    [segment] = segments(folder)
    whole = segment.read_bytes()
    cut = whole.rindex(b'"phase":"read"')
    segment.write_bytes(whole[:cut])
    assert counted(folder) == 1
    segment.write_bytes(whole)
    assert counted(folder) == 2


def test_a_log_that_was_moved_away_and_one_begun_anew(folder: Path) -> None:
    write(folder, 3, segment_bytes=500)
    assert counted(folder) == 3
    for segment in segments(folder):
        segment.unlink()
    write(folder, 9)
    assert counted(folder) == 12 == counted(folder)


@pytest.mark.parametrize("where", ["cut", "changed", "missing"])
def test_a_log_that_does_not_go_on_is_not_counted(folder: Path, where: str) -> None:
    write(folder, 3)
    assert counted(folder) == 3
    before = (folder / FILE).read_bytes()
    write(folder, 3, segment_bytes=1)
    first, second, *_ = segments(folder)
    lines = first.read_bytes().splitlines(keepends=True)
    if where == "missing":
        second.unlink()
    elif where == "cut":
        first.write_bytes(b"".join(lines[:3]))
    else:
        second.write_bytes(second.read_bytes().replace(b'"prev":"', b'"prev":"0'))
    with pytest.raises(StoreError):
        counted(folder)
    assert (folder / FILE).read_bytes() == before
    assert main(["register", "rebuild", "-c", str(folder / "hushgate.yaml")]) == 0
    assert counted(folder) == {"cut": 5, "changed": 6, "missing": 6}[where]


def test_the_basis_is_the_one_that_was_relied_on(folder: Path) -> None:
    log = FileLog(
        str(folder / "audit"), 0, "written", call_soon=lambda w: w(), run_blocking=lambda _w, _d: None
    )
    for bases in ((), ("scc",), ("adequacy", "dpf")):
        log.append(record(seen={"user.name": 1}, bases=bases, country="US"), lambda _: None)
    log.close()
    rows = register(load_config(folder / "hushgate.yaml", None)).rows()
    assert [row.basis for row in rows] == ["adequacy+dpf", "none", "scc"]
