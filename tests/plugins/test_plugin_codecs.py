"""A plugin's codec: it reads and writes, the masking is ours, and what it writes is what was masked."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.paths import compile_program
from gateway.codecs.program import REMOVED, Limits, Program, Slot, Tally
from gateway.errors import HushgateError, PayloadError, PluginError
from gateway.masking.operators import redact
from gateway.plugins.api import Codec, Unreadable
from gateway.plugins.codecs import MOST_VALUES, PluginCodec, hollow, same
from gateway.plugins.guard import Guard

PROGRAM = compile_program([Slot("people[].name", "user.name", redact, subject="record")], None)


def codec(
    decode: Callable[[bytes], Any] = json.loads,
    encode: Callable[[Any], Any] = lambda d: json.dumps(d).encode(),
) -> PluginCodec:
    guard = Guard("x/y", 1.0, lambda: 0.0, {})
    return PluginCodec(Codec("x/y", decode, encode), guard)


def run(
    it: PluginCodec, body: bytes, program: Program = PROGRAM, limits: Limits | None = None
) -> tuple[bytes, Tally]:
    tally = Tally.of(program)
    return it.transform(body, program, tally, limits or Limits()), tally


def test_what_is_masked_is_decided_by_the_program() -> None:
    out, tally = run(codec(), b'{"people": [{"name": "Ana", "id": 1}, {"name": "Bo"}], "n": true}')
    assert json.loads(out) == {"people": [{"name": "[redacted]", "id": 1}, {"name": "[redacted]"}], "n": True}
    assert tally.masked == [2]


def test_subjects_are_found_and_dropped() -> None:
    it = codec()
    document = it.parse(b'{"people": [{"name": "Ana"}, {"name": "Bo"}]}', Limits())
    assert [(found.value, found.droppable) for found in it.find(document, PROGRAM)] == [
        ("Ana", True),
        ("Bo", True),
    ]
    left = it.rewrite(document, PROGRAM, Tally.of(PROGRAM), drop={0})
    assert json.loads(it.dump(left)) == {"people": [{"name": "[redacted]"}]}


def test_a_codec_that_writes_what_it_read_is_found_out() -> None:
    """The worst it can do: keep the body and hand it back."""
    kept: list[bytes] = []

    def decode(body: bytes) -> Any:
        kept.append(body)
        return json.loads(body)

    with pytest.raises(PluginError):
        run(codec(decode, lambda _: kept[0]), b'{"people": [{"name": "Ana"}]}')


def test_a_codec_that_does_not_read_a_part_does_not_write_it_either() -> None:
    out, _ = run(codec(lambda body: {"n": body.count(b"a")}, lambda d: b"a" * d["n"]), b"Ana, secret, banana")
    assert out == b"aaaa"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: {**d, "more": 1},
        lambda d: {**d, "n": 1},
        lambda d: {},
        lambda d: {**d, "list": [1, 2, 3]},
        lambda d: [d],
    ],
)
def test_what_is_written_is_what_was_masked(change: Callable[[Any], Any]) -> None:
    body = b'{"n": true, "list": [1, 2]}'
    with pytest.raises(PluginError):
        run(codec(encode=lambda d: json.dumps(change(d)).encode()), body)
    assert json.loads(run(codec(), body)[0]) == json.loads(body)


def test_what_masking_left_empty_need_not_be_written() -> None:
    def encode(document: Any) -> bytes:
        return json.dumps({k: v for k, v in document.items() if v not in (None, [{}])}).encode()

    program = compile_program([Slot("people[].name", "user.name", lambda _: REMOVED)], None)
    out, _ = run(codec(encode=encode), b'{"people": [{"name": "Ana"}], "gone": null, "n": 1}', program)
    assert out == b'{"n": 1}'


@pytest.mark.parametrize(
    ("decode", "encode", "error"),
    [
        (lambda body: body[9], None, PluginError),
        (lambda body: 1.5, None, PluginError),
        (lambda body: {1: "x"}, None, PluginError),
        (lambda body: {"x": {"y": (1, 2)}}, None, PluginError),
        (lambda body: type("Own", (dict,), {})(), None, PluginError),
        (lambda body: {"x": body}, None, PluginError),
        (json.loads, lambda d: "text", PluginError),
        (json.loads, lambda d: bytearray(b"{}"), PluginError),
        (json.loads, lambda d: d[1], PluginError),
    ],
)
def test_what_breaks_the_contract_is_its_failure(
    decode: Callable[[bytes], Any], encode: Callable[[Any], Any] | None, error: type[HushgateError]
) -> None:
    with pytest.raises(error):
        run(codec(decode, encode or (lambda d: json.dumps(d).encode())), b'{"a": 1}')


def unreadable(_: object) -> Any:
    raise Unreadable


def test_what_is_no_body_of_its_type_is_the_senders_mistake() -> None:
    with pytest.raises(PayloadError) as caught:
        run(codec(unreadable), b"x")
    assert caught.value.reason == "unparseable_body"


def test_only_reading_can_be_impossible() -> None:
    with pytest.raises(PluginError):
        run(codec(encode=unreadable), b"{}")
    with pytest.raises(PluginError):
        run(codec(lambda body: json.loads(body) if body != b"?" else unreadable(body), lambda _: b"?"), b"{}")


@pytest.mark.parametrize(
    ("body", "limits", "reason"),
    [
        (b'{"a": 1}', Limits(max_body=7), "body_too_large"),
        (b'{"a": [[]]}', Limits(max_depth=2), "unparseable_body"),
    ],
)
def test_limits_hold(body: bytes, limits: Limits, reason: str) -> None:
    with pytest.raises(PayloadError) as caught:
        codec().parse(body, limits)
    assert caught.value.reason == reason


def test_a_document_that_shares_or_holds_itself_is_bounded() -> None:
    def shared(_: bytes) -> Any:
        level: Any = "x"
        for _level in range(9):
            level = [level] * 10
        return level

    def endless(_: bytes) -> Any:
        loop: list[Any] = []
        loop.append(loop)
        return loop

    with pytest.raises(PayloadError) as caught:
        codec(shared).parse(b"", Limits())
    assert caught.value.reason == "body_too_large"
    with pytest.raises(PayloadError) as caught:
        codec(endless).parse(b"", Limits())
    assert caught.value.reason == "unparseable_body"
    assert MOST_VALUES >= 10**6


def test_shared_parts_are_masked_one_by_one() -> None:
    person = {"name": "Ana"}
    it = codec(lambda body: {"people": [person, person]} if not body else json.loads(body))
    out, tally = run(it, b"")
    assert json.loads(out) == {"people": [{"name": "[redacted]"}] * 2}
    assert tally.masked == [2]
    assert person == {"name": "Ana"}


documents: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


def pruned(value: Any) -> Any:
    """What `same` compares, by the definition."""
    if isinstance(value, dict):
        kept = {
            k: p for k, v in value.items() if (p := pruned(v)) not in (None, {}, []) or p is False or p == 0
        }
        return {k: v for k, v in kept.items() if v.__class__ not in (dict, list, type(None)) or v}
    if isinstance(value, list):
        return [p for p in map(pruned, value) if p is not None and (p.__class__ not in (dict, list) or p)]
    return value


@given(documents, documents)
def test_same_is_equality_but_for_what_is_empty(a: Any, b: Any) -> None:
    assert same(a, a)
    assert same(a, b) == (json.dumps(pruned(a), sort_keys=True) == json.dumps(pruned(b), sort_keys=True))


def test_hollow_is_what_holds_nothing() -> None:
    inner: dict[str, Any] = {"a": None}
    outer: list[Any] = [inner, []]
    assert hollow({"x": outer, "y": 1}) == {id(inner), id(outer), id(outer[1])}
