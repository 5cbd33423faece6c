"""The seam of the JSON kernel: what it may be asked, and that it keeps nothing."""

import tracemalloc
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from msgspec import Raw

from gateway.codecs import kernel
from gateway.codecs.json import JSON
from gateway.codecs.paths import compile_program
from gateway.codecs.program import REMOVED, Limits, Slot, Tally
from gateway.codecs.steps import compiled
from gateway.errors import PayloadError
from gateway.masking.detect import detector, redact_all
from gateway.masking.operators import redact
from tests.codecs.conformance import Sample, conforms
from tests.codecs.jsonkernels import LIMITS, MASKS, NATIVE, by_kernel, by_reference, custom, fail
from tests.codecs.jsonkernels import in_use as in_use

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
    assert NATIVE.transform(b"[]", program, 1) == (b"[]", b"", [], 0, b"")
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
        ([(-1, -1, 0, -1, -1, 0)], [], 0, -1),
        ([_STEP, (-1, -1, 0, -1, -1, 1)], [], 0, -1),
        ([_STEP, (-1, -1, 0, -1, -1, -1)], [], 0, -1),
        ([_STEP, (-1, -1, 0, -1, -1, 2**70)], [], 0, -1),
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


def test_nothing_leaks() -> None:
    """Everything the kernel allocates is traced, so a leak of one object per call would show."""
    slots = [Slot(f"m{n}", "c", mask=m, subject="record") for n, m in enumerate(MASKS + custom)]
    program = compile_program([*slots, Slot("fail", "c", mask=fail)], detector())
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
