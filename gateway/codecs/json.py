"""JSON (RFC 8259), read so that what is written again means exactly the same. Pure.

Numbers keep their text: floats as msgspec.Raw, integers as int (their text is canonical already). What the
fast decoder would change or cannot hold (`-0`, integers of very many digits) is read by a slower, exact one.
Lone surrogates, a BOM, NaN, bytes after the value and invalid UTF-8 are refused.
Duplicate keys collapse to the last, and only this reading is ever sent on (`dump`), never the original bytes.
"""

import gc
import re
from collections.abc import Collection
from itertools import chain, repeat
from json import JSONDecodeError, JSONDecoder
from operator import itemgetter
from typing import Any

import msgspec
from msgspec import Raw

from gateway.codecs import kernel
from gateway.codecs.owners import settle
from gateway.codecs.program import REMOVED, Found, Limits, Masker, Program, Tally, by_steps
from gateway.codecs.scalars import CONTAINERS, text_of
from gateway.codecs.steps import Compiled, Step, compiled
from gateway.errors import InternalError, PayloadError

_STRINGS = {str}
_FEW = 4
"""Objects below this number are cheaper one by one than as columns (measured)."""

_decode = msgspec.json.Decoder(float_hook=Raw).decode
_encode = msgspec.json.Encoder().encode
_negative_zero = re.compile(rb"-0[\s,\]}]|-0\Z").search
"""May also hit inside a string: then the exact reader does needless, harmless work."""


