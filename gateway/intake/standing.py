"""A standing as plain values, the way the command line and the API tell it. Pure."""

from math import isinf
from typing import Any

from gateway.contacts.model import Standing


def as_members(standing: Standing) -> dict[str, Any]:
    """A standing as JSON; every member is there, whether there is anything to say or not."""
    end = standing.customer
    return {
        "suppressions": [
            {"channel": s.channel, "purpose": s.purpose, "sender": s.sender, "source": s.source}
            for s in standing.suppressions
        ],
        "consents": [
            {
                "channel": c.channel,
                "purpose": c.purpose,
                "state": c.state,
                "at": c.at,
                "until": c.until,
                "proven": c.proven,
            }
            for c in standing.consents
        ],
        "objections": [{"channel": o.channel, "purpose": o.purpose} for o in standing.objections],
        "restricted": None if standing.restricted is None else [u for u in standing.restricted if u],
        "erased": standing.erased,
        "customer": None if end is None else {"until": None if isinf(end) else end},
        "zone": standing.zone,
        "crowded": standing.crowded,
    }
