"""What is asked and answered while something breaks."""

import gzip
import json

from gateway.http1.encode import chunk, last_chunk
from gateway.masking.token import Tokens
from tests.plane import answer, request
from tests.world import PACK, RING, RULES

SECRET = "secret-of-ana@example.com"
UPSTREAMS = "Anastasia"
"""a name in every answer of the upstream, which the view shows: the caller gets it unless it is withheld"""

QUERY_MAP = b"request: {query: {email: {is: user.contact.email, subject: email}}"
TAPES = (
    b'  - {id: calls.tape, call: "POST /calls/{id}/tapes", recording: {always: true},\n'
    b"     request: {path: {id: {is: system.operations, record: call, role: recipient}}}}\n"
)
PACK_WITH_HEADERS = PACK.replace(QUERY_MAP, QUERY_MAP + b", headers: {X-Person: user.contact.email}").replace(
    b"operations:\n", b"operations:\n" + TAPES, 1
)
OFTEN = "rules:\n  - {id: often, contact: {at_most: 3 in 7 days}}\n"
TAPED = (
    "rules:\n  - {id: taped, contact: {channels: [call], recording: functional.service.improve, "
    "require: consent}}\n"
)
ANY_RULE = "rules:\n  - {id: a, access: {operations: crm.status}}\n"
MASKED_PATH = "rules:\n  - {id: m, mask: user.unique_id, with: hash, to: {providers: crm}}\n"
JSON_KIND = "Content-Type: application/json\r\n"
FORM_KIND = "Content-Type: application/x-www-form-urlencoded\r\n"
PERSON = {"id": "7", "name": {"first": UPSTREAMS, "last": "Silva"}, "email": "ana@example.com"}
READ = request("GET", "/crm/contacts/7")
ZIPPED = request("GET", "/crm/contacts/7", extra="Accept-Encoding: gzip\r\n")
LIST = request("GET", "/crm/contacts?email=ana%40example.com", extra="X-Person: ana@example.com\r\n")
MAIL = request("POST", "/crm/mails", b'{"to": "ana@example.com", "text": "x"}', extra=JSON_KIND)
SMS = request("POST", "/crm/messages", b"To=%2B33639980001&Body=x", extra=FORM_KIND)
TAPE = request("POST", "/crm/calls/CA1/tapes")
SIGNALLED = request("GET", "/crm/contacts/7", extra="Sec-GPC: 1\r\n")
DELETE = request("DELETE", "/crm/contacts/7")
MEDIA = request("GET", "/crm/recordings/7", client="admin")
CHUNKED = request("GET", "/crm/contacts/chunked")
EXPORT = request("GET", "/crm/contacts/export")
BROKEN_EXPORT = request("GET", "/crm/contacts/broken")
CREATED = request("GET", "/crm/contacts/created")
OURS = Tokens(RING.token_keys("acme")).issue("user.contact.email", "email", "ana@example.com")
BY_TOKEN = request("GET", f"/crm/contacts?email={OURS}")
REVEALING = RULES.replace("date_of_birth: year}}", "date_of_birth: year}, reveal: user.contact.email}")


LINES = b"".join(json.dumps({**PERSON, "email": f"{n}@example.com"}).encode() + b"\n" for n in range(20))
STREAMED = {
    b"/contacts/chunked": (b"application/json", json.dumps(PERSON).encode()),
    b"/contacts/export": (b"application/x-ndjson", LINES),
    b"/contacts/broken": (b"application/x-ndjson", LINES + b"{broken\n"),
}


BODIES = {
    "application/x-www-form-urlencoded": b"name=" + UPSTREAMS.encode(),
    "application/x-ndjson": LINES,
    "application/json-seq": b"".join(b"\x1e" + line + b"\n" for line in LINES.splitlines()),
    "text/event-stream": b"".join(b"data: " + line + b"\n\n" for line in LINES.splitlines()),
    "text/csv": b"name,email\r\n%b,ana@example.com\r\n" % UPSTREAMS.encode(),
    "text/tab-separated-values": b"name\temail\r\n%b\tana@example.com\r\n" % UPSTREAMS.encode(),
    "text/plain": UPSTREAMS.encode(),
    "application/xml": b"<person><name>%b</name></person>" % UPSTREAMS.encode(),
}
"""One of each codec that only reads answers here."""


def asking_for(kind: str) -> bytes:
    """A request that is answered with a body of this type."""
    return request("GET", f"/crm/contacts/{kind.replace('/', '.')}")


def reply(asked: bytes) -> bytes:
    """What the upstream says."""
    wanted = asked.split(b" ")[1].removeprefix(b"/contacts/").replace(b".", b"/", 1)
    if wanted.decode() in BODIES:
        return answer(BODIES[wanted.decode()], kind=wanted)
    if asked.startswith(b"GET /recordings"):
        return answer(UPSTREAMS.encode(), kind=b"audio/wav")
    streamed = STREAMED.get(asked.split(b" ")[1])
    if streamed is not None:
        kind, body = streamed
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % kind
        return head + chunk(body) + last_chunk()
    listed = asked.startswith(b"GET /contacts?")
    body = json.dumps({"results": [PERSON]} if listed else PERSON).encode()
    if b"Accept-Encoding: gzip" in asked:
        return answer(gzip.compress(body), extra=b"Content-Encoding: gzip\r\n")
    if asked.startswith(b"GET /contacts/created"):
        return answer(body, extra=b"Location: /contacts?email=%b\r\n" % UPSTREAMS.encode())
    return answer(body)
