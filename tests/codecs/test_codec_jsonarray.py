"""Large JSON: the same meaning as the JSON codec's, or refused; and no guess leads astray."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs import jsonarray, kernel
from gateway.codecs.json import JSON
from gateway.codecs.jsonarray import GUESSES, JSON_ARRAY
from gateway.codecs.jsonscan import BETWEEN, Scanner
from gateway.codecs.paths import compile_program
from gateway.codecs.program import REMOVED, Limits, Program, Slot, Tally
from gateway.errors import PayloadError
from gateway.masking.detect import detect
from gateway.masking.operators import redact

LIMITS = Limits()
VECTORS = Path(__file__).parents[1] / "vectors/json/jsontestsuite.tsv"
NOTHING = compile_program([], None)


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """Guesses from the first byte on."""
    before, jsonarray.GUESS_FROM = jsonarray.GUESS_FROM, 1
    yield
    jsonarray.GUESS_FROM = before


def meaning(body: bytes) -> Any:
    return json.loads(body, parse_float=lambda s: ("n", s), parse_int=lambda s: ("n", s))


def fed(body: bytes, program: Program, size: int = 7, limits: Limits = LIMITS) -> bytes:
    stream = JSON_ARRAY.stream(program, Tally.of(program), limits)
    parts = [stream.feed(body[at : at + size]) for at in range(0, len(body), size)]
    return b"".join(parts) + stream.finish()


def refused(body: bytes, limits: Limits = LIMITS, size: int = 7) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        fed(body, NOTHING, size, limits)
    return caught.value


def _vectors() -> list[tuple[str, bytes]]:
    rows = [line.split("\t") for line in VECTORS.read_text().splitlines()]
    return [(name, base64.b64decode(text)) for name, text in rows]


@pytest.mark.parametrize(("name", "body"), _vectors(), ids=lambda v: v if isinstance(v, str) else "")
def test_json_test_suite(name: str, body: bytes) -> None:
    limits = Limits(max_depth=1000)
    try:
        expected = JSON.dump(JSON.parse(body, limits))
    except PayloadError:
        for size in (1, len(body) + 1):
            assert refused(body, limits, size).reason == "unparseable_body"
        return
    for size in (1, len(body) + 1):
        try:
            out = fed(body, NOTHING, size, limits)
        except PayloadError:
            assert name.startswith("y_object_duplicated_key")
            continue
        assert meaning(out) == meaning(expected)
        assert out == body or "duplicated" in name


_scalars = st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('ab"\\,]}[{é'), max_size=4)
_values = st.recursive(
    _scalars,
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["id", "a", "[]"]), below, max_size=3)
    ),
    max_leaves=10,
)
_arrays = st.lists(_values | st.fixed_dictionaries({"id": _values, "a": _values}), max_size=6)
_bodies = _arrays | st.fixed_dictionaries({}, optional={"results": _arrays, "more": _arrays, "a": _values})


@settings(deadline=None)
@given(_bodies, st.integers(1, 90), st.sampled_from([(",", ":"), (" ,\n", " : ")]), st.booleans())
def test_against_the_json_codec(value: Any, size: int, separators: tuple[str, str], removes: bool) -> None:
    body = json.dumps(value, separators=separators).encode()
    slots = [
        *(Slot(path, "x", mask=lambda v: "M") for path in ("[].a", "results[].id", "more[].a[]")),
        *(Slot(path, "y", mask=lambda _: REMOVED) for path in ("a", "more[].id", "results[]") if removes),
    ]
    program = compile_program(slots, None if removes else detect)
    tally = Tally.of(program)
    expected = meaning(JSON.dump(JSON.rewrite(JSON.parse(body, LIMITS), program, tally)))
    again = Tally.of(program)
    stream = JSON_ARRAY.stream(program, again, LIMITS)
    out = b"".join([stream.feed(body[at : at + size]) for at in range(0, len(body), size)]) + stream.finish()
    assert meaning(out) == expected
    assert again.pattern == tally.pattern


def test_a_guess_that_would_end_another_array() -> None:
    """The next array's items look the same, and are masked otherwise: `[1],"more":[2` is no item."""
    program = compile_program([Slot("more[].id", "x", mask=redact)], None)
    item = '{"id":"s3cret","in":{"x":[{}]}}'
    shown = ",".join([item] * 40)
    body = f'{{"results":[{shown}],"more":[{shown}]}}'.encode()
    hidden = body.replace(b"s3cret", b"[redacted]").replace(b"[redacted]", b"s3cret", 40)
    for size in (1, 100, 500, 900, 1500, len(body)):
        assert fed(body, program, size) == hidden


