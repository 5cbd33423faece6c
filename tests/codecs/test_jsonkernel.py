"""The JSON kernel against its reference: the same meaning and tally, or it declines. Built if need be."""

import base64
import functools
import importlib
import json
import os
import struct
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.codecs import kernel
from gateway.codecs.json import JSON
from gateway.codecs.paths import compile_program
from gateway.codecs.program import REMOVED, Limits, Masker, PerPerson, Program, Slot, Tally, by_steps
from gateway.codecs.steps import compiled
from gateway.errors import InternalError, PayloadError
from gateway.masking.detect import detect, detector, redact_all
from gateway.masking.operators import redact
from gateway.masking.table import OPERATORS, build
from gateway.model import Mask
from gateway.native import built
from gateway.native.build import Unbuildable
from gateway.native.build import build as build_kernels
from tests.codecs.conformance import Sample, conforms

LIMITS = Limits()
VECTORS = Path(__file__).parents[1] / "vectors/json/jsontestsuite.tsv"
KEY = b"the masking key of a tenant"


def _module() -> ModuleType:
    if "gateway.native.jsonkernel" not in sys.modules:
        try:
            build_kernels(os.environ)
        except Unbuildable as why:
            if not built("jsonkernel").is_file():
                pytest.skip(f"the kernel cannot be built here: {why}", allow_module_level=True)
    return importlib.import_module("gateway.native.jsonkernel")


NATIVE = _module()


@pytest.fixture(autouse=True, scope="module")
def _in_use() -> Iterator[None]:
    """The kernel, even where HUSHGATE_NATIVE or its absence kept it from being loaded."""
    before = kernel._kernel
    kernel._kernel = NATIVE
    yield
    kernel._kernel = before


# ---- the comparison -------------------------------------------------------------------------------------


def meaning(body: bytes) -> Any:
    """What a body says: numbers as their text, members in their order. The standard library is the judge."""
    return json.loads(
        body,
        parse_float=lambda s: ("n", s),
        parse_int=lambda s: ("n", s),
        object_pairs_hook=lambda pairs: ("o", tuple(pairs)),
    )


def by_kernel(body: bytes, program: Program, limits: Limits = LIMITS) -> tuple[bytes, Tally] | None:
    tally = Tally.of(program)
    out = kernel.transform(body, compiled(program), tally, limits.max_depth)
    if out is None:
        assert tally == Tally.of(program)
        return None
    return out, tally


def by_reference(body: bytes, program: Program, limits: Limits = LIMITS) -> tuple[bytes, Tally] | None:
    tally = Tally.of(program)
    try:
        return by_steps(JSON, body, program, tally, limits), tally
    except PayloadError:
        return None


def agree(body: bytes, program: Program, limits: Limits = LIMITS) -> bool:
    """Whether the kernel took the body; it must then have done what the reference does."""
    made = by_kernel(body, program, limits)
    if made is None:
        return False
    expected = by_reference(body, program, limits)
    assert expected is not None, "the kernel takes what the reference refuses"
    assert meaning(made[0]) == meaning(expected[0])
    for tally in (made[1], expected[1]):
        tally.subjects.sort()
    assert made[1] == expected[1]
    return True


def mask(op: str, category: str = "user.contact.email", **parameters: Any) -> Masker:
    return build(Mask(op=op, **parameters), category, KEY)


def run(body: str, *slots: Slot, unmapped: Masker | None = None) -> str:
    program = compile_program(slots, unmapped)
    made = by_kernel(body.encode(), program)
    assert made is not None
    assert agree(body.encode(), program)
    return made[0].decode()


def declined(body: bytes, limits: Limits = LIMITS) -> bool:
    return not agree(body, compile_program([], None), limits)


# ---- what is read ---------------------------------------------------------------------------------------


def _vectors() -> list[tuple[str, bytes]]:
    rows = [line.split("\t") for line in VECTORS.read_text().splitlines()]
    return [(name, base64.b64decode(text)) for name, text in rows]


_EVERYWHERE: tuple[tuple[list[Slot], Masker | None], ...] = (
    ([], None),
    ([], redact_all),
    ([], detector()),
    ([Slot("$", "c", mask=lambda v: v, subject="record")], None),
)


