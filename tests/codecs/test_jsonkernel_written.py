"""What the JSON kernel writes: the same meaning and tally as its reference."""

import functools
import json
import struct
from typing import Any

import pytest
from msgspec import Raw

from gateway.codecs.json import JSON
from gateway.codecs.paths import compile_program
from gateway.codecs.program import REMOVED, Masker, Slot
from gateway.masking.detect import detect
from gateway.masking.operators import redact
from tests.codecs.jsonkernels import MASKS, NATIVE, agree, by_kernel, by_reference, fail, mask, meaning
from tests.codecs.jsonkernels import in_use as in_use


def run(body: str, *slots: Slot, unmapped: Masker | None = None) -> str:
    program = compile_program(slots, unmapped)
    made = by_kernel(body.encode(), program)
    assert made is not None
    assert agree(body.encode(), program)
    return made[0].decode()


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


@pytest.mark.parametrize("text", _SCALARS)
def test_every_operator_on_every_kind(text: str) -> None:
    for each in MASKS:
        slots = [Slot("a", "c", mask=each, subject="record"), Slot("b[]", "c", mask=each)]
        for body in (f'{{"a":{text},"b":[{text}, {text}]}}', f'{{"b":[{text}],"a":{text},"z":-0}}'):
            agree(body.encode(), compile_program(slots, None))
            agree(body.encode(), compile_program(slots[:1], each))


def test_usual_scalars_are_taken() -> None:
    program = compile_program([Slot(f"k[].v{n}", "c", mask=m) for n, m in enumerate(MASKS)], None)
    for text in _SCALARS:
        row = ",".join(f'"v{n}":{text}' for n in range(len(MASKS)))
        assert agree(f'{{"k":[{{{row}}},{{{row}}}]}}'.encode(), program) or text in ('"-0,"', "-0")


@pytest.mark.parametrize("size", [*range(140), 1000])
def test_pseudonyms_of_every_size(size: int) -> None:
    text = "aB" * (size // 2) + "c" * (size % 2)
    for category in ("c", "c" * 62, "c" * 63, "c" * 64, "c" * 65):
        masker = mask("hash", category)
        out = run(json.dumps({"a": text}), Slot("a", "c", mask=masker))
        assert json.loads(out) == {"a": masker(text)}


@pytest.mark.parametrize("each", [m for m in MASKS if hasattr(m, "native")])
def test_native_operators_do_not_ask_python(each: Any) -> None:
    """Usual values are done without a call: the masker is replaced by one that fails."""
    usual = {"year": '"1984-03-07"', "detect": '"Ana"'}.get(each.native[0], '"ana@x.org"')
    steps: list[tuple[Any, ...]] = [(-1, -1, 0, -1, -1, ((b"a", 1),)), (0, 0, 0, -1, -1, ())]
    program = NATIVE.compile(steps, [(fail, *each.native)], 1, -1, REMOVED, Raw, fail)
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
    for slots, unmapped in (([Slot("a[]", "c", mask=fail)], None), ([], fail)):
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
