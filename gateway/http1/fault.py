"""Which error a broken message becomes: the client's fault or the upstream's. Pure.

A request that breaks the rules is a PayloadError with its own reason; an answer that does is always an
UpstreamError `upstream_invalid`, whatever the rule was.
"""

from collections.abc import Mapping
from typing import Literal, Protocol

from gateway.errors import HushgateError, PayloadError, UpstreamError

Side = Literal["request", "response"]


class Fault(Protocol):
    """Makes the error of one side from what was wrong and where (never a value from traffic)."""

    def __call__(self, detail: str, place: str = "", reason: str = "malformed_request") -> HushgateError:
        """Return the error to raise."""
        ...


def request_fault(detail: str, place: str = "", reason: str = "malformed_request") -> HushgateError:
    """Blame the client."""
    return PayloadError(reason, detail, place)


def response_fault(detail: str, place: str = "", reason: str = "upstream_invalid") -> HushgateError:  # noqa: ARG001 - the shape of Fault; an upstream has only one reason
    """Blame the upstream."""
    return UpstreamError("upstream_invalid", detail, place)


FAULTS: Mapping[Side, Fault] = {"request": request_fault, "response": response_fault}
