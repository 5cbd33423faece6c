"""The compiled one-pass kernel's side of the JSON codec: programs laid out flat, results tallied. Pure.

codecs.json is the reference. The kernel declines whatever is invalid or unusual, and the reference then
decides; what it takes it treats the same, but for white space and escapes, which it leaves as they came. Of
programs that treat each person's values in another way it takes none: a value may come before its owner.
Subjects come in document order. Maskers have to be pure: some may have run when the kernel declines.
"""

from typing import Any

import msgspec
from msgspec import Raw

from gateway.codecs.program import REMOVED, Masker, Tally
from gateway.codecs.steps import Compiled, Step
from gateway.native import load

_kernel = load("jsonkernel")
_encode = msgspec.json.Encoder().encode


def present() -> bool:
    """Whether there is a kernel to ask."""
    return _kernel is not None


Passed = tuple[bytes, bytes, list[tuple[int, str]], int, bytes]
"""A body rewritten, and what Tally.take is given."""


def transform(body: bytes, program: Compiled, tally: Tally, max_depth: int) -> bytes | None:
    """The body rewritten, and tallied; None (and nothing tallied) leaves it to the reference."""
    made = passed(body, program, max_depth)
    if made is None:
        return None
    tally.take(made[1], made[2], made[3], made[4])
    return made[0]


def passed(body: bytes, program: Compiled, max_depth: int) -> Passed | None:
    """The same with what it would have tallied."""
    if _kernel is None or program.per_person:
        return None
    native = program.native
    if not native:
        native.append(_Layout(program).compile())
    made: Passed | None = _kernel.transform(body, native[0], max_depth)
    return made


class _Layout:
    """Steps and maskers of a program as tables, each known by its index."""

    def __init__(self, program: Compiled) -> None:
        self._program = program
        self._steps: dict[int, int] = {}
        self._keys: dict[int, int] = {}
        """By keys: the first row that has them."""
        self._todo: list[Step] = []
        self._masks: dict[int, int] = {}
        self._descriptions: list[tuple[Any, ...]] = []

    def compile(self) -> object:
        """The kernel's own form of the program."""
        program = self._program
        unmapped = self._mask(program.unmapped)
        self._step(program.start)
        # The list grows while it is walked: a step's row makes the steps it leads to known.
        rows = [self._row(index, step) for index, step in enumerate(self._todo)]
        return getattr(_kernel, "compile")(  # noqa: B009 - a module or None, to a type checker
            rows, self._descriptions, len(program.slots), unmapped, REMOVED, Raw, _encode
        )

    def _row(self, index: int, step: Step) -> tuple[Any, ...]:
        keys: object = self._keys.setdefault(id(step.keys), index)
        if keys == index:
            keys = tuple((_utf8(name), self._step(to)) for name, to in step.keys.items())
        mask = self._mask(step.mask)
        return step.slot, mask, int(step.subject), self._step(step.any), self._step(step.items), keys

    def _step(self, step: Step | None) -> int:
        if step is None:
            return -1
        index = self._steps.setdefault(id(step), len(self._todo))
        if index == len(self._todo):
            self._todo.append(step)
        return index

    def _mask(self, masker: Masker | None) -> int:
        if masker is None:
            return -1
        index = self._masks.setdefault(id(masker), len(self._descriptions))
        if index == len(self._descriptions):
            self._descriptions.append((masker, *_description(masker)))
        return index


def _utf8(name: str) -> bytes:
    # No key of a valid body is a name with a lone surrogate; such a name must not keep others from working.
    return name.encode("utf-8", "surrogatepass")


def _description(masker: Masker) -> tuple[Any, ...]:
    # functools.wraps copies attributes: a wrapper must not be taken for what it wraps.
    native = None if hasattr(masker, "__wrapped__") else getattr(masker, "native", None)
    return native if isinstance(native, tuple) else ("call",)
