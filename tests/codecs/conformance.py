"""What every Codec has to do, whatever its format. A codec's tests make a Sample and call `conforms`."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from gateway.codecs.paths import compile_program
from gateway.codecs.program import REMOVED, Codec, Limits, Program, Slot, Tally
from gateway.errors import PayloadError

LIMITS = Limits()


@dataclass(frozen=True)
class Sample:
    """A body with three values at `secret`, `subject` and `kept`, and two more subjects at `repeated`."""

    codec: Codec
    body: bytes
    secret: str
    subject: str
    repeated: str
    kept: str
    records: ClassVar[bool] = False
    """Whether the body is a sequence of records, so that any subject can be dropped with its own."""


class Records(Sample):
    """The same of a body that is a sequence of records."""

    records: ClassVar[bool] = True


SECRET, SUBJECT, FIRST, SECOND, KEPT = "s3cr3t", "+33612345678", "a@b.example", "c@d.example", "stays"


def refusal(codec: Codec, body: bytes, program: Program, limits: Limits = LIMITS) -> tuple[str, str]:
    """Reason and place with which a body is refused, read by steps and in one go alike."""
    found = []
    for read in (
        lambda: codec.parse(body, limits),
        lambda: codec.transform(body, program, Tally.of(program), limits),
    ):
        with pytest.raises(PayloadError) as caught:
            read()
        found.append((caught.value.reason, caught.value.place))
    assert found[0] == found[1]
    return found[0]


def _program(sample: Sample, **masks: object) -> Program:
    slots = [
        Slot(sample.secret, "user.secret", mask=lambda _: masks.get("secret", "hidden")),
        Slot(sample.subject, "user.contact.phone_number", subject="phone"),
        Slot(sample.repeated, "user.contact.email", subject="email"),
        Slot(sample.kept, "user.name"),
    ]
    return compile_program(slots, None)


def conforms(sample: Sample) -> None:
    """Run every check."""
    for check in CHECKS:
        check(sample)


def _rewritten(sample: Sample, program: Program, drop: tuple[int, ...] = ()) -> tuple[bytes, Tally]:
    codec = sample.codec
    tally = Tally.of(program)
    document = codec.rewrite(codec.parse(sample.body, LIMITS), program, tally, drop)
    return codec.dump(document), tally


def _untouched(sample: Sample) -> None:
    out, tally = _rewritten(sample, compile_program([], None))
    assert out == sample.body
    assert (tally.seen, tally.masked, tally.subjects, tally.unmapped) == ([], [], [], 0)


def _masks(sample: Sample) -> None:
    out, tally = _rewritten(sample, _program(sample))
    assert out == sample.body.replace(SECRET.encode(), b"hidden")
    assert tally.seen == [1, 1, 2, 1]
    assert tally.masked == [1, 0, 0, 0]
    assert tally.subjects == [(1, SUBJECT), (2, FIRST), (2, SECOND)]


def _removes(sample: Sample) -> None:
    out, tally = _rewritten(sample, _program(sample, secret=REMOVED))
    assert SECRET.encode() not in out
    assert KEPT.encode() in out
    assert tally.masked == [1, 0, 0, 0]
    sample.codec.parse(out, LIMITS)


def _finds(sample: Sample) -> None:
    document = sample.codec.parse(sample.body, LIMITS)
    found = sample.codec.find(document, _program(sample))
    assert [(f.slot, f.value, f.ordinal) for f in found] == [(1, SUBJECT, 0), (2, FIRST, 1), (2, SECOND, 2)]
    assert found[0].droppable == sample.records
    assert found[1].droppable == found[2].droppable
    assert sample.codec.dump(document) == sample.body


def _drops(sample: Sample) -> None:
    program = _program(sample)
    found = sample.codec.find(sample.codec.parse(sample.body, LIMITS), program)
    if not found[1].droppable:
        return
    out, tally = _rewritten(sample, program, (1,))
    assert FIRST.encode() not in _plain(out)
    assert SECOND.encode() in _plain(out)
    assert tally.subjects == [(1, SUBJECT), (2, SECOND)]


def _plain(out: bytes) -> bytes:
    return out.replace(b"%40", b"@")


def _unmapped(sample: Sample) -> None:
    seen: list[object] = []

    def other(value: object) -> object:
        seen.append(value)
        return value

    program = compile_program([Slot(sample.kept, "user.name")], other)
    out, tally = _rewritten(sample, program)
    assert out == sample.body
    assert tally.unmapped == 0
    assert all(value in seen for value in (SECRET, SUBJECT, FIRST, SECOND))
    assert KEPT not in seen


def _transforms(sample: Sample) -> None:
    program = _program(sample)
    tally = Tally.of(program)
    out = sample.codec.transform(sample.body, program, tally, LIMITS)
    assert (out, tally) == _rewritten(sample, program)


def _reads_anything(sample: Sample) -> None:
    """Cut anywhere, or with a byte changed: a document or a PayloadError, nothing else."""
    body = sample.body
    for at in range(len(body)):
        for broken in (body[:at], body[:at] + b"\xff" + body[at + 1 :], body[:at] + b"%" + body[at:]):
            try:
                sample.codec.dump(sample.codec.parse(broken, LIMITS))
            except PayloadError as error:
                assert SECRET not in str(error)


def _too_large(sample: Sample) -> None:
    program = compile_program([], None)
    limits = Limits(max_body=len(sample.body) - 1)
    for read in (
        lambda: sample.codec.parse(sample.body, limits),
        lambda: sample.codec.transform(sample.body, program, Tally.of(program), limits),
    ):
        try:
            read()
        except PayloadError:
            continue
        raise AssertionError("a body beyond the limit was read")


CHECKS = (
    *(_untouched, _masks, _removes, _finds, _drops, _unmapped, _transforms),
    *(_reads_anything, _too_large),
)
