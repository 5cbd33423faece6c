"""What an exchange asks its plane to do, and what the plane answers. Pure.

An exchange is a generator: the plane sends it the answer to its last command (or throws a HushgateError into
it) and gets the next command. It ends after Release, Pipe, Break, Hangup or a last Write was carried out.
Nobody changes a command; that is not enforced, because several are made for every request and a frozen one
costs four times as much to make.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.audit.record import Record
from gateway.contacts.model import Entry, Reservation
from gateway.errors import HushgateError
from gateway.model import Location, Upstream

Permit = Callable[[str], Location | None]
"""Takes an IP address in text form; where it is when data may go there, None when it may not."""


class Through(Protocol):
    """A request body on its way: what the caller sends goes in, what may be sent on comes out."""

    def ready(self) -> bytes:
        """What of the part that was collected is sent first; given once."""

    def feed(self, data: bytes) -> bytes:
        """What a further part gives. Raises HushgateError: the request is to be broken off."""

    def finish(self) -> bytes:
        """The rest, when the body is complete. Raises HushgateError: as above."""


@dataclass(slots=True)
class Collect:
    """Read the whole request body, at most `limit` bytes. Answer: bytes. Throws PayloadError.

    `part`: of a longer body answer the part that is here when it has outgrown the limit, so more bytes than
    that; the rest waits for a Send with `through`.
    """

    limit: int
    part: bool = False


@dataclass(slots=True)
class Lookup:
    """Ask the registry. Answer: list[Standing] in the order of the pseudonyms. Throws StoreError."""

    tenant: str
    pseudonyms: Sequence[str]


@dataclass(slots=True)
class Reserve:
    """Count contacts that are about to be made (contacts.model.Ledger.reserve). `now` in epoch seconds.

    Answer: list[float | None], when each would be within its limits, None where it is. Throws StoreError.
    """

    tenant: str
    wanted: Sequence[Reservation]
    now: float


@dataclass(slots=True)
class Reserved:
    """For whom reservations were made. Answer: list[str | None], by id a pseudonym. Throws StoreError."""

    tenant: str
    ids: Sequence[str]
    now: float


@dataclass(slots=True)
class GiveBack:
    """Reservations of contacts that were surely not made. Answer: None. Throws StoreError."""

    tenant: str
    ids: Sequence[str]


@dataclass(slots=True)
class Enter:
    """Add entries to the contact registry, in force everywhere once answered. Answer: int, how many were new.

    Throws StoreError.
    """

    tenant: str
    entries: Sequence[Entry]


@dataclass(slots=True)
class Link:
    """Keep (record, identifier) pseudonyms of one record of an answer. Answer: None. Throws StoreError."""

    tenant: str
    pairs: Sequence[tuple[str, str]]


@dataclass(slots=True)
class Acquire:
    """Get a connection to the upstream whose peer address `permit` accepts: a pooled one, or a new one to the
    first permitted address of those the name resolves to. Answer: the address (str) connected to, or
    NotPermitted. Throws UpstreamError.
    """

    upstream: Upstream
    permit: Permit


@dataclass(slots=True)
class NotPermitted:
    """The answer to Acquire when `permit` accepted none of the upstream's addresses."""

    addresses: tuple[str, ...]


@dataclass(slots=True)
class Append:
    """Have the audit log accept this record before anything else happens. Answer: None. Throws StoreError."""

    record: Record


@dataclass(slots=True)
class Send:
    """Send the request on the acquired connection. `body` None: pump the request body through as it comes.

    Answer: ResponseHead (informational ones are relayed by the plane before). Throws UpstreamError.
    `retry` says a pooled connection that died before any byte of an answer may be replaced by a new one.
    `through`: what goes on of a body of which only a part was collected, in chunks. Where it raises, the
    request is broken off without its last chunk, and Send throws that error. `upgrade`: 101 is an answer too.
    """

    head: bytes
    body: bytes | None
    retry: bool
    through: Through | None = None
    upgrade: bool = False


