"""A compiled plan: all that one (tenant, client, purpose, operation, upstream) needs at run time. Pure.

The hot path runs plans and never looks at a policy.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.codecs.program import Program
from gateway.contacts.rules import Check
from gateway.model import Channel, Client, Operation, Upstream
from gateway.residency.judge import Gate


@dataclass(frozen=True, slots=True)
class Opaque:
    """Whether bytes of these media types may pass unread, and what they are."""

    types: tuple[str, ...]
    category: str
    shown: bool
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of an operation: a program per carrier (None: nothing there to look at)."""

    path: Program | None = None
    query: Program | None = None
    headers: Program | None = None
    form: Program | None = None
    json: Program | None = None
    error: Program | None = None
    """Responses with status 400 and above: like `json`, with unmapped text run through detectors at least."""
    opaque: Opaque | None = None
    body: bool = False
    """Whether a body of this side has to be read."""


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal that needs nothing but the plan: a reason (key of errors.REASONS) and the rules behind it."""

    reason: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Considered:
    """One rule and why it does or does not apply here; for explanations."""

    rule: str
    kind: str
    applies: bool
    mode: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with one operation of one client. `expires`: next UTC midnight, epoch seconds."""

    tenant: str
    version: str
    client: Client
    purposes: tuple[str, ...]
    upstream: Upstream
    authority: bytes
    """what `Host` says to the upstream"""
    base_path: bytes
    """what goes before every path, from the upstream's URL"""
    operation: Operation
    name: str
    """`provider.operation_id`"""
    acts: bool
    channel: Channel | None
    denial: Denial | None
    request: Side
    response: Side
    contact: Mapping[Channel, tuple[Check, ...]]
    """Checks per channel a recipient can turn out to be on; empty when the operation has no channel."""
    permission: Gate
    shadow: tuple[str, ...]
    """Shadow rules that would have denied the operation."""
    country: str | None
    considered: tuple[Considered, ...]
    expires: float
