"""The calls a sandbox Salesforce knows, and the calls that hold calls: each of those is one call again."""

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from gateway.sandbox.salesforce_store import VERSION, Denied, Json, Store, missing

ROOT = f"/services/data/{VERSION}/"


class Reply(NamedTuple):
    """An answer: status, body (None: none), where a new record is."""

    status: int
    body: object = None
    location: str | None = None


class Call(NamedTuple):
    """A call with its path below the version, query and body."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    body: object


class Calls:
    """All calls on one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def answer(self, method: str, target: str, body: object = None) -> Reply:
        """The answer to a call; errors are answers too."""
        path, _, query = target.partition("?")
        if not path.startswith(ROOT):
            return Reply(404, missing().body)
        parts = tuple(unquote(part) for part in path.removeprefix(ROOT).rstrip("/").split("/"))
        asked = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
        call = Call(method, parts, asked, body)
        handler = _ROUTES.get((method, parts[0], len(parts))) or _ROUTES.get((method, parts[0], -1))
        try:
            return handler(self, call) if handler else Reply(404, missing().body)
        except Denied as no:
            return Reply(no.status, no.body)

    # ---- records ------------------------------------------------------------------------------------------

    def describe(self, call: Call) -> Reply:
        """What an object is, or a record by id."""
        kind, second = call.path[1], call.path[2]
        if second == "describe":
            names = {name for record in self._store.records[kind].values() for name in record}
            return Reply(200, {"name": kind, "fields": [{"name": name} for name in sorted(names)]})
        wanted = call.query["fields"].split(",") if "fields" in call.query else None
        return Reply(200, self._store.shown(kind, self._store.found(kind, second), wanted))

    def create(self, call: Call) -> Reply:
        """A new record."""
        return self._created(call.path[1], _object(call.body))

    def _created(self, kind: str, fields: Json) -> Reply:
        if kind not in self._store.records:
            raise missing()
        record_id = self._store.create(kind, fields)
        saved = {"id": record_id, "success": True, "errors": []}
        return Reply(201, saved, f"{ROOT}sobjects/{kind}/{record_id}")

    def update(self, call: Call) -> Reply:
        """Change a record."""
        self._store.update(call.path[1], call.path[2], _object(call.body))
        return Reply(204)

    def delete(self, call: Call) -> Reply:
        """Remove a record."""
        self._store.delete(call.path[1], call.path[2])
        return Reply(204)

    def fetch_by(self, call: Call) -> Reply:
        """The record with a value in a field."""
        _, kind, name, value = call.path
        record = self._store.by(kind, name, value)
        if record is None:
            raise missing()
        return Reply(200, self._store.shown(kind, record))

    def upsert(self, call: Call) -> Reply:
        """Change the record with a value in a field, or make it."""
        _, kind, name, value = call.path
        record = self._store.by(kind, name, value)
        if record is None:
            return self._created(kind, {**_object(call.body), name: value})
        self._store.update(kind, str(record["Id"]), _object(call.body))
        return Reply(200, {"id": record["Id"], "success": True, "errors": [], "created": False})

    def query(self, call: Call) -> Reply:
        """SOQL."""
        return Reply(200, self._store.query(call.query.get("q", "")))

    def more(self, call: Call) -> Reply:
        """The next page of a query."""
        rows = self._store.cursors.pop(call.path[1], None)
        if rows is None:
            raise Denied(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return Reply(200, self._store.page(rows, int(call.path[1].rpartition("-")[2]) + len(rows)))

    def send(self, call: Call) -> Reply:
        """E-mails, kept."""
        inputs = _object(call.body).get("inputs")
        sent = [_object(each) for each in inputs] if isinstance(inputs, list) else []
        self._store.mails.extend(sent)
        return Reply(200, [{"actionName": "emailSimple", "errors": None, "isSuccess": True}] * len(sent))

    # ---- many at once -------------------------------------------------------------------------------------

    def composite(self, call: Call) -> Reply:
        """Calls one after the other, each of which may refer to answers before it; or many records."""
        if len(call.path) == 1:
            return self._composite(_object(call.body))
        if call.path[1] == "batch":
            return self._batch(_object(call.body))
        if call.path[1] != "sobjects":
            raise missing()
        records = _object(call.body).get("records")
        return Reply(200, [self._saved(call.method, _object(each)) for each in records or ()])  # type: ignore[attr-defined]  # a list, or the test sees a 500

    def _saved(self, method: str, fields: Json) -> Json:
        kind = str(_object(fields.get("attributes")).get("type"))
        try:
            if method == "PATCH":
                record_id = str(fields["id"])
                self._store.update(kind, record_id, fields)
            else:
                record_id = self._store.create(kind, fields)
        except Denied as no:
            error = no.body[0]
            return {
                "success": False,
                "errors": [{"statusCode": error["errorCode"], "message": error["message"]}],
            }
        return {"id": record_id, "success": True, "errors": []}

    def _composite(self, body: Json) -> Reply:
        answers: list[Json] = []
        known: dict[str, object] = {}
        for each in _list(body.get("compositeRequest")):
            filled = _object(json.loads(_REFERENCE.sub(lambda m: _resolved(known, m), json.dumps(each))))
            reply = self.answer(str(filled["method"]), str(filled["url"]), filled.get("body"))
            name = str(filled["referenceId"])
            known[name] = reply.body
            headers = {"Location": reply.location} if reply.location else {}
            answers.append(
                {
                    "body": reply.body,
                    "httpHeaders": headers,
                    "httpStatusCode": reply.status,
                    "referenceId": name,
                }
            )
        return Reply(200, {"compositeResponse": answers})

    def _batch(self, body: Json) -> Reply:
        replies = [
            self.answer(str(each["method"]), f"/services/data/{each['url']}", each.get("richInput"))
            for each in map(_object, _list(body.get("batchRequests")))
        ]
        results = [{"statusCode": reply.status, "result": reply.body} for reply in replies]
        return Reply(200, {"hasErrors": any(reply.status >= 400 for reply in replies), "results": results})


_REFERENCE = re.compile(r"@\{(\w+)\.((?:\w+(?:\[\d+\])?\.?)+)\}")


def _resolved(known: Mapping[str, object], match: re.Match[str]) -> str:
    value = known.get(match[1])
    for step in re.findall(r"\w+", match[2]):
        value = value[int(step)] if isinstance(value, list) else _object(value).get(step)
    if value is None:
        raise Denied(400, "PROCESSING_HALTED", "Invalid reference specified")
    return json.dumps(value)[1:-1] if isinstance(value, str) else json.dumps(value)


def _object(value: object) -> Json:
    if not isinstance(value, dict):
        raise Denied(400, "JSON_PARSER_ERROR", "an object was expected")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise Denied(400, "JSON_PARSER_ERROR", "an array was expected")
    return value


Handler = Callable[[Calls, Call], Reply]
_ROUTES: Mapping[tuple[str, str, int], Handler] = {
    ("GET", "sobjects", 3): Calls.describe,
    ("POST", "sobjects", 2): Calls.create,
    ("PATCH", "sobjects", 3): Calls.update,
    ("DELETE", "sobjects", 3): Calls.delete,
    ("GET", "sobjects", 4): Calls.fetch_by,
    ("PATCH", "sobjects", 4): Calls.upsert,
    ("GET", "query", 1): Calls.query,
    ("GET", "queryAll", 1): Calls.query,
    ("GET", "query", 2): Calls.more,
    ("POST", "actions", 3): Calls.send,
    ("POST", "composite", -1): Calls.composite,
    ("PATCH", "composite", 2): Calls.composite,
}
"""By method, first segment and number of segments (-1: any)."""
