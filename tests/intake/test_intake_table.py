"""Tables are read row by row; what cannot be read costs its own line and nothing else."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PayloadError
from gateway.intake import table
from gateway.intake.table import Fault, Layout, opened
from tests.intake.intakes import rows, written

TEXT = "phone,channel\n+33612345678,sms\n+33612345679,\n"
CELLS = [(1, ["phone", "channel"]), (2, ["+33612345678", "sms"]), (3, ["+33612345679", ""])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["list.csv", "list.csv.gz"])
def test_marks_and_compression_are_found_out(tmp_path: Path, encoding: str, name: str) -> None:
    assert rows(written(tmp_path, TEXT, name, encoding)) == CELLS


@pytest.mark.parametrize(
    ("declared", "encoding"), [("latin-1", "latin-1"), ("windows-1252", "cp1252"), ("utf-16-le", "utf-16-le")]
)
def test_other_encodings_are_declared(tmp_path: Path, declared: str, encoding: str) -> None:
    path = written(tmp_path, "département\nsanté\n", encoding=encoding)
    assert rows(path, Layout(encoding=declared)) == [(1, ["département"]), (2, ["santé"])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("name", "sign"), [("a.csv", ";"), ("a.csv", "|"), ("a.tsv", "\t"), ("a.csv", "\t")])
def test_what_stands_between_cells_is_found_out(tmp_path: Path, end: str, name: str, sign: str) -> None:
    text = TEXT.replace(",", sign).replace("\n", end)
    assert rows(written(tmp_path, text, name)) == CELLS


def test_one_identifier_a_line(tmp_path: Path) -> None:
    assert rows(written(tmp_path, "a@b.fr\n\n  +33612345678 \n", "list.txt")) == [
        (1, ["a@b.fr"]),
        (3, ["+33612345678"]),
    ]


def test_a_cell_of_several_lines_is_one_row(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b\n"x\ny",1\nz,2\n')
    assert rows(path) == [(1, ["a", "b"]), (2, ["x\ny", "1"]), (4, ["z", "2"])]


@pytest.mark.parametrize("tail", [10, 5000])
def test_a_quote_that_nobody_closes_costs_its_own_line(tmp_path: Path, tail: int) -> None:
    lines = ["a,b", 'x,"1', *(f"{n},{n}" for n in range(tail))]
    got = rows(written(tmp_path, "\n".join(lines) + "\n"))
    assert [line for line, cells in got if isinstance(cells, Fault)] == [2]
    assert [cells for _, cells in got if not isinstance(cells, Fault)][1:] == [
        [str(n)] * 2 for n in range(tail)
    ]


def test_wrong_bytes_cost_their_own_line(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"a\nok\n\xff\xfe\x00\nd\xe9j\xe0\nz\0\nlast\n")
    got = rows(path)
    assert [line for line, cells in got if isinstance(cells, Fault)] == [3, 4, 5]
    assert got[-1] == (6, ["last"])
    assert all("\xe9" not in cells.reason for _, cells in got if isinstance(cells, Fault))


@pytest.mark.parametrize("name", ["long.csv", "long.txt"])
def test_a_line_without_end_is_passed_over(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, f"a\n{'x' * (3 * table.LONGEST)}\nb\n", name)
    got = rows(path)
    assert [cells for _, cells in got if isinstance(cells, list)] == [["a"], ["b"]]
    assert [line for line, cells in got if isinstance(cells, Fault)] == [2]


@pytest.mark.parametrize("cut", [3, 12, 40])
def test_damaged_compression_is_told(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "list.csv.gz"
    path.write_bytes(gzip.compress(bytes(range(256)) * 50)[:cut])
    with pytest.raises(PayloadError):
        rows(path)


def test_rows_go_on_behind_a_line(tmp_path: Path) -> None:
    path = written(tmp_path, "h\n" + "".join(f"{n}\n" for n in range(2, 50)))
    with opened(path, Layout()) as source:
        found = source.rows()
        assert next(found) == (1, ["h"])
        source.skip(30)
        assert next(found) == (31, ["31"])
        assert source.line == 31


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.tsv", "a.txt", "a.jsonl"]))
def test_any_bytes_give_rows_or_our_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(data)
    try:
        got = rows(path)
    except PayloadError:
        return
    numbers = [line for line, _ in got]
    assert numbers == sorted(numbers)
    assert all(
        isinstance(cells, Fault) or not any("\ud800" <= c <= "\udfff" for c in "".join(cells))
        for _, cells in got
    )
