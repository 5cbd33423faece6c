"""Contacts of a sandbox HubSpot: one by one, listed, searched, in batches."""

from collections.abc import Callable, Iterator, Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway import clock
from gateway.sandbox.hubspot_store import Contact, Json, Refused, Store, batch, listed, page, paged, read
from gateway.sandbox.kit import Rows

ROOT = "/crm/v3/objects/contacts"


class Written(msgspec.Struct, rename="camel"):
    """A record as it is written: alone, or in a batch."""

    properties: dict[str, str | None] = {}
    id: str = ""
    id_property: str | None = None


class Batch(msgspec.Struct, rename="camel"):
    """A batch of records, or of ids to read."""

    inputs: list[Written]
    properties: list[str] = []
    properties_with_history: list[str] = []
    id_property: str | None = None


class Filter(msgspec.Struct, rename="camel"):
    """One condition of a search."""

    property_name: str
    operator: str
    value: str = ""
    high_value: str = ""
    values: list[str] = []


class FilterGroup(msgspec.Struct):
    """Conditions that must all hold."""

    filters: list[Filter] = []


class Search(msgspec.Struct, rename="camel"):
    """A search: any group may hold."""

    filter_groups: list[FilterGroup] = []
    query: str = ""
    properties: list[str] = []
    limit: int = 10
    after: str | int = 0


class Merge(msgspec.Struct, rename="camel"):
    """Two records that become the first."""

    primary_object_id: str
    object_id_to_merge: str


class Purge(msgspec.Struct, rename="camel"):
    """A record to be forgotten."""

    object_id: str
    id_property: str | None = None


OPERATORS: Mapping[str, Callable[[str, Filter], bool]] = {
    "EQ": lambda v, f: v.lower() == f.value.lower(),
    "NEQ": lambda v, f: v.lower() != f.value.lower(),
    "IN": lambda v, f: v in f.values,
    "NOT_IN": lambda v, f: v not in f.values,
    "CONTAINS_TOKEN": lambda v, f: f.value.strip("*").lower() in v.lower(),
    "NOT_CONTAINS_TOKEN": lambda v, f: f.value.strip("*").lower() not in v.lower(),
    "HAS_PROPERTY": lambda v, _: bool(v),
    "NOT_HAS_PROPERTY": lambda v, _: not v,
    "GT": lambda v, f: v > f.value,
    "GTE": lambda v, f: v >= f.value,
    "LT": lambda v, f: v < f.value,
    "LTE": lambda v, f: v <= f.value,
    "BETWEEN": lambda v, f: f.value <= v <= f.high_value,
}
SEARCHED = ("firstname", "lastname", "email", "phone", "mobilephone", "company")
"""Properties a `query` looks into."""


