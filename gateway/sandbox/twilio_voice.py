"""Calls of a sandbox Twilio, and their recordings."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.sandbox.kit import Rows
from gateway.sandbox.twilio_store import NUMBER, Denied, Json, Store, form_of, need, page, selected, text

CALLS = "/2010-04-01/Accounts/{account}/Calls"
RECORDINGS = "/2010-04-01/Accounts/{account}/Recordings"
SILENCE = {
    "mp3": ("audio/mpeg", bytes.fromhex("fffb9000") + bytes(413)),
    "wav": (
        "audio/x-wav",
        bytes.fromhex(
            "524946462400000057415645666d74201000000001000100401f0000401f0000010008006461746100000000"
        ),
    ),
}
"""Extension -> media type and bytes: one silent MPEG frame, one empty WAVE file."""


class Voice:
    """The endpoints of `Calls` and `Recordings`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> Rows:
        """Method, path, endpoint."""
        of_call = CALLS + "/{call}/Recordings"
        return (
            ("POST", CALLS + ".json", self.create),
            ("GET", CALLS + ".json", self.list_page),
            ("POST", of_call + ".json", self.record),
            ("GET", of_call + ".json", self.recordings),
            ("GET", of_call + "/{sid}.json", self.recording),
            ("POST", of_call + "/{sid}.json", self.update_recording),
            ("DELETE", of_call + "/{sid}.json", self.delete_recording),
            ("GET", CALLS + "/{sid}.json", self.fetch),
            ("POST", CALLS + "/{sid}.json", self.update),
            ("DELETE", CALLS + "/{sid}.json", self.delete),
            ("GET", RECORDINGS + ".json", self.recordings),
            ("GET", RECORDINGS + "/{sid}.json", self.recording),
            ("DELETE", RECORDINGS + "/{sid}.json", self.delete_recording),
            ("GET", RECORDINGS + "/{sid}.{kind}", self.sound),
        )

    async def create(self, request: Request) -> Response:
        """Queue a call."""
        form = await form_of(request)
        to, sender = text(form, "To"), text(form, "From")
        if not to:
            raise Denied(400, 21201, "No 'To' number is specified")
        if not (NUMBER.fullmatch(to) or to.startswith(("client:", "sip:"))):
            raise Denied(400, 21211, f"The phone number you are attempting to call, {to}, is not valid.")
        if not sender:
            raise Denied(400, 21213, "'From' phone number is required.")
        if not any(text(form, name) for name in ("Url", "Twiml", "ApplicationSid")):
            raise Denied(400, 21205, "Url parameter is required.")
        return JSONResponse(self._store.call(to, sender), 201)

    async def list_page(self, request: Request) -> Response:
        """One page of calls, newest first."""
        return page(request, "calls", selected(request, self._store.calls))

    async def fetch(self, request: Request) -> Response:
        """One call."""
        return JSONResponse(need(self._store.calls, request))

    async def update(self, request: Request) -> Response:
        """End or redirect a call."""
        call, form = need(self._store.calls, request), await form_of(request)
        call["status"] = text(form, "Status") or call["status"]
        return JSONResponse(call)

    async def delete(self, request: Request) -> Response:
        """Forget a call."""
        del self._store.calls[str(need(self._store.calls, request)["sid"])]
        return Response(status_code=204)

    async def record(self, request: Request) -> Response:
        """Start recording a call."""
        call = need(self._store.calls, request, "call")
        return JSONResponse(self._store.record(str(call["sid"])), 201)

    async def recordings(self, request: Request) -> Response:
        """One page of recordings, of one call or of all."""
        call = request.path_params.get("call")
        found = selected(request, self._store.recordings)
        return page(request, "recordings", [r for r in found if call in (None, r["call_sid"])])

    async def recording(self, request: Request) -> Response:
        """One recording's description."""
        return JSONResponse(self._found(request))

    async def update_recording(self, request: Request) -> Response:
        """Pause, resume or stop a recording."""
        recording, form = self._found(request), await form_of(request)
        recording["status"] = text(form, "Status") or recording["status"]
        return JSONResponse(recording)

    async def delete_recording(self, request: Request) -> Response:
        """Forget a recording."""
        del self._store.recordings[str(self._found(request)["sid"])]
        return Response(status_code=204)

    async def sound(self, request: Request) -> Response:
        """A recording's bytes."""
        kind = SILENCE.get(request.path_params["kind"])
        if kind is None:
            raise Denied(404, 20404)
        self._found(request)
        return Response(kind[1], media_type=kind[0])

    def _found(self, request: Request) -> Json:
        recording = need(self._store.recordings, request)
        if request.path_params.get("call") not in (None, recording["call_sid"]):
            raise Denied(404, 20404)
        return recording
