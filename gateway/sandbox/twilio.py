"""A sandbox Twilio: the routes of all its products at one address, the gate, and the shape of its errors."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.sandbox.ledger import PATH, Gate, Ledger, basic
from gateway.sandbox.twilio_people import People
from gateway.sandbox.twilio_store import ACCOUNT, Denied, Store, problem
from gateway.sandbox.twilio_voice import Voice
from gateway.sandbox.twilio_words import Words

TOKEN = "sandbox-auth-token"  # noqa: S105 - the sandbox's own, it opens nothing

__all__ = ["ACCOUNT", "TOKEN", "create"]


def create(token: str = TOKEN, allowance: int | None = None) -> ASGIApp:
    """A fresh sandbox. `allowance`: requests after which every answer is 429."""
    ledger, store = Ledger(), Store.seeded()
    routes = [
        Route(PATH, ledger.endpoint, methods=["GET", "DELETE"]),
        *(
            Route(path, endpoint, methods=[method])
            for part in (Words(store), Voice(store), People(store))
            for method, path, endpoint in part.routes()
        ),
    ]
    return Gate(
        app=Starlette(routes=routes, exception_handlers=_HANDLERS),
        ledger=ledger,
        authorised=basic(ACCOUNT, token),
        unauthorised=lambda: problem(401, 20003, "Authenticate"),
        throttled=lambda: problem(429, 20429, "Too Many Requests"),
        allowance=allowance,
    )


async def _denied(request: Request, error: Exception) -> Response:
    return (
        error.answer(request.url.path)
        if isinstance(error, Denied)
        else problem(500, 20500, "Internal Server Error")
    )


async def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return Denied(status, 20404).answer(request.url.path)


_HANDLERS = {Denied: _denied, HTTPException: _no_route}
