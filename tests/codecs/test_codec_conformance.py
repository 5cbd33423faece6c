"""Every codec against the same demands."""

import pytest

from gateway.codecs.json import JSON
from gateway.codecs.params import FORM, HEADERS, QUERY
from gateway.codecs.table import CODECS
from tests.codecs.conformance import Sample, conforms

_PAIRS = b"To=%2B33612345678&x&Token=s3cr3t&cc=a%40b.example&&cc=c%40d.example&Name=stays&y="
_PAIR_NAMES = {"secret": "Token", "subject": "To", "repeated": "cc", "kept": "Name"}

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
}


@pytest.mark.parametrize("name", SAMPLES)
def test_conforms(name: str) -> None:
    conforms(SAMPLES[name])


def test_every_codec_of_the_table_is_tested() -> None:
    assert {id(codec) for codec in CODECS.values()} <= {id(sample.codec) for sample in SAMPLES.values()}
