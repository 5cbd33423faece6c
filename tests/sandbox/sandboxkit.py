"""Real SDK clients pointed at a sandbox, closed after use; and what a sandbox remembers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from gateway.sandbox import twilio


@contextmanager
def twilio_client(url: str, token: str = twilio.TOKEN) -> Iterator[Any]:
    """A `twilio.rest.Client` whose products all stand at one address."""
    transport = TwilioHttpClient()
    client = Client(twilio.ACCOUNT, token, http_client=transport)
    for product in (client.api, client.lookups, client.conversations):
        product.base_url = url
    try:
        yield client
    finally:
        transport.session.close()


def received(url: str, method: str = "GET") -> Any:
    """The sandbox's ledger."""
    with urlopen(Request(f"{url}/__sandbox/received", method=method), timeout=30) as answer:
        return json.load(answer)
