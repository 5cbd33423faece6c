"""A world whose answers hold links: upstreams, hosts a pack names, and callers that see more and less."""

from hashlib import sha256
from urllib.parse import quote

from gateway.masking.token import Tokens
from gateway.model import Upstream
from gateway.policy.rulefile import read_rules
from gateway.policy.snapshot import Secrets, Snapshot, Tenant
from gateway.residency.locate import AddressTable
from tests.world import KEYS, RING, World, pack_of

PACK = b"""
provider: crm
title: A CRM
hosts:
  - {name: api.crm.example, region: FR, operator: OVH}
  - {name: "*.eu.crm.example", region: DE, operator: OVH}
links:
  - {name: media.example, region: FR, operator: OVH}
  - {name: media-us.example, region: US, operator: AWS}
operations:
  - id: people.list
    call: GET /v1/people
    request:
      query:
        phone: {is: user.contact.phone_number, subject: phone}
        email: user.contact.email
        name: user.name
        gone: user.content
        page: system.operations
        after: {is: system.operations, holds: cursor}
    response:
      json:
        after: {is: system.operations, holds: cursor}
        next: {is: system.operations, holds: link}
        mine: {is: user.content, holds: link}
        "links": {is: system.operations, holds: link}
  - id: people.fetch
    call: GET /v1/people/{phone}.json
    request: {path: {phone: {is: user.contact.phone_number, subject: phone}}}
    response:
      json: {url: {is: system.operations, holds: link}}
      headers: {X-Next: {is: system.operations, holds: link}}
  - id: people.export
    call: GET /v1/export
    request: {query: {phone: {is: user.contact.phone_number, subject: phone}}}
  - id: people.change
    call: POST /v1/people/{phone}/changes
    request: {path: {phone: user.contact.phone_number}}
  - id: media.fetch
    call: GET /v1/media/{id}
    request: {path: {id: system.operations}}
    response: {opaque: {types: ["image/*"], is: user.content.private}}
"""
RULES = """
tenant: acme
instruction: {by: dpo@acme.example, ref: test, date: 2026-01-01}
country: FR
clients:
  - {id: desk, role: support, purposes: [essential.service.operations], key: "sha256:%s"}
  - {id: dialer, role: caller, purposes: [essential.service.operations], key: "sha256:%s"}
  - {id: office, role: admin, purposes: [essential.service.operations], key: "sha256:%s"}
views:
  support: {show: [user.name], mask: {user.content: remove}}
  caller: {mask: {user.contact: token}, reveal: user.contact}
  admin: {show: [user]}
rules:
  - {id: stay, residency: {data: user, regions: [EEA]}}
"""
UPSTREAMS = (
    Upstream(
        name="crm-1",
        provider="crm",
        url="https://api.crm.example",
        region="FR",
        operator="OVH",
        prefix="/crm",
    ),
    Upstream(
        name="crm-2",
        provider="crm",
        url="https://two.crm.example/base",
        region="FR",
        operator="OVH",
        prefix="/two",
    ),
    Upstream(
        name="crm-3",
        provider="crm",
        url="https://3.crm.example",
        region="FR",
        operator="OVH",
        host="three.gw",
    ),
    Upstream(
        name="other",
        provider="crm",
        url="https://o.crm.example",
        region="FR",
        operator="OVH",
        prefix="/o",
        tenants=("b",),
    ),
)
NUMBER = "+33639980001"
ours = Tokens(RING.token_keys("acme"), "FR")
TOKEN = quote(ours.issue("user.contact.phone_number", "phone", NUMBER) or "", safe="")
GATE = "http://gw.test/crm"


def world_of(unmapped: str = "redact", scheme: str | None = "http") -> World:
    keys = tuple(sha256(KEYS[name]).hexdigest() for name in ("support", "caller", "admin"))
    policy = read_rules((RULES % keys + f"unmapped: {unmapped}\n").encode(), "acme.yaml")
    snapshot = Snapshot(
        tenants=[Tenant(policy.tenant, policy.clients, lambda: policy)],
        packs=[pack_of(PACK, "crm/pack.yaml")],
        upstreams=UPSTREAMS,
        table=AddressTable((("127.0.0.0/8", "FR", "OVH"),)),
        secrets=Secrets.of(RING),
    )
    return World(scheme=scheme, _snapshot=snapshot)
