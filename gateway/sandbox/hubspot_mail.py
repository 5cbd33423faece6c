"""The rest of a sandbox HubSpot: transactional e-mail, e-mail preferences, owners, property definitions."""

from dataclasses import fields
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway import clock
from gateway.sandbox.hubspot_store import NOT_FOUND, SEEDED_AT, Json, Refused, Store, page, read, stamp
from gateway.sandbox.kit import Rows
from gateway.sandbox.people import OWNERS, Person

SUBSCRIPTIONS = {"301": ("Newsletter", "Monthly news"), "302": ("Events", "Invitations to meetings")}
"""Subscription id -> name, description."""


class Message(msgspec.Struct, rename="camel"):
    """Who a single e-mail goes to."""

    to: str
    cc: list[str] = []
    bcc: list[str] = []
    reply_to: list[str] = []
    send_id: str = ""


class SingleSend(msgspec.Struct, rename="camel"):
    """One transactional e-mail."""

    email_id: int
    message: Message
    contact_properties: dict[str, str] = {}
    custom_properties: dict[str, object] = {}


class Preference(msgspec.Struct, rename="camel"):
    """One change of one person's subscription."""

    email_address: str
    subscription_id: str
    legal_basis: str = ""
    legal_basis_explanation: str = ""


class Mail:
    """Endpoints that are not about contact records."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> Rows:
        """Method, path, endpoint."""
        return (
            ("POST", "/marketing/v3/transactional/single-email/send", self.send),
            ("GET", "/communication-preferences/v3/definitions", self.definitions),
            ("GET", "/communication-preferences/v3/status/email/{email}", self.status),
            ("POST", "/communication-preferences/v3/subscribe", self.subscribe),
            ("POST", "/communication-preferences/v3/unsubscribe", self.unsubscribe),
            ("GET", "/crm/v3/owners/", self.owners),
            ("GET", "/crm/v3/owners/{owner}", self.owner),
            ("GET", "/crm/v3/properties/{kind}", self.properties),
            ("GET", "/crm/v3/properties/{kind}/{name}", self.property),
        )

    async def send(self, request: Request) -> Response:
        """Accept an e-mail; the ledger is the proof of who it would have gone to."""
        mail = (await read(request, SingleSend)).message
        if not all("@" in address for address in (mail.to, *mail.cc, *mail.bcc)):
            raise Refused(400, "VALIDATION_ERROR", "Invalid recipient address")
        at = stamp(clock.now())
        event = {"id": str(uuid4()), "created": at}
        return JSONResponse(
            {
                "requestedAt": at,
                "startedAt": at,
                "completedAt": at,
                "statusId": str(uuid4()),
                "status": "COMPLETE",
                "sendResult": "SENT",
                "eventId": event,
            }
        )

    async def definitions(self, _: Request) -> Response:
        """What one can subscribe to."""
        return JSONResponse({"subscriptionDefinitions": [_definition(key) for key in SUBSCRIPTIONS]})

    async def status(self, request: Request) -> Response:
        """One person's subscriptions."""
        email = request.path_params["email"]
        statuses = [self._status(email, key) for key in SUBSCRIPTIONS]
        return JSONResponse({"recipient": email, "subscriptionStatuses": statuses})

    async def subscribe(self, request: Request) -> Response:
        """Subscribe a person."""
        wish = await _preference(request)
        self._store.unsubscribed.discard((wish.email_address, wish.subscription_id))
        return JSONResponse(self._status(wish.email_address, wish.subscription_id))

    async def unsubscribe(self, request: Request) -> Response:
        """Unsubscribe a person."""
        wish = await _preference(request)
        self._store.unsubscribed.add((wish.email_address, wish.subscription_id))
        return JSONResponse(self._status(wish.email_address, wish.subscription_id))

    async def owners(self, request: Request) -> Response:
        """The account's staff, by e-mail if asked."""
        email = request.query_params.get("email")
        return JSONResponse(page(request, [_owner(o) for o in OWNERS if email in (None, o[3])], 100))

    async def owner(self, request: Request) -> Response:
        """One of the staff."""
        return JSONResponse(_found([_owner(o) for o in OWNERS if o[0] == request.path_params["owner"]]))

    async def properties(self, _: Request) -> Response:
        """Property definitions of contacts."""
        return JSONResponse({"results": [_property(f.name) for f in fields(Person)]})

    async def property(self, request: Request) -> Response:
        """One property definition."""
        name = request.path_params["name"]
        return JSONResponse(_found([_property(f.name) for f in fields(Person) if f.name == name]))

    def _status(self, email: str, key: str) -> Json:
        gone = (email, key) in self._store.unsubscribed
        name, description = SUBSCRIPTIONS[key]
        return {
            "id": key,
            "name": name,
            "description": description,
            "status": "NOT_SUBSCRIBED" if gone else "SUBSCRIBED",
            "sourceOfStatus": "SUBSCRIPTION_STATUS",
            "brandId": None,
            "preferenceGroupName": None,
            "legalBasis": None if gone else "CONSENT_WITH_NOTICE",
            "legalBasisExplanation": None,
        }


async def _preference(request: Request) -> Preference:
    wish = await read(request, Preference)
    if wish.subscription_id not in SUBSCRIPTIONS:
        raise Refused(*NOT_FOUND)
    return wish


def _found(items: list[Json]) -> Json:
    if not items:
        raise Refused(*NOT_FOUND)
    return items[0]


def _definition(key: str) -> Json:
    name, description = SUBSCRIPTIONS[key]
    flags = {"isInternal": False, "isDefault": False, "isActive": True}
    times = {"createdAt": stamp(SEEDED_AT), "updatedAt": stamp(SEEDED_AT)}
    purpose = {"purpose": "Marketing", "communicationMethod": "Email", "businessUnitId": 0}
    return {"id": key, "name": name, "description": description, **purpose, **flags, **times}


def _owner(row: tuple[str, str, str, str]) -> Json:
    key, first, last, email = row
    times = {"createdAt": stamp(SEEDED_AT), "updatedAt": stamp(SEEDED_AT)}
    user = {"userId": int(key), "userIdIncludingInactive": int(key), "type": "PERSON", "archived": False}
    return {"id": key, "email": email, "firstName": first, "lastName": last, **user, **times, "teams": []}


def _property(name: str) -> Json:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "string",
        "fieldType": "text",
        "description": "",
        "groupName": "contactinformation",
        "options": [],
        "displayOrder": -1,
        "hidden": False,
        "formField": True,
        "hasUniqueValue": name == "email",
        "calculated": False,
        "externalOptions": False,
        "hubspotDefined": name != "volunteer_notes",
        "createdAt": stamp(SEEDED_AT),
        "updatedAt": stamp(SEEDED_AT),
        "archived": False,
    }
