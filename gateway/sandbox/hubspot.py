"""A sandbox HubSpot: the routes, the gate, and the shape of its errors."""

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.sandbox.hubspot_contacts import Contacts
from gateway.sandbox.hubspot_links import Links
from gateway.sandbox.hubspot_mail import Mail
from gateway.sandbox.hubspot_store import Refused, Store, problem
from gateway.sandbox.ledger import PATH, Gate, Ledger, bearer

TOKEN = "pat-eu1-sandbox"  # noqa: S105 - the sandbox's own, it opens nothing


NO_TOKEN = "Authentication credentials not found. This API supports OAuth 2.0 authentication."  # noqa: S105 - a message
TOO_MANY = "You have reached your secondly limit."


def create(token: str = TOKEN, allowance: int | None = None) -> ASGIApp:
    """A fresh sandbox. `allowance`: requests after which every answer is 429."""
    ledger, store = Ledger(), Store.seeded()
    routes = [
        Route(PATH, ledger.endpoint, methods=["GET", "DELETE"]),
        *(
            Route(path, endpoint, methods=[method])
            for part in (Contacts(store), Links(store), Mail(store))
            for method, path, endpoint in part.routes()
        ),
    ]
    return Gate(
        app=Starlette(routes=routes, exception_handlers=_HANDLERS),
        ledger=ledger,
        authorised=bearer(token),
        unauthorised=lambda: problem(401, "INVALID_AUTHENTICATION", NO_TOKEN),
        throttled=lambda: problem(
            429, "RATE_LIMITS", TOO_MANY, errorType="RATE_LIMIT", policyName="SECONDLY"
        ),
        allowance=allowance,
    )


async def _refused(_: Request, error: Exception) -> Response:
    return error.answer if isinstance(error, Refused) else _unexpected()


async def _invalid(_: Request, error: Exception) -> Response:
    return problem(400, "VALIDATION_ERROR", f"Invalid input JSON: {error}")


async def _no_route(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return problem(status, "OBJECT_NOT_FOUND", "resource not found")


def _unexpected() -> Response:
    return problem(500, "INTERNAL_ERROR", "internal error")


_HANDLERS = {Refused: _refused, msgspec.MsgspecError: _invalid, HTTPException: _no_route}
