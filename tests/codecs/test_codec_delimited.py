"""Rows: the dialect is kept, columns are found by name, and what can be read in two ways is refused."""

import csv
import io
from collections.abc import Iterable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.codecs import delimited
from gateway.codecs.delimited import CSV, TSV, DelimitedCodec, with_parameters
from gateway.codecs.paths import compile_names
from gateway.codecs.program import REMOVED, Limits, Masker, Slot, Tally
from gateway.errors import InternalError, PayloadError
from gateway.masking.operators import redact
from tests.codecs.conformance import refusal

LIMITS = Limits()


def masked(
    body: bytes,
    codec: DelimitedCodec = CSV,
    mask: Masker = redact,
    unmapped: Masker | None = None,
    name: str = "b",
) -> bytes:
    """Through a stream and by steps, which have to agree."""
    program = compile_names([Slot(name, "x", mask=mask), Slot("c", "y")], unmapped)
    tally, again = Tally.of(program), Tally.of(program)
    out = codec.transform(body, program, tally, LIMITS)
    assert codec.dump(codec.rewrite(codec.parse(body, LIMITS), program, again)) == out
    assert tally == again
    return out


def refused(body: bytes, codec: DelimitedCodec = CSV, limits: Limits = LIMITS) -> tuple[str, str]:
    return refusal(codec, body, compile_names([], None), limits)


@pytest.mark.parametrize(
    ("body", "out"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"\xef\xbb\xbf", b"\xef\xbb\xbf", id="a mark alone"),
        pytest.param(b"a,b\n1,2\n", b"a,b\n1,[redacted]\n", id="plain"),
        pytest.param(b"a,b\r\n1,2", b"a,b\r\n1,[redacted]", id="no last end"),
        pytest.param(b"a,b\r1,2\r", b"a,b\r1,[redacted]\r", id="CR"),
        pytest.param(b"a,b\n1,2\r\n1,2\n", b"a,b\n1,[redacted]\r\n1,[redacted]\n", id="mixed ends"),
        pytest.param(b"\xef\xbb\xbfb;a\n2;1\n", b"\xef\xbb\xbfb;a\n[redacted];1\n", id="a mark and ;"),
        pytest.param(b"a|b\n1,5|2\n", b"a|b\n1,5|[redacted]\n", id="|"),
        pytest.param(b"a\tb\n1\t2\n", b"a\tb\n1\t[redacted]\n", id="tab"),
        pytest.param(b"b\n2\n\n3\n", b"b\n[redacted]\n\n[redacted]\n", id="one column, blank lines"),
        pytest.param(b"\n\na,b\n\n1,2\n\n", b"\n\na,b\n\n1,[redacted]\n\n", id="blank lines around"),
        pytest.param(b'a,"b"\n"1","2"\n1,2\n', b'a,"b"\n"1","[redacted]"\n1,[redacted]\n', id="quotes kept"),
        pytest.param(b"a, b \n1,2\n", b"a, b \n1,[redacted]\n", id="space around a name"),
        pytest.param(b'a,b\n1,""\n1,\n', b'a,b\n1,""\n1,\n', id="empty is no value"),
        pytest.param(
            b'a,b\n"x\n""y"",\r\n",2\n', b'a,b\n"x\n""y"",\r\n",[redacted]\n', id="breaks in a cell"
        ),
        pytest.param(b"b,b\n1,2\n", b"b,b\n[redacted],[redacted]\n", id="a name twice"),
        pytest.param(b"'a','b'\n'it''s','2'\n", b"'a','b'\n'it''s','[redacted]'\n", id="single quotes"),
        pytest.param("b,é\n1,ñ\n".encode(), "b,é\n[redacted],ñ\n".encode(), id="beyond ASCII"),
        pytest.param(
            b"b,x\x0by\x1c\xc2\x85z\n1,2\n", b"b,x\x0by\x1c\xc2\x85z\n[redacted],2\n", id="no line ends"
        ),
    ],
)
def test_rows(body: bytes, out: bytes) -> None:
    assert masked(body) == out


