"""The JSON kernel, built if need be, beside its reference."""

import importlib
import json
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from msgspec import Raw

from gateway.codecs import kernel
from gateway.codecs.json import JSON
from gateway.codecs.program import REMOVED, Limits, Masker, PerPerson, Program, Tally, by_steps
from gateway.codecs.steps import compiled
from gateway.errors import PayloadError
from gateway.masking.detect import detect, redact_all
from gateway.masking.table import OPERATORS, build
from gateway.model import Mask
from gateway.native import built
from gateway.native.build import Unbuildable
from gateway.native.build import build as build_kernels

LIMITS = Limits()
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
def in_use() -> Iterator[None]:
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


MASKS: tuple[Masker, ...] = (
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
custom: tuple[Masker, ...] = (
    lambda v: v,
    lambda v: "*",
    lambda v: REMOVED if v.__class__ is str else v,
    lambda v: 5 if v is True else v,
    lambda v: v if v.__class__ is not Raw else Raw(b"-0"),
    lambda v: v + "é\n" if v.__class__ is str else None,
)


def fail(_: Any) -> Any:
    raise ValueError
