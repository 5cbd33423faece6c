"""The one error tree and the one table of refusal reasons.

Owns every reason code a caller, the audit record or a metric can carry. Imports nothing of the house.
Texts never contain values taken from traffic: `place` names where (a path, a header name), never what.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """What a refusal looks like from outside: HTTP status (RFC 9110), title, seconds after which to retry."""

    status: int
    title: str
    retry_after: int | None = None


REASONS: Mapping[str, Reason] = {
    "malformed_request": Reason(400, "The request is not valid HTTP/1.1"),
    "unknown_client": Reason(401, "The client is unknown or ambiguous"),
    "access_denied": Reason(403, "This operation is not allowed for this client"),
    "purpose_not_allowed": Reason(403, "The stated purpose is not one of the client's purposes"),
    "unknown_operation": Reason(403, "No provider pack describes this operation"),
    "hidden_field_queried": Reason(
        403, "A field this client may not see was filtered, sorted or searched by"
    ),
    "too_many_lookups": Reason(429, "This client has looked up too many people in too short a time", 60),
    "contact_suppressed": Reason(403, "A recipient must not be contacted"),
    "contact_erased": Reason(403, "A recipient has been erased"),
    "contact_objected": Reason(403, "A recipient has objected to this use"),
    "contact_restricted": Reason(403, "The use of a recipient's data is restricted"),
    "contact_too_often": Reason(403, "A recipient has been contacted as often as is allowed"),
    "contact_without_consent": Reason(403, "A recipient has not given the consent that is required"),
    "contact_too_many_links": Reason(403, "A recipient is linked with more others than can be looked at"),
    "contact_list_stale": Reason(403, "A list that has to be asked is too old, or was never imported"),
    "contact_outside_hours": Reason(403, "A recipient must not be contacted at this time"),
    "contact_unknown_recipient": Reason(403, "A recipient could not be identified"),
    "record_hidden": Reason(404, "There is no such record"),
    "record_withheld": Reason(403, "A record is that of a person who is to be left alone"),
    "unknown_resource": Reason(404, "The registry's API has nothing at this address"),
    "method_not_allowed": Reason(405, "This address is not asked this way"),
    "idempotency_in_flight": Reason(409, "A request with this idempotency key is being carried out", 1),
    "idempotency_key_reused": Reason(422, "This idempotency key was used for another request"),
    "webhook_unverified": Reason(403, "The signature is not the one its provider makes"),
    "webhook_expired": Reason(403, "The webhook was signed too long ago"),
    "webhook_replayed": Reason(200, "The event was seen through before; nothing was done"),
    "link_invalid": Reason(403, "The link is not one this gateway made"),
    "link_expired": Reason(410, "The link is no longer good"),
    "objection_signalled": Reason(403, "The person has signalled that its data may not be sold or shared"),
    "unknown_upstream": Reason(404, "No upstream of this client is at this address"),
    "host_not_allowed": Reason(403, "No provider pack and no upstream names this host"),
    "protocol_not_allowed": Reason(403, "Only HTTP is passed here"),
    "certificate_refused": Reason(403, "The client did not accept the gateway's certificate"),
    "proxy_authentication_required": Reason(407, "The proxy does not know the client"),
    "host_mismatch": Reason(421, "The host asked for is not the one the connection was made to"),
    "request_timeout": Reason(408, "The request did not arrive in time"),
    "body_too_large": Reason(413, "The body is larger than the limit"),
    "uri_too_long": Reason(414, "The request target is longer than the limit"),
    "unsupported_media_type": Reason(415, "The content type is not one the gateway can read here"),
    "unsupported_encoding": Reason(415, "The content or transfer encoding is not one the gateway can read"),
    "expectation_failed": Reason(417, "The expectation is not supported"),
    "unparseable_body": Reason(422, "The body could not be read as its content type"),
    "token_invalid": Reason(422, "A token was changed, or is not one of this tenant's"),
    "token_not_allowed": Reason(403, "A token may not be used here"),
    "masked_value_written": Reason(409, "A masked value would be written over the real one"),
    "upgrade_required_refused": Reason(403, "Protocol upgrades are not allowed here"),
    "websocket_required": Reason(426, "This operation is a WebSocket"),
    "websocket_invalid": Reason(400, "A WebSocket frame is not valid"),
    "rules_replaced": Reason(503, "The rules have changed since the connection began"),
    "head_too_large": Reason(431, "The header section is larger than the limit"),
    "region_not_allowed": Reason(451, "Personal data may not go to this region"),
    "operator_not_allowed": Reason(451, "Personal data may not go to this operator"),
    "recipient_quarantined": Reason(451, "The operator is no sub-processor that may be used"),
    "location_unknown": Reason(451, "The region of the destination is not known"),
    "caller_region_not_allowed": Reason(451, "Personal data may not be asked for from this region"),
    "internal_error": Reason(500, "The gateway failed and refused the exchange"),
    "plugin_failed": Reason(500, "A plugin failed and the exchange was refused"),
    "upstream_unreachable": Reason(502, "The upstream could not be reached", 5),
    "upstream_untrusted": Reason(502, "The upstream's certificate was not accepted"),
    "parent_unreachable": Reason(502, "The proxy on the way to the upstream could not be reached", 5),
    "parent_refused": Reason(502, "The proxy on the way to the upstream refused, or gave no valid answer"),
    "certificate_unavailable": Reason(503, "The gateway can issue no certificate for this host"),
    "upstream_invalid": Reason(502, "The upstream's answer is not valid"),
    "unparseable_response": Reason(502, "The upstream's answer could not be read and was withheld"),
    "link_withheld": Reason(502, "The upstream leads to where the gateway may not let a caller go"),
    "response_too_large": Reason(
        502, "The upstream's answer is larger than the limit, and not of a kind that is masked as it comes"
    ),
    "registry_unavailable": Reason(503, "The contact registry is unavailable", 5),
    "audit_unavailable": Reason(503, "The audit log is unavailable", 5),
    "overloaded": Reason(503, "The gateway has too many connections", 1),
    "draining": Reason(503, "The gateway is stopping", 1),
    "upstream_timeout": Reason(504, "The upstream did not answer in time"),
}


class HushgateError(Exception):
    """Base of every error of the house; `reason` is a key of REASONS."""

    def __init__(self, reason: str, detail: str, place: str = "") -> None:
        super().__init__(f"{place}: {detail}" if place else detail)
        self.rules: tuple[str, ...] = ()
        """Ids of the rules behind it, where rules are."""
        self.reason = reason
        self.detail = detail
        self.place = place


class PayloadError(HushgateError):
    """The sender of a head or body broke the rules of its format; `place` says where, never the value."""

    def at(self, place: str) -> "PayloadError":
        """The same error at another place."""
        moved = PayloadError(self.reason, self.detail, place)
        moved.rules = self.rules
        return moved


class UpstreamError(HushgateError):
    """The upstream is away, untrusted, late, or answered what cannot be used."""


class StoreError(HushgateError):
    """The contact registry or the audit log did not accept or answer: 503, never a pass."""


class PluginError(HushgateError):
    """A plugin raised, overran its time or broke its contract: 500, never a pass. `plugin` is its name."""

    def __init__(self, detail: str, plugin: str) -> None:
        super().__init__("plugin_failed", detail, plugin)


class CertificateError(HushgateError):
    """No certificate can be issued: the host is outside the constraints, or the authority cannot sign now."""


class InternalError(HushgateError):
    """We broke our own rules: 500, never a pass."""

    def __init__(self, detail: str, place: str = "") -> None:
        super().__init__("internal_error", detail, place)


def where(error: BaseException) -> str:
    """Type and place of an error for a log; never its text, which may quote traffic."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{place}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file an operator wrote: where, what was found, what was expected, the nearest word."""

    file: str
    line: int
    column: int
    found: str
    expected: str
    nearest: str | None = None

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{self.file}:{self.line}:{self.column}: found {self.found}, expected {self.expected}{hint}"


class ConfigError(HushgateError):
    """One or several problems in config, rule or pack files; nothing of the file takes effect."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("internal_error", "\n".join(map(str, problems)))
        self.problems = problems
