"""Every row of the third-party HTTP corpora, and of the trimmed vectors kept here. `-s` prints the tables."""

import httptools
import pytest

from gateway.http1.encode import end_to_end, request_head
from gateway.http1.head import RequestHead
from tests.http1 import http1_corpus as corpora
from tests.http1 import http1_expected as expected

Verdicts = list[tuple[str, str, str]]


def llhttp_verdict(row: corpora.Row) -> tuple[str, str, str]:
    rejecting = row["expect"] == "reject"
    if row["dir"] == "request":
        requests = corpora.play_requests(corpora.raw(row), complete=rejecting)
        verdict, count = requests.verdict, len(requests.messages)
    else:
        answers = corpora.play_responses(corpora.raw(row), "GET", eof=False, complete=rejecting)
        verdict, count = answers.verdict, len(answers.messages)
    if rejecting:
        # What comes after the end of the connection was asked for is not read at all.
        return row["id"], "reject", "reject" if verdict == "closed" else verdict
    got = "reject" if verdict == "reject" else f"accept {count}"
    return row["id"], f"accept {row['messages']}", got


def gunicorn_verdict(row: corpora.Row) -> tuple[str, str, str]:
    played = corpora.play_requests(corpora.raw(row), complete=row["expect"] == "reject")
    got = played.verdict if played.error else ("accept" if played.messages else "nothing")
    return row["id"], row["expect"], got


def smuggler_verdict(row: corpora.Row) -> tuple[str, str, str]:
    played = corpora.play_requests(corpora.raw(row))
    if played.error is not None and not played.messages:
        return row["id"], "no desync", "no desync"
    [(head, body)] = played.messages
    # Bytes beyond the declared length are read as a next request, and refused: they are not one.
    unambiguous = _framing_fields(head) == [b"content-length"] and head.length == len(body)
    return row["id"], "no desync", "no desync" if unambiguous and _read_as_one(head, body) else "ambiguous"


def _framing_fields(head: RequestHead) -> list[bytes]:
    names = [name.lower() for name, _ in head.headers]
    return [name for name in names if name.strip(b"_-.").endswith((b"transfer-encoding", b"content-length"))]


class _Count:
    def __init__(self) -> None:
        self.messages = 0

    def on_message_complete(self) -> None:
        self.messages += 1


def _read_as_one(head: RequestHead, body: bytes) -> bool:
    """Whether an independent parser sees one request in what would be sent on."""
    count = _Count()
    sent = request_head(head.method, head.target, end_to_end(head.headers)) + body
    httptools.HttpRequestParser(count).feed_data(sent)
    return count.messages == 1


def curl_verdict(row: corpora.Row) -> tuple[str, str, str]:
    words = row["command"].split()
    heading = "-I" in words or "--head" in words or row["id"] in expected.CURL_HEAD
    played = corpora.play_responses(corpora.raw(row), "HEAD" if heading else "GET")
    usable = any(head.status >= 200 for head, _ in played.messages)
    return row["id"], "usable" if row["curl_exit"] == 0 else "refused", "usable" if usable else "refused"


def test_llhttp_corpus() -> None:
    rows: Verdicts = [llhttp_verdict(row) for row in corpora.corpus("llhttp_cases.jsonl")]
    assert len(rows) == 167
    corpora.compare("llhttp", rows, expected.LLHTTP)
    assert expected.LLHTTP.keys() <= {name for name, _, _ in rows}


def test_gunicorn_corpus() -> None:
    rows: Verdicts = [gunicorn_verdict(row) for row in corpora.corpus("gunicorn_requests.jsonl")]
    assert len(rows) == 96
    corpora.compare("gunicorn", rows, expected.GUNICORN)
    assert expected.GUNICORN.keys() <= {name for name, _, _ in rows}


def test_smuggler_corpus() -> None:
    rows: Verdicts = [smuggler_verdict(row) for row in corpora.corpus("smuggler_payloads.jsonl")]
    assert len(rows) == 2366
    corpora.compare("smuggler", rows, {})


def test_curl_corpus() -> None:
    rows: Verdicts = [curl_verdict(row) for row in corpora.corpus("curl_http_replies.jsonl")]
    assert len(rows) == 590
    corpora.compare("curl", rows, expected.CURL)
    assert expected.CURL.keys() <= {name for name, _, _ in rows}


VERDICTS = {
    "llhttp": (llhttp_verdict, expected.LLHTTP, 70),
    "gunicorn": (gunicorn_verdict, expected.GUNICORN, 50),
    "smuggler": (smuggler_verdict, {}, 40),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_vectors(name: str) -> None:
    verdict, exceptions, at_least = VERDICTS[name]
    rows = [verdict(row) for row in corpora.read_rows(corpora.VECTORS / f"{name}.jsonl")]
    assert len(rows) >= at_least
    corpora.compare(name, rows, exceptions)
