"""What the registry knows of a subject, and the seam to where it is stored. Pure.

Subjects are keyed by their tenant's pseudonym, so that a registry file holds no personal data.
"""

from collections.abc import Awaitable, Sequence
from typing import Literal, Protocol

from gateway.model import Channel, Struct

ConsentState = Literal["pending", "granted", "confirmed", "withdrawn", "expired"]


class Suppression(Struct):
    """Do not contact; None scopes mean every channel, every purpose."""

    channel: Channel | None = None
    purpose: str | None = None
    source: str = ""


class Consent(Struct, kw_only=True):
    """One consent: None channel means any. `confirmed` is a granted consent with double opt-in."""

    channel: Channel | None = None
    purpose: str | None = None
    state: ConsentState


class Standing(Struct):
    """All that is known of one subject; the empty standing is that of an unknown person."""

    suppressions: tuple[Suppression, ...] = ()
    consents: tuple[Consent, ...] = ()


UNKNOWN = Standing()


class Registry(Protocol):
    """Where standings are. Answers at once when it can, else with an awaitable. Raises StoreError."""

    def standings(self, tenant: str, pseudonyms: Sequence[str]) -> list[Standing] | Awaitable[list[Standing]]:
        """One standing per pseudonym, in order; UNKNOWN where nothing is known."""

    def ready(self) -> bool:
        """Whether a lookup would be answered now."""

    def close(self) -> None:
        """Release the store."""
