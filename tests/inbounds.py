"""Webhooks as providers send them: signed by their own SDKs, to a world or a worker that expects them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from twilio.request_validator import RequestValidator

from gateway.contacts.model import Act
from gateway.model import Upstream
from gateway.webhooks.route import OneClick, Route
from gateway.webhooks.signing import Signing
from tests.world import Answer, Played, World

PLUGINS = Path(__file__).resolve().parent.parent / "plugins"
PUBLIC = "https://hooks.acme.example/in/twilio"
THEIRS, OURS = "twilio-auth-token", "what-the-application-holds"
CLICKS = OneClick("https://hooks.acme.example/u", "/u")
TWIML = (b"Content-Type", b"text/xml")
COMPANY = "+33939980100"


def application(provider: str, port: int = 9, prefix: str = "/in/twilio") -> Upstream:
    """The application webhooks go on to."""
    url = f"http://127.0.0.1:{port}/app"
    return Upstream(
        name="sms-in",
        provider=provider,
        url=url,
        region="FR",
        operator="OVH",
        prefix=prefix,
        tenants=("acme",),
    )


def twilio_route(client: str = "office", **more: Any) -> Route:
    """Messages, their status and calls, for one of the world's clients."""
    made = {
        "upstream": application("twilio"),
        "tenant": "acme",
        "client": client,
        "webhooks": ("messages.received", "messages.status", "calls.received"),
        "public_url": PUBLIC,
        "verify": Signing("twilio", (THEIRS,)),
        "sign": Signing("twilio", (OURS,)),
        "sign_url": "https://app.acme.example/app",
        "department": "campaigns",
    }
    return Route(**{**made, **more})


def twilio_world(client: str = "office", route: Mapping[str, Any] | None = None, **more: Any) -> World:
    """A world into which Twilio's webhooks come."""
    pack = (PLUGINS / "twilio" / "pack.yaml").read_bytes()
    inbound = (twilio_route(client, **(route or {})),)
    return World(pack=pack, provider="twilio", inbound=inbound, clicks=CLICKS, **more)


def message(text: str, **more: str) -> dict[str, str]:
    """The parameters of a message somebody sent."""
    made = {"MessageSid": "SM1", "SmsStatus": "received", "From": "+33639980001", "To": COMPANY, "Body": text}
    return {"AccountSid": "AC1", **made, **more}


def twilio_signed(params: Mapping[str, str], rest: str = "") -> dict[str, str]:
    """The header fields Twilio sends with these parameters."""
    signature = RequestValidator(THEIRS).compute_signature(PUBLIC + rest, dict(params))
    return {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}


def deliver(world: World, params: Mapping[str, str], *, rest: str = "/sms", **more: Any) -> Played:
    """Twilio delivers a webhook."""
    more.setdefault("headers", twilio_signed(params, rest))
    more.setdefault("answer", Answer(200, (TWIML,), b"<Response/>"))
    return world.ask("POST", f"/in/twilio{rest}", client=None, body=urlencode(params).encode(), **more)


def acts(played: Played) -> list[tuple[Act, str | None, str | None]]:
    """What was entered: act, channel, purpose."""
    return [(entry.act, entry.channel, entry.purpose) for entry in played.script.entered]


def params(played: Played) -> dict[str, str]:
    """The form the application got."""
    return dict(parse_qsl(played.sent[1].decode(), keep_blank_values=True))


def field(played: Played, name: str) -> str | None:
    """A header field the application got."""
    lines = played.sent[0].decode().split("\r\n")
    return next((v for n, _, v in (line.partition(": ") for line in lines) if n.lower() == name), None)
