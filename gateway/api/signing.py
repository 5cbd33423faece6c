"""Signed messages to subscribers, as Standard Webhooks 1.0 writes them (standardwebhooks.com). Pure."""

import base64
import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec

from gateway.contacts.model import Entry
from gateway.intake.moments import spelt


class Change(msgspec.Struct, frozen=True):
    """A message: what was entered, in the ledger's order. It names nobody but by pseudonym."""

    type: str
    timestamp: str
    data: "Changed"


class Changed(msgspec.Struct, frozen=True):
    """The tenant, and entries as the ledger holds them."""

    tenant: str
    entries: tuple[Entry, ...]


def message(tenant: str, entries: Sequence[Entry], now: float) -> bytes:
    """The body."""
    return msgspec.json.encode(Change("contacts.changed", spelt(int(now)), Changed(tenant, tuple(entries))))


def identified(webhook: str, entries: Sequence[Entry]) -> str:
    """The message's id: the same for the same entries, so that one told twice can be known."""
    mark = "\n".join((webhook, entries[0].id, entries[-1].id, str(len(entries))))
    return "msg_" + base64.b32encode(sha256(mark.encode()).digest()[:15]).decode().lower()


def headers(key: bytes, identifier: str, body: bytes, now: float) -> Mapping[str, str]:
    """What goes before the body: id, time and signature of both with it."""
    moment = str(int(now))
    signed = hmac.digest(key, f"{identifier}.{moment}.".encode() + body, "sha256")
    return {
        "webhook-id": identifier,
        "webhook-timestamp": moment,
        "webhook-signature": "v1," + base64.b64encode(signed).decode(),
        "content-type": "application/json",
    }