class JsonCodec:
    """The Codec of `application/json` and `+json`. A document is dicts, lists and scalars, owned by us."""

    def parse(self, body: bytes, limits: Limits) -> Any:
        """Read a body. Raises PayloadError: body_too_large, unparseable_body (too deep is that, too)."""
        if len(body) > limits.max_body:
            raise PayloadError("body_too_large", "the body is larger than the limit", "body")
        try:
            document = _exact(body) if _negative_zero(body) else _decode(body)
        except msgspec.ValidationError:
            document = _exact(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _unparseable() from error
        except RecursionError as error:
            raise _too_deep() from error
        _check_depth(document, limits.max_depth)
        return document

    def find(self, document: Any, program: Program) -> list[Found]:
        """Subjects in document order; droppable when they stand in an array."""
        return [
            Found(slot, value, ordinal, array is not None)
            for ordinal, (slot, value, array, _) in enumerate(_subjects(document, compiled(program)))
        ]

    def rewrite(self, document: Any, program: Program, tally: Tally, drop: Collection[int] = ()) -> Any:
        """Run the program over the document, in place. Dropped items are not tallied."""
        ready = compiled(program)
        if drop:
            _drop(document, ready, drop)
        if ready.per_person:
            settle(document, ready)
        root = document.__class__
        if root is dict or root is list:
            _run(document, ready, tally)
            return document
        holder = [document]
        _array(holder, ready.start, ready.unmapped, tally)
        return holder[0] if holder else None

    def dump(self, document: Any) -> bytes:
        """Serialise: compact, UTF-8, keys in their order, numbers as they were written."""
        return _encode(document)

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """Parse, rewrite and dump; by a kernel, where there is one, that keeps the bytes of what stays."""
        if len(body) <= limits.max_body:
            out = kernel.transform(body, compiled(program), tally, limits.max_depth)
            if out is not None:
                return out
        return by_steps(self, body, program, tally, limits)


JSON = JsonCodec()


# ---- reading --------------------------------------------------------------------------------------------


def _unparseable() -> PayloadError:
    return PayloadError("unparseable_body", "the body is not valid JSON", "body")


def _too_deep() -> PayloadError:
    return PayloadError("unparseable_body", "the body is nested deeper than the limit", "body")


def _refuse_constant(_: str) -> None:
    raise _unparseable()


_exact_decode = JSONDecoder(parse_int=Raw, parse_float=Raw, parse_constant=_refuse_constant).decode


def _exact(body: bytes) -> Any:
    """Read with every number as text. Encoding once finds lone surrogates, which the decoder lets pass."""
    try:
        document = _exact_decode(body.decode())
        _encode(document)
    except (JSONDecodeError, UnicodeError) as error:
        raise _unparseable() from error
    except RecursionError as error:
        raise _too_deep() from error
    return document


def _check_depth(document: Any, limit: int) -> None:
    """Refuse more than `limit` nested containers.

    CPython does not track a dict that holds no container, so asking the collector skips the many flat objects
    (six times faster); it finds the depth, or one less. Where that reaches the limit, every value is asked.
    """
    if _tracked_depth(document, limit) >= limit and _depth(document, limit) > limit:
        raise _too_deep()


def _tracked_depth(document: Any, limit: int, tracked: Any = gc.is_tracked) -> int:
    level: list[Any] = [document] if tracked(document) else []
    depth = 0
    while level and depth < limit:
        depth += 1
        level = [v for c in level for v in (c.values() if c.__class__ is dict else c) if tracked(v)]
    return depth


def _depth(document: Any, limit: int) -> int:
    level: list[Any] = [document] if document.__class__ in CONTAINERS else []
    depth = 0
    while level and depth <= limit:
        depth += 1
        level = [
            v for c in level for v in (c.values() if c.__class__ is dict else c) if v.__class__ in CONTAINERS
        ]
    return depth


# ---- finding and dropping -------------------------------------------------------------------------------

_Hit = tuple[int, str, list[Any] | None, int]
"""Slot, value, and the nearest array around it with the item's index."""


def _subjects(document: Any, program: Compiled) -> list[_Hit]:
    hits: list[_Hit] = []
    if program.start.finds:
        _visit(document, program.start, None, 0, hits)
    return hits


def _visit(value: Any, step: Step, array: list[Any] | None, index: int, hits: list[_Hit]) -> None:
    if value.__class__ is dict:
        for key, below in _pairs(value, step):
            member = value[key]
            if member.__class__ is not str:
                if below.finds:
                    _visit(member, below, array, index, hits)
            elif below.subject:
                hits.append((below.slot, member, array, index))
    elif value.__class__ is list:
        items = step.items
        if items is not None and items.finds:
            for at, item in enumerate(value):
                _visit(item, items, value, at, hits)
    elif step.subject and value is not None:
        hits.append((step.slot, text_of(value), array, index))


def _pairs(value: dict[str, Any], step: Step) -> list[tuple[str, Step]]:
    """Keys to visit with their steps, in document order; the program's few keys are tried first."""
    other = step.any
    if other is not None and other.finds:
        return [(key, step.keys.get(key, other)) for key in value]
    hunts = step.hunts
    present = [key for key in hunts if key in value]
    if len(present) > 1:
        present = [key for key in value if key in hunts]
    return [(key, hunts[key]) for key in present]


def _drop(document: Any, program: Compiled, ordinals: Collection[int]) -> None:
    hits = _subjects(document, program)
    gone: dict[int, tuple[list[Any], set[int]]] = {}
    for ordinal in ordinals:
        array = hits[ordinal][2] if 0 <= ordinal < len(hits) else None
        if array is None:
            raise InternalError("a subject outside of any array cannot be dropped", "body")
        gone.setdefault(id(array), (array, set()))[1].add(hits[ordinal][3])
    for array, indexes in gone.values():
        array[:] = [item for at, item in enumerate(array) if at not in indexes]


# ---- rewriting ------------------------------------------------------------------------------------------

_Work = list[tuple[Step, list[Any]]]


def _run(document: Any, program: Compiled, tally: Tally) -> None:
    """Work through the document step by step, all containers at the same step together."""
    unmapped = program.unmapped
    work: _Work = [(program.start, [document])]
    while work:
        step, group = work.pop()
        if len(group) == 1 and group[0].__class__ is dict:
            _row(group[0], step, unmapped, tally, work)
            continue
        objects = [c for c in group if c.__class__ is dict]
        if len(objects) < len(group) and step.items is not None:
            below = _arrays([c for c in group if c.__class__ is list], step.items, unmapped, tally)
            if below:
                work.append((step.items, below))
        if len(objects) >= _FEW and (names := _shared(objects, step)) is not None:
            for key in names:
                _column(objects, key, step.keys.get(key, step.any), unmapped, tally, work)
        else:
            for each in objects:
                _row(each, step, unmapped, tally, work)


def _shared(objects: list[Any], step: Step) -> Collection[str] | None:
    """The keys to visit in many objects, or None where they differ too much to go key by key."""
    names: Collection[str] = step.keys if step.any is None else dict.fromkeys(chain.from_iterable(objects))
    return names if len(names) * len(objects) <= 2 * sum(map(len, objects)) else None


def _column(
    objects: list[Any], key: str, step: Step | None, unmapped: Masker | None, tally: Tally, work: _Work
) -> None:
    """One key of many objects. Where all its values are strings or objects, they are done in bulk."""
    try:
        values = list(map(itemgetter(key), objects))
    except KeyError:
        objects = [o for o in objects if key in o]
        values = list(map(itemgetter(key), objects))
    kinds = set(map(type, values))
    if step is None or not kinds:
        return
    if kinds <= CONTAINERS:
        work.append((step, values))
    elif kinds != _STRINGS:
        _cells(objects, values, key, step, unmapped, tally, work)
    elif step.slot < 0:
        if unmapped is not None:
            tally.unmapped += _put(objects, values, key, unmapped)
    else:
        tally.seen[step.slot] += len(values)
        if step.subject:
            tally.subjects.extend(zip(repeat(step.slot), values))
        if step.mask is not None:
            tally.masked[step.slot] += _put(objects, values, key, step.mask)


def _put(objects: list[Any], values: list[Any], key: str, mask: Masker) -> int:
    changed = 0
    for each, old in zip(objects, values):  # noqa: B905 - of equal length; the check costs in this loop
        new = mask(old)
        if new is not old:
            changed += 1
            if new is REMOVED:
                del each[key]
            else:
                each[key] = new
    return changed


def _cells(
    objects: list[Any],
    values: list[Any],
    key: str,
    step: Step,
    unmapped: Masker | None,
    tally: Tally,
    work: _Work,
) -> None:
    """One key of many objects whose values are of several kinds."""
    below: list[Any] = []
    for each, old in zip(objects, values, strict=True):
        if old.__class__ in CONTAINERS:
            below.append(old)
        elif old is not None:
            new = _treat(old, step, unmapped, tally)
            if new is REMOVED:
                del each[key]
            else:
                each[key] = new
    if below:
        work.append((step, below))


def _row(each: dict[str, Any], step: Step, unmapped: Masker | None, tally: Tally, work: _Work) -> None:
    """All members of one object that have a step; written out, because this is where small bodies spend."""
    keys, other = step.keys, step.any
    step_of, value_of = keys.get, each.get
    for key in keys if other is None and len(keys) <= len(each) else list(each):
        old = value_of(key)
        if old is None:
            continue
        below = step_of(key, other)
        if below is None:
            continue
        kind = old.__class__
        if kind is dict or kind is list:
            work.append((below, [old]))
            continue
        slot = below.slot
        if slot < 0:
            if unmapped is None or (new := unmapped(old)) is old:
                continue
            tally.unmapped += 1
        else:
            tally.seen[slot] += 1
            if below.subject:
                tally.subjects.append((slot, old if kind is str else text_of(old)))
            mask = below.mask
            if mask is None or (new := mask(old)) is old:
                continue
            tally.masked[slot] += 1
        if new is REMOVED:
            del each[key]
        else:
            each[key] = new


def _arrays(arrays: list[Any], step: Step, unmapped: Masker | None, tally: Tally) -> list[Any]:
    if step.slot < 0 and unmapped is None:
        return [v for array in arrays for v in array if v.__class__ in CONTAINERS]
    return [v for array in arrays for v in _array(array, step, unmapped, tally)]


def _array(array: list[Any], step: Step, unmapped: Masker | None, tally: Tally) -> list[Any]:
    """Every item of an array; returns the containers in it."""
    below: list[Any] = []
    gone = False
    for at, old in enumerate(array):
        if old.__class__ in CONTAINERS:
            below.append(old)
        elif old is not None:
            new = array[at] = _treat(old, step, unmapped, tally)
            gone = gone or new is REMOVED
    if gone:
        array[:] = [item for item in array if item is not REMOVED]
    return below


def _treat(old: Any, step: Step, unmapped: Masker | None, tally: Tally) -> Any:
    """What stands in place of one scalar."""
    slot = step.slot
    if slot < 0:
        new = old if unmapped is None else unmapped(old)
        if new is not old:
            tally.unmapped += 1
        return new
    tally.seen[slot] += 1
    if step.subject:
        tally.subjects.append((slot, text_of(old)))
    new = old if step.mask is None else step.mask(old)
    if new is not old:
        tally.masked[slot] += 1
    return new
