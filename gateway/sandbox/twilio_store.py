"""What a sandbox Twilio holds: messages, calls, recordings, participants; and how it says no."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse

from gateway import clock
from gateway.sandbox.people import COMPANY_NUMBER, PEOPLE

Json = dict[str, object]

ACCOUNT = "AC" + "5a" * 16
API = f"/2010-04-01/Accounts/{ACCOUNT}"
SEEDED_AT = 1_767_261_600.0
"""2026-01-01 10:00 UTC"""
NUMBER = re.compile(r"(?:whatsapp:)?\+[1-9][0-9]{6,14}")
"""E.164, with the prefix of WhatsApp addresses."""


def problem(status: int, code: int, message: str) -> JSONResponse:
    """Twilio's error body."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": message, "more_info": more, "status": status}, status)


class Denied(Exception):  # noqa: N818 - it carries an answer, it is no failure
    """Ends a request with an error; without a message, the resource was not found."""

    def __init__(self, status: int, code: int, message: str | None = None) -> None:
        super().__init__(message)
        self._status, self._code, self._message = status, code, message

    def answer(self, path: str) -> JSONResponse:
        """The error's body for a request path."""
        return problem(
            self._status, self._code, self._message or f"The requested resource {path} was not found"
        )


def stamp(at: float) -> str:
    """RFC 2822, as the 2010 API writes times."""
    return format_datetime(datetime.fromtimestamp(at, UTC))


@dataclass(slots=True)
class Store:
    """All resources of one sandbox account, by SID."""

    messages: dict[str, Json] = field(default_factory=dict)
    calls: dict[str, Json] = field(default_factory=dict)
    recordings: dict[str, Json] = field(default_factory=dict)
    participants: dict[str, Json] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @classmethod
    def seeded(cls) -> "Store":
        """With a message in and out, and a recorded call, for the first of the fictional people."""
        store = cls()
        for person in PEOPLE[:4]:
            store.message(
                person.mobilephone, COMPANY_NUMBER, f"Hello {person.firstname}, see you Tuesday.", SEEDED_AT
            )
            store.message(
                COMPANY_NUMBER, person.mobilephone, f"Thanks, {person.firstname}", SEEDED_AT, "inbound"
            )
            call = store.call(person.mobilephone, COMPANY_NUMBER, SEEDED_AT)
            store.record(str(call["sid"]), SEEDED_AT)
        return store

    def sid(self, prefix: str) -> str:
        """A SID: two letters and 32 hex digits, counted, so that runs are alike."""
        return f"{prefix}{next(self.numbers):032x}"

    def message(
        self, to: str, sender: str | None, body: str, at: float | None = None, direction: str = "outbound-api"
    ) -> Json:
        """Remember a message."""
        sid = self.sid("SM")
        when = stamp(clock.now() if at is None else at)
        self.messages[sid] = {
            "sid": sid,
            "account_sid": ACCOUNT,
            "api_version": "2010-04-01",
            "body": body,
            "date_created": when,
            "date_updated": when,
            "date_sent": None if at is None else when,
            "direction": direction,
            "error_code": None,
            "error_message": None,
            "from": sender,
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": "1",
            "price": None,
            "price_unit": "USD",
            "status": "queued" if at is None else "delivered",
            "subresource_uris": {"media": f"{API}/Messages/{sid}/Media.json"},
            "to": to,
            "uri": f"{API}/Messages/{sid}.json",
        }
        return self.messages[sid]

    def call(self, to: str, sender: str, at: float | None = None) -> Json:
        """Remember a call."""
        sid = self.sid("CA")
        when = stamp(clock.now() if at is None else at)
        ended = None if at is None else when
        self.calls[sid] = {
            "sid": sid,
            "account_sid": ACCOUNT,
            "annotation": None,
            "answered_by": None,
            "api_version": "2010-04-01",
            "caller_name": None,
            "date_created": when,
            "date_updated": when,
            "direction": "outbound-api",
            "duration": None if at is None else "42",
            "end_time": ended,
            "forwarded_from": None,
            "from": sender,
            "from_formatted": sender,
            "group_sid": None,
            "parent_call_sid": None,
            "phone_number_sid": "PN" + "0" * 32,
            "price": None,
            "price_unit": "USD",
            "queue_time": "0",
            "start_time": ended,
            "status": "queued" if at is None else "completed",
            "subresource_uris": {"recordings": f"{API}/Calls/{sid}/Recordings.json"},
            "to": to,
            "to_formatted": to,
            "trunk_sid": None,
            "uri": f"{API}/Calls/{sid}.json",
        }
        return self.calls[sid]

    def record(self, call: str, at: float | None = None) -> Json:
        """Remember a recording of a call."""
        sid = self.sid("RE")
        when = stamp(clock.now() if at is None else at)
        self.recordings[sid] = {
            "sid": sid,
            "account_sid": ACCOUNT,
            "api_version": "2010-04-01",
            "call_sid": call,
            "channels": 1,
            "conference_sid": None,
            "date_created": when,
            "date_updated": when,
            "duration": "42",
            "encryption_details": None,
            "error_code": None,
            "media_url": f"{API}/Recordings/{sid}",
            "price": None,
            "price_unit": "USD",
            "source": "OutboundAPI",
            "start_time": when,
            "status": "completed" if at else "in-progress",
            "subresource_uris": {},
            "uri": f"{API}/Recordings/{sid}.json",
        }
        return self.recordings[sid]


def need(table: Mapping[str, Json], request: Request, name: str = "sid") -> Json:
    """The resource a path names; 404 with code 20404 when it is not there."""
    found = table.get(request.path_params[name])
    if found is None or request.path_params.get("account", ACCOUNT) != ACCOUNT:
        raise Denied(404, 20404)
    return found


def page(request: Request, key: str, items: Sequence[Json]) -> JSONResponse:
    """One page of a list, with the links of the 2010 API."""
    size, number = int(request.query_params.get("PageSize", 50)), int(request.query_params.get("Page", 0))
    kept = {k: v for k, v in request.query_params.items() if k not in ("Page", "PageSize", "PageToken")}

    def link(at: int) -> str:
        return f"{request.url.path}?{urlencode({**kept, 'PageSize': size, 'Page': at})}"

    start = size * number
    shown = items[start : start + size]
    body: Json = {
        "end": start + max(len(shown) - 1, 0),
        "first_page_uri": link(0),
        "next_page_uri": link(number + 1) if start + size < len(items) else None,
        "page": number,
        "page_size": size,
        "previous_page_uri": link(number - 1) if number else None,
        "start": start,
        "uri": link(number),
        key: shown,
    }
    return JSONResponse(body)


def selected(request: Request, items: Mapping[str, Json]) -> list[Json]:
    """Newest first, narrowed by `To`, `From`, `Status` and `CallSid` as given."""
    wanted = {k: request.query_params.get(q) for k, q in _FILTERS if request.query_params.get(q)}
    return [i for i in reversed(list(items.values())) if all(i.get(k) == v for k, v in wanted.items())]


_FILTERS = (("to", "To"), ("from", "From"), ("status", "Status"), ("call_sid", "CallSid"))


Form = dict[str, list[str]]


async def form_of(request: Request) -> Form:
    """The fields of a form body (WHATWG URL, application/x-www-form-urlencoded)."""
    return parse_qs((await request.body()).decode(), keep_blank_values=True)


def text(form: Form, name: str) -> str:
    """A form field's first value, empty when it is not there."""
    return form.get(name, [""])[0]
