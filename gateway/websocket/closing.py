"""The code a WebSocket is closed with, by the reason of the house (RFC 6455 section 7.4.1). Pure."""

from collections.abc import Mapping
from typing import Final

AWAY: Final = 1001
POLICY: Final = 1008
CODES: Final[Mapping[str, int]] = {
    "draining": AWAY,
    "request_timeout": AWAY,
    "websocket_invalid": 1002,
    "upstream_invalid": 1002,
    "unsupported_media_type": 1003,
    "unparseable_body": 1007,
    "unparseable_response": 1007,
    "body_too_large": 1009,
    "response_too_large": 1009,
    "internal_error": 1011,
    "plugin_failed": 1011,
    "rules_replaced": 1012,
    "audit_unavailable": 1013,
    "registry_unavailable": 1013,
}
"""Any other reason is a decision of the rules: POLICY."""


def code_of(reason: str) -> int:
    """The code for a reason.

    >>> code_of("token_not_allowed"), code_of("draining")
    (1008, 1001)
    """
    return CODES.get(reason, POLICY)
