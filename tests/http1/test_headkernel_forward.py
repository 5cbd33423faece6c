"""Heads that go on, and that the head kernel keeps nothing."""

import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.errors import InternalError
from gateway.http1 import grammar
from gateway.http1.encode import forward_by_rule, status_line
from gateway.http1.head import ResponseHead
from gateway.http1.kernel import Answered, Forward
from tests.http1.headkernels import (
    DECLINED_REQUESTS,
    FIELD_NAMES,
    NAMES,
    REQUESTS,
    RESPONSES,
    VALUES,
    native,
    read_request,
    read_response,
    read_sized,
)

write: Forward = native.forward
answered: Answered = native.answered


# ---- heads that go on -----------------------------------------------------------------------------------

Lines = list[tuple[bytes, bytes]]


def check_forward(line: bytes, first: Lines, headers: Lines, drop: frozenset[bytes], extra: Lines) -> bool:
    """Whether the kernel wrote it; as the reference does, and never what that refuses."""
    made = write(line, first, headers, drop, extra)
    try:
        expected = forward_by_rule(line, headers, drop, extra, first)
    except InternalError:
        assert made is None
        return False
    assert made in (None, expected)
    return made is not None


LINE = b"HTTP/1.1 200 OK"
SOME = [(b"Server", b"x"), (b"X-Own", b""), (b"", b"y"), (b"x" * 40, b"z" * 40)]


@pytest.mark.parametrize(
    "name", sorted({*NAMES, *(name.decode() for name in grammar.HOP_BY_HOP | grammar.PROTECTED)})
)
def test_each_name_the_kernel_knows_is_dropped_when_the_reference_drops_it(name: str) -> None:
    for spelt in {name.encode(), name.lower().encode(), name.upper().encode()}:
        for drop in (
            frozenset[bytes](),
            frozenset({name.lower().encode()}),
            frozenset({name.encode() + b"x"}),
        ):
            assert check_forward(LINE, [], [*SOME, (spelt, b"close"), *SOME], drop, SOME)


def test_the_kernel_knows_every_hop_by_hop_name() -> None:
    assert {name.decode() for name in grammar.HOP_BY_HOP} <= {name.lower() for name in NAMES}
    assert len(NAMES) == len({name.lower() for name in NAMES})