@pytest.mark.parametrize(
    ("value", "plain", "quoted"),
    [
        ("x", b"x", b'"x"'),
        ("x,y", b'"x,y"', b'"x,y"'),
        ('say "x"', b'"say ""x"""', b'"say ""x"""'),
        ("x\r\ny", b'"x\r\ny"', b'"x\r\ny"'),
        (None, b"", b'""'),
        (REMOVED, b"", b'""'),
        (7, b"7", b'"7"'),
    ],
)
def test_what_is_written(value: object, plain: bytes, quoted: bytes) -> None:
    assert masked(b'b,a\n1,2\n"1",2\n', mask=lambda _: value) == b"b,a\n%b,2\n%b,2\n" % (plain, quoted)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        pytest.param(b'a,b\n1,"2\n3,4\n', "line 2", id="a quote not closed"),
        pytest.param(b'a,b\n1,2"3"\n', "row 2, column 2", id="a quote within"),
        pytest.param(b'a,b\n"1"2,3\n', "row 2, column 1", id="something after a quote"),
        pytest.param(b'a,b\n1, "2"\n', "row 2, column 2", id="space before a quote"),
        pytest.param(b"a,b\n1,2\n1\n", "row 3", id="too few cells"),
        pytest.param(b"a,b\n1,2,3\n", "row 2", id="too many cells"),
        pytest.param(b"a,b\n1,2\0\n", "line 2", id="NUL"),
        pytest.param(b"a,b\n1,\xff\n", "line 2", id="no UTF-8"),
        pytest.param("a,b\n".encode("utf-16"), "line 1", id="UTF-16"),
        pytest.param("a,b\n".encode("utf-16-le"), "line 1", id="UTF-16 without a mark"),
        pytest.param(b"a,b;c\n", "row 1", id="two delimiters"),
        pytest.param(b"a,b\n1,2\r3,4\n", "line 2", id="CR where LF ends rows"),
        pytest.param(b"a,b\r1,2\n3,4\r", "line 2", id="LF where CR ends rows"),
        pytest.param(b'a"b,c\n"', "row 1, column 1", id="a quote in the first row"),
        pytest.param(b'a"b",c\n', "row 1, column 1", id="quotes in the first row"),
    ],
)
def test_refused_with_a_place(body: bytes, place: str) -> None:
    assert refused(body) == ("unparseable_body", place)


def test_limits() -> None:
    assert refused(b"a,b\n1,2\n1,23456\n", limits=Limits(max_record=6)) == ("body_too_large", "line 3")
    assert refused(b'a,b\n1,"\n\n\n\n\n2"\n', limits=Limits(max_record=6))[1] == "line 2"
    assert refused(b"a,b\n", limits=Limits(max_body=3)) == ("body_too_large", "body")
    assert refused(b"a,b,c\n", limits=Limits(max_fields=2)) == ("unparseable_body", "row 1")
    assert refused(b"aaaaaaa", limits=Limits(max_record=6))[0] == "body_too_large"


def test_without_names_every_cell_is_unmapped() -> None:
    assert masked(b"x,ana\n1,2\n", unmapped=redact) == b"[redacted],[redacted]\n[redacted],[redacted]\n"
    assert masked(b"x,b\n1,2\n", unmapped=redact) == b"x,b\n[redacted],[redacted]\n"
    assert masked(b"x,c\n1,2\n", unmapped=redact) == b"x,c\n[redacted],2\n"
    assert masked(b"x,ana\n1,2\n") == b"x,ana\n1,2\n"


def test_all_columns_at_once() -> None:
    assert masked(b"x,c\n1,2\n", name="*") == b"x,c\n[redacted],2\n"
    assert masked(b"x,y\n1,2\n", name="*") == b"[redacted],[redacted]\n[redacted],[redacted]\n"


def test_the_header_parameter() -> None:
    absent = with_parameters(CSV, {"header": "absent"})
    present = with_parameters(CSV, {"header": "Present"})
    assert masked(b"a,b\n1,2\n", absent, unmapped=redact).count(b"[redacted]") == 4
    assert masked(b"x,y\n1,2\n", present, unmapped=redact) == b"x,y\n[redacted],[redacted]\n"
    assert with_parameters(TSV, {}) is TSV
    with pytest.raises(PayloadError):
        with_parameters(CSV, {"header": "x"})


def test_tabs() -> None:
    assert masked(b"a,x\tb\n1,2\t3\n", TSV) == b"a,x\tb\n1,2\t[redacted]\n"
    assert masked(b"b,x\n1,2\n", TSV) == b"b,x\n1,2\n"


def test_subjects_and_dropping() -> None:
    program = compile_names([Slot("to", "x", subject="phone"), Slot("cc", "x", subject="phone")], None)
    document = CSV.parse(b'to,n,cc\n+1,a,\n\n"+2",b,+3\n,,\n', LIMITS)
    found = CSV.find(document, program)
    assert [(f.slot, f.value, f.ordinal, f.droppable) for f in found] == [
        (0, "+1", 0, True),
        (0, "+2", 1, True),
        (1, "+3", 2, True),
    ]
    tally = Tally.of(program)
    assert CSV.dump(CSV.rewrite(document, program, tally, {2})) == b"to,n,cc\n+1,a,\n\n,,\n"
    assert (tally.subjects, tally.seen) == ([(0, "+1")], [1, 0])
    for ordinal in (-1, 3):
        with pytest.raises(InternalError):
            CSV.rewrite(document, program, tally, [ordinal])


def test_a_row_leaves_with_its_end() -> None:
    program = compile_names([Slot("b", "x", mask=redact)], None)
    stream = CSV.stream(program, Tally.of(program), LIMITS)
    assert stream.feed(b"a,b") == b""
    assert stream.feed(b"\r\n1,2\r\n3,") == b"a,b\r\n1,[redacted]\r\n"
    assert stream.feed(b'"4\n') == b""
    assert stream.feed(b'"') == b""
    assert stream.finish() == b'3,"[redacted]"'


