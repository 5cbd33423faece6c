"""The compiled reader of forms against the Python it stands for, which decides whatever it leaves."""

import re
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.codecs.params import FORM
from gateway.codecs.program import Limits
from gateway.codecs.scanning import MAX_PIECES
from gateway.exchange import contactpath
from gateway.exchange.contactpath import outline
from gateway.exchange.restoring import _HOST, _START, _decoded, _nested, suspicious_by_rule
from gateway.masking.operators import PSEUDONYM
from gateway.masking.phonetoken import DIGITS
from gateway.masking.recognise import TRACES, UNIVERSAL, marks, needle, universal
from gateway.masking.sealed import MIN_TEXT
from gateway.model import Mask
from tests.native.kernels import kernel

KERNEL: Any = kernel("scankernel")
LIMITS = Limits()
WORDS = ((_START, MIN_TEXT), *UNIVERSAL)
SHOWN = {
    "none": None,
    "stars": Mask(op="partial"),
    "initials": Mask(op="initials"),
    "digits": Mask(op="postcode_area"),
    "year": Mask(op="year"),
    "network": Mask(op="truncate_ip"),
    "text": Mask(op="fixed", text="-Hidden-"),
    "no text": Mask(op="fixed", text="-"),
}


def forms(shown: str = "none", most: int = LIMITS.max_body) -> Any:
    return KERNEL.Forms(_HOST, DIGITS, WORDS, marks(SHOWN[shown]), most)


def unmasked(plain: bytes, shown: str) -> bool:
    own = needle(SHOWN[shown])
    return not universal(plain) and not (own and re.search(own, plain))


TOKENS = (b"hushgate", b"HushGATE", b"t_" + b"A" * 44, b"t_" + b"a-" * 21, b"T_" + b"A" * 44)
HASH = PSEUDONYM.encode()
MASKS = (b"redacted", b"[Redacted]", HASH + b"0a" * 16, HASH + b"0" * 31, b"*", b".", b"1984", b"Hidden")
RUNS = (b"1" * 15, b"1" * 13, b"12 34.56", b"0" * 14, b"::", b".0", b"%3A", b"%41", b"+33639980001")
ODD = (b"&#", b"<!", b"#", b"!", b"<", b"\\", b"\\u0041", b"\0", b"\x1f", b";", b"\x7f", b"\xc3")
PLAIN = ("é".encode(), b"Bonjour", b"=", b"&", b" ", b"+", b"x", b"'", b"@")
SIGNS = TOKENS + MASKS + RUNS + ODD + PLAIN


def _escaped(text: bytes, how: int) -> bytes:
    """Every byte as it is, in one of four spellings of its escape, or as a form has it."""
    if how >= 4:
        return text if how == 4 else quote_plus(text).encode()
    every = (b"%%%02x", b"%%%02X")[how % 2]
    return b"".join(
        [every % byte if how < 2 or at % 2 else text[at : at + 1] for at, byte in enumerate(text)]
    )


PIECE = st.builds(_escaped, st.sampled_from(SIGNS) | st.binary(max_size=3), st.integers(0, 5))
VALUE = st.lists(PIECE | st.sampled_from([b"%", b"%4", b"%zz", b"%2541", b"%ff"]), max_size=5).map(b"".join)
VALUES = st.lists(VALUE, min_size=1, max_size=3)
NAMES = (b"To=", b"%46rom=", b"Body+x=")


def body_of(values: list[bytes]) -> bytes:
    return b"&".join([name + value for name, value in zip(NAMES, values, strict=False)])