def test_guesses_within_items_come_to_nothing() -> None:
    """What stands between items stands within one, too."""
    program = compile_program([Slot("[].id", "x", mask=redact)], None)
    below = ",".join(['{"id":"kept"}'] * 30)
    body = (
        "[" + ",".join([f'{{"id":"s3cret","all":[{below}],"x":{{}}}}'] * 12 + ['{"id":"s3cret"}'] * 40) + "]"
    )
    text = body.replace("s3cret", "[redacted]").encode()
    for size in (1, 64, 300, 1000, len(body)):
        assert fed(body.encode(), program, size) == text


def test_guessing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    whole = jsonarray._Items.at_once

    def counted(self: jsonarray._Items, raw: bytes) -> bytes | None:
        asked.append(len(raw))
        return whole(self, raw)

    if kernel._kernel is None:
        pytest.skip("only a kernel's answers are guessed for")
    monkeypatch.setattr(jsonarray._Items, "at_once", counted)
    below = ",".join(['{"id":1}'] * 2000)
    body = f'[{{"id":1}},{{"id":1}},{{"id":[{below}]}}]'.encode()
    assert fed(body, NOTHING, 100) == body
    assert len(asked) <= GUESSES + 3


def taken_alone(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The items that are treated one by one from here on."""
    if not kernel.present():
        pytest.skip("without a kernel every item is")
    alone: list[bytes] = []
    one = jsonarray._Items.one

    def counted(self: jsonarray._Items, raw: bytes) -> bytes:
        alone.append(raw)
        return one(self, raw)

    monkeypatch.setattr(jsonarray._Items, "one", counted)
    return alone


@pytest.mark.parametrize(
    ("item", "out"),
    [
        (b"1.10", b"1.10"),
        (b'"a,\\", b"', b'"a,\\", b"'),
        (b'[ 1, "x" , [2]]', b'[ 1, "x" , [2]]'),
        (b'{"id": "s3cret"}', b'{"id": "[redacted]"}'),
    ],
)
@pytest.mark.parametrize("between", [b",", b" ,\n "])
def test_items_of_any_kind_are_treated_many_at_once(
    item: bytes, out: bytes, between: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = compile_program([Slot("[].id", "x", mask=redact)], None)
    alone = taken_alone(monkeypatch)
    count = 400_000 // len(item)
    assert fed(b"[%b]" % between.join([item] * count), program, 50_000) == b"[%b]" % between.join(
        [out] * count
    )
    assert not alone


def test_one_item_that_the_kernel_declines_does_not_cost_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    program = compile_program([Slot("[].id", "x", mask=redact)], None)
    alone = taken_alone(monkeypatch)
    items = [b'{"id": "s3cret"}'] * 4000
    items[2000] = b'{"\\u0069d": "s3cret", "n": 1.10}'
    out = fed(b"[%b]" % b",".join(items), program, 10_000)
    assert out.count(b'"[redacted]"') == 4000 and b'"n":1.10' in out and b"s3cret" not in out
    assert alone == [items[2000]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[",
        b"[1",
        b"[1,",
        b"[1,]",
        b"[,1]",
        b"[1,,2]",
        b"[1 2]",
        b"[1}",
        b"[1]]",
        b"[1]x",
        b"[}",
        b'["a]',
        b'[{"a":1]}',
        b"{",
        b'{"a"',
        b'{"a":',
        b'{"a":1',
        b'{"a":1,',
        b'{"a":1,}',
        b"{,}",
        b'{"a":}',
        b'{"a"}',
        b"{a:1}",
        b"{1:1}",
        b'{"a" 1:2}',
        b'{"a":[1}',
        b'{"a":[1]]',
        b'{"a":[1]"b":2}',
        b'{"a":[1],}',
        b'{"a":1}}',
        b'{"a":1]',
        b'{"\xff":[1]}',
        b'{"\\ud800":[1]}',
        b"\xef\xbb\xbf[1]",
        "[1]".encode("utf-16"),
        b"nul",
        b"1 2",
        b'{"a":[NaN]}',
    ],
)
def test_what_is_no_json(body: bytes) -> None:
    for size in (1, 3, 100):
        assert refused(body, size=size).reason == "unparseable_body"


def test_a_key_that_comes_again() -> None:
    for body in (b'{"a":1,"a":2}', b'{"a":[1],"a":[2]}', b'{"a":[],"\\u0061":1}'):
        assert "repeated" in refused(body).detail
    assert fed(b'[{"a":1,"a":2}]', NOTHING) == b'[{"a":2}]'


def test_limits() -> None:
    assert refused(b'[1,"345678"]', Limits(max_record=7)).reason == "body_too_large"
    assert fed(b'[1,"34567",2]', NOTHING, limits=Limits(max_record=7)) == b'[1,"34567",2]'
    assert refused(b'{"a":"345678"}', Limits(max_record=9)).reason == "body_too_large"
    assert refused(b'{"a":1,"b":1,"c":1}', Limits(max_fields=2)).reason == "body_too_large"
    assert refused(b'"345678"', Limits(max_record=7)).reason == "body_too_large"
    assert fed(b'{"a":[[1]]}', NOTHING, limits=Limits(max_depth=3)) == b'{"a":[[1]]}'
    for deep in (b'{"a":[[[]]]}', b"[[[[1]]]]", b'{"a":{"a":{"a":{}}}}'):
        assert refused(deep, Limits(max_depth=3)).reason == "unparseable_body"
    with pytest.raises(PayloadError):
        JSON_ARRAY.transform(b"[1,2]", NOTHING, Tally.of(NOTHING), Limits(max_body=4))


def test_a_guess_lets_no_item_pass_that_is_too_large() -> None:
    items = ",".join(['{"id":1}'] * 8)
    body = f'[{items},{{"id":"{"x" * 100}"}},{items}]'.encode()
    limits = Limits(max_record=99)
    for size in (1, 60, len(body)):
        assert refused(body, limits, size).reason == "body_too_large"


def test_a_refusal_names_the_place() -> None:
    assert refused(b'[{"a":1},{"a":x}]').place == "what begins at byte 10"
    assert refused(b'{"a":[1],"b":x}').place == "what begins at byte 10"


def test_items_leave_with_the_comma_after_them() -> None:
    stream = JSON_ARRAY.stream(NOTHING, Tally.of(NOTHING), LIMITS)
    assert stream.feed(b' {"n" : 1, "results": [') == b' {"n" : 1, "results": ['
    assert stream.feed(b'{"a":1}') == b""
    assert stream.feed(b', {"a') == b'{"a":1}'
    assert stream.feed(b'":2} ] , "x":') == b', {"a":2} ] '
    assert stream.feed(b'"y"}\n') == b', "x":"y"}\n'
    assert stream.finish() == b""


def test_removed_items_and_members_take_their_commas() -> None:
    program = compile_program(
        [Slot(path, "x", mask=lambda v: REMOVED if v == 0 else v) for path in ("[]", "a", "b[]")], None
    )
    for size in (1, 50):
        assert fed(b"[ 0 , 1 , 0 ,2, 0 ]", program, size) == b"[ 1 ,2]"
        assert fed(b"[0]", program, size) == b"[]"
        assert fed(b'{"a":0,"b":[0,0],"c":1}', program, size) == b'{"b":[],"c":1}'
        assert fed(b'{"c":1, "a":0}', program, size) == b'{"c":1}'


def test_whole_documents_are_the_json_codecs() -> None:
    program = compile_program([Slot("[].to", "x", subject="phone")], None)
    document = JSON_ARRAY.parse(b'[{"to":"+1"},{"to":"+2"}]', LIMITS)
    assert [f.value for f in JSON_ARRAY.find(document, program)] == ["+1", "+2"]
    assert JSON_ARRAY.dump(JSON_ARRAY.rewrite(document, program, Tally.of(program), {0})) == b'[{"to":"+2"}]'


@given(st.lists(st.sampled_from(['"', "\\", "{", "}", "[", "]", ",", "x"]), max_size=20), st.integers(1, 5))
def test_a_scanner_stops_at_the_same_places(parts: list[str], size: int) -> None:
    text = "".join(parts).encode()

    def stops(step: int) -> list[int]:
        scanner, found = Scanner(), []
        for at in range(0, len(text), step):
            scanner.buffer += text[at : at + step]
            while (stop := scanner.next(BETWEEN)) >= 0:
                found.append(stop)
                scanner.past(stop)
        return found

    assert stops(size) == stops(len(text) + 1)