@dataclass(slots=True)
class CollectAnswer:
    """Read the whole response body, at most `limit` bytes. Answer: bytes.

    Throws UpstreamError, for a longer body `response_too_large`.
    """

    limit: int


@dataclass(slots=True)
class Release:
    """Answer the caller with exactly this head and body; the exchange is over.

    The plane adds `Connection: close` when it cannot keep the connection (unread request body, draining).
    `abandon` drops the upstream connection, unread.
    """

    head: bytes
    body: bytes
    abandon: bool = False


@dataclass(slots=True)
class Pipe:
    """Answer with this head and pump the upstream's body through unread, with its framing and trailers.

    Answer: (bytes pumped, None or an UpstreamError that cut it short). The caller's connection is closed when
    the body was cut short, so that it is never taken for complete.
    """

    head: bytes
    chunked: bool


# ---- an answer in pieces: Next (nothing is released yet), Begin, then Write and Next in turn ---------------


@dataclass(slots=True)
class Next:
    """Read on in the response body: at least `enough` bytes, unless it ends before that.

    Answer: (bytes, whether the body is complete). What arrives while nobody asks waits in the plane, which
    reads no further. Throws UpstreamError: the body was cut short, or the caller went away.
    """

    enough: int = 1


@dataclass(slots=True)
class Begin:
    """Answer with this head; its body comes in pieces. Answer: None. Throws UpstreamError.

    From here on only a last Write ends the exchange well: whatever else it ends with, the caller's connection
    is broken off.
    """

    head: bytes
    chunked: bool


@dataclass(slots=True)
class Write:
    """Send a piece of the body. Answer: None, once the caller takes more. Throws UpstreamError.

    `last` ends the body; the exchange is over.
    """

    data: bytes
    last: bool = False


@dataclass(slots=True)
class Break:
    """Break the caller's connection off, so that what it got is never taken for complete. Answer: None."""


# ---- a WebSocket: Switch, during which two lanes say Receive and Pass; then Hangup -------------------------


class Lane(Protocol):
    """One direction of a WebSocket: a generator of commands (Receive, Pass, Append, Lookup) of its own.

    `between`: what was passed ends where a frame does. `closed`: a Close frame was passed.
    """

    @property
    def between(self) -> bool:
        """Whether a frame may be put in now."""
        ...

    @property
    def closed(self) -> bool:
        """Whether no frame may follow."""
        ...

    def told(self) -> Mapping[str, int]:
        """How many messages were let through (allow), left out (drop) or ended it (refuse, error) since
        this was last asked."""
        ...

    def run(self) -> "Generator[Command, Any, HushgateError | None]":
        """Until a Close was passed or no more comes (None), or something is not let through (why)."""


@dataclass(slots=True)
class Switch:
    """Answer with this head (101), and from then on step both lanes, each for itself: what the application
    `sends`, what it `receives`. Answer: None, when both have ended or a connection has. Throws HushgateError:
    a lane gave it, or the plane ends the connection. No lane is stepped after that.
    """

    head: bytes
    sends: Lane
    receives: Lane


@dataclass(slots=True)
class Receive:
    """Of a lane: what has come on its side, at least one byte. Answer: bytes; b"" when no more will come."""


@dataclass(slots=True)
class Pass:
    """Of a lane: send this on. Answer: None, once the other side takes more."""

    data: bytes


@dataclass(slots=True)
class Hangup:
    """Say Close with this code and reason to each side that was not told and where a frame may be put in, and
    end both connections; the exchange is over. `code` 0 says nothing.
    """

    code: int
    reason: str


Command = (
    Collect
    | Lookup
    | Reserve
    | Reserved
    | GiveBack
    | Enter
    | Link
    | Acquire
    | Append
    | Send
    | CollectAnswer
    | Release
    | Pipe
    | Next
    | Begin
    | Write
    | Break
    | Switch
    | Receive
    | Pass
    | Hangup
)
