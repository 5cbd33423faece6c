"""The JSON kernel against its reference on random documents, programs and damage."""

from hypothesis import assume, example, given
from hypothesis import strategies as st

from gateway.codecs.paths import compile_program
from gateway.codecs.program import Masker, Program, Slot
from gateway.errors import InternalError
from gateway.masking.detect import detect, detector, redact_all
from tests.codecs.jsonkernels import MASKS, NATIVE, agree, custom
from tests.codecs.jsonkernels import in_use as in_use

# ---- random documents, programs and damage --------------------------------------------------------------

_space = st.sampled_from(["", "", "", " ", "\n\t", "  \r\n"])
_pieces = st.sampled_from(
    [
        *(
            "a",
            "Z",
            "xyz",
            "x" * 20,
            " ",
            "*",
            "-0",
            "-0,",
            "é",
            "😀",
            "\u00a0",
            "ß",
            "\x7f",
            "0",
            "00",
            "1984",
        ),
        *("\\n", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "\\/", '\\"', "\\\\", "\\u0000", "\\t", "\\u2003"),
        *("+33612345678", "a@b.example", "203.0.113.7", "::1", "4242424242424242", "GB82WEST12345698765432"),
        *("2024-01-05T00:00:00Z", "2024-01-05", "12/11/1999", "447465600000", "GB82 WEST 1234 5698 7654 32"),
    ]
)
_strings = st.lists(_pieces, max_size=4).map(lambda parts: '"' + "".join(parts) + '"')
_numbers = st.sampled_from(
    [
        "0",
        "-0",
        "7",
        "-1",
        "51001",
        "4242424242424242",
        "12345678901234567890123",
        "1.10",
        "1E400",
        "-2.5e-7",
        "0.0",
    ]
)
_words = st.sampled_from(["null", "true", "false"])
_keys = st.sampled_from(
    ["a", "a", "b", "b", "c", "odd key", "é", "", "a.b", "a longer key of many bytes", "\\u0061"]
)


@st.composite
def _arrays(draw: st.DrawFn, below: st.SearchStrategy[str]) -> str:
    items = draw(st.lists(below, max_size=5))
    return "[" + draw(_space) + ",".join(draw(_space) + item + draw(_space) for item in items) + "]"


@st.composite
def _objects(draw: st.DrawFn, below: st.SearchStrategy[str]) -> str:
    names = draw(st.lists(_keys, max_size=5, unique=draw(st.sampled_from([True, True, True, False]))))
    members = (f'{draw(_space)}"{n}"{draw(_space)}:{draw(_space)}{draw(below)}{draw(_space)}' for n in names)
    return "{" + draw(_space) + ",".join(members) + "}"


_documents = st.recursive(
    st.one_of(_strings, _strings, _numbers, _words),
    lambda v: st.one_of(_arrays(v), _objects(v)),
    max_leaves=20,
).map(str.encode)

_paths = st.sampled_from(
    [
        *(
            "a",
            "b",
            "c",
            "'odd key'",
            "é",
            "a.b",
            "a[]",
            "a[].b",
            "[]",
            "[].a",
            "[].b",
            "[][]",
            "*",
            "*.a",
            "*.*",
        ),
        *(
            "**.a",
            "**.b",
            "**.c[]",
            "**.'odd key'",
            "a.**.b",
            "$",
            "a.*",
            "b[].*",
            "'a longer key of many bytes'",
        ),
    ]
)
_maskers = st.one_of(st.none(), st.sampled_from(MASKS), st.sampled_from(custom))
_slots = st.builds(
    lambda path, masker, subject: Slot(path, "c", mask=masker, subject=subject),
    _paths,
    _maskers,
    st.sampled_from((None, None, "email")),
)


@st.composite
def _programs(draw: st.DrawFn) -> Program:
    slots = draw(st.lists(_slots, max_size=5, unique_by=lambda slot: slot.path))
    try:
        return compile_program(slots, draw(st.one_of(_maskers, st.sampled_from((redact_all, detector())))))
    except InternalError:
        assume(False)
        raise


@given(_documents, _programs())
@example(b'{"a":"\\u0061","b":[{"a":1}]}', compile_program([Slot("**.a", "c", mask=detect)], redact_all))
def test_agrees_with_the_reference(body: bytes, program: Program) -> None:
    agree(body, program)


@given(_documents, _programs(), st.data())
def test_agrees_on_damaged_documents(body: bytes, program: Program, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        width = data.draw(st.integers(0, 2))
        new = data.draw(
            st.one_of(st.binary(max_size=2), st.sampled_from([b'"', b"\\", b",", b"\xe9", b"}", b"\\u"]))
        )
        body = body[:at] + new + body[at + width :]
    agree(body, program)


@given(st.binary(max_size=60), _programs())
def test_any_bytes(body: bytes, program: Program) -> None:
    agree(body, program)


_DETECTORS: tuple[tuple[Masker, int], ...] = tuple(
    (find, getattr(find, "native")[1])  # noqa: B009 - a plain function, to a type checker
    for find in map(detector, ((), ("FR",), ("US", "GB"), ("DE", "DK"), ("NU",)))
)


@given(
    st.text(
        st.one_of(st.sampled_from("0123456789+-. ()/:@abXY\u00a0\u2003é,_"), st.characters()), max_size=40
    )
)
@example("fe80::ab")
@example("a:b:c:d:e:f:a:b")
@example("(+33) 612 345 678")
@example("00\u00a033612345678")
@example("GB82WEST12345698765432")
@example("4242-4242-4242-4242")
@example("4222222222222")
@example("XX86ABCDEFGHIJK")
@example("xx86 ABCD EFGH IJK")
@example("rssmra85t10a562s")
@example("AB123456C")
@example("2 55 08 2A 123 004 43")
@example("a\uff20b.example")
@example("ana%40x.example")
@example("\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668")
def test_what_a_detector_finds_is_suspect(text: str) -> None:
    for find, least in _DETECTORS:
        assert find(text) is text or NATIVE.suspect(text.encode("utf-8", "surrogatepass"), least)


@given(
    st.sampled_from(
        [
            "+33612345678",
            "0033612345678",
            "a@b.example",
            "203.0.113.7",
            "2001:db8::1",
            "::1",
            "fe80::ab",
            "4242 4242 4242 4242",
            "GB82 WEST 1234 5698 7654 32",
            "gb82west12345698765432",
            "1:2:3:4:5:6:7:8",
            "06 12 34 56 78",
            "(202) 456-1111",
            "7012",
            "AB 12 34 56 C",
            "X-1234567-L",
            "12345678Z",
            "2024-01-05 612345678",
            "2 55 08 14 168 025 38",
        ]
    ),
    st.text("0 9+-.:é\u00a0aZ(", max_size=4),
    st.text("0 9+-.:é\u00a0aZ(", max_size=4),
)
def test_what_a_detector_finds_among_others_is_suspect(core: str, before: str, after: str) -> None:
    text = before + core + after
    for find, least in _DETECTORS:
        assert find(text) is text or NATIVE.suspect(text.encode(), least)


def test_usual_texts_are_not_suspect() -> None:
    for text in (
        "Ana",
        "2024-01-05T00:00:00.000Z",
        "lead",
        "51001",
        "customer 12",
        "https://x.example/a?b=1",
    ):
        assert not NATIVE.suspect(text.encode()), text
