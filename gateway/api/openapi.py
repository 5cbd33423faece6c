"""The API's OpenAPI 3.1 document, made from the table of calls and the types of bodies. Pure."""

from typing import Any, Final

import msgspec

from gateway import __version__
from gateway.api.bodies import Problem
from gateway.api.calls import CALLS, Call
from gateway.errors import REASONS

_REFUSALS: Final = (
    *("malformed_request", "unknown_client", "access_denied", "body_too_large", "unsupported_media_type"),
    *(
        "unsupported_encoding",
        "unparseable_body",
        "registry_unavailable",
        "audit_unavailable",
        "internal_error",
    ),
)
_MORE: Final = {
    "links": ("unknown_resource",),
    "lookups": ("too_many_lookups",),
    "history": ("too_many_lookups",),
}
_WRITING: Final = ("idempotency_in_flight", "idempotency_key_reused")
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "With the same body it is answered the same, for a day; with another it is refused.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}


def document() -> dict[str, Any]:
    """The document. Every call of the table is in it, and no other."""
    kinds = [kind for call in CALLS for kind in (call.body, call.answer)]
    _, components = msgspec.json.schema_components(
        [*kinds, Problem], ref_template="#/components/schemas/{name}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hushgate: contact registry",
            "version": __version__,
            "description": "What people agreed to, took back and asked for. In force on the next request, on "
            "every provider. Identifiers stand in bodies only and are kept as keyed pseudonyms.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "security": [{"key": []}, {"header": []}],
        "paths": {
            call.path: {method.lower(): _operation(call, method) for method in call.methods} for call in CALLS
        },
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The key of a client.",
                },
                "header": {"type": "apiKey", "in": "header", "name": "Hushgate-Key"},
            },
        },
    }


def _operation(call: Call, method: str) -> dict[str, Any]:
    refusals = (*_REFUSALS, *(_WRITING if call.enters else _MORE[call.name]))
    made: dict[str, Any] = {
        "operationId": call.name if method == "POST" else f"{call.name}.{method.lower()}",
        "summary": call.summary,
        "description": f"Takes `contacts: {call.right}` of a client.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": _reference(call.body)}}},
        "responses": {
            "200": {
                "description": (call.answer.__doc__ or "").strip(),
                "headers": {"Hushgate-Decision": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": _reference(call.answer)}},
            },
            **_problems(refusals),
        },
    }
    if call.enters:
        made["parameters"] = [_KEY]
    return made


def _problems(reasons: tuple[str, ...]) -> dict[str, Any]:
    """Per status the reasons that have it."""
    by_status: dict[str, list[str]] = {}
    for reason in reasons:
        by_status.setdefault(str(REASONS[reason].status), []).append(reason)
    return {
        status: {
            "description": ", ".join(f"`{name}`" for name in names),
            "content": {"application/problem+json": {"schema": _reference(Problem)}},
        }
        for status, names in sorted(by_status.items())
    }


def _reference(kind: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
