"""Every codec that streams: however a body is cut, the same bytes come out, and no secret is among them."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs import jsonarray, kernel
from gateway.codecs.charset import TranscodedStreaming, write_json
from gateway.codecs.delimited import CSV, TSV
from gateway.codecs.jsonarray import JSON_ARRAY
from gateway.codecs.ndjson import JSON_SEQ, NDJSON
from gateway.codecs.paths import compile_names, compile_program
from gateway.codecs.program import REMOVED, Limits, Program, Slot, Streaming, Tally
from gateway.codecs.sse import SSE
from gateway.codecs.text import TEXT
from gateway.errors import PayloadError
from gateway.masking.detect import detect
from gateway.masking.operators import redact

SECRETS = ("ana.secret@hidden.example", "+33698765432", 'Zoë "Quoted"; Secret', "s\\3cr\n3t")
WIDE = Limits()
TIGHT = Limits(max_body=300, max_record=40, max_depth=4, max_fields=4)


@pytest.fixture(autouse=True, params=["kernel", "reference"], scope="module")
def _reader(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both readers of JSON; and guesses even where there is little to guess from."""
    before = kernel._kernel, jsonarray.GUESS_FROM
    if request.param == "kernel" and before[0] is None:
        pytest.skip("the kernel is not built here")
    if request.param == "reference":
        kernel._kernel = None
    jsonarray.GUESS_FROM = 16
    yield
    kernel._kernel, jsonarray.GUESS_FROM = before


def _slots(*paths: str) -> list[Slot]:
    return [
        *(Slot(path, "user.secret", mask=redact, subject="email") for path in paths[:-1]),
        Slot(paths[-1], "user.gone", mask=lambda _: REMOVED),
    ]


def _under(prefix: str) -> Program:
    paths = [prefix + path for path in ("email", "in.token", "all[]", "in.gone")]
    return compile_program(_slots(*paths), detect)


def _join(*programs: str) -> Program:
    return compile_program([s for p in programs for s in _under(p).slots], detect)


COLUMNS = compile_names(_slots("email", "token", "gone"), detect)
IN_ARRAY = _join("[].", "results[].", "")

CODECS: dict[str, tuple[Streaming, Program]] = {
    "ndjson": (NDJSON, _under("")),
    "json-seq": (JSON_SEQ, _under("")),
    "sse": (SSE, _under("")),
    "array": (JSON_ARRAY, IN_ARRAY),
    "csv": (CSV, COLUMNS),
    "tsv": (TSV, COLUMNS),
    "text": (TEXT, compile_program([], redact)),
    "csv, utf-16": (TranscodedStreaming(CSV, "utf-16"), COLUMNS),
    "ndjson, latin1": (TranscodedStreaming(NDJSON, "latin1", write_json), _under("")),
}

# ---- bodies ---------------------------------------------------------------------------------------------

_plain = st.text(st.sampled_from('ab ,;"\\{}[]:\n\r\té1'), max_size=8)
_secret = st.sampled_from(SECRETS)
_other = st.one_of(_plain, st.none(), st.booleans(), st.integers(), st.lists(_plain, max_size=2))
_record = st.fixed_dictionaries(
    {"email": _secret},
    optional={
        "id": st.integers(),
        "x": _other,
        "in": st.fixed_dictionaries({}, optional={"token": _secret, "gone": _secret, "y": _other}),
        "all": st.lists(_secret, max_size=3),
    },
)


def _written(value: Any, spaced: bool, ascii_only: bool) -> str:
    separators = (" , ", " : ") if spaced else (",", ":")
    return json.dumps(value, ensure_ascii=ascii_only, separators=separators)


_text_of = st.builds(_written, _record, st.booleans(), st.booleans())
_end = st.sampled_from(["\n", "\r\n", "\n\n", " \r\n"])


def _lines(records: list[str], ends: list[str]) -> str:
    return "".join(r + e for r, e in zip(records, ends, strict=False))


def _events(records: list[str], noise: list[str], end: str) -> str:
    out = []
    for record, each in zip(records, noise, strict=False):
        out += [each, end, "data: ", record[:1], end, "data:", record[1:], end, "id: 7", end, end]
    return "".join(out)


def _array(records: list[str], spaces: str, tail: str) -> str:
    return f"{spaces}[{spaces}" + f"{spaces},{spaces}".join(records) + spaces + "]" + tail


def _object(records: list[str], spaces: str, other: str) -> str:
    members = ['"total":1', '"results"' + spaces + ":" + _array(records, spaces, ""), f'"email":{other}']
    return "{" + f"{spaces},{spaces}".join(members) + "}" + spaces


def _quoted(value: str, delimiter: str) -> str:
    return '"' + value.replace('"', '""') + '"' if any(c in value for c in f'{delimiter}"\r\n') else value


def _table(rows: list[list[str]], delimiter: str, end: str, mark: str) -> str:
    head = ["id", "email", "x", "token", "gone"]
    return mark + "".join(delimiter.join(_quoted(c, delimiter) for c in row) + end for row in [head, *rows])


_spaces = st.sampled_from(["", " ", "\n  "])
_row = st.tuples(_plain, _secret, _plain, _secret, _secret).map(list)
_rows = st.lists(_row, max_size=6)
_ends = st.sampled_from(["\n", "\r\n", "\r"])
_noise = st.sampled_from([": hello", "event: new", "foo", "retry: 10"])
_noises = st.lists(_noise, min_size=5, max_size=5)
_tail = st.sampled_from(["", "\n"])


