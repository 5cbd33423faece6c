"""What a sandbox HubSpot holds: contact records, their history and links; and how it says no."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse

from gateway import clock
from gateway.sandbox.people import COMPANIES, OWNERS, PEOPLE, Person

Json = dict[str, object]

SEEDED_AT = 1_767_261_600.0
"""2026-01-01 10:00 UTC: when the seeded people were entered."""
DEFAULT_PROPERTIES = ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname")
"""What HubSpot answers with when no property is asked for."""


def stamp(at: float) -> str:
    """ISO 8601 with milliseconds, as HubSpot writes times."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def problem(status: int, category: str, message: str, **more: object) -> JSONResponse:
    """HubSpot's error body."""
    body = {
        "status": "error",
        "message": message,
        "correlationId": str(uuid4()),
        "category": category,
        **more,
    }
    return JSONResponse(body, status)


class Refused(Exception):  # noqa: N818 - it carries an answer, it is no failure
    """Ends a request with this answer."""

    def __init__(self, status: int, category: str, message: str) -> None:
        super().__init__(message)
        self.answer = problem(status, category, message)


NOT_FOUND = (404, "OBJECT_NOT_FOUND", "resource not found")


@dataclass(slots=True)
class Version:
    """One value a property had, and since when."""

    value: str
    at: float
    source: str


@dataclass(slots=True)
class Contact:
    """One contact record; `history` holds every property's versions, newest first."""

    id: str
    created: float
    updated: float
    history: dict[str, list[Version]] = field(default_factory=dict)
    archived: bool = False
    companies: dict[str, int] = field(default_factory=dict)
    """Company record id -> association type id."""

    def value(self, name: str) -> str | None:
        """A property's current value."""
        versions = self.history.get(name)
        return versions[0].value if versions else None

    def write(self, properties: Mapping[str, str | None], at: float, source: str = "API") -> None:
        """Set properties; None or the empty string clears, as in HubSpot."""
        self.updated = at
        for name, value in {**properties, "lastmodifieddate": stamp(at)}.items():
            self.history.setdefault(name, []).insert(0, Version(value or "", at, source))

    def shown(self, wanted: Iterable[str] = (), with_history: Iterable[str] = ()) -> Json:
        """The record as the API answers it: the default properties and those wanted."""
        names = sorted({*DEFAULT_PROPERTIES, *wanted, *with_history})
        body: Json = {
            "id": self.id,
            "properties": {name: self.value(name) for name in names},
            "createdAt": stamp(self.created),
            "updatedAt": stamp(self.updated),
            "archived": self.archived,
        }
        if with_history:
            body["propertiesWithHistory"] = {
                n: [_version(v) for v in self.history.get(n, ())] for n in with_history
            }
        return body


def _version(version: Version) -> Json:
    return {
        "value": version.value,
        "timestamp": stamp(version.at),
        "sourceType": version.source,
        "sourceId": "sandbox",
        "sourceLabel": "Sandbox",
        "updatedByUserId": 1,
    }


@dataclass(slots=True)
class Store:
    """All records of one sandbox account. Unique by id and by e-mail."""

    contacts: dict[str, Contact] = field(default_factory=dict)
    unsubscribed: set[tuple[str, str]] = field(default_factory=set)
    """(e-mail, subscription id)"""
    numbers: Iterable[int] = field(default_factory=lambda: count(1001))

    @classmethod
    def seeded(cls) -> "Store":
        """With the fictional people in it."""
        store = cls()
        for person in PEOPLE:
            store.contacts[person.id] = _seed(person)
        return store

    def add(self, properties: Mapping[str, str | None]) -> Contact:
        """A new record; 409 when its e-mail is taken."""
        email = properties.get("email")
        taken = self.by_email(email) if email else None
        if taken:
            raise Refused(409, "CONFLICT", f"Contact already exists. Existing ID: {taken.id}")
        at = clock.now()
        contact = Contact(str(next(iter(self.numbers))), at, at)
        contact.write({"createdate": stamp(at), "hs_object_id": contact.id, **properties}, at)
        self.contacts[contact.id] = contact
        return contact

    def get(self, key: str, by: str | None = None) -> Contact | None:
        """A live record by id, or by a unique property."""
        found = self.contacts.get(key) if by in (None, "", "hs_object_id") else self.by_email(key)
        return found if found and not found.archived else None

    def need(self, key: str, by: str | None = None) -> Contact:
        """Like `get`; 404 when there is none."""
        found = self.get(key, by)
        if found is None:
            raise Refused(*NOT_FOUND)
        return found

    def by_email(self, email: str) -> Contact | None:
        """The live record with this e-mail address."""
        return next((c for c in self.live() if (c.value("email") or "").lower() == email.lower()), None)

    def live(self) -> list[Contact]:
        """All records that are not archived, by id."""
        return [c for c in sorted(self.contacts.values(), key=lambda c: int(c.id)) if not c.archived]


def _seed(person: Person) -> Contact:
    contact = Contact(person.id, SEEDED_AT, SEEDED_AT, companies={COMPANIES[person.company]: 279})
    properties = {k: v for k, v in asdict(person).items() if k != "id"}
    extra = {"createdate": stamp(SEEDED_AT), "hs_object_id": person.id, "hubspot_owner_id": OWNERS[0][0]}
    contact.write({**properties, **extra}, SEEDED_AT, "CRM_UI")
    return contact


async def read[S: msgspec.Struct](request: Request, shape: type[S]) -> S:
    """The JSON body as a typed value; msgspec.MsgspecError becomes HubSpot's 400."""
    return msgspec.json.decode(await request.body(), type=shape)


def listed(request: Request, name: str) -> list[str]:
    """A query parameter that may be repeated or hold commas."""
    return [part for value in request.query_params.getlist(name) for part in value.split(",") if part]


def page(request: Request, items: list[Json], default: int = 10) -> Json:
    """One page of items; `after` is an offset, as HubSpot's search has it."""
    limit, after = int(request.query_params.get("limit", default)), int(request.query_params.get("after", 0))
    return paged(items, limit, after, str(request.url.path))


def paged(items: list[Json], limit: int, after: int, link: str) -> Json:
    """`{results, paging}`; no paging on the last page."""
    body: Json = {"results": items[after : after + limit]}
    if after + limit < len(items):
        body["paging"] = {"next": {"after": str(after + limit), "link": f"{link}?after={after + limit}"}}
    return body


def batch(results: list[Json], missing: list[str], done: int = 200) -> JSONResponse:
    """A batch answer: 207 with one error that names the missing ids when there are any."""
    at = stamp(clock.now())
    body: Json = {"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at}
    if not missing:
        return JSONResponse(body, done)
    message = (
        "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid."
    )
    error = {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": message,
        "context": {"ids": missing},
    }
    return JSONResponse({**body, "numErrors": 1, "errors": [error]}, 207)
