"""Answers that fail while they stream, and errors of the house."""

import pytest

from gateway.codecs.encodings import Decoder, Encoder
from gateway.codecs.ndjson import NDJSON
from gateway.codecs.program import Limits, Tally
from gateway.codecs.unread import NOTHING
from gateway.errors import PayloadError
from gateway.exchange.facts import Facts
from gateway.exchange.streaming import Passage
from gateway.planes.reverse.flow import Flow
from tests.faultrows import COMMAND_ROWS, ROWS
from tests.faults import Fault, Row, Said, breaking, problem_of, run, talk
from tests.faulttraffic import EXPORT, PACK_WITH_HEADERS, SECRET, reply
from tests.plane import Gate, Upstream

STREAM_ROWS = [
    *(COMMAND_ROWS[name] for name in ("Begin", "Write", "Break")),
    *(
        Row(name, breaking(owner, attribute), EXPORT, True)
        for name, owner, attribute in (
            ("a stream's next part", Flow, "next"),
            ("a stream's codings", Decoder, "pieces"),
            ("a stream's codec", type(NDJSON.stream(NOTHING, Tally.of(NOTHING), Limits())), "feed"),
            ("a stream's codings, put on", Encoder, "feed"),
            ("a stream's end", Encoder, "finish"),
            ("a stream's people", Passage, "_remember"),
            ("a stream's counts", Facts, "note"),
        )
    ),
]
HOUSE_ERROR = PayloadError("unparseable_body", "a text of the house", "body")


@pytest.mark.parametrize("error", [RuntimeError(SECRET), HOUSE_ERROR], ids=["unforeseen", "house"])
@pytest.mark.parametrize("row", STREAM_ROWS, ids=lambda row: row.name)
def test_a_stream_that_breaks_has_no_clean_end(
    row: Row, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once an answer has begun there is no problem document: the connection ends without a last chunk."""
    fault = Fault()
    row.install(monkeypatch, fault)
    with Upstream(reply) as upstream, Gate(upstream, pack=PACK_WITH_HEADERS) as gate:
        fault.error = error
        got = talk(gate, row.asked)
        fault.error = None
        assert fault.met, "the fault was not met: the row tests nothing"
        head, _, body = got.partition(b"\r\n\r\n")
        assert not body.endswith(b"0\r\n\r\n") and b"@example.com" not in body
        if b"200 OK" not in head and got:
            problem_of(got)
        last = gate.records()[-1]
        assert (last.phase, last.effect) == ("outcome", "error") and last.reason
        served = talk(gate, EXPORT)
        assert served.endswith(b"0\r\n\r\n"), "the worker serves on"
    assert SECRET not in Said(caplog).text()


@pytest.mark.parametrize("row", [r for r in ROWS if r.house], ids=lambda row: row.name)
def test_an_error_of_the_house(
    row: Row, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fault = Fault()
    row.install(monkeypatch, fault)
    assert row.house is not None
    with Upstream(reply) as upstream, Gate(upstream, rules=row.policy, pack=PACK_WITH_HEADERS) as gate:
        run(gate, upstream, row, fault, row.house, row.house_status, Said(caplog))
