"""Multipart: parts as values, as documents, as bytes; bad input."""

from dataclasses import replace

import pytest

from gateway.codecs.json import JSON
from gateway.codecs.parts import MAX_HEAD
from gateway.codecs.paths import compile_names, compile_program
from gateway.codecs.program import REMOVED, Codec, Limits, Masker, Program, Slot
from gateway.codecs.steps import Inner, compiled
from gateway.codecs.table import codec_for
from gateway.codecs.xml import XML
from gateway.codecs.xmlpaths import compile_xml
from gateway.errors import InternalError, PayloadError
from gateway.masking.detect import redact_all
from tests.codecs.multiparts import KIND, LIMITS, ONE, TYPE, form, part, run


def masked(value: str) -> Masker:
    return lambda _: value


def holding(name: str, codec: Codec, inner: Program, unmapped: Masker | None = None) -> Program:
    outer = compiled(compile_names([Slot(name, "user", mask=masked("*"))], unmapped))
    return replace(outer, slots=(*outer.slots, *inner.slots), inner={0: Inner(1, codec, inner)})


NOTHING = compile_names([], None)


# ---- parts ----------------------------------------------------------------------------------------------


def test_texts_are_values_and_all_else_keeps_its_bytes() -> None:
    body = form(
        part("To", b"+336"),
        part("note", b"a\nb", TYPE + b"text/plain; charset=iso-8859-1"),
        part("Gone", b"x", b"X-Y:  z "),
        part("To", b"+337"),
    )
    it = compile_names(
        [
            Slot("To", "c", mask=lambda v: f"{v[:2]}é", subject="phone"),
            Slot("note", "c", mask=masked("é")),
            Slot("Gone", "c", mask=lambda _: REMOVED),
        ],
        None,
    )
    out, tally = run(body, it)
    want = body.replace(b"+336", "+3é".encode()).replace(b"+337", "+3é".encode()).replace(b"a\nb", b"\xe9")
    assert out == want.replace(part("Gone", b"x", b"X-Y:  z "), b"")
    assert (tally.seen, tally.masked, tally.subjects) == ([2, 1, 1], [2, 1, 1], [(0, "+336"), (0, "+337")])
    assert run(body, NOTHING)[0] == body
    assert run(b"\r\n" + body[:-2], NOTHING)[0] == b"\r\n" + body[:-2]


def test_people_are_found_and_left_out_where_a_name_is_repeated() -> None:
    it = compile_names([Slot("To", "c", subject="phone"), Slot("From", "c", subject="phone")], None)
    codec = codec_for(KIND)
    body = form(part("From", b"1"), part("To", b"2"), part("To", b"3"))
    found = codec.find(codec.parse(body, LIMITS), it)
    assert [(f.slot, f.value, f.ordinal, f.droppable) for f in found] == [
        (1, "1", 0, False),
        (0, "2", 1, True),
        (0, "3", 2, True),
    ]
    assert run(body, it, 1)[0] == form(part("From", b"1"), part("To", b"3"))
    with pytest.raises(InternalError):
        run(body, it, 3)
    with pytest.raises(PayloadError, match=r"part 1: .*not text"):
        codec.find(codec.parse(form(part("To", b"\x00", TYPE + b"image/png")), LIMITS), it)


