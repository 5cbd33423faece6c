"""What a step of the tour reaches: applications with and without the gateway, and the sandboxes' ledgers."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import urlopen

from gateway.demo.apps import HubSpotApp, TwilioApp
from gateway.demo.house import House


@dataclass(frozen=True, slots=True)
class World:
    """Applications by client, and the sandboxes' URLs by upstream."""

    house: House
    urls: Mapping[str, str]
    direct_hubspot: HubSpotApp
    direct_twilio: TwilioApp
    helpdesk: HubSpotApp
    helpdesk_twilio: TwilioApp
    dialer: HubSpotApp
    dialer_twilio: TwilioApp
    backoffice: HubSpotApp
    overseas: HubSpotApp
    phonebank: HubSpotApp
    phonebank_twilio: TwilioApp
    newsletter: HubSpotApp
    stranger: HubSpotApp

    def received(self, upstream: str) -> int:
        """How many requests reached a sandbox so far."""
        return int(self._ledger(upstream)["count"])

    def replies(self) -> list[dict[str, Any]]:
        """What reached the application that gets webhooks: sender, said, verified."""
        return list(self._ledger("replies")["requests"])

    def last_body(self, upstream: str) -> str:
        """The body of the last request that reached a sandbox."""
        return str(self._ledger(upstream)["requests"][-1]["body"])

    def _ledger(self, upstream: str) -> Any:
        with urlopen(f"{self.urls[upstream]}/__sandbox/received", timeout=10) as answer:  # noqa: S310 - loopback
            return json.load(answer)


@contextmanager
def world(house: House, urls: Mapping[str, str]) -> Iterator[World]:
    """All applications, their connections closed at the end."""
    hubspot, twilio = f"{house.apps}/hubspot", f"{house.apps}/twilio"
    made = World(
        house=house,
        urls=urls,
        direct_hubspot=HubSpotApp(urls["hubspot"]),
        direct_twilio=TwilioApp(urls["twilio"]),
        helpdesk=HubSpotApp(hubspot, house.keys["helpdesk"]),
        helpdesk_twilio=TwilioApp(twilio, house.keys["helpdesk"]),
        dialer=HubSpotApp(hubspot, house.keys["dialer"]),
        dialer_twilio=TwilioApp(twilio, house.keys["dialer"]),
        backoffice=HubSpotApp(hubspot, house.keys["backoffice"]),
        overseas=HubSpotApp(f"{house.apps}/hubspot-us", house.keys["backoffice"]),
        phonebank=HubSpotApp(hubspot, house.keys["phonebank"]),
        phonebank_twilio=TwilioApp(twilio, house.keys["phonebank"]),
        newsletter=HubSpotApp(hubspot, house.keys["newsletter"]),
        stranger=HubSpotApp(hubspot, "a-key-nobody-made"),
    )
    try:
        yield made
    finally:
        for app in (made.direct_twilio, made.helpdesk_twilio, made.dialer_twilio, made.phonebank_twilio):
            app.close()
