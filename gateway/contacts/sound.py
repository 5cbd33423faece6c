"""Whether an entry makes sense: what a store must not take in, since it could not tell it again. Pure."""

from collections.abc import Sequence
from typing import Final, get_args

from gateway.contacts.ledger import KINDS
from gateway.contacts.model import Entry
from gateway.errors import StoreError
from gateway.model import Channel

LATEST: Final = 253_402_300_799.0
"""the last second of the year 9999, UTC"""
_CHANNELS: Final = frozenset((None, *get_args(Channel)))
_FREE: Final = ("source", "department", "text", "evidence", "detail")


def check(tenant: str, entries: Sequence[Entry]) -> None:
    """Raises StoreError, without a value, when a store must refuse any of them."""
    if not tenant:
        raise _senseless("a tenant has a name")
    for entry in entries:
        if not entry.id or not entry.subject or entry.purpose == "" or entry.sender == "":
            raise _senseless("id, subject, purpose and sender are not empty")
        if entry.act not in KINDS or entry.channel not in _CHANNELS:
            raise _senseless("its act or channel is not a known one")
        if not 0 <= entry.at <= LATEST or (entry.until is not None and not 0 <= entry.until <= LATEST):
            raise _senseless("its times are seconds since the epoch, up to the year 9999")
        if not _text(entry.id, entry.subject, entry.purpose, entry.sender, *_free(entry)):
            raise _senseless("its texts are Unicode")


def _free(entry: Entry) -> tuple[str, ...]:
    return tuple(getattr(entry, name) for name in _FREE)


def _text(*texts: str | None) -> bool:
    """Whether all of them have a UTF-8 form."""
    try:
        "".join(text for text in texts if text).encode()
    except UnicodeEncodeError:
        return False
    return True


def _senseless(why: str) -> StoreError:
    return StoreError("registry_unavailable", f"an entry was refused: {why}")