def test_a_part_may_hold_a_document_of_its_own() -> None:
    inner = compile_program([Slot("to[]", "c", mask=masked("*"), subject="email")], None)
    it = holding("json", JSON, inner)
    codec = codec_for(KIND)
    for more in ((), (TYPE + b"application/json",), (TYPE + b"text/plain",)):
        body = form(part("json", b'{"to": ["a@x.example", "b@x.example"], "n": 1.10}', *more))
        found = codec.find(codec.parse(body, LIMITS), it)
        assert [(f.slot, f.value, f.droppable) for f in found] == [
            (1, "a@x.example", True),
            (1, "b@x.example", True),
        ]
        out, tally = run(body, it, 0)
        assert out == form(part("json", b'{"to":["*"],"n":1.10}', *more))
        assert (tally.seen, tally.masked, tally.subjects) == ([0, 1], [0, 1], [(1, "b@x.example")])
    with pytest.raises(PayloadError, match=r"part 1: .*another type"):
        run(form(part("json", b"<a/>", TYPE + b"text/xml")), it)
    with pytest.raises(PayloadError, match="body, part 1, json, body") as caught:
        run(form(part("json", b"secret")), it)
    assert "secret" not in str(caught.value)
    xml = holding("doc", XML, compile_xml([Slot("a/b", "c", mask=masked("*"))], None))
    latin = "<a><b>é</b>é</a>".encode("latin-1")
    out, _ = run(form(part("doc", latin, TYPE + b"text/xml; charset=iso-8859-1")), xml)
    assert out == form(
        part("doc", latin.replace(b"<b>\xe9", b"<b>*"), TYPE + b"text/xml; charset=iso-8859-1")
    )


def test_what_no_map_names_goes_by_its_type() -> None:
    it = compile_names([], redact_all)
    body = form(
        part("a", b"ana"),
        part("b", b'{"x":"ana","n":1}', TYPE + b"application/json", b"Content-Length: 21"),
        part("c", b"<x>ana</x>", TYPE + b"application/xml"),
    )
    out, tally = run(body, it)
    assert out == form(
        part("a", b"[redacted]"),
        part("b", b'{"x":"[redacted]","n":null}', TYPE + b"application/json"),
        part("c", b"<x>[redacted]</x>", TYPE + b"application/xml"),
    )
    assert tally.unmapped == 4
    with pytest.raises(PayloadError, match="part 1"):
        run(form(part("c", b"<x>", TYPE + b"application/xml")), it)


@pytest.mark.parametrize(
    ("types", "passes"),
    [((), None), ((("image/*", True),), True), ((("image/*", False),), None), ((("*/*", True),), True)],
)
def test_what_nothing_reads_passes_only_where_a_line_says_so(
    types: tuple[tuple[str, bool], ...], passes: bool | None
) -> None:
    body = form(part("f", b"\x89PNG", TYPE + b"image/png", file="ana.png"))
    it = replace(compiled(NOTHING), unread=types)
    if passes:
        assert run(body, it)[0] == body
        return
    with pytest.raises(PayloadError, match="part 1"):
        run(body, it)


def test_a_line_comes_before_what_could_be_read() -> None:
    body = form(part("j", b'{"a":1}', TYPE + b"application/json"))
    with pytest.raises(PayloadError) as caught:
        run(body, replace(compiled(compile_names([], redact_all)), unread=(("application/json", False),)))
    assert caught.value.reason == "access_denied"


def test_bytes_cannot_be_masked_but_taken_out() -> None:
    body = form(part("f", b"\x89PNG", TYPE + b"image/png"), part("g", b"x"))
    unread = (("image/*", True),)
    shown = replace(compiled(compile_names([Slot("f", "c")], None)), unread=unread)
    out, tally = run(body, shown)
    assert (out, tally.seen, tally.masked) == (body, [1], [0])
    hidden = replace(compiled(compile_names([Slot("f", "c", mask=masked("*"))], None)), unread=unread)
    with pytest.raises(PayloadError) as caught:
        run(body, hidden)
    assert caught.value.reason == "access_denied"
    gone = replace(compiled(compile_names([Slot("f", "c", mask=lambda _: REMOVED)], None)), unread=unread)
    out, tally = run(body, gone)
    assert (out, tally.seen, tally.masked) == (form(part("g", b"x")), [1], [1])


def test_the_name_of_a_file_is_data_of_its_part() -> None:
    extended = b"Content-Disposition: form-data; name=\"f\"; filename*=UTF-8''ana%20s.png"
    body = b"--b1\r\n" + extended + b"\r\nX-Who: ana\r\nContent-ID: <1>\r\n\r\nhi\r\n--b1--\r\n"
    out, tally = run(body, compile_names([], redact_all))
    want = b"[redacted]"
    assert out == body.replace(b"ana%20s.png", b"%5Bredacted%5D").replace(b": ana", b": " + want).replace(
        b"hi", want
    )
    assert tally.unmapped == 3
    plain = form(part("f", b"hi", file="C:\\ana silva.png"))
    named = compile_names([Slot("f", "c", mask=masked('a"\\\r\n'))], None)
    out, tally = run(plain, named)
    assert out == form(part("f", b'a"\\\r\n', file="a%22%5C  "))
    assert tally.masked == [2]
    assert run(plain, compile_names([Slot("f", "c")], redact_all))[0] == plain.replace(b"C:", b"C:")


