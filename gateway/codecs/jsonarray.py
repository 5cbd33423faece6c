"""JSON whose bulk is one array, masked item by item: `[...]`, or arrays that are members of an object. Pure.

A scanner that knows strings and brackets cuts items and members; what is valid, how deep it may be and what a
repeated key means is left to the JSON codec. Commas and white space between stay; an untouched item keeps its
bytes. A key that the outermost object repeats is refused here: its first value has left already.

Why a cut is safe: where `[` + items + `]` is valid JSON, the reader of the whole body has come to the end of
an item of that same array, whatever led to the cut. So the kernel is given many items at once, even where the
last cut is only a guess: a comma between bytes that look like those between earlier items.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from gateway.codecs import kernel
from gateway.codecs.json import JSON
from gateway.codecs.jsonscan import BETWEEN, STRING, TO_COLON, Scanner
from gateway.codecs.program import Found, Limits, Masker, Program, Stream, Tally
from gateway.codecs.steps import Compiled, Step, compiled
from gateway.codecs.stream import BLANKS, json_record, placed, slices, through, too_large
from gateway.errors import PayloadError

_opening = re.compile(rb",[ \t\r\n]*+(?:\{[ \t\r\n]*+" + STRING + rb"|[\[\"]?+)", re.DOTALL).match
_closing_at = re.compile(rb"(?:[\]}][ \t\r\n]*+)*+\Z|\"[ \t\r\n]*+\Z").search

GUESS_FROM = 4096
"""bytes to be had before a guess is worth it"""
GUESSES = 8
"""wrong ones in a row, and there are no more"""
_CLOSING = 256
"""bytes before a comma that are looked at for brackets"""


class JsonArrayCodec:
    """JSON for bodies of any length. Whole documents are those of the JSON codec."""

    def parse(self, body: bytes, limits: Limits) -> Any:
        """As the JSON codec."""
        return JSON.parse(body, limits)

    def find(self, document: Any, program: Program) -> list[Found]:
        """As the JSON codec."""
        return JSON.find(document, program)

    def rewrite(self, document: Any, program: Program, tally: Tally, drop: Collection[int] = ()) -> Any:
        """As the JSON codec."""
        return JSON.rewrite(document, program, tally, drop)

    def dump(self, document: Any) -> bytes:
        """As the JSON codec."""
        return JSON.dump(document)

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """A whole body through a stream."""
        return through(self.stream(program, tally, limits), body, limits)

    def stream(self, program: Program, tally: Tally, limits: Limits) -> Stream:
        """A stream that lets an item or member go once the comma or bracket after it has come."""
        return _ArrayStream(compiled(program), tally, limits)


JSON_ARRAY = JsonArrayCodec()


class _Items:
    """What is done with the items of one array: a program that starts at the array, and its limits."""

    def __init__(self, program: Compiled, step: Step | None, tally: Tally, limits: Limits) -> None:
        self.program = program if step is program.start else replace(program, start=step or Step(), native=[])
        self.tally = tally
        self.limits = limits
        items = self.program.start.items
        # Where a scalar item may be removed, its comma goes with it: then each item is looked at alone.
        removed = items is not None and any(map(_removes, (items.mask, program.unmapped)))
        self._at_once = kernel.present() and not removed

    def at_once(self, raw: bytes) -> bytes | None:
        """Many items by the kernel, or None: it is not there, declines, or they are no items."""
        if not self._at_once or not raw.strip(BLANKS):
            return None
        out = kernel.transform(b"[" + raw + b"]", self.program, self.tally, self.limits.max_depth)
        return None if out is None else out[1:-1]

    def one(self, raw: bytes) -> bytes:
        """One item; nothing when it was removed. Raises PayloadError."""
        if not raw.strip(BLANKS):
            raise PayloadError("unparseable_body", "the body is not valid JSON")
        out = json_record(b"[" + raw + b"]", self.program, self.tally, self.limits)[1:-1]
        return out if out.strip(BLANKS) else b""


def _removes(mask: Masker | None) -> bool:
    """Whether a masker might answer REMOVED; one that a kernel knows says what it does."""
    native = getattr(mask, "native", None)
    return mask is not None and not (native and native[0] != "remove" and not hasattr(mask, "__wrapped__"))


class _ArrayStream:
    """`_mode` is what is done next with the buffer, which starts at an item, a member, or what is between."""

    def __init__(self, program: Compiled, tally: Tally, limits: Limits) -> None:
        self._run = program, tally, limits
        self._limits = limits
        self._scan = Scanner()
        self._out: list[bytes] = []
        self._mode: Callable[[], bool] = self._start
        self._keys: set[str] = set()
        self._last = ""
        self._names = 0
        """characters of all keys"""
        self._sent = False
        """Whether a comma has to stand before the next member or item; and the same for the object around."""
        self._items = _Items(program, program.start, tally, limits)
        self._first = True
        self._nested = False
        self._hint = b""
        self._comma = 0
        self._wrong = 0

    def feed(self, data: bytes) -> bytes:
        for part in slices(data, self._limits):
            self._scan.buffer += part
            self._work()
        out, self._out = self._out, []
        return b"".join(out)

    def finish(self) -> bytes:
        if self._mode not in (self._end, self._scalar, self._start):
            raise self._refusal("the body is cut off")
        if self._mode == self._end:
            return b""
        return json_record(bytes(self._scan.buffer), *self._run)

    def _work(self) -> None:
        try:
            while self._mode():
                pass
        except PayloadError as error:
            raise placed(error, f"what begins at byte {self._scan.gone + 1}") from error
        if len(self._scan.buffer) > self._limits.max_record:
            raise too_large(f"what begins at byte {self._scan.gone + 1}")

    # ---- modes: each returns whether to go on at once ---------------------------------------------------

    def _start(self) -> bool:
        """Before the first bracket."""
        opening = self._skip()
        if not opening:
            return False
        if opening not in b"[{":
            self._mode = self._scalar
            return False
        self._take(1)
        self._mode = self._key if opening == b"{" else self._array
        return True

    def _scalar(self) -> bool:
        """A body that is no container waits for its end."""
        return False

    def _key(self) -> bool:
        """Up to the colon of a member, or the end of the object."""
        at = self._scan.next(TO_COLON)
        if at < 0:
            return False
        before = bytes(self._scan.buffer[:at])
        if self._scan.stop(at) == b"}" and not (self._keys or before.strip(BLANKS)):
            self._take(at + 1)
            self._mode = self._end
            return True
        if self._scan.stop(at) != b":":
            raise self._refusal()
        self._name(JSON.parse(before, self._limits))
        self._scan.past(at)
        self._mode = self._value
        return True

    def _name(self, key: Any) -> None:
        if key.__class__ is not str:
            raise self._refusal()
        if key in self._keys:
            raise self._refusal("a key is repeated in a body that is too large to keep")
        self._keys.add(key)
        self._names += len(key)
        if len(self._keys) > self._limits.max_fields or self._names > self._limits.max_record:
            raise too_large()
        self._last = key

    def _value(self) -> bool:
        """The first byte of a member's value: an array is taken item by item."""
        at = self._scan.solid()
        opening = self._scan.stop(at)
        if not opening:
            return False
        if opening != b"[":
            self._mode = self._member
            return True
        program, tally, limits = self._run
        step = program.start.keys.get(self._last, program.start.any)
        self._items = _Items(program, step, tally, replace(limits, max_depth=limits.max_depth - 1))
        self._out.append(b"," if self._sent else b"")
        self._take(at + 1)
        self._sent, self._first, self._nested = False, True, True
        self._hint = b""
        self._mode = self._array
        return True

    def _member(self) -> bool:
        """A member whose value is no array."""
        at = self._scan.next(BETWEEN)
        if at < 0:
            return False
        raw = self._sized(bytes(self._scan.buffer[:at]))
        self._put(json_record(b"{" + raw + b"}", *self._run)[1:-1])
        self._scan.drop(at)
        self._mode = self._after
        return True

    def _after(self) -> bool:
        """Between the members of the object."""
        mark = self._skip()
        if not mark:
            return False
        if mark == b",":
            self._scan.drop(1)
            self._mode = self._key
        elif mark == b"}":
            self._take(1)
            self._mode = self._end
        else:
            raise self._refusal()
        return True

    def _end(self) -> bool:
        """After the last bracket."""
        if self._skip():
            raise self._refusal()
        return False

    def _array(self) -> bool:
        """Items, as many as there are."""
        while self._guess():
            pass
        cuts: list[int] = []
        while (at := self._scan.next(BETWEEN)) >= 0:
            cuts.append(at)
            self._scan.past(at)
            if self._scan.stop(at) != b",":
                break
        if not cuts:
            return False
        closing = self._scan.stop(cuts[-1])
        if closing not in b",]":
            raise self._refusal()
        raw = bytes(self._scan.buffer[: cuts[-1]])
        if self._first and closing == b"]" and len(cuts) == 1 and not raw.strip(BLANKS):
            self._out.append(raw)
        else:
            self._several(raw, cuts)
        self._scan.drop(cuts[-1] + 1)
        if closing == b",":
            return False
        self._out.append(b"]")
        self._sent = True
        self._mode = self._after if self._nested else self._end
        return True

    def _several(self, raw: bytes, cuts: list[int]) -> None:
        """Items that the scanner has cut: by the kernel, but for those that it leaves to the reference."""
        if len(cuts) > 1 and not self._hint:
            self._learn(raw, cuts[0])
        todo = [(0, 0, len(cuts))]
        while todo:
            start, first, last = todo.pop()
            items = raw[start : cuts[last - 1]]
            out = self._items.at_once(items) if len(items) <= self._limits.max_record else None
            if out is None and last - first > 1:
                middle = (first + last) // 2
                todo += [(cuts[middle - 1] + 1, middle, last), (start, first, middle)]
            else:
                self._put(self._items.one(self._sized(items)) if out is None else out)
        self._first = False

    # ---- guessing ---------------------------------------------------------------------------------------

    def _learn(self, raw: bytes, comma: int) -> None:
        """What stands around a comma between items: brackets or a quote, and how the next item begins."""
        closing, opening = _closing(raw[max(0, comma - _CLOSING) : comma]), _opening(raw, comma)
        if opening:
            self._hint = closing + opening[0]
            self._comma = len(closing)

    def _guess(self) -> bool:
        """Items up to the last comma that looks like one between items; the kernel knows whether it is."""
        if not self._hint or len(self._scan.buffer) < GUESS_FROM or self._wrong >= GUESSES:
            return False
        at = self._scan.buffer.rfind(self._hint, 0, self._limits.max_record)
        if at < 0:
            self._hint = b""
            return False
        at += self._comma
        out = self._items.at_once(bytes(self._scan.buffer[:at]))
        if out is None:
            self._wrong += 1
            return False
        self._wrong = 0
        self._put(out)
        self._scan.drop(at + 1)
        self._first = False
        return True

    # ---- the buffer -------------------------------------------------------------------------------------

    def _skip(self) -> bytes:
        """Send white space on; returns the byte after it, or nothing."""
        self._scan.restart()
        if at := self._scan.solid():
            self._take(at)
        return self._scan.stop(0)

    def _take(self, size: int) -> None:
        """Send the beginning of the buffer on as it is."""
        self._out.append(self._scan.drop(size))

    def _put(self, out: bytes) -> None:
        """Send an item or member on, with a comma where one was before it; a blank one was removed."""
        if out.strip(BLANKS):
            self._out += (b",", out) if self._sent else (out,)
            self._sent = True

    def _sized(self, raw: bytes) -> bytes:
        if len(raw) > self._limits.max_record:
            raise too_large()
        return raw

    def _refusal(self, detail: str = "the body is not valid JSON") -> PayloadError:
        return PayloadError("unparseable_body", detail)


def _closing(before: bytes) -> bytes:
    """The brackets, or the quote, that end an item."""
    found = _closing_at(before)
    return found[0] if found else b""
