"""The real `twilio` SDK pages through the gateway: every page comes through it, and every page is masked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from gateway.model import Upstream as UpstreamModel
from tests.plane import Gate, Upstream, answer
from tests.world import KEYS

PACKS = Path(__file__).resolve().parents[2] / "plugins"
TWILIO = (PACKS / "twilio" / "pack.yaml").read_bytes().replace(b"provider: twilio", b"provider: crm")
RULES = """
tenant: acme
instruction: {by: dpo@acme.example, ref: test, date: 2026-01-01}
country: FR
clients:
  - {id: desk, role: support, purposes: [essential.service.operations.support], key: "sha256:%s"}
views:
  support: {mask: {user.contact.phone_number: token}, reveal: user.contact.phone_number}
"""
NUMBER = "+33639980001"
ACCOUNT = "AC" + "0" * 32


def message(number: int) -> dict[str, Any]:
    return {"sid": f"SM{number:032}", "to": NUMBER, "from": "+33755531200", "body": "x"}


def messages(target: Any) -> dict[str, Any]:
    """Two pages of the 2010 API: links are paths, and repeat a filter."""
    at = int(parse_qs(target.query).get("Page", ["0"])[0])
    link = f"{target.path}?DateSent%3E=2026-01-01&From=%2B33755531200&PageSize=1&Page="
    return {
        "messages": [message(at)],
        "page": at,
        "uri": f"{link}{at}",
        "next_page_uri": None if at else f"{link}1&PageToken=PASM{0:032}",
    }


def participants(target: Any, host: str) -> dict[str, Any]:
    """Two pages of the later APIs: links name the host."""
    at = int(parse_qs(target.query).get("Page", ["0"])[0])
    url = f"http://{host}{target.path}?PageSize=1&Page="
    meta = {
        "key": "participants",
        "page": at,
        "url": f"{url}{at}",
        "next_page_url": None if at else f"{url}1",
    }
    who = {
        "sid": f"MB{at:032}",
        "messaging_binding": {"address": NUMBER},
        "url": f"http://{host}{target.path}/MB{at:032}",
    }
    return {"meta": meta, "participants": [who]}


def reply(request: bytes) -> bytes:
    line, _, rest = request.partition(b"\r\n")
    host = rest.split(b"Host: ", 1)[1].split(b"\r\n", 1)[0].decode()
    target = urlsplit(line.split(b" ")[1].decode())
    found = messages(target) if target.path.startswith("/2010") else participants(target, host)
    return answer(json.dumps(found).encode())


class Transport:
    """The SDK's own, which sends the key of the gateway along and remembers where it went."""

    def __init__(self) -> None:
        self.sdk = TwilioHttpClient()
        self.urls: list[str] = []

    def request(self, method: str, url: str, *rest: Any, **more: Any) -> Any:
        """A request."""
        self.urls.append(url)
        headers = {**(more.pop("headers", None) or {}), "Hushgate-Key": KEYS["support"].decode()}
        return self.sdk.request(method, url, *rest, headers=headers, **more)


def at_prefix(upstream: UpstreamModel) -> UpstreamModel:
    return msgspec.structs.replace(upstream, prefix="/twilio", credential="Basic c2VjcmV0")


def at_host(upstream: UpstreamModel) -> UpstreamModel:
    return msgspec.structs.replace(upstream, prefix=None, host="127.0.0.1", credential="Basic c2VjcmV0")


@contextmanager
def paging(change: Any, prefix: str) -> Iterator[tuple[Any, Transport, Upstream, str]]:
    rules = RULES % sha256(KEYS["support"]).hexdigest()
    transport = Transport()
    with Upstream(reply) as upstream, Gate(upstream, rules=rules, pack=TWILIO, change=change) as gate:
        client = Client(ACCOUNT, "of-the-gateway", http_client=transport)
        url = f"http://127.0.0.1:{gate.port}{prefix}"
        for product in (client.api, client.conversations):
            product.base_url = url
        try:
            yield client, transport, upstream, url
        finally:
            transport.sdk.session.close()


@pytest.mark.parametrize(("change", "prefix"), [(at_prefix, "/twilio"), (at_host, "")])
def test_every_page_comes_through_the_gateway_and_is_masked(change: Any, prefix: str) -> None:
    with paging(change, prefix) as (client, transport, upstream, url):
        first = client.messages.page(page_size=1)
        seen = [(each.sid, each.to) for each in first]
        second = first.next_page()
        seen += [(each.sid, each.to) for each in second]
        people = client.conversations.v1.conversations(f"CH{0:032}").participants.list(page_size=1)
        seen += [(each.sid, each.messaging_binding["address"]) for each in people]
    assert [sid for sid, _ in seen] == [f"SM{0:032}", f"SM{1:032}", f"MB{0:032}", f"MB{1:032}"]
    assert {to for _, to in seen} == {seen[0][1]} and seen[0][1].startswith("+33") and seen[0][1] != NUMBER
    assert len(transport.urls) == 4
    assert all(each.startswith(url + "/") for each in transport.urls)
    assert [each.url for each in people] == [
        f"{url}/v1/Conversations/CH{0:032}/Participants/MB{at:032}" for at in range(2)
    ]
    assert second._payload["uri"].startswith(
        f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?DateSent%3E=2026-01-01&From=%2B"
    )
    assert b"33755531200" not in second._payload["uri"].encode()
    # the filter that the second page came with as a token was restored
    assert len(upstream.requests) == 4
    assert upstream.requests[1].startswith(b"GET /2010-04-01/Accounts/%b/Messages.json?" % ACCOUNT.encode())
    assert b"&From=%2B33755531200&PageSize=1&Page=1&" in upstream.requests[1].split(b"\r\n")[0]
    assert all(b"Authorization: Basic c2VjcmV0\r\n" in each for each in upstream.requests)
