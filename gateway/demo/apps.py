"""The applications of the tour: the providers' real SDKs, pointed at a sandbox or at the gateway.

The only difference between the two is the base URL and one header. What the gateway says about an answer
(its headers), or the refusal an SDK's exception carries, is kept as an Answer.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hubspot import Client as HubSpotClient
from hubspot.crm.contacts.exceptions import ApiException as ContactsError
from hubspot.discovery.discovery_base import DiscoveryBase
from hubspot.marketing.transactional.exceptions import ApiException as MailError
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client as TwilioClient

from gateway.sandbox import hubspot, twilio

HELD_BY_GATEWAY = "held-by-the-gateway"
"""What an application sends in place of the credential it does not have."""
PROBLEM = "urn:hushgate:"
ERRORS = (ContactsError, MailError)
"""Every package of the HubSpot SDK has an ApiException of its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an SDK call gave: a value, or an exception; and what the gateway said beside it.

    `masked` and `dropped` are from the answer's headers; `reason` is from a refusal's problem document.
    """

    value: Any = None
    error: str = ""
    status: int = 0
    reason: str = ""
    masked: int = 0
    dropped: int = 0


class HubSpotApp:
    """`hubspot-api-client`. Without a key it calls the sandbox, with one the gateway."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self._key = key
        self._used: Any = None
        self.sdk: Any = HubSpotClient.create(
            access_token=hubspot.TOKEN if key is None else HELD_BY_GATEWAY, host=url, api_factory=self._make
        )

    def call(self, do: Callable[[Any], Any]) -> Answer:
        """Run a call on the SDK."""
        try:
            value = do(self.sdk)
        except ERRORS as error:
            return _refusal(error, int(error.status), str(error.body), error.headers or {})
        return _told(value, self._used.last_response.urllib3_response.headers)

    def _make(self, package: Any, name: str, config: Mapping[str, Any]) -> Any:
        api = DiscoveryBase._default_api_factory(package, name, config)  # noqa: SLF001 - the factory it replaces
        self._used = api.api_client
        if self._key is not None:
            api.api_client.set_default_header("Hushgate-Key", self._key)
        return api


class _Transport(TwilioHttpClient):  # type: ignore[misc]  # the SDK has no types
    """Adds the key, and keeps the last response."""

    def __init__(self, key: str | None) -> None:
        super().__init__()
        self._key = key
        self.last: Any = None

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """One HTTP request of the SDK."""
        if self._key is not None:
            kwargs["headers"] = {**(kwargs.get("headers") or {}), "Hushgate-Key": self._key}
        self.last = super().request(method, url, *args, **kwargs)
        return self.last


@dataclass(slots=True)
class TwilioApp:
    """`twilio`. Without a key it calls the sandbox, with one the gateway."""

    url: str
    key: str | None = None
    sdk: Any = field(init=False)
    _transport: _Transport = field(init=False)

    def __post_init__(self) -> None:
        self._transport = _Transport(self.key)
        token = twilio.TOKEN if self.key is None else HELD_BY_GATEWAY
        self.sdk = TwilioClient(twilio.ACCOUNT, token, http_client=self._transport)
        self.sdk.api.base_url = self.url
        self.sdk.lookups.base_url = self.url

    def call(self, do: Callable[[Any], Any]) -> Answer:
        """Run a call on the SDK."""
        try:
            value = do(self.sdk)
        except TwilioException as error:
            last = self._transport.last
            return _refusal(error, int(last.status_code), str(last.text), last.headers)
        return _told(value, self._transport.last.headers)

    def close(self) -> None:
        """Close the SDK's connections."""
        self._transport.session.close()


def _told(value: Any, headers: Mapping[str, str]) -> Answer:
    lower = {k.lower(): v for k, v in headers.items()}
    return Answer(
        value=value,
        masked=int(lower.get("hushgate-masked", 0)),
        dropped=int(lower.get("hushgate-dropped", 0)),
    )


def _refusal(error: Exception, status: int, body: str, headers: Mapping[str, str]) -> Answer:
    try:
        problem = json.loads(body)
    except ValueError:
        problem = {}
    kind = str(problem.get("type", "")) if isinstance(problem, dict) else ""
    dropped = int({k.lower(): v for k, v in headers.items()}.get("hushgate-dropped", 0))
    name = f"{type(error).__module__.split('.')[0]} {type(error).__name__}"
    return Answer(error=name, status=status, reason=kind.removeprefix(PROBLEM), dropped=dropped)
