"""JSON is read exactly or refused, and what was not masked keeps its meaning."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.json import JSON
from gateway.codecs.paths import compile_program
from gateway.codecs.program import REMOVED, Limits, Masker, Program, Slot, Tally
from gateway.errors import InternalError, PayloadError

LIMITS = Limits()
ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests/vectors/json/jsontestsuite.tsv"
CORPORA = Path(os.environ.get("HUSHGATE_CORPORA", ROOT.parent / "shared/corpora"))


def meaning(body: bytes) -> Any:
    """What a body says, with every number as its text. The standard library is the judge."""
    return json.loads(body, parse_float=lambda s: ("n", s), parse_int=lambda s: ("n", s))


def round_trip(body: bytes) -> bytes:
    return JSON.dump(JSON.parse(body, LIMITS))


def refused(body: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(PayloadError) as caught:
        JSON.parse(body, limits)
    return caught.value.reason


def _vectors() -> list[tuple[str, bytes]]:
    rows = [line.split("\t") for line in VECTORS.read_text().splitlines()]
    return [(name, base64.b64decode(text)) for name, text in rows]


def _check(name: str, body: bytes) -> None:
    limits = Limits(max_depth=1000)
    if name.startswith("n_"):
        assert refused(body, limits) == "unparseable_body"
        return
    try:
        out = JSON.dump(JSON.parse(body, limits))
    except PayloadError:
        assert name.startswith("i_"), name
        return
    assert meaning(out) == meaning(body)


@pytest.mark.parametrize(
    ("name", "body"), _vectors(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_json_test_suite(name: str, body: bytes) -> None:
    _check(name, body)


def test_json_test_suite_whole() -> None:
    folder = CORPORA / "json/JSONTestSuite/test_parsing"
    if not folder.is_dir():
        pytest.skip("JSONTestSuite is not here (HUSHGATE_CORPORA)")
    names = sorted(folder.glob("*.json"))
    assert len(names) > 300
    for path in names:
        _check(path.name, path.read_bytes())


@pytest.mark.parametrize(
    "text",
    [
        "-0",
        "[-0]",
        '{"a":-0,"b":0}',
        "-0.0",
        "1.10",
        "1E400",
        "-1e-400",
        "12345678901234567890123",
        "18446744073709551616",
        "[" + "9" * 5000 + "]",
        '["2024-01-05",-0 , 1.10]',
        "0",
        "[1,true,null]",
        '{"b":1,"a":{"z":null,"y":[]}}',
    ],
)
def test_numbers_order_and_nulls_are_kept(text: str) -> None:
    assert round_trip(text.encode()).decode() == text.replace(" ", "")


def test_escapes_are_kept_by_meaning() -> None:
    assert round_trip(rb'"\u00e9\/\ud83d\ude00\u0000"') == '"é/😀\\u0000"'.encode()


def test_only_the_last_of_duplicate_keys_is_sent_on() -> None:
    program = compile_program([Slot("a", "c", mask=lambda _: "x")], None)
    document = JSON.parse(b'{"a":"secret","b":1,"a":"other"}', LIMITS)
    assert JSON.dump(JSON.rewrite(document, program, Tally.of(program))) == b'{"a":"x","b":1}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[NaN]",
        b"[-Infinity]",
        b"[-0,NaN]",
        b'["\\ud800"]',
        b'[-0,"\\ud800"]',
        b'{"\\udc00":-0}',
        b"\xef\xbb\xbf[]",
        b"\xef\xbb\xbf[-0]",
        b"[] x",
        b"[-0] x",
        b'["\xff"]',
        b'["\xff",-0]',
        b"[01]",
        b'["\x01"]',
        '["é",-0]'.encode("utf-16"),
    ],
)
def test_refused(body: bytes) -> None:
    assert refused(body) == "unparseable_body"


def test_too_large() -> None:
    assert refused(b"[1,2]", Limits(max_body=4)) == "body_too_large"


@pytest.mark.parametrize("inner", ["", "1", "{}", "[]", '{"b":1}', '"x"', "-0", "1.5"])
@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]"), ('{"n":1,"a":[', "]}")]
)
def test_depth_is_exact(opening: str, closing: str, inner: str) -> None:
    inner = inner or ("1" if opening.endswith(":") else "")
    depth = 5 * sum(map(opening.count, "[{")) + sum(map(inner.count, "[{"))
    body = (opening * 5 + inner + closing * 5).encode()
    JSON.parse(body, Limits(max_depth=depth))
    assert refused(body, Limits(max_depth=depth - 1)) == "unparseable_body"


@pytest.mark.parametrize("depth", [101, 10_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("inner", [b"1", b"-0"])
def test_deep_nesting_is_refused(depth: int, opening: bytes, closing: bytes, inner: bytes) -> None:
    assert refused(opening * depth + inner + closing * depth) == "unparseable_body"
    assert refused(opening * depth) == "unparseable_body"


@given(st.binary(max_size=40))
def test_any_bytes_give_a_document_or_our_error(body: bytes) -> None:
    try:
        out = round_trip(body)
    except PayloadError:
        return
    assert meaning(out) == meaning(body)


# ---- running programs -------------------------------------------------------------------------------------


def run(
    body: str, slots: list[Slot], unmapped: Masker | None = None, drop: tuple[int, ...] = ()
) -> tuple[str, Tally]:
    program = compile_program(slots, unmapped)
    tally = Tally.of(program)
    document = JSON.rewrite(JSON.parse(body.encode(), LIMITS), program, tally, drop)
    return JSON.dump(document).decode(), tally


def star(path: str, subject: Any = None) -> Slot:
    return Slot(path, "c", mask=lambda _: "*", subject=subject)


def gone(path: str) -> Slot:
    return Slot(path, "c", mask=lambda _: REMOVED)


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_mixed_values_under_one_key(count: int) -> None:
    values = ['"s"', "null", "1.10", "true", "[2,null]", '{"x":3}', "-0", '"t"', "4"][:count]
    hidden = ['"*"', "null", '"*"', '"*"', '["*",null]', '{"x":"*"}', '"*"', '"*"', '"*"'][:count]
    body = '{"r":[' + ",".join(f'{{"k":{v},"o":1.0}}' for v in values) + ',{"o":2}]}'
    out, tally = run(body, [star("r[].k", "record")])
    assert out == '{"r":[' + ",".join(f'{{"k":{v},"o":1.0}}' for v in hidden) + ',{"o":2}]}'
    assert tally.seen == tally.masked == [sum(v.count("*") for v in hidden)]
    texts = ["s", "1.10", "true", "2", "3", "-0", "t", "4"]
    assert {value for _, value in tally.subjects} <= set(texts)
    assert len(tally.subjects) == tally.seen[0]


@pytest.mark.parametrize("count", [1, 8])
def test_removed_members_and_items(count: int) -> None:
    body = "[" + ",".join(['{"a":"x","b":["y",null,"z"],"c":1}'] * count) + "]"
    out, tally = run(body, [gone("[].a"), gone("[].b[]")])
    assert out == "[" + ",".join(['{"b":[null],"c":1}'] * count) + "]"
    assert tally.masked == [count, 2 * count]


def test_a_scalar_body() -> None:
    assert run('"x"', [star("$")])[0] == '"*"'
    assert run('"x"', [gone("$")])[0] == "null"
    assert run("null", [star("$")])[0] == "null"
    assert run("5", [], lambda _: None)[0] == "null"


@pytest.mark.parametrize("count", [1, 6])
def test_unmapped_sees_what_no_path_selects(count: int) -> None:
    item = '{"a":"x","b":{"c":[1,true,null]},"d":"keep","e":[[{"f":"g"}]]}'
    shown = [Slot("[].d", "c")]
    out, tally = run("[" + ",".join([item] * count) + "]", shown, lambda v: REMOVED if v is True else "-")
    assert json.loads(out) == [{"a": "-", "b": {"c": ["-", None]}, "d": "keep", "e": [[{"f": "-"}]]}] * count
    assert (tally.unmapped, tally.seen) == (4 * count, [count])


def test_objects_without_common_keys_are_walked_one_by_one() -> None:
    body = json.dumps([{f"k{n}": "v", "s": n} for n in range(50)])
    out, tally = run(body, [star("[].k7")], lambda v: "-" if v == "v" else v)
    assert [next(iter(o.values())) for o in json.loads(out)] == ["-"] * 7 + ["*"] + ["-"] * 42
    assert (tally.unmapped, tally.masked) == (49, [1])


def test_find_and_drop() -> None:
    program = compile_program(
        [
            Slot("to", "c", subject="phone"),
            Slot("in[].m", "c", subject="email"),
            Slot("in[].x[]", "c", subject="phone"),
        ],
        None,
    )
    body = b'{"in":[{"x":["1",2],"m":"a"},{"m":"b"},{"m":null}],"to":"t"}'
    document = JSON.parse(body, LIMITS)
    found = JSON.find(document, program)
    assert [(f.slot, f.value, f.ordinal, f.droppable) for f in found] == [
        (2, "1", 0, True),
        (2, "2", 1, True),
        (1, "a", 2, True),
        (1, "b", 3, True),
        (0, "t", 4, False),
    ]
    tally = Tally.of(program)
    assert (
        JSON.dump(JSON.rewrite(document, program, tally, {1, 3}))
        == b'{"in":[{"x":["1"],"m":"a"},{"m":null}],"to":"t"}'
    )
    assert tally.seen == [1, 1, 1]
    for ordinal in (3, 99, -1):
        with pytest.raises(InternalError):
            JSON.rewrite(
                JSON.parse(b'{"in":[{"m":"a"}],"to":"t"}', LIMITS), program, Tally.of(program), {ordinal}
            )
    with pytest.raises(InternalError):
        JSON.rewrite(JSON.parse(b'{"to":"t"}', LIMITS), program, Tally.of(program), {0})


# ---- no secret gets out -----------------------------------------------------------------------------------

_names = st.sampled_from(["a", "b", "c", "odd key"])
_numbers = st.one_of(
    st.integers(), st.sampled_from(["-0", "1.10", "1E400", "2.50"]).map(lambda s: _Number(s))
)
_scalars = st.one_of(st.none(), st.booleans(), st.text(max_size=5), _numbers)
_bodies = st.recursive(
    _scalars,
    lambda below: st.one_of(st.lists(below, max_size=6), st.dictionaries(_names, below, max_size=4)),
    max_leaves=25,
)
SECRET = "S3CR3T"


class _Number(str):
    """The text of a number, written bare."""

    __slots__ = ()


def _write(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{_write(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    return json.dumps(value)


def _seed(value: Any, secret: Any) -> Any:
    """The value with every scalar under a key `a` replaced."""
    if isinstance(value, dict):
        return {
            k: secret if k == "a" and not isinstance(v, dict | list) and v is not None else _seed(v, secret)
            for k, v in value.items()
        }
    return [_seed(v, secret) for v in value] if isinstance(value, list) else value


@given(_bodies, st.booleans())
def test_no_secret_leaves_and_the_rest_stays(value: Any, everywhere: bool) -> None:
    value = value if isinstance(value, dict | list) else [value]
    body = _write(_seed(value, SECRET))
    program: Program = compile_program(
        [Slot("**.a", "c", mask=lambda v: "*" if v == SECRET else v)], (lambda v: v) if everywhere else None
    )
    tally = Tally.of(program)
    out = JSON.dump(JSON.rewrite(JSON.parse(body.encode(), LIMITS), program, tally))
    assert SECRET.encode() not in out
    assert meaning(out) == meaning(_write(_seed(value, "*")).encode())
    assert tally.masked == [body.count(SECRET)]


@pytest.mark.parametrize("count", [1, 8])
def test_a_masker_that_gives_the_value_back_masks_nothing(count: int) -> None:
    body = "[" + ",".join(['{"a":"x","b":"y","c":"z"}'] * count) + "]"
    same = [Slot("[].a", "c", mask=lambda v: v), Slot("[].b", "c", mask=lambda _: "-")]
    out, tally = run(body, same, lambda v: v)
    assert out == body.replace('"y"', '"-"')
    assert (tally.seen, tally.masked, tally.unmapped) == ([count, count], [0, count], 0)