@pytest.mark.parametrize(
    ("name", "body"), _vectors(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_json_test_suite(name: str, body: bytes) -> None:
    for slots, unmapped in _EVERYWHERE:
        taken = agree(body, compile_program(slots, unmapped), Limits(max_depth=1000))
        assert not (taken and name.startswith("n_"))


def test_most_of_what_is_valid_is_taken() -> None:
    valid = [body for name, body in _vectors() if name.startswith("y_") and body.strip()[:1] in b"[{"]
    assert sum(map(declined, valid)) <= 6


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"a":1,"a":2}', id="duplicate key"),
        pytest.param(b'{"a":{"b":1,"c":2,"b":3}}', id="duplicate key below"),
        pytest.param(b'{"":1,"":2}', id="duplicate empty key"),
        pytest.param(b'{"a":1,"\\u0061":2}', id="duplicate key, escaped"),
        pytest.param(b'{"\\u0061":1}', id="escaped key"),
        pytest.param(b'["\\ud800"]', id="lone surrogate"),
        pytest.param(b'["\\ud800\\ud800"]', id="two leading surrogates"),
        pytest.param(b'["\\udc00\\ud800"]', id="surrogates in the wrong order"),
        pytest.param(b'["\xed\xa0\x80"]', id="encoded surrogate"),
        pytest.param(b'["\xc0\x80"]', id="overlong, two bytes"),
        pytest.param(b'["\xe0\x9f\xbf"]', id="overlong, three bytes"),
        pytest.param(b'["\xf0\x8f\xbf\xbf"]', id="overlong, four bytes"),
        pytest.param(b'["\xf4\x90\x80\x80"]', id="beyond Unicode"),
        pytest.param(b'["\xe2\x82"]', id="cut off character"),
        pytest.param(b'["\xe2\x82', id="cut off character at the end"),
        pytest.param(b'["\\u12', id="cut off escape"),
        pytest.param(b'["\\', id="cut off escape at once"),
        pytest.param(b'["a\0b"]', id="NUL in a string"),
        pytest.param(b"[1]\0", id="NUL after the value"),
        pytest.param(b"\0[1]", id="NUL before the value"),
        pytest.param(b"[1\0]", id="NUL in an array"),
        pytest.param(b"[tru\0]", id="NUL in a word"),
        pytest.param(b'["\x1f"]', id="control character"),
        pytest.param(b"\xef\xbb\xbf[]", id="BOM"),
        pytest.param(b"[]x", id="more after the value"),
        pytest.param(b"[] []", id="two values"),
        pytest.param(b'"x"', id="scalar"),
        pytest.param(b"[" + b"9" * 601 + b"]", id="very long number"),
        pytest.param(b"[01]", id="leading zero"),
        pytest.param(b"[1,]", id="comma at the end"),
        pytest.param(b'{"a":1,}', id="comma at the end of an object"),
        pytest.param(b"[1}", id="crossed brackets"),
        pytest.param(b"[1 2]", id="no comma"),
        pytest.param(b'{"a" 1}', id="no colon"),
        pytest.param(b"[\x0b1]", id="vertical tab"),
        pytest.param(b"", id="nothing"),
        pytest.param(b" ", id="a blank"),
    ],
)
def test_declined(body: bytes) -> None:
    assert declined(body)


@pytest.mark.parametrize("tail", [b"", b"1234567", b"12345678", b"1234567890123456"])
def test_every_byte_in_a_string(tail: bytes) -> None:
    taken = [c for c in range(256) if not declined(b'["' + bytes((c,)) + tail + b'"]')]
    assert taken == [c for c in range(0x20, 0x80) if chr(c) not in '"\\']


_RICH = (
    '{"a":{"b":[1,-2.50e+7,true,false,null,"\\u00e9\\ud83d\\ude00\\n"],"c":"Ünï 😀"},'
    ' "a b" : [ [ ], { } ] ,\n"phone":"+33612345678","n":-0.0}'
).encode()


def test_cut_off_anywhere() -> None:
    assert not declined(_RICH)
    assert all(declined(_RICH[:at]) for at in range(len(_RICH)))


