"""Links of one click (RFC 8058): what they say, sealed by the tenant's own key. Pure.

    https://u.example.com/unsubscribe/<what it says>.<MAC>

A link holds a pseudonym and scopes, no address and no number. Whoever changes it has no link any more.
"""

import base64
import hmac
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.errors import PayloadError
from gateway.model import Channel, Struct

USE: Final = "unsubscribe"
"""What the key is derived for (`Keyring.derive`)."""
DAY: Final = 86_400
LASTS: Final = 400.0 * DAY
"""seconds a link is good for, unless it says otherwise"""
MAX_TOKEN: Final = 1024
_MAC: Final = 16


class Link(Struct, array_like=True):
    """Who unsubscribes, from what. `until`: epoch seconds. No purpose: what the tenant's opt-outs are for."""

    tenant: str
    subject: str
    until: int
    channel: Channel | None = None
    purpose: str | None = None
    sender: str | None = None


_read = msgspec.msgpack.Decoder(Link).decode


def mint(key: bytes, link: Link) -> str:
    """The last segment of the link's path."""
    said = msgspec.msgpack.encode(link)
    return f"{_text(said)}.{_text(_mac(key, said))}"


def read(token: str, key_of: Callable[[str], bytes | None], now: float) -> Link:
    """What a link says. `key_of` gives a tenant's key. Raises PayloadError: link_invalid, link_expired."""
    text, _, mac = token[: MAX_TOKEN + 1].partition(".")
    try:
        said, given = _bytes(text), _bytes(mac)
        link = _read(said)
    except (ValueError, msgspec.MsgspecError) as error:
        raise PayloadError("link_invalid", "") from error
    key = key_of(link.tenant)
    if len(token) > MAX_TOKEN or key is None or not hmac.compare_digest(given, _mac(key, said)):
        raise PayloadError("link_invalid", "")
    if now > link.until:
        raise PayloadError("link_expired", "")
    return link


def headed(base: str, token: str) -> tuple[str, dict[str, str]]:
    """The link below an address, and the header fields of a message it goes into (RFC 2369, RFC 8058)."""
    url = f"{base}/{token}"
    return url, {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _mac(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, b"one-click\0" + said, "sha256")[:_MAC]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Raises ValueError for anything but the one spelling of some bytes."""
    data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    if _text(data) != text:
        raise ValueError("another spelling")
    return data