@given(VALUES, st.sampled_from(sorted(SHOWN)))
@example([b"%2B33639980000", b"%2B33536499999", b"Your+appointment+is+confirmed."], "stars")
@example([b"%40" + b"1" * 13], "none")
@example([b"%40" + b"1" * 12], "none")
@example([b"%2512%401234567890123"], "none")
@example([b"a%262", b"x"], "none")
@example([b"%26%23x"], "none")
@example([b"%3C%21x"], "none")
@example([b"%68%75%73%68gate"], "none")
@example([b"%2A"], "stars")
@example([b"%3A%3A"], "network")
@example([b"%C3%A9t%C3%A9", b"\xc3\xa9"], "none")
@example([b"%C3", b"%A9"], "none")
def test_what_is_read_is_what_the_reference_reads(values: list[bytes], shown: str) -> None:
    names, body = NAMES[: len(values)], body_of(values)
    count = len(names)
    reader = forms(shown)
    groups = (tuple((at, at) for at in range(count)), (("last", count - 1),), ())
    reader.add(names, groups, "told")
    found = reader.read(body)
    if found is None:
        return
    pairs = FORM.parse_by_rule(body, LIMITS)
    plain = _decoded(body)
    assert [piece.partition(b"=")[0] + b"=" for _, _, piece in pairs] == list(names)
    assert not suspicious_by_rule(plain) and not _nested(plain) and not universal(plain)
    told, sure, every, last, nobody = found
    assert told == "told" and nobody == []
    assert every == [(at, pair[1]) for at, pair in enumerate(pairs)] and last == [("last", pairs[-1][1])]
    assert not sure or unmasked(plain, shown)


@given(
    st.lists(
        st.sampled_from([b"a", "é".encode(), b"+33639980001", b"%", b"&", b"=", b"~", b"x y"]), max_size=6
    )
)
def test_what_holds_nothing_is_read(parts: list[bytes]) -> None:
    reader = forms()
    reader.add((b"To=", b"Body="), (((7, 1),),), None)
    text = b"|".join(parts)
    body = b"To=%2B33639980000&Body=" + quote_plus(text).encode()
    assert reader.read(body) == (None, True, [(7, text.decode())])


CERTAIN = (
    b"hUshgate",
    b"t_" + b"A" * 44,
    b"redacted",
    HASH + b"0f" * 16,
    b"&#",
    b"<!",
    b"5" * 15,
    b"\\",
    b"\0",
)


@pytest.mark.parametrize("sign", CERTAIN)
@pytest.mark.parametrize("before", [b"", b"x", b"t", b"h_", b"1"])
@pytest.mark.parametrize("how", range(4))
def test_a_sign_wherever_it_stands_is_left_to_the_reference(sign: bytes, before: bytes, how: int) -> None:
    reader = forms()
    reader.add((b"To=", b"Body="), (), None)
    for after in (b"", b"y", b"&Body="):
        value = _escaped(before + sign, how)
        for body in (b"To=" + value + after, b"To=1&Body=" + value):
            assert reader.read(body) is None
    assert reader.read(b"To=" + sign[:1].strip(b"\\\0&") + b"&Body=") is not None


OTHER = b"|To=1|To=1&Body|To=1&Body=2&|&To=1&Body=2|To=1&Body=2&Body=3|Body=2&To=1|To=1&To=2|to=1&Body=2"
BROKEN = b"T%6F=1&Body=2|To=1;Body=2|To=1&Body=\n|To=1&Body=%f|To=1&Body=%FF|To=1&Body=%"


@pytest.mark.parametrize("body", OTHER.split(b"|") + BROKEN.split(b"|"))
def test_other_names_and_odd_ones_are_left_to_the_reference(body: bytes) -> None:
    reader = forms()
    reader.add((b"To=", b"Body="), ((("k", 0),),), None)
    assert reader.read(body) is None
    assert reader.read(b"To=1&Body=2") == (None, True, [("k", "1")])


@pytest.mark.parametrize(
    "name", [b"hushgate=", b"t_" + b"A" * 44 + b"=", b"redacted=", b"h%5f" + b"0" * 32 + b"="]
)
def test_a_name_that_is_a_sign(name: bytes) -> None:
    reader = forms()
    reader.add((name,), (), None)
    assert reader.read(name + b"1") is None


def test_the_longest_form() -> None:
    reader = forms(most=2000)
    reader.add((b"To=",), ((("k", 0),),), None)
    assert reader.read(b"To=" + b"x" * 1997) == (None, True, [("k", "x" * 1997)])
    assert reader.read(b"To=" + b"x" * 1998) is None


def test_names_that_are_too_many_push_others_out() -> None:
    reader = forms()
    for number in range(40):
        for told in ("first", "again"):
            reader.add((b"a%d=" % number,), (), told)
        assert reader.read(b"a%d=" % number) == ("first", True)
    assert reader.read(b"a0=") is None
    for _ in range(40):
        reader.add((b"a39=",), (), "again")
    assert reader.read(b"a32=") is not None
    reader.add(tuple(b"%d=" % each for each in range(MAX_PIECES)), ((("k", MAX_PIECES - 1),),), None)
    assert reader.read(b"&".join([b"%d=v" % each for each in range(MAX_PIECES)])) == (
        None,
        True,
        [("k", "v")],
    )


