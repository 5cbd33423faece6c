"""What the tests of the reverse plane share."""

import json

from tests.plane import Upstream
from tests.world import RULES

PASS = RULES + "unmapped: pass\n"
CONTACT = json.dumps({"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}).encode()


def fixed(data: bytes) -> Upstream:
    """An upstream that always answers the same."""
    return Upstream(lambda _: data)


def body_of(reply: bytes) -> bytes:
    return reply.partition(b"\r\n\r\n")[2]
