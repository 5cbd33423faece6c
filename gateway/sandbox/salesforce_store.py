"""What a sandbox Salesforce holds: records of four objects, found by id, by field and by a little SOQL."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from gateway import clock
from gateway.sandbox.people import PEOPLE

Json = dict[str, object]

VERSION = "v60.0"
SEEDED_AT = 1_767_261_600.0
"""2026-01-01 10:00 UTC"""
PREFIXES = {"Account": "001", "Contact": "003", "Lead": "00Q", "Task": "00T"}
"""Object -> the first characters of its record ids."""
REQUIRED = {"Account": "Name", "Contact": "LastName", "Lead": "LastName", "Task": "Subject"}


class Denied(Exception):  # noqa: N818 - it carries an answer, it is no failure
    """Ends a call with an error in Salesforce's shape."""

    def __init__(self, status: int, code: str, message: str, *fields: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = [{"message": message, "errorCode": code, **({"fields": list(fields)} if fields else {})}]


def missing() -> Denied:
    """No such record or resource."""
    return Denied(404, "NOT_FOUND", "The requested resource does not exist")


def stamp(at: float) -> str:
    """ISO 8601 with milliseconds and an offset, as Salesforce writes times."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


@dataclass(slots=True)
class Store:
    """The records of one sandbox org, by object and id. `batch`: records of a query that come at once."""

    records: dict[str, dict[str, Json]] = field(default_factory=lambda: {name: {} for name in PREFIXES})
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    cursors: dict[str, list[Json]] = field(default_factory=dict)
    mails: list[Json] = field(default_factory=list)
    batch: int = 2000

    @classmethod
    def seeded(cls, batch: int = 2000) -> "Store":
        """With the fictional people as contacts of their companies."""
        store = cls(batch=batch)
        for person in PEOPLE:
            account = store.create("Account", {"Name": person.company}, SEEDED_AT)
            contact = {
                "FirstName": person.firstname,
                "LastName": person.lastname,
                "Name": f"{person.firstname} {person.lastname}",
                "Email": person.email,
                "Phone": person.phone,
                "MobilePhone": person.mobilephone,
                "Title": person.jobtitle,
                "MailingStreet": person.address,
                "MailingCity": person.city,
                "MailingPostalCode": person.zip,
                "MailingCountry": person.country,
                "Birthdate": person.date_of_birth,
                "AccountId": account,
                "Volunteer_Notes__c": person.volunteer_notes,
            }
            store.create("Contact", contact, SEEDED_AT)
        return store

    def create(self, kind: str, fields: Mapping[str, object], at: float | None = None) -> str:
        """A new record; its id. Raises Denied."""
        required = REQUIRED[kind]
        if not fields.get(required):
            raise Denied(
                400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{required}]", required
            )
        number = next(self.numbers)
        record_id = f"{PREFIXES[kind]}5g{number:010d}AAA"
        now = stamp(clock.now() if at is None else at)
        kept = {name: value for name, value in fields.items() if name != "attributes"}
        self.records[kind][record_id] = {"Id": record_id, **kept, "CreatedDate": now, "LastModifiedDate": now}
        return record_id

    def found(self, kind: str, record_id: str) -> Json:
        """A record. Raises Denied."""
        record = self.records.get(kind, {}).get(record_id)
        if record is None:
            raise missing()
        return record

    def update(self, kind: str, record_id: str, fields: Mapping[str, object]) -> None:
        """Change a record. Raises Denied."""
        record = self.found(kind, record_id)
        record.update({k: v for k, v in fields.items() if k not in ("attributes", "Id", "id")})
        record["LastModifiedDate"] = stamp(clock.now())

    def delete(self, kind: str, record_id: str) -> None:
        """Remove a record. Raises Denied."""
        self.found(kind, record_id)
        del self.records[kind][record_id]

    def by(self, kind: str, name: str, value: str) -> Json | None:
        """The record with a value in a field."""
        return next((r for r in self.records[kind].values() if str(r.get(name)) == value), None)

    def kind_of(self, record_id: str) -> str:
        """The object of a record's id. Raises Denied."""
        return (
            next((kind for kind, prefix in PREFIXES.items() if record_id.startswith(prefix)), None) or _none()
        )

    def shown(self, kind: str, record: Json, wanted: list[str] | None = None) -> Json:
        """A record as the API answers it, with all of its fields or those wanted."""
        url = f"/services/data/{VERSION}/sobjects/{kind}/{record['Id']}"
        names = wanted or list(record)
        return {
            "attributes": {"type": kind, "url": url},
            **{name: self._value(record, name) for name in names},
        }

    def _value(self, record: Json, name: str) -> object:
        if not name.startswith("Account."):
            return record.get(name)
        account = self.records["Account"].get(str(record.get("AccountId")), {})
        return account.get(name.removeprefix("Account."))

    def query(self, soql: str) -> Json:
        """The answer to a query. Raises Denied for what this sandbox cannot read."""
        match = _QUERY.fullmatch(soql.strip())
        if match is None or match["kind"] not in self.records:
            raise Denied(400, "MALFORMED_QUERY", "unexpected token")
        rows = [row for row in self.records[match["kind"]].values() if _fits(row, match["where"] or "")]
        if match["order"]:
            rows.sort(key=lambda row: str(row.get(match["order"])))
        rows = rows[: int(match["limit"])] if match["limit"] else rows
        if match["fields"].lower() == "count()":
            return {"totalSize": len(rows), "done": True, "records": []}
        names = [name.strip() for name in match["fields"].split(",")]
        return self.page([self.shown(match["kind"], row, names) for row in rows], len(rows))

    def page(self, rows: list[Json], total: int) -> Json:
        """One page of a query's answer, with where the next one is."""
        now, later = rows[: self.batch], rows[self.batch :]
        body: Json = {"totalSize": total, "done": not later, "records": now}
        if later:
            locator = f"01g5g{next(self.numbers):010d}AAA-{total - len(later)}"
            self.cursors[locator] = later
            body["nextRecordsUrl"] = f"/services/data/{VERSION}/query/{locator}"
        return body


def _none() -> str:
    raise Denied(400, "MALFORMED_ID", "bad id")


_QUERY = re.compile(
    r"select\s+(?P<fields>[\w.]+(?:\s*,\s*[\w.]+)*|count\(\))\s+from\s+(?P<kind>\w+)"
    r"(?:\s+where\s+(?P<where>.+?))?(?:\s+order\s+by\s+(?P<order>\w+)(?:\s+asc)?)?(?:\s+limit\s+(?P<limit>\d+))?",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"\s*(\w+)\s*(=|like)\s*'((?:[^'\\]|\\.)*)'\s*", re.IGNORECASE)


def _fits(row: Json, where: str) -> bool:
    for part in filter(None, re.split(r"\band\b", where, flags=re.IGNORECASE)):
        match = _CONDITION.fullmatch(part)
        if match is None:
            raise Denied(400, "MALFORMED_QUERY", "unexpected token")
        name, sign, text = match.groups()
        value = str(row.get(name, ""))
        wanted = re.sub(r"\\(.)", r"\1", text)
        pattern = ".*".join(map(re.escape, wanted.split("%"))) if sign != "=" else re.escape(wanted)
        if re.fullmatch(pattern, value, re.IGNORECASE) is None:
            return False
    return True