NAMELESS: list[Any] = [
    (b"a=",) * (MAX_PIECES + 1),
    (),
    (b"a",),
    (b"a=b=",),
    (b"&=",),
    (b"",),
    (b"%ff=",),
    (b"%f=",),
    ("a=",),
    [b"a="],
]
PLACELESS: list[Any] = [[], ((("k", 1),),), ((("k", -1),),), ((("k",),),), ((("k", 2**80),),), (["k"],)]


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        *((names, ()) for names in NAMELESS),
        *(((b"a=",), groups) for groups in PLACELESS),
        ((b"a=",) * (MAX_PIECES + 1), ()),
    ],
)
def test_names_of_no_form_are_refused(names: Any, groups: Any) -> None:
    with pytest.raises((ValueError, OverflowError)):
        forms().add(names, groups, None)


WORDLESS: list[Any] = [
    [],
    ((b"face", 1),),
    ((b"", 1),),
    ((b"x", -1),),
    (b"x",),
    ((b"x", 1),) * 9,
    (("x", 1),),
]
SIGNLESS: list[Any] = [(), (b"", 15), (b"abc", 15), (b"host", 2), ("host", 15)]


@pytest.mark.parametrize(
    "arguments",
    [*((b"host", 15, words, b"", 1) for words in WORDLESS), *((*signs, (), b"", 1) for signs in SIGNLESS)],
)
def test_signs_that_are_none_are_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises((TypeError, ValueError)):
        KERNEL.Forms(*arguments)
    with pytest.raises(TypeError):
        forms().read("text")


@given(
    st.sampled_from(sorted(TRACES)), st.lists(st.sampled_from(SIGNS) | st.binary(max_size=6)).map(b"".join)
)
@example("year", b"1984")
@example("age_band", b"90")
@example("truncate_ip", b"%3a")
@example("truncate_ip", b"::")
def test_whatever_a_needle_matches_holds_a_mark(op: str, raw: bytes) -> None:
    mask = Mask(op=op, text="-Hidden 1-")
    found = re.search(needle(mask), raw)
    assert found is None or set(found[0]) & set(marks(mask))


# ---- heads alike but for the length of the body ----------------------------------------------------------

HEAD = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %b\r\nX: y\r\n\r\n"
KNOWN = outline(HEAD % b"1" + b"x")
SPELT = st.sampled_from(
    [b"0", b"1", b"2", b"02", b"", b"x", b"-1", b" 1", b"1 ", b"1x", b"9" * 11, b"9" * 30, b"1\r"]
)


@given(
    SPELT | st.integers(0, 3).map(lambda number: b"%d" % number), st.binary(max_size=3), st.integers(0, 80)
)
def test_a_body_is_that_of_the_reference(length: bytes, body: bytes, cut: int) -> None:
    assert KNOWN is not None
    raw = HEAD % length + body
    for asked in (raw, raw[:cut], raw.replace(b"X: y", b"X: z"), raw.replace(b"/a", b"/b")):
        expected = KNOWN.body_by_rule(asked)
        assert KERNEL.outlined(asked, *KNOWN) == expected
        assert KNOWN.body(asked) == expected


def test_a_head_is_met_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KNOWN is not None
    for _ in range(2):
        assert KNOWN.body(HEAD % b"12" + b"x" * 12) == b"x" * 12
        assert KNOWN.body(HEAD % b"0") == b""
        assert KNOWN.body(HEAD % b"012" + b"x" * 12) is None
        assert KNOWN.body(HEAD % b"12" + b"x" * 11) is KNOWN.body(HEAD % b"12" + b"x" * 13) is None
        monkeypatch.setattr(contactpath, "_outlined", None)
    assert KERNEL.outlined(b"a1", b"a", b"") is None
    assert KERNEL.outlined(b"a1" + b"0" * 99, b"a", b"\r") is None


@pytest.mark.parametrize(
    "arguments", [(), (b"a", b"b"), ("a", b"b", b"\r"), (b"a", "b", b"\r"), (b"a", b"b", "\r")]
)
def test_wrong_arguments_are_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        KERNEL.outlined(*arguments)
