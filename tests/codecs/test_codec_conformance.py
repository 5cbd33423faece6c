"""Every codec against the same demands."""

import pytest

from gateway.codecs.cookies import COOKIE
from gateway.codecs.json import JSON
from gateway.codecs.params import FORM, HEADERS, QUERY
from gateway.codecs.table import CODECS, codec_for
from gateway.codecs.xml import XML
from tests.codecs.conformance import Sample, conforms

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
        b"<cc><at>a@b.example</at></cc> <cc><at>c@d.example</at></cc></in><name>stays</name><gone kind = 'x'/></r>\n",
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
}


@pytest.mark.parametrize("name", SAMPLES)
def test_conforms(name: str) -> None:
    conforms(SAMPLES[name])


def test_every_codec_of_the_table_is_tested() -> None:
    assert {id(codec) for codec in CODECS.values()} <= {id(sample.codec) for sample in SAMPLES.values()}
