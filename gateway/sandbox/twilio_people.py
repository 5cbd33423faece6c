"""What a sandbox Twilio says about numbers (lookups), and who is in its conversations."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway import clock
from gateway.sandbox.kit import Rows
from gateway.sandbox.people import PEOPLE, Person
from gateway.sandbox.twilio_store import ACCOUNT, NUMBER, Denied, Json, Store, form_of, text

COUNTRIES = (("+33", "FR", "33"), ("+44", "GB", "44"), ("+1", "US", "1"))
"""Number prefix -> ISO 3166 country, calling code."""
PARTICIPANTS = "/v1/Conversations/{conversation}/Participants"


class People:
    """The endpoints of Lookups v1 and v2, and of conversation participants."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> Rows:
        """Method, path, endpoint."""
        return (
            ("GET", "/v1/PhoneNumbers/{number}", self.lookup_v1),
            ("GET", "/v2/PhoneNumbers/{number}", self.lookup),
            ("POST", PARTICIPANTS, self.join),
            ("GET", PARTICIPANTS, self.participants),
            ("GET", PARTICIPANTS + "/{sid}", self.participant),
            ("POST", PARTICIPANTS + "/{sid}", self.update),
            ("DELETE", PARTICIPANTS + "/{sid}", self.leave),
        )

    async def lookup_v1(self, request: Request) -> Response:
        """Country, format, and the caller's name and carrier when `Type` asks for them."""
        number, kinds = _number(request), request.query_params.getlist("Type")
        country, _ = _country(number)
        return JSONResponse(
            {
                "caller_name": _caller(number) if "caller-name" in kinds else None,
                "country_code": country,
                "phone_number": number,
                "national_format": number,
                "carrier": _carrier("name") if "carrier" in kinds else None,
                "add_ons": None,
                "url": f"{request.base_url}v1/PhoneNumbers/{number}",
            }
        )

    async def lookup(self, request: Request) -> Response:
        """Country, format, and the packages `Fields` asks for."""
        number, wanted = _number(request), request.query_params.get("Fields", "").split(",")
        country, calling = _country(number)
        packages = {"caller_name": _caller(number), "line_type_intelligence": _carrier("carrier_name")}
        body: Json = {
            "calling_country_code": calling,
            "country_code": country,
            "phone_number": number,
            "national_format": number,
            "valid": True,
            "validation_errors": [],
            "url": f"{request.base_url}v2/PhoneNumbers/{number}",
        }
        empty = dict.fromkeys(
            ("sim_swap", "call_forwarding", "line_status", "identity_match", "reassigned_number")
        )
        return JSONResponse({**body, **empty, **{k: v if k in wanted else None for k, v in packages.items()}})

    async def join(self, request: Request) -> Response:
        """Add somebody to a conversation."""
        form = await form_of(request)
        sid, now = (
            self._store.sid("MB"),
            datetime.fromtimestamp(clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        address = text(form, "MessagingBinding.Address")
        binding = {
            "type": "sms",
            "address": address,
            "proxy_address": text(form, "MessagingBinding.ProxyAddress"),
        }
        conversation = request.path_params["conversation"]
        self._store.participants[sid] = {
            "sid": sid,
            "account_sid": ACCOUNT,
            "conversation_sid": conversation,
            "identity": text(form, "Identity") or None,
            "attributes": text(form, "Attributes") or "{}",
            "messaging_binding": binding if address else None,
            "role_sid": text(form, "RoleSid") or None,
            "date_created": now,
            "date_updated": now,
            "url": f"{request.base_url}v1/Conversations/{conversation}/Participants/{sid}",
            "last_read_message_index": None,
            "last_read_timestamp": None,
        }
        return JSONResponse(self._store.participants[sid], 201)

    async def participants(self, request: Request) -> Response:
        """Everybody in a conversation."""
        conversation = request.path_params["conversation"]
        found = [p for p in self._store.participants.values() if p["conversation_sid"] == conversation]
        url = f"{request.base_url}{request.url.path[1:]}?PageSize=50&Page=0"
        links = {"first_page_url": url, "next_page_url": None, "previous_page_url": None, "url": url}
        return JSONResponse(
            {"meta": {**links, "key": "participants", "page": 0, "page_size": 50}, "participants": found}
        )

    async def participant(self, request: Request) -> Response:
        """One participant."""
        return JSONResponse(self._found(request))

    async def update(self, request: Request) -> Response:
        """Change a participant's attributes."""
        found, form = self._found(request), await form_of(request)
        found["attributes"] = text(form, "Attributes") or found["attributes"]
        return JSONResponse(found)

    async def leave(self, request: Request) -> Response:
        """Take somebody out of a conversation."""
        del self._store.participants[str(self._found(request)["sid"])]
        return Response(status_code=204)

    def _found(self, request: Request) -> Json:
        found = self._store.participants.get(request.path_params["sid"])
        if found is None or found["conversation_sid"] != request.path_params["conversation"]:
            raise Denied(404, 20404)
        return found


def _number(request: Request) -> str:
    number: str = request.path_params["number"]
    if not NUMBER.fullmatch(number):
        raise Denied(404, 20404)
    return number


def _country(number: str) -> tuple[str | None, str | None]:
    return next(((iso, code) for prefix, iso, code in COUNTRIES if number.startswith(prefix)), (None, None))


def _person(number: str) -> Person | None:
    return next((p for p in PEOPLE if number in (p.phone, p.mobilephone)), None)


def _caller(number: str) -> dict[str, object]:
    person = _person(number)
    name = f"{person.firstname} {person.lastname}" if person else None
    return {"caller_name": name, "caller_type": "CONSUMER" if person else None, "error_code": None}


def _carrier(called: str) -> dict[str, object]:
    network = {"mobile_country_code": "208", "mobile_network_code": "99", called: "Fictional Mobile"}
    return {**network, "type": "mobile", "error_code": None}
