"""What the JSON kernel reads: what its reference reads, or it declines."""

import base64
import sys
from pathlib import Path

import pytest

from gateway.codecs.paths import compile_program
from gateway.codecs.program import Limits, Masker, Slot
from gateway.masking.detect import detector, redact_all
from tests.codecs.jsonkernels import LIMITS, agree, by_reference
from tests.codecs.jsonkernels import in_use as in_use

VECTORS = Path(__file__).parents[1] / "vectors/json/jsontestsuite.tsv"


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
