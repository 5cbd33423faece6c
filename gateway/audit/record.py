"""One audit record. Pure. Holds pseudonyms, names and counts; never a value from traffic."""

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

Phase = Literal[
    "read",
    "intent",
    "stream",
    "message",
    "outcome",
    "refusal",
    "entry",
    "step",
    "start",
    "stop",
    "recovered",
]


UNJUDGED = "registry away"
"""The note of a contact that passed although nobody could be asked about its recipients."""
AGEING = "a list is ageing"
"""The note of a contact that relied on a list which is not young any more, or can no longer be relied on."""


class Record(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A read has one record, an act an intent and an outcome (same id), a refusal one. An answer that is
    passed on in pieces has a stream before its first byte and an outcome at its end, with all counts. A
    WebSocket has an intent, a stream, a message for those messages that came together and hold something, and
    an outcome with all counts but subjects: `sent` and `received` messages, `close` the code it ended with.
    What traffic adds to the contact registry has an entry (`note` says which act, and where). A step says
    what becomes of an instruction (`rules`) or a sub-processor (`operator`): `reason` is a word, `note` why.

    Times: `at` seconds since the epoch; `added_us` microseconds the gateway itself spent, `total_us` with
    the upstream. Sizes are body bytes. `seen`/`masked` count values by data category, `paths` masked ones by
    data-map path, `restored` tokens of the request that became what they stand for, by data category.
    `fields` names what a write sets (no message to somebody), as far as the pack knows it; the rest is `*`.
    `subjects` are keyed pseudonyms; of a stream the first, and `subjects_more` counts the identifiers met
    after those, the same ones again included. `parts` are the operations of the calls that an envelope holds,
    in order. `bases` are those of transfers on which residency rules let data go there. `policy` is the
    SHA-256 of the rule file in force.
    """

    phase: Phase
    id: str
    at: float
    tenant: str = "-"
    client: str = "-"
    role: str = "-"
    purposes: tuple[str, ...] = ()
    provider: str = "-"
    upstream: str = "-"
    operation: str = "-"
    parts: tuple[str, ...] = ()
    method: str = "-"
    effect: Literal["allow", "refuse", "error"] = "allow"
    reason: str = ""
    status: int = 0
    rules: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    subjects_more: int = 0
    seen: dict[str, int] = {}
    masked: dict[str, int] = {}
    paths: dict[str, int] = {}
    fields: tuple[str, ...] = ()
    restored: dict[str, int] = {}
    unmapped: int = 0
    dropped: int = 0
    address: str = ""
    country: str = ""
    operator: str = ""
    evidence: str = ""
    bases: tuple[str, ...] = ()
    request_bytes: int = 0
    response_bytes: int = 0
    added_us: int = 0
    total_us: int = 0
    sent: int = 0
    received: int = 0
    close: int = 0
    policy: str = ""
    note: str = ""


Accepted = Callable[[Exception | None], None]
"""Called once per record: None when it is durable as configured, a StoreError when it is not."""


class Log(Protocol):
    """Accepts records. Never drops one: it answers with acceptance or with a StoreError."""

    def append(self, record: Record, accepted: Accepted) -> None:
        """Take a record; `accepted` is called (possibly before this returns) when its fate is known."""

    def ready(self) -> bool:
        """Whether a record would be accepted now."""

    def close(self) -> None:
        """Write what is waiting and a stop record."""


class TextLog(Log, Protocol):
    """One that takes records that are text already."""

    def append_text(self, text: bytes, accepted: Accepted) -> None:
        """Take one (audit.template), as `append` does."""
