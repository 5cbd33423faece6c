"""What every exchange of a worker shares. Pure."""

from dataclasses import dataclass, field

from gateway.codecs.program import Limits
from gateway.exchange.facts import Tick
from gateway.exchange.lookups import Lookups
from gateway.policy.snapshot import Snapshot
from gateway.webhooks.seen import Seen


@dataclass(frozen=True, slots=True)
class Env:
    """What every exchange of a worker shares."""

    snapshot: Snapshot
    limits: Limits
    tick: Tick
    lookups: Lookups = field(default_factory=Lookups)
    uploads: bool = False
    """Whether the plane carries out Collect with `part` and Send with `through`."""
    switches: bool = False
    """Whether the plane carries out Switch."""
    seen: Seen = field(default_factory=Seen)