def _record_lists(least: int = 0) -> st.SearchStrategy[list[str]]:
    return st.lists(_text_of, min_size=least, max_size=5)


_ndjson = st.builds(_lines, _record_lists(), st.lists(_end, min_size=5, max_size=5))
BODIES: dict[str, st.SearchStrategy[bytes]] = {
    "ndjson": _ndjson.map(str.encode),
    "json-seq": _record_lists().map(lambda rs: "".join(f"\x1e{r}\n" for r in rs).encode()),
    "sse": st.builds(_events, _record_lists(), st.lists(_noise, min_size=5, max_size=5), _ends).map(
        str.encode
    ),
    "array": st.one_of(
        st.builds(_array, _record_lists(), _spaces, _tail),
        st.builds(_object, _record_lists(), _spaces, st.just(json.dumps(SECRETS[0]))),
    ).map(str.encode),
    "csv": st.builds(_table, _rows, st.sampled_from(",;\t|"), _ends, st.sampled_from(["", "\ufeff"])).map(
        str.encode
    ),
    "tsv": st.builds(_table, _rows, st.just("\t"), _ends, st.just("")).map(str.encode),
    "text": st.lists(_secret, max_size=4).map("\n".join).map(str.encode),
    "csv, utf-16": st.builds(_table, _rows, st.just(","), _ends, st.just("\ufeff")).map(
        lambda text: text.encode("utf-16-be")
    ),
    "ndjson, latin1": _ndjson.map(lambda text: text.encode("latin1", "ignore")),
}

# ---- cutting --------------------------------------------------------------------------------------------


def streamed(codec: Streaming, body: bytes, program: Program, cuts: list[int], limits: Limits) -> Any:
    """What came out and was counted; or that it was refused."""
    tally = Tally.of(program)
    stream = codec.stream(program, tally, limits)
    places = [0, *sorted(cuts), len(body)]
    try:
        out = [stream.feed(body[a:b]) for a, b in pairwise(places)]
        return b"".join(out) + stream.finish(), tally
    except PayloadError as error:
        assert not any(secret in str(error) for secret in SECRETS)
        return None


@st.composite
def _cut(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> tuple[bytes, list[int]]:
    body = draw(bodies)
    return body, draw(st.lists(st.integers(0, len(body)), max_size=6))


@pytest.mark.parametrize("name", CODECS)
@settings(deadline=None)
@given(data=st.data())
def test_no_cut_matters_and_no_secret_comes_out(name: str, data: st.DataObject) -> None:
    codec, program = CODECS[name]
    body, cuts = data.draw(_cut(BODIES[name]))
    whole = streamed(codec, body, program, [], WIDE)
    assert whole is not None
    assert streamed(codec, body, program, list(range(len(body))), WIDE) == whole
    assert streamed(codec, body, program, cuts, WIDE) == whole
    tally = Tally.of(program)
    assert (codec.transform(body, program, tally, WIDE), tally) == whole
    for secret in SECRETS:
        for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
            for charset in ("utf-8", "latin1", "utf-16-be"):
                assert form.encode(charset, "ignore") not in whole[0]


@pytest.mark.parametrize("name", CODECS)
@settings(deadline=None)
@given(data=st.data())
def test_read_whole_it_is_the_same(name: str, data: st.DataObject) -> None:
    codec, program = CODECS[name]
    body = data.draw(BODIES[name])
    tally = Tally.of(program)
    out = codec.dump(codec.rewrite(codec.parse(body, WIDE), program, tally))
    expected = streamed(codec, body, program, [], WIDE)
    assert tally.pattern == expected[1].pattern
    assert not any(secret.encode() in out for secret in SECRETS)
    # A kernel and the stream of an array keep white space that reading whole does not.
    if codec is not JSON_ARRAY and (kernel._kernel is None or ("json" not in name and name != "sse")):
        assert out == expected[0]


@pytest.mark.parametrize("name", CODECS)
@settings(deadline=None)
@given(data=st.data())
def test_what_nothing_selects_keeps_its_bytes(name: str, data: st.DataObject) -> None:
    codec = CODECS[name][0]
    body, cuts = data.draw(_cut(BODIES[name]))
    program = compile_program([], None)
    assert streamed(codec, body, program, cuts, WIDE) == (body, Tally.of(program))
    assert codec is JSON_ARRAY or codec.dump(codec.parse(body, WIDE)) == body


_SCRAPS = (
    *("data", ":", " ", "\n", "\r", '"', "'", "\\", "{", "}", "[", "]", ",", ";", "\t", "email", "1", "é"),
    *('{"email":"', '"}', '{"a":1}', "\x1e", "\0", "\ufeff", "id: 3", '"a"', "true", "-0", "\\u00e9", "\n\n"),
)
_SOUP = st.lists(st.sampled_from(_SCRAPS), max_size=25).map(lambda parts: "".join(parts).encode())


@pytest.mark.parametrize("limits", [WIDE, TIGHT], ids=["wide", "tight"])
@pytest.mark.parametrize("name", CODECS)
@settings(deadline=None)
@given(data=st.data())
def test_any_bytes_give_the_same_or_are_refused(name: str, limits: Limits, data: st.DataObject) -> None:
    codec, program = CODECS[name]
    body, cuts = data.draw(_cut(st.one_of(_SOUP, st.binary(max_size=20), BODIES[name])))
    whole = streamed(codec, body, program, [], limits)
    assert streamed(codec, body, program, list(range(len(body))), limits) == whole
    assert streamed(codec, body, program, cuts, limits) == whole
