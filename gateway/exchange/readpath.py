"""The fast path of reads that went straight: alike but for the last segment of their path. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.codecs.program import Limits, Pattern
from gateway.exchange.facts import Facts
from gateway.exchange.fastpath import MAX_HEAD, FastPath
from gateway.exchange.finding import Addressed, Family, family_of
from gateway.exchange.straight import sent_as
from gateway.http1.head import RequestHead
from gateway.policy.snapshot import Snapshot

_END: Final = b" HTTP/1.1\r\n"
_OPENING: Final = b"GET /"


class Cut(NamedTuple):
    """A request's bytes, cut where those differ that are alike otherwise: `front` ends in a slash."""

    front: bytes
    last: bytes
    rest: bytes


def cut(raw: bytes) -> Cut | None:
    """A whole request's head without a body; None for what no path is kept of."""
    size = len(raw)
    if raw[:5] != _OPENING or size > MAX_HEAD or raw.find(b"\r\n\r\n") != size - 4:
        return None
    end = raw.find(_END)
    at = raw.rfind(b"/", 0, end) + 1 if end > 0 else 0
    return Cut(raw[:at], raw[at:end], raw[end:]) if at else None


class ReadPath(FastPath):
    """`before` and `after` are what the upstream is sent around the segment."""

    __slots__ = ("_family", "after", "before")

    def __init__(
        self, snapshot: Snapshot, family: Family, addressed: Addressed, facts: Facts, limits: Limits
    ) -> None:
        super().__init__(snapshot, addressed, facts, limits)
        self._family = family
        self.before = self.after = b""

    def people(self, last: bytes, now: float) -> dict[str, None] | None:
        """Pseudonyms of whom a request names that ends in this; None: that takes a closer look."""
        return None if self._plan.expires <= now else self._family.people(last, self._name)

    def asks(self, facts: Facts, asked: Pattern) -> None:
        """Whom its path names."""
        del asked
        facts.seen.update(self._family.seen)


def read_path(
    snapshot: Snapshot, facts: Facts, addressed: Addressed, head: RequestHead, limits: Limits
) -> ReadPath | None:
    """The path of an exchange that went straight; None where there is none."""
    if facts.peer.intercepted:  # each request of a session is checked against it
        return None
    family = family_of(snapshot, head, addressed)
    if family is None or head.query or head.method != "GET" or not head.keep_alive:
        return None
    front = head.path[: head.path.rfind(b"/") + 1]
    if snapshot.inbox is not None and snapshot.inbox.divides(front):
        return None
    path = ReadPath(snapshot, family, addressed, facts, limits)
    path.before = b"GET %b%b" % (addressed.plan.base_path, family.front)
    whole = sent_as(addressed.plan, head, addressed.path)
    path.after = whole[len(path.before) + len(head.path) - len(front) :]
    return path


Paths = Mapping[bytes, ReadPath]
"""By their fronts: those of requests alike in all that follows their targets."""