def test_a_foreign_byte_anywhere() -> None:
    """Each byte replaced by each of some: taken only where the reference agrees."""
    programs = [compile_program(slots, unmapped) for slots, unmapped in _EVERYWHERE]
    for at in range(len(_RICH)):
        for byte in (
            b'"',
            b"\\",
            b"\0",
            b"\xff",
            b"\xe9",
            b",",
            b"}",
            b"]",
            b"[",
            b":",
            b"0",
            b" ",
            b"-",
            b"",
        ):
            body = _RICH[:at] + byte + _RICH[at + 1 :]
            agree(body, programs[at % len(programs)])


@pytest.mark.parametrize("inner", [b"", b"1", b"{}", b'{"b":1}', b"[]"])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_depth_is_exact(opening: bytes, closing: bytes, inner: bytes) -> None:
    inner = inner or (b"1" if opening.endswith(b":") else b"")
    body = opening * 5 + inner + closing * 5
    depth = body.count(b"[") + body.count(b"{")
    assert not declined(body, Limits(max_depth=depth))
    assert declined(body, Limits(max_depth=depth - 1))


@pytest.mark.parametrize("depth", [101, 512, 513, 100_000])
def test_deep_nesting(depth: int) -> None:
    body = b"[" * depth + b"]" * depth
    assert declined(body) and declined(body[:depth])
    assert declined(body, Limits(max_depth=10**6)) == (depth > 512)


