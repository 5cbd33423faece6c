"""Refusals of the API: RFC 9457 problems with the house's reasons. Pure."""

import msgspec

from gateway.api.bodies import Problem, Wrong
from gateway.api.entering import UnacceptableError
from gateway.errors import REASONS, HushgateError

MEDIA_TYPE = "application/problem+json"


def problem(error: HushgateError, identifier: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of a refusal."""
    reason = REASONS[error.reason]
    # a caller is told what is wrong with its own request; of ours only the reason
    ours = reason.status >= 500
    wait = getattr(error, "retry_after", None) or reason.retry_after
    wrong: tuple[Wrong, ...] = error.errors if isinstance(error, UnacceptableError) else ()
    said = Problem(
        type=f"urn:hushgate:{error.reason}",
        title=reason.title,
        status=reason.status,
        instance=identifier,
        detail="" if ours else error.detail,
        retry_after=wait,
        errors=wrong,
    )
    headers = {"Hushgate-Decision": identifier, "Content-Type": MEDIA_TYPE}
    if wait is not None:
        headers["Retry-After"] = str(wait)
    if reason.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="hushgate"'
    return reason.status, msgspec.json.encode(said), headers