@pytest.mark.parametrize("byte", range(256))
def test_no_line_end_leaves(byte: int) -> None:
    for size in range(1, 20):
        for at in {0, size // 2, size - 1}:
            value = b"a" * at + bytes((byte,)) + b"\x80" * (size - at - 1)
            allowed = byte >= 0x20
            assert check_forward(value, [], [], frozenset(), []) == allowed
            assert check_forward(LINE, [(b"a", value)], [], frozenset(), []) == allowed
            assert check_forward(LINE, [], [(b"a", value)], frozenset(), []) == allowed
            assert check_forward(LINE, [], [(value, b"a")], frozenset(), []) == allowed
            assert check_forward(LINE, [], [], frozenset(), [(b"a", value)]) == allowed


WIRE_NAMES = FIELD_NAMES.map(str.encode) | st.binary(max_size=12)
WIRE_VALUES = VALUES.map(lambda text: text.encode("latin-1")) | st.binary(max_size=20)
PAIRS = st.lists(st.tuples(WIRE_NAMES, WIRE_VALUES), max_size=10)


@settings(max_examples=400)
@given(
    st.binary(max_size=10) | st.just(LINE), PAIRS, PAIRS, st.frozensets(WIRE_NAMES.map(bytes.lower)), PAIRS
)
@example(LINE, [], [(b"Connection", b"close, x"), (b"X", b"1")], frozenset(), [])
@example(
    LINE, [], [(b"Connection", b"close"), (b"connection", b"keep-alive"), (b"close", b"1")], frozenset(), []
)
def test_generated_heads_go_on_alike(
    line: bytes, first: Lines, headers: Lines, drop: frozenset[bytes], extra: Lines
) -> None:
    check_forward(line, first, headers, drop, extra)


def check_answered(
    status: int,
    reason: bytes,
    headers: Lines,
    drop: frozenset[bytes],
    size: int,
    decision: bytes,
    masked: int,
) -> bool:
    made = answered(status, reason, headers, drop, size, decision, masked)
    own = [(b"Content-Length", b"%d" % size), (b"Hushgate-Decision", decision)]
    own += [(b"Hushgate-Masked", b"%d" % masked)] * bool(masked)
    try:
        expected = forward_by_rule(status_line(status, reason), headers, drop, own)
    except InternalError:
        assert made is None
        return False
    assert made in (None, expected)
    return made is not None


NUMBERS = st.integers(-1, 1000) | st.sampled_from((2**31, 2**63 - 1, 2**63, 10**30))


@settings(max_examples=300)
@given(NUMBERS, WIRE_VALUES, PAIRS, st.frozensets(WIRE_NAMES.map(bytes.lower)), NUMBERS, WIRE_VALUES, NUMBERS)
@example(2**63 - 1, b"x" * 32, SOME, frozenset(), 2**63 - 1, b"d" * 99, 2**63 - 1)
@example(200, b"", [(b"a", b"b")] * 256, frozenset(), 1, b"", 1)
def test_heads_of_answers_are_those_the_reference_writes(
    status: int,
    reason: bytes,
    headers: Lines,
    drop: frozenset[bytes],
    size: int,
    decision: bytes,
    masked: int,
) -> None:
    check_answered(status, reason, headers, drop, size, decision, masked)


def test_the_usual_head_is_written() -> None:
    for masked, reason in ((0, b"OK"), (3, b"Created"), (12, b"")):
        assert check_answered(200, reason, SOME, frozenset({b"server"}), 650, b"a1-2", masked)
    assert not check_answered(200, b"O\nK", SOME, frozenset(), 650, b"a1-2", 0)
    assert not check_answered(200, b"OK", SOME, frozenset(), 650, b"a1\r\n2", 0)
    assert not check_answered(200, b"OK", [(b"Connection", b"x")], frozenset(), 650, b"a1-2", 0)
    nothing: frozenset[bytes] = frozenset()
    for odd in ("x", None, b"1", 1.5):
        assert native.answered(odd, b"", [], nothing, 1, b"", 1) is None
        assert native.answered(200, b"", [], nothing, odd, b"", 1) is None
        assert native.answered(200, b"", [], nothing, 1, b"", odd) is None
        assert native.answered(200, b"", odd, nothing, 1, b"", 1) is None
        assert native.answered(200, b"", [], odd, 1, b"", 1) is None
    for odd in ("x", None, 1):
        assert native.answered(200, odd, [], nothing, 1, b"", 1) is None
        assert native.answered(200, b"", [], nothing, 1, odd, 1) is None
    with pytest.raises(TypeError):
        native.answered(200, b"", [], nothing, 1, b"")


def test_many_lines_and_other_types_are_left_to_the_reference() -> None:
    assert check_forward(LINE, [], [(b"a", b"b")] * 256, frozenset(), [])
    assert not check_forward(LINE, [], [(b"a", b"b")] * 257, frozenset(), [])
    assert write(LINE, (), ((b"a", b"b"),), frozenset(), ()) == LINE + b"\r\na: b\r\n\r\n"
    nothing: frozenset[bytes] = frozenset()
    for odd in ("x", [b"a"], [(b"a",)], [(b"a", "b")], [[b"a", b"b"]], iter(()), None):
        assert native.forward(LINE, [], odd, nothing, []) is None
        assert native.forward(LINE, odd, [], nothing, []) is None
        assert native.forward(LINE, [], [], nothing, odd) is None
    assert native.forward("x", [], [], nothing, []) is None
    assert native.forward(LINE, [], [], {b"a"}, []) is None
    with pytest.raises(TypeError):
        native.forward(LINE, [], [], nothing)


# ---- memory ---------------------------------------------------------------------------------------------


def every_way() -> None:
    """Each way in and out of each function, the early ones too."""
    for block in (*REQUESTS, *DECLINED_REQUESTS.values()):
        read_request(block, 200, 2000, 100)
    for block in (*RESPONSES, b"HTTP/1.1 200 OK\r\nX: 1\r\nX: 2\r\n\r\n"):
        read_response(block, 2000, 100)
        read_sized(block, 2000, 100, ResponseHead)
    for headers in (SOME, [(b"Connection", b"x")], [(b"a", b"\n")], [(b"TE", b"a"), (b"Own", b"b")]):
        write(LINE, [(b"Host", b"a")], headers, frozenset({b"own"}), SOME)
        answered(200, b"OK", headers, frozenset({b"own"}), 300, b"x", 2)


def test_nothing_is_kept() -> None:
    every_way()
    tracemalloc.start()
    try:
        every_way()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            every_way()
        # One lost object per round would be over 30 bytes times 200.
        assert tracemalloc.get_traced_memory()[0] - before < 3000
    finally:
        tracemalloc.stop()
