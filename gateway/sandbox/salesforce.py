"""A sandbox Salesforce org: its REST API at one address, the gate, and the shape of its errors.

There is no log-in: applications come with the session they would have got.
"""

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.sandbox.ledger import PATH, Gate, Ledger, bearer
from gateway.sandbox.salesforce_calls import Calls
from gateway.sandbox.salesforce_store import VERSION, Store

TOKEN = "00D5g000000sandbox!session"  # noqa: S105 - the sandbox's own, it opens nothing

__all__ = ["TOKEN", "VERSION", "create"]


def create(token: str = TOKEN, allowance: int | None = None, batch: int = 2000) -> ASGIApp:
    """A fresh sandbox. `allowance`: requests after which every answer is 403; `batch`: records of a page."""
    ledger, calls = Ledger(), Calls(Store.seeded(batch))

    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            return _problem(400, "JSON_PARSER_ERROR", "the body is not JSON")
        reply = calls.answer(request.method, target, body)
        headers = {"Location": reply.location} if reply.location else {}
        if reply.body is None:
            return Response(status_code=reply.status, headers=headers)
        return JSONResponse(reply.body, reply.status, headers)

    routes = [
        Route(PATH, ledger.endpoint, methods=["GET", "DELETE"]),
        Route("/{path:path}", endpoint, methods=["GET", "POST", "PATCH", "DELETE"]),
    ]
    return Gate(
        app=Starlette(routes=routes),
        ledger=ledger,
        authorised=bearer(token),
        unauthorised=lambda: _problem(401, "INVALID_SESSION_ID", "Session expired or invalid"),
        throttled=lambda: _problem(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        allowance=allowance,
    )


def _problem(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse([{"message": message, "errorCode": code}], status)
