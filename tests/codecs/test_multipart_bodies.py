"""Multipart bodies of any kind: made up, damaged, and of the corpora."""

import os
from collections.abc import Sequence
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.multipart import Document
from gateway.codecs.paths import compile_names
from gateway.codecs.program import Slot
from gateway.codecs.table import codec_for
from gateway.errors import PayloadError
from gateway.masking.detect import redact_all
from tests.codecs.multiparts import KIND, LIMITS, ONE, TYPE, form, part, run

ROOT = Path(__file__).parents[2]
CORPORA = Path(os.environ.get("HUSHGATE_CORPORA", ROOT.parent / "shared/corpora"))


# ---- any body -------------------------------------------------------------------------------------------

_texts = st.text(st.characters(codec="utf-8"), max_size=12).filter(lambda t: "--b1" not in t)
_names = st.sampled_from(["a", "b", "to", "naïve", "x y", "[z]"])
_files = st.sampled_from(["", "a.txt", "é %22.png"])
_fields = st.tuples(_names, _texts, _files)


def _built(fields: Sequence[tuple[str, str, str]]) -> bytes:
    return form(*[part(name, text.encode(), file=file) for name, text, file in fields])


@given(st.lists(_fields, max_size=6))
def test_nothing_touched_is_nothing_changed_and_others_read_the_same(
    fields: list[tuple[str, str, str]],
) -> None:
    body = _built(fields)
    codec = codec_for(KIND)
    document: Document = codec.parse(body, LIMITS)
    assert codec.dump(document) == body == run(body, compile_names([], lambda v: v))[0]
    assert [(p.part.name, p.text) for p in document.pieces] == [(n, t) for n, t, _ in fields]
    if fields:
        theirs = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + KIND + b"\r\n\r\n" + body)
        bodies = [m.get_payload(decode=True) for m in theirs.iter_parts()]
        assert bodies == [text.encode() for _, text, _ in fields]


@given(st.lists(_fields, max_size=4), st.integers(0, 4), st.sampled_from(["text", "json", "xml", "file"]))
def test_no_seeded_secret_comes_out(fields: list[tuple[str, str, str]], at: int, where: str) -> None:
    secret = "Zq7secretZq7"
    seeded = {
        "text": part("a", secret.encode()),
        "json": part("j", b'{"x":["Zq7secretZq7"]}', TYPE + b"application/json"),
        "xml": part("m", b"<x y='Zq7secretZq7'>Zq7<!-- -->secretZq7</x>", TYPE + b"text/xml"),
        "file": part("f", b"x", b"X-Who: Zq7secretZq7", file=secret),
    }[where]
    rest = [part(name, text.encode(), file=file) for name, text, file in fields]
    body = form(*rest[:at], seeded, *rest[at:])
    out, _ = run(body, compile_names([Slot("b", "c")], redact_all))
    assert secret.encode() not in out and b"secret" not in out
    before, after = codec_for(KIND).parse(body, LIMITS), codec_for(KIND).parse(out, LIMITS)
    assert [p.part.name for p in before.pieces] == [p.part.name for p in after.pieces]


@given(st.binary(max_size=40), st.integers(0, 60))
def test_any_bytes_give_a_document_or_our_error(noise: bytes, at: int) -> None:
    whole = form(ONE)
    for body in (noise, whole[:at] + noise + whole[at:]):
        codec = codec_for(KIND)
        try:
            document = codec.parse(body, LIMITS)
        except PayloadError:
            continue
        assert codec.dump(document) == body


@pytest.mark.skipif(not (CORPORA / "multipart").is_dir(), reason="the corpus of multipart bodies is not here")
def test_bodies_of_the_corpus_are_read_or_refused_and_never_changed() -> None:
    files = sorted((CORPORA / "multipart").rglob("*.http"))
    read = 0
    for file in files:
        body = file.read_bytes()
        kind = b"multipart/form-data; boundary=" + body.split(b"\r\n", 1)[0].lstrip(b"-")
        try:
            codec = codec_for(kind)
            assert codec.dump(codec.parse(body, LIMITS)) == body
            read += 1
        except PayloadError:
            continue
    assert 0 < read < len(files)