def test_a_refusal_names_the_line_wherever_it_is_cut() -> None:
    program = compile_names([], None)
    for body, place in ((b'a\n"\n\n"\n1\r\n\xff\n', "line 6"), (b'a\n"\n\n"\n1\rb\n\n', "line 5")):
        for cut in range(len(body)):
            stream = CSV.stream(program, Tally.of(program), LIMITS)
            with pytest.raises(PayloadError, match=place):
                _ = stream.feed(body[:cut]) + stream.feed(body[cut:])


def test_rows_are_counted_however_they_are_read() -> None:
    program = compile_names([Slot("b", "x", mask=redact)], None)
    stream = CSV.stream(program, Tally.of(program), LIMITS)
    for part in (b"a,b\n1,2\n", b'1,2\n"1",2\n', b'"1",2\n\n'):
        stream.feed(part)
    with pytest.raises(PayloadError, match="row 7:"):
        stream.feed(b"1\n")


def pieces(body: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, int]:
    """What a body gives, and how many of its rows were treated together with others."""
    counted = 0
    whole = delimited._DelimitedStream._pieces

    def count(self: delimited._DelimitedStream, rows: list[tuple[str, ...]]) -> Iterable[str]:
        nonlocal counted
        counted += len(rows)
        return whole(self, rows)

    monkeypatch.setattr(delimited._DelimitedStream, "_pieces", count)
    return masked(body), counted


@pytest.mark.parametrize(
    ("row", "out"),
    [
        (b'1,"2"\n', b'1,"[redacted]"\n'),
        (b'"x\n5,6\n""",2\r\n', b'"x\n5,6\n""",[redacted]\r\n'),
        (b'1,"2\n5,6\n7"\n', b'1,"[redacted]"\n'),
    ],
)
def test_rows_with_quotes_are_read_many_at_once(
    row: bytes, out: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 300_000 // len(row)
    got, together = pieces(b"a,b\n" + row * count, monkeypatch)
    assert got == b"a,b\n" + out * count
    assert together > count * 0.9


@pytest.mark.parametrize("odd", [b"\n", b'"1",\n', b'1,""\n', b'"",2\n', b'"\n\r\n1,2",2\n'])
def test_rows_among_which_one_is_unusual(odd: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    row = b'"1","2"\n'
    body = b"a,b\n" + row * 20_000 + odd + row * 20_000
    got, together = pieces(body, monkeypatch)
    assert got.count(b'"1","[redacted]"\n') == 40_000 and together > 30_000


@pytest.mark.parametrize("odd", [b'"1"2,3\n', b'1,2,"3"\n', b'"1"\n', b'1,"2"\r3,4\n', b'\n1"'])
def test_what_is_out_of_place_among_rows_that_are_not_is_refused(odd: bytes) -> None:
    row = b'"1","2"\n'
    assert refused(b"a,b\n" + row * 7 + odd + row * 2)[0] == "unparseable_body"


def test_subjects_of_several_columns_come_row_by_row() -> None:
    program = compile_names([Slot("to", "x", subject="phone"), Slot("cc", "x", subject="phone")], None)
    for quote in (b"", b'"'):
        tally = Tally.of(program)
        body = b"to,n,cc\n+1,a,\n+2,%bb%b,+3\n,,+1\n" % (quote, quote)
        assert CSV.transform(body, program, tally, LIMITS) == body
        assert tally.subjects == [(0, "+1"), (0, "+2"), (1, "+3"), (1, "+1")]
        assert tally.seen == [2, 2]


_cell = st.text(st.sampled_from('ab1 ,;"\né'))


@given(
    st.lists(st.lists(_cell, min_size=3, max_size=3), max_size=6),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\r\n", "\n"]),
)
def test_against_the_csv_module(rows: list[list[str]], quoting: int, delimiter: str, end: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([["a", "b", "c"], *rows])
    out = masked(text.getvalue().encode(), mask=lambda value: value + '",\n;')
    read = list(csv.reader(io.StringIO(out.decode(), newline=""), delimiter=delimiter))
    expected = [[a, b and b + '",\n;', c] for a, b, c in rows]
    assert [row for row in read if row] == [["a", "b", "c"], *expected]


@given(st.text(st.sampled_from('ab,;"\n\r\t ')))
def test_what_is_read_is_what_the_csv_module_reads(text: str) -> None:
    try:
        table = CSV.parse(text.encode(), LIMITS)
    except PayloadError:
        assume(False)
    assert CSV.dump(table) == text.encode()
    if table.dialect is not None:
        dialect = table.dialect
        cells = [[dialect.value(cell) for cell in row] for row in table.rows if row]
        read = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter, strict=True)
        assert cells == [row for row in read if row]
