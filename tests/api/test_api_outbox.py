"""Subscribers are told at least once, in order, signed; nobody is named, nothing is lost."""

import base64
import hmac
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.api.once import Cursors, opened
from gateway.api.outbox import Outbox, Tools, post
from gateway.contacts.model import Entry
from gateway.contacts.sqlite import SqliteBooks
from gateway.deployment import Webhook
from gateway.secret import Secret

KEY = bytes(range(32))
SECRET = Secret("whsec_" + base64.b64encode(KEY).decode())
T = "acme"
NOW = 1_793_500_000.0
PATIENCE = 30.0


def entry(number: int, tenant_subject: str = "s", **more: object) -> Entry:
    return Entry(id=f"e{number}", subject=tenant_subject, act="suppressed", at=float(number), **more)  # type: ignore[arg-type]


@dataclass
class Subscriber:
    """Takes messages, or answers what it is told to."""

    answers: list[int | Exception] = field(default_factory=list)
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    def post(self, _webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> int:
        answer = self.answers.pop(0) if self.answers else 204
        self.got.append((headers, body))
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def ids(self) -> list[str]:
        return [each["id"] for _, body in self.got for each in json.loads(body)["data"]["entries"]]


def until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@dataclass
class Told:
    """A registry on disk, and the outbox of one subscriber."""

    folder: Path
    subscriber: Subscriber
    counts: list[tuple[str, str]] = field(default_factory=list)

    def books(self) -> SqliteBooks:
        return SqliteBooks(self.folder / "state.db")

    def enter(self, *entries: Entry, tenant: str = T) -> None:
        books = self.books()
        books.enter(tenant, entries)
        books.close()

    def cursor(self) -> str | None:
        file = opened(self.folder / "api.db")
        try:
            return Cursors(file).read("crm")
        finally:
            file.close()

    @contextmanager
    def telling(self, *acts: str) -> Iterator[None]:
        stop = threading.Event()
        count = lambda name, result: self.counts.append((name, result))  # noqa: E731
        tools = Tools(
            self.books, self.folder / "api.db", lambda: NOW, count, self.subscriber.post, 0.005, 0.005
        )
        outbox = Outbox(Webhook("crm", T, "http://127.0.0.1/x", SECRET, acts), tools, stop)
        outbox.start()
        try:
            until(lambda: self.cursor() is not None)
            yield
        finally:
            stop.set()
            outbox.join(PATIENCE)
            assert not outbox.is_alive()


@pytest.fixture
def told(tmp_path: Path) -> Told:
    made = Told(tmp_path, Subscriber())
    made.enter(entry(0))
    return made


def test_what_is_entered_is_told_and_what_was_before_is_not(told: Told) -> None:
    with told.telling():
        told.enter(entry(1), entry(2))
        told.enter(entry(3), tenant="other")
        told.enter(entry(4))
        until(lambda: told.subscriber.ids == ["e1", "e2", "e4"])
        until(lambda: told.cursor() == "e4")


def test_a_message_can_be_checked_by_who_has_the_secret(told: Told) -> None:
    with told.telling():
        told.enter(entry(1))
        until(lambda: told.subscriber.got)
    headers, body = told.subscriber.got[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(KEY, signed, "sha256").digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert headers["webhook-timestamp"] == str(int(NOW))
    assert json.loads(body) == {
        "type": "contacts.changed",
        "timestamp": "2026-11-01T02:26:40Z",
        "data": {"tenant": T, "entries": [{"id": "e1", "subject": "s", "act": "suppressed", "at": 1.0}]},
    }


@pytest.mark.parametrize("failure", [500, 302, 429, ConnectionRefusedError(), http.client.BadStatusLine("x")])
def test_what_is_not_taken_is_told_again_the_same(told: Told, failure: int | Exception) -> None:
    told.subscriber.answers = [failure, failure]
    with told.telling():
        told.enter(entry(1))
        until(lambda: told.cursor() == "e1")
    assert len({(headers["webhook-id"], body) for headers, body in told.subscriber.got}) == 1
    assert len(told.subscriber.got) == 3
    assert told.counts[-1] == ("crm", "taken")
    assert told.counts[0][1] == ("refused" if isinstance(failure, int) else "unreachable")


def test_what_was_not_taken_is_told_after_the_next_start(told: Told) -> None:
    told.subscriber.answers = [503] * 100_000
    with told.telling():
        told.enter(entry(1))
        until(lambda: told.subscriber.got)
    told.enter(entry(2))
    told.subscriber.answers, told.subscriber.got = [], []
    with told.telling():
        until(lambda: told.subscriber.ids == ["e1", "e2"])


def test_a_subscriber_that_has_gone_is_told_nothing_more(told: Told) -> None:
    told.subscriber.answers = [410]
    with told.telling():
        told.enter(entry(1))
        until(lambda: told.subscriber.got)
        told.enter(entry(2))
    assert len(told.subscriber.got) == 1
    assert told.cursor() == "e0"


def test_only_of_the_acts_that_were_named(told: Told) -> None:
    with told.telling("erased"):
        told.enter(*(entry(n) for n in range(1, 300)))
        told.enter(replace(entry(300), act="erased"), replace(entry(301), act="imported", subject="list:l"))
        until(lambda: told.cursor() == "e301")
    assert told.subscriber.ids == ["e300"]


def test_many_come_in_messages_of_a_hundred(told: Told) -> None:
    with told.telling():
        told.enter(*(entry(n) for n in range(1, 251)))
        until(lambda: told.cursor() == "e250")
    assert told.subscriber.ids == [f"e{n}" for n in range(1, 251)]
    assert all(len(json.loads(body)["data"]["entries"]) <= 100 for _, body in told.subscriber.got)


def test_another_registry_is_told_from_its_beginning(told: Told) -> None:
    with told.telling():
        pass
    (told.folder / "state.db").unlink()
    for side in ("-wal", "-shm"):
        (told.folder / f"state.db{side}").unlink(missing_ok=True)
    told.enter(entry(7))
    with told.telling():
        until(lambda: told.subscriber.ids == ["e7"])


class _Server(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got = (self.path, dict(self.headers), body)  # type: ignore[attr-defined]
        self.send_response(302)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_it_goes_over_http_and_no_redirect_is_followed() -> None:
    with HTTPServer(("127.0.0.1", 0), _Server) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        webhook = Webhook("crm", T, f"http://127.0.0.1:{server.server_port}/hook", SECRET)
        assert post(webhook, b"{}", {"webhook-id": "m"}) == 302
        thread.join(PATIENCE)
        path, headers, body = server.got  # type: ignore[attr-defined]
    assert (path, headers["webhook-id"], body) == ("/hook", "m", b"{}")
