"""Tells subscribers what was entered: at least once, in order, signed, and again until they take it.

The ledger itself is the outbox: what is kept is how far each subscriber was told, so that an entry of whoever
made it (a worker, the command line, the API) is told, and none is lost when a process dies.
"""

import http.client
import logging
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gateway.api import signing
from gateway.api.once import Cursors, opened
from gateway.apischema import signing_key
from gateway.contacts.model import Books, Entry
from gateway.deployment import Webhook
from gateway.errors import StoreError, where
from gateway.intake.acts import TAKES

log = logging.getLogger("hushgate.webhooks")

MOST: Final = 100
"""entries of a message"""
PASSED: Final = 10_000
"""entries looked at for one"""
POLL: Final = 0.5
"""seconds between two looks at the ledger"""
TIMEOUT: Final = 10.0
"""seconds a subscriber may take"""
FIRST: Final = 1.0
LONGEST: Final = 300.0
"""seconds until it is told again: doubled each time, up to the longest"""
GONE: Final = 410
"""The status by which a subscriber ends its subscription (Standard Webhooks)."""

Post = Callable[[Webhook, bytes, Mapping[str, str]], int]
"""Sends a message; the status of the answer. Raises OSError, http.client.HTTPException."""


def post(webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> int:
    """Over HTTP/1.1; a redirect is an answer like any other, and not followed."""
    url = urlsplit(webhook.url)
    host, port = url.hostname or "", url.port
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        context = ssl.create_default_context(cafile=webhook.ca)
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("POST", url.path or "/", body, dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Tools:
    """What an outbox works with. `count` is told (webhook, result) of every attempt."""

    open_books: Callable[[], Books]
    state: Path
    now: Callable[[], float]
    count: Callable[[str, str], None]
    post: Post = post
    poll: float = POLL
    first: float = FIRST


class Outbox(threading.Thread):
    """One subscriber's. `stop` ends it; what was not taken by then is told after the next start."""

    def __init__(self, webhook: Webhook, tools: Tools, stop: threading.Event) -> None:
        super().__init__(name=f"webhook {webhook.name}", daemon=True)
        self._webhook = webhook
        self._tools = tools
        self._stop_asked = stop
        self._key = signing_key(webhook.secret) or b""
        self._wanted = frozenset(webhook.acts or TAKES)

    def run(self) -> None:
        """Tell, until told to stop."""
        wait = self._tools.first
        while not self._stop_asked.is_set():
            try:
                self._follow()
                return
            except StoreError as error:
                log.error("webhook %s: the registry cannot be read: %s", self._webhook.name, error)
            self._stop_asked.wait(wait)
            wait = min(2 * wait, LONGEST)

    def _follow(self) -> None:
        """Follow the ledger. Ends when told to, or when the subscriber is gone. Raises StoreError."""
        books, file = self._tools.open_books(), opened(self._tools.state)
        try:
            cursors, name = Cursors(file), self._webhook.name
            after = cursors.read(name)
            if after is None:
                after = self._end(books)
                cursors.write(name, after)
            while not self._stop_asked.is_set():
                entries, reached = self._next(books, after)
                if entries and not self._told(entries):
                    return
                if reached == after:
                    self._stop_asked.wait(self._tools.poll)
                    continue
                cursors.write(name, reached)
                after = reached
        finally:
            books.close()
            file.close()

    def _end(self, books: Books) -> str:
        """Id of the last entry there is: a subscriber is told of what comes after it subscribed."""
        last = ""
        for entry in books.entries(self._webhook.tenant):
            last = entry.id
            if self._stop_asked.is_set():
                break
        return last

    def _next(self, books: Books, after: str) -> tuple[list[Entry], str]:
        """What is to be told next, and the last entry looked at."""
        found: list[Entry] = []
        reached = after
        for number, entry in enumerate(self._entries(books, after), 1):
            reached = entry.id
            if entry.act in self._wanted:
                found.append(entry)
            if len(found) == MOST or number == PASSED:
                break
        return found, reached

    def _entries(self, books: Books, after: str) -> Sequence[Entry]:
        tenant = self._webhook.tenant
        try:
            return _some(books, tenant, after)
        except StoreError:
            books.standings(tenant, ["-"])  # raises where the store itself is away
            log.error("webhook %s: another registry stands there: all of it is told", self._webhook.name)
            return _some(books, tenant, "")

    def _told(self, entries: Sequence[Entry]) -> bool:
        """Tell until it is taken; False when told to stop, or when the subscriber has gone for good."""
        body = signing.message(self._webhook.tenant, entries, self._tools.now())
        identifier = signing.identified(self._webhook.name, entries)
        wait = self._tools.first
        while not self._stop_asked.is_set():
            status = self._attempt(identifier, body)
            if 200 <= status < 300:
                return True
            if status == GONE:
                log.error("webhook %s has gone (410): it is told nothing more", self._webhook.name)
                self._stop_asked.wait()
                return False
            self._stop_asked.wait(wait)
            wait = min(2 * wait, LONGEST)
        return False

    def _attempt(self, identifier: str, body: bytes) -> int:
        """The status answered, 0 for none."""
        name, headers = self._webhook.name, signing.headers(self._key, identifier, body, self._tools.now())
        try:
            status = self._tools.post(self._webhook, body, headers)
        except (OSError, http.client.HTTPException) as error:
            log.warning("webhook %s cannot be reached: %s", name, where(error))
            self._tools.count(name, "unreachable")
            return 0
        taken = 200 <= status < 300
        self._tools.count(name, "taken" if taken else "refused")
        if not taken:
            log.warning("webhook %s answered %d", name, status)
        return status


def _some(books: Books, tenant: str, after: str) -> Sequence[Entry]:
    """The entries behind one, as many as are looked at."""
    entries = books.entries(tenant, after or None)
    return [entry for entry, _ in zip(entries, range(PASSED), strict=False)]
