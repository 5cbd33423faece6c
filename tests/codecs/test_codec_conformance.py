"""Every codec against the same demands."""

import pytest

from gateway.codecs.cookies import COOKIE
from gateway.codecs.delimited import CSV, TSV
from gateway.codecs.json import JSON
from gateway.codecs.ndjson import JSON_SEQ, NDJSON
from gateway.codecs.params import FORM, HEADERS, QUERY
from gateway.codecs.sse import SSE
from gateway.codecs.table import CODECS, codec_for
from gateway.codecs.text import TEXT
from gateway.codecs.xml import XML
from tests.codecs.conformance import Records, Sample, conforms

_PAIRS = b"To=%2B33612345678&x&Token=s3cr3t&cc=a%40b.example&&cc=c%40d.example&Name=stays&y="
_PAIR_NAMES = {"secret": "Token", "subject": "To", "repeated": "cc", "kept": "Name"}

_PARTS = (
    b"".join(
        b'--b1\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % part
        for part in (
            (b"To", b"+33612345678"),
            (b"Token", b"s3cr3t"),
            (b"cc", b"a@b.example"),
            (b"cc", b"c@d.example"),
            (b"Name", b"stays"),
            (b"x", b""),
        )
    )
    + b"--b1--\r\n"
)
MULTIPART = codec_for(b"multipart/form-data; boundary=b1")

_RECORDS = (
    b'{"to":"+33612345678","n":1.10,"in":{"token":"s3cr3t"}}',
    b'{"in":{"cc":[{"at":"a@b.example"},{"at":"c@d.example"}]}, "name":"stays"}',
)
_RECORD_PATHS = {"secret": "in.token", "subject": "to", "repeated": "in.cc[].at", "kept": "name"}
_ROWS = b'To;"Token";cc;Name\r\n+33612345678;"s3cr3t";;"stays"\n\r\n;;a@b.example;\r\n;"";"c@d.example";'

SAMPLES = {
    "json": Sample(
        JSON,
        b'{"to":"+33612345678","n":1.10,"in":{"token":"s3cr3t","cc":[{"at":"a@b.example"},{"at":"c@d.example"}]},'
        b'"name":"stays","gone":null}',
        "in.token",
        "to",
        "in.cc[].at",
        "name",
    ),
    "form": Sample(FORM, _PAIRS, **_PAIR_NAMES),
    "query": Sample(QUERY, _PAIRS, **_PAIR_NAMES),
    "headers": Sample(
        HEADERS,
        b"X-To: +33612345678\r\nX-Token: s3cr3t\r\ncc: a@b.example\r\nCC: c@d.example\r\nx-name: stays\r\n",
        "x-token",
        "x-to",
        "cc",
        "x-name",
    ),
    "xml": Sample(
        XML,
        b"<?xml version='1.0' encoding='utf-8'?>\r\n<r><to >+33612345678</to><in token=\"s3cr3t\">"
        b"<cc><at>a@b.example</at></cc> <cc><at>c@d.example</at></cc></in>"
        b"<name>stays</name><gone kind = 'x'/></r>\n",
        "r.in.@token",
        "r.to",
        "r.in.cc.at",
        "r.name",
    ),
    "multipart": Sample(MULTIPART, _PARTS, **_PAIR_NAMES),
    "cookies": Sample(
        COOKIE,
        b"To=+33612345678; x;Token=s3cr3t;  cc=a@b.example; cc=c@d.example; Name=stays; y=",
        **_PAIR_NAMES,
    ),
    "ndjson": Records(NDJSON, b"\r\n \n".join(_RECORDS) + b"\n", **_RECORD_PATHS),
    "json-seq": Records(JSON_SEQ, b"".join([b"\x1e%b\n" % each for each in _RECORDS]), **_RECORD_PATHS),
    "sse": Records(
        SSE,
        b": hello\n\n" + b"".join([b"id: 1\ndata: %b\n\n" % each for each in _RECORDS]),
        **_RECORD_PATHS,
    ),
    "csv": Records(CSV, _ROWS, **_PAIR_NAMES),
    "tsv": Records(TSV, _ROWS.replace(b";", b"\t"), **_PAIR_NAMES),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_conforms(name: str) -> None:
    conforms(SAMPLES[name])


def test_every_codec_of_the_table_is_tested() -> None:
    # A text is one value and has no place for five: see test_codec_text.
    tested = {id(sample.codec) for sample in SAMPLES.values()} | {id(TEXT)}
    assert {id(codec) for codec in CODECS.values()} <= tested