class Contacts:
    """The endpoints of `/crm/v3/objects/contacts`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> Rows:
        """Method, path, endpoint."""
        return (
            ("POST", f"{ROOT}/search", self.search),
            ("POST", f"{ROOT}/merge", self.merge),
            ("POST", f"{ROOT}/gdpr-delete", self.purge),
            ("POST", f"{ROOT}/batch/create", self.batch_create),
            ("POST", f"{ROOT}/batch/read", self.batch_read),
            ("POST", f"{ROOT}/batch/update", self.batch_update),
            ("POST", f"{ROOT}/batch/upsert", self.batch_upsert),
            ("POST", f"{ROOT}/batch/archive", self.batch_archive),
            ("GET", ROOT, self.list_page),
            ("POST", ROOT, self.create),
            ("GET", f"{ROOT}/{{key}}", self.fetch),
            ("PATCH", f"{ROOT}/{{key}}", self.update),
            ("DELETE", f"{ROOT}/{{key}}", self.archive),
        )

    async def list_page(self, request: Request) -> Response:
        """One page of records."""
        wanted, history = listed(request, "properties"), listed(request, "propertiesWithHistory")
        return JSONResponse(page(request, [c.shown(wanted, history) for c in self._store.live()]))

    async def create(self, request: Request) -> Response:
        """A new record."""
        written = await read(request, Written)
        contact = self._store.add(_checked(written.properties))
        return JSONResponse(contact.shown(written.properties), 201)

    async def fetch(self, request: Request) -> Response:
        """One record, with the companies it belongs to when asked."""
        contact = self._store.need(request.path_params["key"], request.query_params.get("idProperty"))
        body = contact.shown(listed(request, "properties"), listed(request, "propertiesWithHistory"))
        if "companies" in listed(request, "associations"):
            links = [{"id": company, "type": "contact_to_company"} for company in contact.companies]
            body["associations"] = {"companies": {"results": links}}
        return JSONResponse(body)

    async def update(self, request: Request) -> Response:
        """Change properties."""
        contact = self._store.need(request.path_params["key"], request.query_params.get("idProperty"))
        written = await read(request, Written)
        contact.write(_checked(written.properties), clock.now())
        return JSONResponse(contact.shown(written.properties))

    async def archive(self, request: Request) -> Response:
        """Put a record away; HubSpot answers 204 whether or not it was there."""
        self._put_away([request.path_params["key"]])
        return Response(status_code=204)

    async def search(self, request: Request) -> Response:
        """Records any of whose filter groups holds."""
        search = await read(request, Search)
        found = [c for c in self._store.live() if _matches(c, search)]
        body = paged(
            [c.shown(search.properties) for c in found], search.limit, int(search.after), f"{ROOT}/search"
        )
        return JSONResponse({"total": len(found), **body})

    async def merge(self, request: Request) -> Response:
        """Two records into one; the first one's values win."""
        merge = await read(request, Merge)
        primary, other = self._store.need(merge.primary_object_id), self._store.need(merge.object_id_to_merge)
        primary.write({n: other.value(n) for n in other.history if not primary.value(n)}, clock.now())
        other.archived = True
        return JSONResponse(primary.shown())

    async def purge(self, request: Request) -> Response:
        """Forget a person."""
        purge = await read(request, Purge)
        contact = self._store.get(purge.object_id, purge.id_property)
        if contact:
            del self._store.contacts[contact.id]
        return Response(status_code=204)

    async def batch_create(self, request: Request) -> Response:
        """New records."""
        inputs = (await read(request, Batch)).inputs
        return batch([self._store.add(_checked(w.properties)).shown(w.properties) for w in inputs], [], 201)

    async def batch_read(self, request: Request) -> Response:
        """Records by id or unique property; 207 when some are not there."""
        wanted = await read(request, Batch)
        found = [(w.id, self._store.get(w.id, wanted.id_property)) for w in wanted.inputs]
        shown = [c.shown(wanted.properties, wanted.properties_with_history) for _, c in found if c]
        return batch(shown, [key for key, c in found if c is None])

    async def batch_update(self, request: Request) -> Response:
        """Change several records."""
        found = [(w, self._store.get(w.id, w.id_property)) for w in (await read(request, Batch)).inputs]
        return batch(list(_updates(found)), [w.id for w, c in found if c is None])

    async def batch_upsert(self, request: Request) -> Response:
        """Change records that are there, create the others."""
        results: list[Json] = []
        for written in (await read(request, Batch)).inputs:
            contact = self._store.get(written.id, written.id_property)
            by_email = {"email": written.id} if written.id_property == "email" else {}
            if contact:
                contact.write(_checked(written.properties), clock.now())
            made = contact or self._store.add(_checked({**by_email, **written.properties}))
            results.append({**made.shown(written.properties), "new": contact is None})
        return batch(results, [])

    async def batch_archive(self, request: Request) -> Response:
        """Put several records away."""
        self._put_away([w.id for w in (await read(request, Batch)).inputs])
        return Response(status_code=204)

    def _put_away(self, keys: list[str]) -> None:
        for contact in filter(None, map(self._store.get, keys)):
            contact.archived = True


def _updates(found: list[tuple[Written, Contact | None]]) -> Iterator[Json]:
    for written, contact in found:
        if contact:
            contact.write(_checked(written.properties), clock.now())
            yield contact.shown(written.properties)


def _checked(properties: dict[str, str | None]) -> dict[str, str | None]:
    email = properties.get("email")
    if email and "@" not in email:
        raise Refused(
            400, "VALIDATION_ERROR", f"Property values were not valid: Email address {email} is invalid"
        )
    return properties


def _matches(contact: Contact, search: Search) -> bool:
    groups = search.filter_groups
    held = not groups or any(all(_holds(contact, f) for f in group.filters) for group in groups)
    wanted = search.query.lower()
    return held and any(wanted in (contact.value(name) or "").lower() for name in SEARCHED)


def _holds(contact: Contact, condition: Filter) -> bool:
    operator = OPERATORS.get(condition.operator)
    if operator is None:
        raise Refused(400, "VALIDATION_ERROR", f"Unknown operator {condition.operator}")
    return operator(contact.value(condition.property_name) or "", condition)