def test_digests_and_lengths_go_with_the_bytes_they_describe() -> None:
    lines = (b"Content-Length: 1", b"Content-MD5: x", b"Digest: y")
    body = form(part("a", b"1", *lines), part("b", b"2", *lines))
    out, _ = run(body, compile_names([Slot("a", "c", mask=masked("*"))], None))
    assert out == form(part("a", b"*"), part("b", b"2", *lines))


def test_mixed_parts_need_no_name_and_are_known_by_the_star() -> None:
    body = (
        b"--b1\r\n\r\nana\r\n--b1\r\nContent-Type: application/json\r\nContent-ID: <a@x>\r\n\r\n"
        b'{"a":"ana"}\r\n--b1\r\nContent-Disposition: attachment; filename=ana.txt\r\n\r\nx\r\n--b1--'
    )
    for kind in (b"multipart/mixed; boundary=b1", b'multipart/related; boundary="b1"; type="text/plain"'):
        out, _ = run(body, compile_names([Slot("*", "c", mask=masked("*"))], None), kind=kind)
        assert out == body.replace(b"\nana\r", b"\n*\r").replace(b'{"a":"ana"}', b"*").replace(
            b"ana.txt", b'"*"'
        ).replace(b"\nx\r", b"\n*\r")
    with pytest.raises(PayloadError, match="no form field"):
        run(body, NOTHING)


DISPOSITION = b"Content-Disposition: form-data; name=a"
BAD: dict[str, bytes] = {
    "nothing": b"",
    "preamble": b"secret\r\n" + form(ONE),
    "epilogue": form(ONE) + b"secret",
    "blank after the end": form(ONE) + b"\r\n",
    "no end": ONE,
    "truncated": form(ONE)[:-6],
    "truncated in a head": form(ONE)[:30],
    "only an opening": b"--b1",
    "opening and end in one": b"--b1\r\n--b1--\r\n",
    "boundary with a tail": form(ONE.replace(b"secret", b"x\r\n--b1secret")),
    "boundary with blanks": form(ONE).replace(b"--b1\r\n", b"--b1  \r\n"),
    "boundary after LF": form(part("a", b"x\n--b1\r\n" + DISPOSITION + b"\r\n\r\nsecret")),
    "boundary after CR": form(part("a", b"x\r--b1\r\n" + DISPOSITION + b"\r\n\r\nsecret")),
    "boundary before LF": form(ONE.replace(b"--b1\r\n", b"--b1\n")),
    "end within": form(ONE.replace(b"secret", b"x\r\n--b1--\r\nsecret")),
    "bare line ends": form(ONE).replace(b"\r\n", b"\n"),
    "head without a blank line": b"--b1\r\n" + DISPOSITION + b"\r\n--b1--\r\n",
    "folded field": form(ONE.replace(b"data;", b"data;\r\n ")),
    "field without a colon": form(part("a", b"secret", b"X")),
    "blank in a field's name": form(part("a", b"secret", b"X : y")),
    "NUL in a field": form(part("a", b"secret", b"X: \0")),
    "CR in a field": form(part("a", b"secret", b"X: \r y")),
    "two dispositions": form(part("a", b"secret", DISPOSITION)),
    "two types": form(part("a", b"secret", TYPE + b"text/plain", b"content-type: text/html")),
    "no disposition": b"--b1\r\n\r\nsecret\r\n--b1--\r\n",
    "disposition of another kind": form(ONE).replace(b"form-data", b"attachment"),
    "no name": form(ONE).replace(b'; name="a"', b""),
    "empty name": form(part("", b"secret")),
    "two names": form(ONE).replace(b'name="a"', b'name="a"; name="secret"'),
    "two names in two cases": form(ONE).replace(b'name="a"', b'name="a"; NAME="secret"'),
    "name beside an extended one": form(ONE).replace(b'"a"', b"\"a\"; name*=utf-8''secret"),
    "extended name": form(ONE).replace(b"name=", b"name*="),
    "escape in a name": form(part('a\\"secret', b"x")),
    "backslash in a name": form(part("a\\secret", b"x")),
    "escape in a file's name": form(part("a", b"x", file='x\\"; name=\\"secret')),
    "name that is not UTF-8": form(part("a", b"x")).replace(b'"a"', b'"\xff"'),
    "unquoted blank": form(ONE).replace(b'"a"', b"a secret"),
    "bad extended file name": form(ONE).replace(b'"a"', b"\"a\"; filename*=latin-1''%e9"),
    "long head": form(part("a", b"secret", b"X: " + b"y" * MAX_HEAD)),
    "text that is not UTF-8": form(part("a", b"\xffsecret")),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_and_its_place_named(name: str) -> None:
    with pytest.raises(PayloadError) as caught:
        codec_for(KIND).parse(BAD[name], LIMITS)
    assert caught.value.reason == "unparseable_body"
    assert caught.value.place.startswith("body") and "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (part("a", b"c2VjcmV0", b"Content-Transfer-Encoding: base64"), "unsupported_encoding"),
        (part("a", b"=41", b"Content-Transfer-Encoding: quoted-printable"), "unsupported_encoding"),
        (part("a", b"x", TYPE + b"text/plain; charset=utf-7"), "unsupported_media_type"),
        (part("a", b"x", TYPE + b"nonsense"), "unsupported_media_type"),
        (part("_charset_", b"iso-8859-1"), "unsupported_media_type"),
    ],
)
def test_encodings_and_types_that_nothing_reads(body: bytes, reason: str) -> None:
    with pytest.raises(PayloadError) as caught:
        codec_for(KIND).parse(form(body), LIMITS)
    assert caught.value.reason == reason and caught.value.place.startswith("body, part 1")


