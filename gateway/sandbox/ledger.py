"""What reached a sandbox, and the gate every request passes: it is remembered, then authorised, then counted.

`GET /__sandbox/received` answers `{"count": n, "requests": [...]}`; `DELETE` forgets. So a test, or a tour,
can prove what a provider got to see.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH = "/__sandbox/received"


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived: path and query still percent-encoded, header names in lower case."""

    method: str
    path: str
    query: str
    headers: tuple[str, ...]
    body: str


@dataclass(slots=True)
class Ledger:
    """Everything a sandbox received, in order."""

    requests: list[Received] = field(default_factory=list)

    async def endpoint(self, request: Request) -> Response:
        """Tell, or forget on DELETE."""
        if request.method == "DELETE":
            self.requests.clear()
        return JSONResponse({"count": len(self.requests), "requests": [asdict(r) for r in self.requests]})


Authorise = Callable[[Headers], bool]


def bearer(token: str) -> Authorise:
    """HubSpot's way: `Authorization: Bearer <token>`."""
    return lambda headers: headers.get("authorization") == f"Bearer {token}"


def basic(user: str, password: str) -> Authorise:
    """Twilio's way: HTTP Basic (RFC 7617) with account SID and token."""

    def check(headers: Headers) -> bool:
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        try:
            given = b64decode(credentials, validate=True)
        except Base64Error:
            return False
        return scheme.lower() == "basic" and given == f"{user}:{password}".encode()

    return check


@dataclass(frozen=True, slots=True)
class Gate:
    """ASGI middleware in front of a sandbox's routes. `allowance`: requests after which it answers 429."""

    app: ASGIApp
    ledger: Ledger
    authorised: Authorise
    unauthorised: Callable[[], Response]
    throttled: Callable[[], Response]
    allowance: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Remember, then authorise, then count, then pass on with the body replayed."""
        if scope["type"] != "http" or scope["path"] == PATH:
            await self.app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        headers = Headers(scope=scope)
        self.ledger.requests.append(_received(scope, headers, body))
        if not self.authorised(headers):
            await self.unauthorised()(scope, receive, send)
        elif self.allowance is not None and len(self.ledger.requests) > self.allowance:
            await self.throttled()(scope, receive, send)
        else:
            await self.app(scope, _replay(body), send)


def _received(scope: Scope, headers: Headers, body: bytes) -> Received:
    return Received(
        method=scope["method"],
        path=scope.get("raw_path", scope["path"].encode()).decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=tuple(headers.keys()),
        body=body.decode("utf-8", "replace"),
    )


def _replay(body: bytes) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    return receive