@pytest.mark.parametrize("count", [2, 23, 24, 25, 26, 63, 64, 65, 1000, 30_000])
def test_duplicate_keys_among_many(count: int) -> None:
    names = [f"key-{n:x}" for n in range(count)]
    for extra in (names[0], names[-1], names[count // 2]):
        members = [f'"{name}":{{"{names[0]}":1}}' for name in names]
        assert not declined(("{" + ",".join(members) + "}").encode())
        assert declined(("{" + ",".join([*members, f'"{extra}":1']) + "}").encode())


def _hash(name: bytes) -> int:
    """The kernel's hash of a name of eight bytes."""
    word, mix, size = int.from_bytes(name, sys.byteorder), 0xD6E8FEB86659FD93, 1 << 64
    state = (8 * 0x9E3779B97F4A7C15 % size ^ word) * mix % size
    state ^= state >> 32
    state = state * mix % size
    return state ^ state >> 32


def test_keys_made_to_collide_are_declined() -> None:
    made = [f"{n:08x}" for n in range(1024 * 200)]
    collide = [name for name in made if _hash(name.encode()) % 1024 == 5][:170]
    assert len(collide) == 170
    for names, expected in ((collide, True), (made[:170], False)):
        body = ("{" + ",".join(f'"{name}":1' for name in names) + "}").encode()
        assert declined(body) == expected
        assert by_reference(body, compile_program([], None)) is not None


# ---- what is written ------------------------------------------------------------------------------------


def test_what_is_not_changed_is_the_same_object() -> None:
    program = compile_program([Slot("phone", "c", mask=lambda v: v)], detect)
    body = b' { "phone" : "x", "n" : 1.10 } '
    made = by_kernel(body, program)
    assert made is not None and made[0] is body


def test_what_stays_is_verbatim() -> None:
    body = ' {"a":"x", "n" : [1.10 , 12345678901234567890123,\t1E400], "t":"\\u0041\\/\\u0000" , "z":null}\n'
    assert run(body, Slot("a", "c", mask=redact)) == body.replace('"x"', '"[redacted]"')


def _gone(path: str) -> Slot:
    return Slot(path, "c", mask=mask("remove"))


@pytest.mark.parametrize(
    ("body", "out"),
    [
        ('{"r":1}', "{}"),
        ('{ "r":1 }', "{  }"),
        ('{"r":1,"a":2}', '{"a":2}'),
        ('{"a":2,"r":1}', '{"a":2}'),
        ('{"a":2 , "r":1 , "b":3}', '{"a":2  , "b":3}'),
        ('{"r":1,"s":2}', "{}"),
        ('{ "r" : 1 , "s" : 2 , "a" : 3 }', '{   "a" : 3 }'),
        ('{"r":1,"a":3,"s":2}', '{"a":3}'),
        ('{"a":3,"r":1,"s":2,"b":{}}', '{"a":3,"b":{}}'),
        ('{"r":1,"x":[1,2,3],"a":[]}', '{"x":[],"a":[]}'),
        ('{"x":[null,2,{"r":1},3]}', '{"x":[null,{}]}'),
        ('{"x":[1,null,2]}', '{"x":[null]}'),
        ('{"r":null,"a":1}', '{"r":null,"a":1}'),
        ('{"r":{"k":1,"l":[2]},"a":1}', '{"r":{"l":[]},"a":1}'),
    ],
)
def test_removal_takes_one_comma(body: str, out: str) -> None:
    made = run(body, _gone("r"), _gone("s"), _gone("x[]"), _gone("**.r"))
    assert made == out


_SCALARS = (
    *(
        '""',
        '"x"',
        '"*"',
        '"Ana"',
        '"  Ana@X.org "',
        '"\\u0041na"',
        '"Ünï"',
        '"ẞ"',
        '"-0,"',
        '"\u00a0x"',
        '" "',
    ),
    *('"1984"', '"1984-03"', '"1984-03-07"', '"1984-03-07T10:11:12.345Z"', '"1984-03-07T10:11:12+02:00"'),
    *(
        '"1984-03-07 10:11 Z"',
        '"07/03/1984"',
        '"447465600000"',
        '"19840"',
        '"198"',
        '"1984-03-07T1"',
        '"1984-"',
    ),
    *('"1984-03-07T10:11:12+0"', '"1984-03-07T1234567890123456789"', '"1984-03-07T10:11Zx"', '"1984-03-07x"'),
    *(
        '"203.0.113.77"',
        '"2001:db8::1"',
        '"4242 4242 4242 4242"',
        '"a@b.example"',
        '"FR7630006000011234567890189"',
    ),
    *(
        "0",
        "-0",
        "7",
        "-1",
        "1984",
        "447465600000",
        "4242424242424242",
        "12345678901234567890123",
        "1.10",
        "1E400",
    ),
    *(
        "4222222222222",
        "-0.0",
        "2.5e-3",
        "true",
        "false",
        "null",
        '"' + "x" * 300 + '"',
        '"' + "é" * 70 + '"',
    ),
)
_MASKS: tuple[Masker, ...] = (
    *(each for op in OPERATORS if not isinstance(each := mask(op), PerPerson)),
    *(
        mask("partial", keep_first=f, keep_last=n)
        for f, n in ((1, 0), (0, 4), (2, 2), (100, 100), (3, 2**62))
    ),
    *(mask("truncate", keep=n) for n in (1, 4, 2**62)),
    mask("hash", "c" * 70),
    build(Mask(op="hash"), "é", b"k" * 200),
    redact_all,
    detect,
)


@pytest.mark.parametrize("text", _SCALARS)
def test_every_operator_on_every_kind(text: str) -> None:
    for each in _MASKS:
        slots = [Slot("a", "c", mask=each, subject="record"), Slot("b[]", "c", mask=each)]
        for body in (f'{{"a":{text},"b":[{text}, {text}]}}', f'{{"b":[{text}],"a":{text},"z":-0}}'):
            agree(body.encode(), compile_program(slots, None))
            agree(body.encode(), compile_program(slots[:1], each))


def test_usual_scalars_are_taken() -> None:
    program = compile_program([Slot(f"k[].v{n}", "c", mask=m) for n, m in enumerate(_MASKS)], None)
    for text in _SCALARS:
        row = ",".join(f'"v{n}":{text}' for n in range(len(_MASKS)))
        assert agree(f'{{"k":[{{{row}}},{{{row}}}]}}'.encode(), program) or text in ('"-0,"', "-0")


@pytest.mark.parametrize("size", [*range(140), 1000])
def test_pseudonyms_of_every_size(size: int) -> None:
    text = "aB" * (size // 2) + "c" * (size % 2)
    for category in ("c", "c" * 62, "c" * 63, "c" * 64, "c" * 65):
        masker = mask("hash", category)
        out = run(json.dumps({"a": text}), Slot("a", "c", mask=masker))
        assert json.loads(out) == {"a": masker(text)}


@pytest.mark.parametrize("each", [m for m in _MASKS if hasattr(m, "native")])
def test_native_operators_do_not_ask_python(each: Any) -> None:
    """Usual values are done without a call: the masker is replaced by one that fails."""
    usual = {"year": '"1984-03-07"', "detect": '"Ana"'}.get(each.native[0], '"ana@x.org"')
    steps: list[tuple[Any, ...]] = [(-1, -1, 0, -1, -1, ((b"a", 1),)), (0, 0, 0, -1, -1, ())]
    program = NATIVE.compile(steps, [(_fail, *each.native)], 1, -1, REMOVED, Raw, _fail)
    expected = by_reference(b'{"a":%s}' % usual.encode(), compile_program([Slot("a", "c", mask=each)], None))
    made = NATIVE.transform(b'{"a":%s}' % usual.encode(), program, 9)
    assert expected is not None
    assert (made[0], made[1]) == (expected[0], struct.pack("=iII", 0, 1, expected[1].masked[0]))


@pytest.mark.parametrize(
    "answer", [None, True, 5, 10**30, "", 'q"\\\x00\x1f\n é😀\x7f', Raw(b"1.10"), 1.5, ["x"], {"k": 1}]
)
def test_whatever_a_masker_returns_is_written(answer: Any) -> None:
    slot = Slot("a", "c", mask=lambda _: answer)
    assert meaning(run('{"a":"x","b":1}', slot).encode()) == meaning(
        b'{"a":' + JSON.dump(answer) + b',"b":1}'
    )


def test_maskers_get_what_the_reference_gives_them() -> None:
    got: list[Any] = []

    def note(value: Any) -> Any:
        got.append((value.__class__, bytes(value) if isinstance(value, Raw) else value))
        return value

    body = b'["x","","\\u00e9\\n","\xc3\xa9",5,-7,123456789012345678901234567890,1.10,1E5,true,false,null]'
    for tail in (b"", b"-0", b'"-0 "', b'"-0\x7f"'):
        whole = body[:-1] + (b"," + tail if tail else b"") + b"]"
        program = compile_program([Slot("[]", "c", mask=note)], None)
        taken = by_kernel(whole, program) is not None
        first = got.copy()
        got.clear()
        by_reference(whole, program)
        assert taken == (tail in (b"", b'"-0\x7f"'))
        assert not taken or first == got
        got.clear()


def test_a_maskers_exception_comes_through() -> None:
    for slots, unmapped in (([Slot("a[]", "c", mask=_fail)], None), ([], _fail)):
        program = compile_program(slots, unmapped)
        with pytest.raises(ValueError):
            by_kernel(b'{"z":{"y":1},"a":["x"]}', program) if slots else by_kernel(b'[["x"]]', program)
    with pytest.raises(UnicodeEncodeError):
        by_kernel(b'{"a":"x"}', compile_program([Slot("a", "c", mask=lambda _: "\ud800")], None))
    with pytest.raises(TypeError):
        by_kernel(b'{"a":"x"}', compile_program([Slot("a", "c", mask=lambda _: object())], None))


def test_a_masker_may_run_the_kernel() -> None:
    inner = compile_program([Slot("a", "c", mask=redact)], None)

    def nested(value: str) -> str:
        made = by_kernel(value.encode(), inner)
        return made[0].decode() if made else value

    program = compile_program([Slot("a", "c", mask=nested)], None)
    assert (
        run('{"a":"{\\"a\\":\\"x\\"}"}', Slot("a", "c", mask=nested)) == '{"a":"{\\"a\\":\\"[redacted]\\"}"}'
    )
    assert agree(b'{"a":"[]"}', program)


def test_a_wrapper_is_not_taken_for_what_it_wraps() -> None:
    @functools.wraps(redact)
    def stricter(value: Any) -> Any:
        return REMOVED

    assert run('{"a":1,"b":2}', Slot("a", "c", mask=stricter)) == '{"b":2}'


def test_containers_at_selected_paths() -> None:
    body = '{"a":{"b":"x","c":["y",{"d":"z","b":{"e":1}}]},"f":"g"}'
    slots = [Slot("a", "c", mask=lambda _: "*", subject="record"), Slot("a.b", "d"), Slot("a.c[].b", "e")]
    assert run(body, *slots) == body.replace('"y"', '"*"').replace('"z"', '"*"')


# ---- random documents, programs and damage --------------------------------------------------------------

_space = st.sampled_from(["", "", "", " ", "\n\t", "  \r\n"])
_pieces = st.sampled_from(
    [
        *(
            "a",
            "Z",
            "xyz",
            "x" * 20,
            " ",
            "*",
            "-0",
            "-0,",
            "é",
            "😀",
            "\u00a0",
            "ß",
            "\x7f",
            "0",
            "00",
            "1984",
        ),
        *("\\n", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "\\/", '\\"', "\\\\", "\\u0000", "\\t", "\\u2003"),
        *("+33612345678", "a@b.example", "203.0.113.7", "::1", "4242424242424242", "GB82WEST12345698765432"),
        *("2024-01-05T00:00:00Z", "2024-01-05", "12/11/1999", "447465600000", "GB82 WEST 1234 5698 7654 32"),
    ]
)
_strings = st.lists(_pieces, max_size=4).map(lambda parts: '"' + "".join(parts) + '"')
_numbers = st.sampled_from(
    [
        "0",
        "-0",
        "7",
        "-1",
        "51001",
        "4242424242424242",
        "12345678901234567890123",
        "1.10",
        "1E400",
        "-2.5e-7",
        "0.0",
    ]
)
_words = st.sampled_from(["null", "true", "false"])
_keys = st.sampled_from(
    ["a", "a", "b", "b", "c", "odd key", "é", "", "a.b", "a longer key of many bytes", "\\u0061"]
)


@st.composite
def _arrays(draw: st.DrawFn, below: st.SearchStrategy[str]) -> str:
    items = draw(st.lists(below, max_size=5))
    return "[" + draw(_space) + ",".join(draw(_space) + item + draw(_space) for item in items) + "]"


@st.composite
def _objects(draw: st.DrawFn, below: st.SearchStrategy[str]) -> str:
    names = draw(st.lists(_keys, max_size=5, unique=draw(st.sampled_from([True, True, True, False]))))
    members = (f'{draw(_space)}"{n}"{draw(_space)}:{draw(_space)}{draw(below)}{draw(_space)}' for n in names)
    return "{" + draw(_space) + ",".join(members) + "}"


_documents = st.recursive(
    st.one_of(_strings, _strings, _numbers, _words),
    lambda v: st.one_of(_arrays(v), _objects(v)),
    max_leaves=20,
).map(str.encode)

_paths = st.sampled_from(
    [
        *(
            "a",
            "b",
            "c",
            "'odd key'",
            "é",
            "a.b",
            "a[]",
            "a[].b",
            "[]",
            "[].a",
            "[].b",
            "[][]",
            "*",
            "*.a",
            "*.*",
        ),
        *(
            "**.a",
            "**.b",
            "**.c[]",
            "**.'odd key'",
            "a.**.b",
            "$",
            "a.*",
            "b[].*",
            "'a longer key of many bytes'",
        ),
    ]
)
_custom: tuple[Masker, ...] = (
    lambda v: v,
    lambda v: "*",
    lambda v: REMOVED if v.__class__ is str else v,
    lambda v: 5 if v is True else v,
    lambda v: v if v.__class__ is not Raw else Raw(b"-0"),
    lambda v: v + "é\n" if v.__class__ is str else None,
)
_maskers = st.one_of(st.none(), st.sampled_from(_MASKS), st.sampled_from(_custom))
_slots = st.builds(
    lambda path, masker, subject: Slot(path, "c", mask=masker, subject=subject),
    _paths,
    _maskers,
    st.sampled_from((None, None, "email")),
)


@st.composite
def _programs(draw: st.DrawFn) -> Program:
    slots = draw(st.lists(_slots, max_size=5, unique_by=lambda slot: slot.path))
    try:
        return compile_program(slots, draw(st.one_of(_maskers, st.sampled_from((redact_all, detector())))))
    except InternalError:
        assume(False)
        raise


@given(_documents, _programs())
@example(b'{"a":"\\u0061","b":[{"a":1}]}', compile_program([Slot("**.a", "c", mask=detect)], redact_all))
def test_agrees_with_the_reference(body: bytes, program: Program) -> None:
    agree(body, program)


@given(_documents, _programs(), st.data())
def test_agrees_on_damaged_documents(body: bytes, program: Program, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        width = data.draw(st.integers(0, 2))
        new = data.draw(
            st.one_of(st.binary(max_size=2), st.sampled_from([b'"', b"\\", b",", b"\xe9", b"}", b"\\u"]))
        )
        body = body[:at] + new + body[at + width :]
    agree(body, program)


@given(st.binary(max_size=60), _programs())
def test_any_bytes(body: bytes, program: Program) -> None:
    agree(body, program)


_DETECTORS: tuple[tuple[Masker, int], ...] = tuple(
    (find, getattr(find, "native")[1])  # noqa: B009 - a plain function, to a type checker
    for find in map(detector, ((), ("FR",), ("US", "GB"), ("DE", "DK"), ("NU",)))
)


@given(
    st.text(
        st.one_of(st.sampled_from("0123456789+-. ()/:@abXY\u00a0\u2003é,_"), st.characters()), max_size=40
    )
)
@example("fe80::ab")
@example("a:b:c:d:e:f:a:b")
@example("(+33) 612 345 678")
@example("00\u00a033612345678")
@example("GB82WEST12345698765432")
@example("4242-4242-4242-4242")
@example("4222222222222")
@example("XX86ABCDEFGHIJK")
@example("xx86 ABCD EFGH IJK")
@example("rssmra85t10a562s")
@example("AB123456C")
@example("2 55 08 2A 123 004 43")
@example("a\uff20b.example")
@example("ana%40x.example")
@example("\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668")
def test_what_a_detector_finds_is_suspect(text: str) -> None:
    for find, least in _DETECTORS:
        assert find(text) is text or NATIVE.suspect(text.encode("utf-8", "surrogatepass"), least)


@given(
    st.sampled_from(
        [
            "+33612345678",
            "0033612345678",
            "a@b.example",
            "203.0.113.7",
            "2001:db8::1",
            "::1",
            "fe80::ab",
            "4242 4242 4242 4242",
            "GB82 WEST 1234 5698 7654 32",
            "gb82west12345698765432",
            "1:2:3:4:5:6:7:8",
            "06 12 34 56 78",
            "(202) 456-1111",
            "7012",
            "AB 12 34 56 C",
            "X-1234567-L",
            "12345678Z",
            "2024-01-05 612345678",
            "2 55 08 14 168 025 38",
        ]
    ),
    st.text("0 9+-.:é\u00a0aZ(", max_size=4),
    st.text("0 9+-.:é\u00a0aZ(", max_size=4),
)
def test_what_a_detector_finds_among_others_is_suspect(core: str, before: str, after: str) -> None:
    text = before + core + after
    for find, least in _DETECTORS:
        assert find(text) is text or NATIVE.suspect(text.encode(), least)


def test_usual_texts_are_not_suspect() -> None:
    for text in (
        "Ana",
        "2024-01-05T00:00:00.000Z",
        "lead",
        "51001",
        "customer 12",
        "https://x.example/a?b=1",
    ):
        assert not NATIVE.suspect(text.encode()), text


# ---- the seam -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("native", [NATIVE, None], ids=["kernel", "reference"])
def test_conforms(native: ModuleType | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_kernel", native)
    body = (
        b'{"to":"+33612345678","n":1.10,"in":{"token":"s3cr3t","cc":[{"at":"a@b.example"},{"at":"c@d.example"}]},'
        b'"name":"stays","gone":null}'
    )
    conforms(Sample(JSON, body, "in.token", "to", "in.cc[].at", "name"))


@pytest.mark.parametrize("native", [NATIVE, None], ids=["kernel", "reference"])
@pytest.mark.parametrize("body", [b'{"a":1,"a":"x"}', b'"x"', b'{"\\u0061":"x"}', b'{"a":"x"}'])
def test_what_is_declined_is_done_by_the_reference(
    body: bytes, native: ModuleType | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "_kernel", native)
    program = compile_program([Slot("**.a", "c", mask=redact, subject="record")], redact_all)
    tally = Tally.of(program)
    out = JSON.transform(body, program, tally, LIMITS)
    assert (out, tally) == by_reference(body, program)


def test_what_is_refused_is_refused() -> None:
    program = compile_program([], None)
    for body, limits in ((b"[1", LIMITS), (b"[[1]]", Limits(max_depth=1)), (b"[1]", Limits(max_body=2))):
        with pytest.raises(PayloadError):
            JSON.transform(body, program, Tally.of(program), limits)


def test_only_bytes_are_taken() -> None:
    program = NATIVE.compile([(-1, -1, 0, -1, -1, ())], [], 0, -1, REMOVED, Raw, JSON.dump)
    assert NATIVE.transform(bytearray(b"[]"), program, 9) is None
    assert NATIVE.transform(b"[]", program, 0) is None
    assert NATIVE.transform(b"[]", program, -1) is None
    assert NATIVE.transform(b"[]", program, 1) == (b"[]", b"", [], 0)
    for arguments in ((b"[]", program), (b"[]", None, 1), (b"[]", program, "x"), ()):
        with pytest.raises((TypeError, ValueError)):
            NATIVE.transform(*arguments)


_STEP = (-1, -1, 0, -1, -1, ())


@pytest.mark.parametrize(
    ("steps", "masks", "slots", "unmapped"),
    [
        ([], [], 0, -1),
        ([()], [], 0, -1),
        ([7], [], 0, -1),
        ([(0, -1, 0, -1, -1, ())], [], 0, -1),
        ([(-1, 0, 0, -1, -1, ())], [], 0, -1),
        ([(-1, -1, 0, 1, -1, ())], [], 0, -1),
        ([(-1, -1, 0, -1, 1, ())], [], 0, -1),
        ([(-1, -1, 0, -1, -1, ((b"a", 1),))], [], 0, -1),
        ([(-1, -1, 0, -1, -1, ((b"a", -1),))], [], 0, -1),
        ([(-1, -1, 0, -1, -1, (("a", 0),))], [], 0, -1),
        ([(-1, -1, 0, -1, -1, (7,))], [], 0, -1),
        ([(-1, -1, 0, -1, -1, [])], [], 0, -1),
        ([(2**40, -1, 0, -1, -1, ())], [], 0, -1),
        ([_STEP], [], 0, 0),
        ([_STEP], [], 0, -2),
        ([_STEP], [], -1, -1),
        ([_STEP], [()], 0, -1),
        ([_STEP], [7], 0, -1),
        ([_STEP], [(redact, b"redact")], 0, -1),
        ([_STEP], [(redact, "redact")], 0, -1),
        ([_STEP], [(redact, "redact", "text")], 0, -1),
        ([_STEP], [(redact, "partial", 1)], 0, -1),
        ([_STEP], [(redact, "partial", 1, -1)], 0, -1),
        ([_STEP], [(redact, "truncate", "x")], 0, -1),
        ([_STEP], [(redact, "hash", b"h_", "key", b"c")], 0, -1),
        ([_STEP], [(redact, "hash", b"h_", b"key")], 0, -1),
        ([_STEP], [(redact, "truncate", 2**70)], 0, -1),
    ],
)
def test_programs_that_are_none(steps: Any, masks: Any, slots: int, unmapped: int) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        NATIVE.compile(steps, masks, slots, unmapped, REMOVED, Raw, JSON.dump)


# ---- memory ---------------------------------------------------------------------------------------------


def _fail(_: Any) -> Any:
    raise ValueError


def test_nothing_leaks() -> None:
    """Everything the kernel allocates is traced, so a leak of one object per call would show."""
    slots = [Slot(f"m{n}", "c", mask=m, subject="record") for n, m in enumerate(_MASKS + _custom)]
    program = compile_program([*slots, Slot("fail", "c", mask=_fail)], detector())
    rows = ",".join(f'"m{n}":"Ana \\u00e9 {n}","x{n}":"+33612345678"' for n in range(len(slots)))
    bodies = [f"{{{rows}{tail}".encode() for tail in ("}", ',"m1":1}', ',"fail":"x"}', "")]
    bodies.append(b'{"z":[1,2.50,12345678901234567890123,true,"a@b.example"],"m0":-0}')

    def use() -> None:
        for body in bodies:
            try:
                by_kernel(body, program)
            except ValueError:
                continue
        compiled(program).native.clear()

    _assert_steady(use)


def _assert_steady(use: Callable[[], None]) -> None:
    use()
    tracemalloc.start()
    try:
        for _ in range(20):
            use()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(300):
            use()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 300 * 16, grown
