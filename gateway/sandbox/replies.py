"""An application that gets the replies to a company's messages, and shows them on one page.

It believes nobody: Twilio's own `RequestValidator` has to say that a webhook was signed with its token.
"""

from dataclasses import asdict, dataclass
from html import escape
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from twilio.request_validator import RequestValidator

from gateway.sandbox.ledger import PATH

TOKEN = "token-of-the-application"  # noqa: S105 - the sandbox's own, it opens nothing

_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Replies</title>'
    "<table><tr><th>from</th><th>said</th><th>signature</th></tr>{}</table></html>"
)
_ROW = "<tr><td>{}</td><td>{}</td><td>{}</td></tr>"


@dataclass(frozen=True, slots=True)
class Reply:
    """One webhook as it arrived, and whether its signature was good."""

    sender: str
    said: str
    verified: bool


def create(token: str = TOKEN) -> ASGIApp:
    """A fresh application. `token` is what webhooks have to be signed with."""
    validator, replies = RequestValidator(token), list[Reply]()

    async def take(request: Request) -> Response:
        """Twilio's webhook: kept, and answered with TwiML that does nothing."""
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        signature = request.headers.get("X-Twilio-Signature", "")
        good = validator.validate(str(request.url), form, signature)
        replies.append(Reply(form.get("From", ""), form.get("Body", ""), good))
        return Response("<Response/>" if good else "", 200 if good else 403, media_type="text/xml")

    async def page(_: Request) -> Response:
        """What came, to look at."""
        cells = [(r.sender, r.said, "good" if r.verified else "bad") for r in replies]
        return HTMLResponse(_PAGE.format("".join(_ROW.format(*map(escape, row)) for row in cells)))

    async def received(_: Request) -> Response:
        """What came, for scripts."""
        return JSONResponse({"count": len(replies), "requests": [asdict(reply) for reply in replies]})

    return Starlette(
        routes=[
            Route("/", page, methods=["GET"]),
            Route(PATH, received, methods=["GET"]),
            Route("/{rest:path}", take, methods=["POST"]),
        ]
    )
