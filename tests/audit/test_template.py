"""Records written as a text with gaps are those that the encoder writes, byte for byte."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.audit.chain import encoder, moments
from gateway.audit.record import Record
from gateway.audit.template import Template
from tests.logs import record_of

NAMES = st.text(st.characters(codec="utf-8"), max_size=12)
COUNTS = st.dictionaries(NAMES, st.integers(0, 9), max_size=3)
RECORDS = st.builds(
    Record,
    phase=st.just("read"),
    id=st.just(""),
    at=st.just(0.0),
    tenant=NAMES,
    operation=NAMES,
    rules=st.lists(NAMES, max_size=2).map(tuple),
    seen=COUNTS,
    masked=COUNTS,
    paths=COUNTS,
    unmapped=st.integers(0, 3),
    address=NAMES,
    note=NAMES,
    policy=NAMES,
)
WORDS = st.text("ABCabc019-_", min_size=1, max_size=22)
SIZES = st.integers(1, 10**12)


@given(
    RECORDS,
    WORDS,
    st.floats(0, 4e9),
    st.lists(WORDS, min_size=1, max_size=3, unique=True),
    SIZES,
    SIZES,
    SIZES,
)
def test_as_the_encoder(
    record: Record, name: str, at: float, subjects: list[str], size: int, added: int, total: int
) -> None:
    whole = replace(
        record,
        id=name,
        at=at,
        subjects=tuple(subjects),
        response_bytes=size,
        added_us=added,
        total_us=total,
    )
    text = Template(record, moments()).text(name.encode(), at, subjects, size, added, total)
    assert text == encoder()(whole)
    assert record_of(text).subjects == whole.subjects


def test_what_looks_like_a_gap_is_none() -> None:
    record = Record(phase="read", id="", at=0.0, tenant='100%d "id":"id" %b', note='"subjects":["subject"]')
    text = Template(record, moments()).text(b"a-1", 1.5, ["x"], 7, 8, 9)
    assert text == encoder()(
        replace(record, id="a-1", at=1.5, subjects=("x",), response_bytes=7, added_us=8, total_us=9)
    )