def test_encodings_that_encode_nothing_pass() -> None:
    body = form(part("a", b"x", b"Content-Transfer-Encoding: 8BIT"), part("_charset_", b"UTF-8"))
    assert run(body, NOTHING)[0] == body


def test_a_million_parts_are_refused_before_any_is_read() -> None:
    with pytest.raises(PayloadError, match="more parts than the limit"):
        codec_for(KIND).parse(b"--b1\r\n" * 1_000_000 + b"--b1--", LIMITS)
    few = form(*[part("a", b"")] * 3)
    codec_for(KIND).parse(few, Limits(max_fields=3))
    with pytest.raises(PayloadError):
        codec_for(KIND).parse(few, Limits(max_fields=2))


def test_a_body_within_a_body_is_not_read() -> None:
    body = form(part("a", b"--b2--", TYPE + b"multipart/mixed; boundary=b2"))
    with pytest.raises(PayloadError) as caught:
        run(body, compile_names([], redact_all))
    assert caught.value.reason == "unsupported_media_type"


@pytest.mark.parametrize(
    "kind",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b'multipart/form-data; boundary=""',
        b'multipart/form-data; boundary="a "',
        b"multipart/form-data; boundary=" + b"a" * 71,
        b'multipart/form-data; boundary="a\\"b"',
        b"multipart/form-data; boundary=a; boundary=b",
        b"multipart/form-data; boundary=a; Boundary=a",
        b"multipart/byteranges; boundary=a",
        b"multipart/form-data; boundary=\xe9",
    ],
)
def test_boundaries_refused(kind: bytes) -> None:
    with pytest.raises(PayloadError) as caught:
        codec_for(kind)
    assert caught.value.reason == "unsupported_media_type"


def test_a_mask_cannot_make_parts() -> None:
    it = compile_names([Slot("a", "c", mask=masked("x\r\n--b1--"))], None)
    with pytest.raises(InternalError):
        run(form(ONE), it)
