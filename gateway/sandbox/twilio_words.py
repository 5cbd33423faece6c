"""Messages of a sandbox Twilio, and their media."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway import clock
from gateway.sandbox.kit import Rows
from gateway.sandbox.twilio_store import (
    API,
    NUMBER,
    Denied,
    Json,
    Store,
    form_of,
    need,
    page,
    selected,
    stamp,
    text,
)

MESSAGES = "/2010-04-01/Accounts/{account}/Messages"
PIXEL = bytes.fromhex(
    "47494638396101000100800000ffffff00000021f90400000000002c00000000010001000002024401003b"
)
"""The smallest GIF."""


class Words:
    """The endpoints of `Messages`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> Rows:
        """Method, path, endpoint."""
        media = MESSAGES + "/{sid}/Media"
        return (
            ("POST", MESSAGES + ".json", self.create),
            ("GET", MESSAGES + ".json", self.list_page),
            ("GET", media + ".json", self.media),
            ("GET", media + "/{medium}.json", self.medium),
            ("DELETE", media + "/{medium}.json", self.delete_medium),
            ("GET", media + "/{medium}", self.content),
            ("POST", MESSAGES + "/{sid}/Feedback.json", self.feedback),
            ("GET", MESSAGES + "/{sid}.json", self.fetch),
            ("POST", MESSAGES + "/{sid}.json", self.update),
            ("DELETE", MESSAGES + "/{sid}.json", self.delete),
        )

    async def create(self, request: Request) -> Response:
        """Queue a message; refused with Twilio's own codes when something is missing."""
        form = await form_of(request)
        to, sender = text(form, "To"), text(form, "From")
        if not to:
            raise Denied(400, 21604, "A 'To' phone number is required.")
        if not NUMBER.fullmatch(to):
            raise Denied(400, 21211, f"The 'To' number {to} is not a valid phone number.")
        if not sender and not text(form, "MessagingServiceSid"):
            raise Denied(400, 21603, "A 'From' phone number is required.")
        if not any(text(form, name) for name in ("Body", "MediaUrl", "ContentSid")):
            raise Denied(400, 21602, "Message body is required.")
        message = self._store.message(to, sender or None, text(form, "Body"))
        message["messaging_service_sid"] = text(form, "MessagingServiceSid") or None
        message["num_media"] = str(len(form.get("MediaUrl", [])))
        return JSONResponse(message, 201)

    async def list_page(self, request: Request) -> Response:
        """One page of messages, newest first."""
        return page(request, "messages", selected(request, self._store.messages))

    async def fetch(self, request: Request) -> Response:
        """One message."""
        return JSONResponse(need(self._store.messages, request))

    async def update(self, request: Request) -> Response:
        """Blank a message's text, or cancel it."""
        message, form = need(self._store.messages, request), await form_of(request)
        if "Body" in form:
            message["body"] = text(form, "Body")
        if "Status" in form:
            message["status"] = text(form, "Status")
        return JSONResponse(message)

    async def delete(self, request: Request) -> Response:
        """Forget a message."""
        del self._store.messages[str(need(self._store.messages, request)["sid"])]
        return Response(status_code=204)

    async def feedback(self, request: Request) -> Response:
        """Note that a message was acted on."""
        message, form = need(self._store.messages, request), await form_of(request)
        now = stamp(clock.now())
        return JSONResponse(
            {
                "account_sid": message["account_sid"],
                "message_sid": message["sid"],
                "outcome": text(form, "Outcome") or "unconfirmed",
                "date_created": now,
                "date_updated": now,
                "uri": f"{API}/Messages/{message['sid']}/Feedback.json",
            }
        )

    async def media(self, request: Request) -> Response:
        """Media of a message: as many as it was sent with."""
        message = need(self._store.messages, request)
        return page(
            request, "media_list", [_medium(message, n) for n in range(int(str(message["num_media"])))]
        )

    async def medium(self, request: Request) -> Response:
        """One medium's description."""
        return JSONResponse(self._found(request))

    async def content(self, request: Request) -> Response:
        """One medium's bytes."""
        self._found(request)
        return Response(PIXEL, media_type="image/gif")

    async def delete_medium(self, request: Request) -> Response:
        """Forget the last medium."""
        self._found(request)
        message = need(self._store.messages, request)
        message["num_media"] = str(int(str(message["num_media"])) - 1)
        return Response(status_code=204)

    def _found(self, request: Request) -> Json:
        message = need(self._store.messages, request)
        media = {
            str(m["sid"]): m for m in (_medium(message, n) for n in range(int(str(message["num_media"]))))
        }
        return need(media, request, "medium")


def _medium(message: Json, number: int) -> Json:
    sid = f"ME{number:02x}{str(message['sid'])[4:]}"
    return {
        "sid": sid,
        "account_sid": message["account_sid"],
        "parent_sid": message["sid"],
        "content_type": "image/gif",
        "date_created": message["date_created"],
        "date_updated": message["date_updated"],
        "uri": f"{API}/Messages/{message['sid']}/Media/{sid}.json",
    }
