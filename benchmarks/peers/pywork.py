"""What the mitmproxy add-on and the ASGI proxy share: the exchange of benchmarks/work.py, with its log.

Runs in the peers' own environment; imports the standard library and benchmarks.work alone.
"""

import hashlib
import json
import os
import time
import uuid

from benchmarks import work

SUPPRESSED = work.suppressed()


class RefusedError(Exception):
    """The exchange is refused with this status and problem body."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class Gate:
    """Identifies, checks, masks, logs: one JSON line per record, in the page cache before it returns."""

    def __init__(self, path: str) -> None:
        self._log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def open(self, key: str, method: str) -> dict[str, work.Json]:
        """The record of a new exchange. Raises RefusedError for an unknown client."""
        client = work.CLIENTS.get(hashlib.sha256(key.encode()).hexdigest(), "-")
        record: dict[str, work.Json] = {
            "phase": "read" if method == "GET" else "intent",
            "id": uuid.uuid4().hex,
            "at": time.clock_gettime(time.CLOCK_REALTIME),
            "tenant": "bench",
            "client": client,
            "method": method,
            "effect": "allow",
        }
        if client == "-":
            self._refuse(record, 401, "unknown_client")
        return record

    def request(self, record: dict[str, work.Json], form: bytes) -> None:
        """Check the recipient of a message and log the intent. Raises RefusedError."""
        if record["method"] != "POST":
            return
        to = work.pseudonym("phone", work.recipient(form))
        record |= {"operation": "messages.create", "subjects": [to]}
        if to in SUPPRESSED:
            self._refuse(record, 403, "contact_suppressed")
        self._append(record)

    def response(self, record: dict[str, work.Json], status: int, raw: bytes) -> bytes:
        """The masked body, logged before it is returned."""
        body = json.loads(raw)
        if record["method"] == "POST":
            record |= {"phase": "outcome", "masked": work.mask_message(body)}
        else:
            self._read(record, body)
        out = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        record |= {"status": status, "response_bytes": len(out)}
        self._append(record)
        return out

    def _read(self, record: dict[str, work.Json], body: work.Json) -> None:
        subjects: list[str] = []
        for one in work.contacts_of(body):
            subjects += work.mask_contact(one)
        record |= {
            "operation": "contacts",
            "subjects": subjects,
            "masked": len(subjects),
        }

    def _append(self, record: dict[str, work.Json]) -> None:
        line = json.dumps(record).encode() + b"\n"
        if os.write(self._log, line) != len(line):
            raise RefusedError(503, b"{}")

    def _refuse(self, record: dict[str, work.Json], status: int, reason: str) -> None:
        record |= {"phase": "refusal", "effect": "refuse", "reason": reason, "status": status}
        self._append(record)
        problem = {"type": f"urn:hushgate:{reason}", "status": status, "instance": record["id"]}
        raise RefusedError(status, json.dumps(problem).encode())
