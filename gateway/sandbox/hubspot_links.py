"""Associations (v4) between contacts and companies of a sandbox HubSpot."""

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.sandbox.hubspot_store import Contact, Json, Refused, Store, batch, page, read
from gateway.sandbox.kit import Rows

OBJECTS = "/crm/v4/objects"
BATCH = "/crm/v4/associations/{source}/{target}/batch"
DEFAULT_TYPE = 279
"""contact to company, unlabelled"""
TYPE_IDS = {"contacts": "0-1", "contact": "0-1", "companies": "0-2", "company": "0-2"}


class Spec(msgspec.Struct, rename="camel"):
    """One association type."""

    association_category: str
    association_type_id: int


class Ref(msgspec.Struct):
    """A record by id."""

    id: str


class Link(msgspec.Struct):
    """One association to be made."""

    from_: Ref = msgspec.field(name="from")
    to: Ref
    types: list[Spec]


class Unlink(msgspec.Struct):
    """Associations of one record to be taken away."""

    from_: Ref = msgspec.field(name="from")
    to: list[Ref]


class Inputs(msgspec.Struct):
    """Records whose associations are read."""

    inputs: list[Ref]


class NewLinks(msgspec.Struct):
    """Associations to be made."""

    inputs: list[Link]


class Unlinks(msgspec.Struct):
    """Associations to be taken away."""

    inputs: list[Unlink]


class Links:
    """The endpoints of `/crm/v4`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> Rows:
        """Method, path, endpoint."""
        one = OBJECTS + "/{source}/{key}/associations/{target}"
        return (
            ("GET", one, self.list_page),
            ("PUT", OBJECTS + "/{source}/{key}/associations/default/{target}/{to}", self.create_default),
            ("PUT", one + "/{to}", self.create),
            ("DELETE", one + "/{to}", self.archive),
            ("POST", BATCH + "/read", self.batch_read),
            ("POST", BATCH + "/create", self.batch_create),
            ("POST", BATCH + "/archive", self.batch_archive),
        )

    async def list_page(self, request: Request) -> Response:
        """Companies of one contact."""
        contact = self._contact(request)
        return JSONResponse(page(request, _targets(contact), 500))

    async def create(self, request: Request) -> Response:
        """Link with a type."""
        specs = msgspec.json.decode(await request.body(), type=list[Spec])
        self._contact(request).companies[request.path_params["to"]] = specs[0].association_type_id
        return JSONResponse(_pair(request, request.path_params["key"], request.path_params["to"]), 201)

    async def create_default(self, request: Request) -> Response:
        """Link without a label."""
        self._contact(request).companies[request.path_params["to"]] = DEFAULT_TYPE
        spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": DEFAULT_TYPE}
        ends = {"from": {"id": request.path_params["key"]}, "to": {"id": request.path_params["to"]}}
        return batch([{**ends, "associationSpec": spec}], [])

    async def archive(self, request: Request) -> Response:
        """Unlink."""
        self._contact(request).companies.pop(request.path_params["to"], None)
        return Response(status_code=204)

    async def batch_read(self, request: Request) -> Response:
        """Companies of several contacts; 207 when some are not there."""
        found = [(ref.id, self._store.get(ref.id)) for ref in (await read(request, Inputs)).inputs]
        results: list[Json] = [{"from": {"id": key}, "to": _targets(c)} for key, c in found if c]
        return batch(results, [key for key, c in found if c is None])

    async def batch_create(self, request: Request) -> Response:
        """Link several."""
        links = (await read(request, NewLinks)).inputs
        for link in links:
            self._store.need(link.from_.id).companies[link.to.id] = link.types[0].association_type_id
        return batch([_pair(request, link.from_.id, link.to.id) for link in links], [], 201)

    async def batch_archive(self, request: Request) -> Response:
        """Unlink several."""
        for unlink in (await read(request, Unlinks)).inputs:
            for ref in unlink.to:
                self._store.need(unlink.from_.id).companies.pop(ref.id, None)
        return Response(status_code=204)

    def _contact(self, request: Request) -> Contact:
        if TYPE_IDS.get(request.path_params["source"]) != "0-1":
            raise Refused(400, "VALIDATION_ERROR", "The sandbox links from contacts only")
        return self._store.need(request.path_params["key"])


def _targets(contact: Contact) -> list[Json]:
    return [
        {
            "toObjectId": key,
            "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": type_, "label": None}],
        }
        for key, type_ in contact.companies.items()
    ]


def _pair(request: Request, source: str, target: str) -> Json:
    return {
        "fromObjectTypeId": TYPE_IDS.get(request.path_params["source"], "0-1"),
        "fromObjectId": source,
        "toObjectTypeId": TYPE_IDS.get(request.path_params["target"], "0-2"),
        "toObjectId": target,
        "labels": [],
    }
