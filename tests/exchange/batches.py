"""A provider with batches that list errors or answer in place, lists with totals, and a bulk send."""

from typing import Any

from gateway.contacts.model import Suppression
from gateway.model import SubjectKind
from tests.world import RULES, Played, World

PACK = b"""
provider: crm
title: A CRM with batches
hosts: [{name: api.crm.example, region: FR, operator: OVH}]
types:
  person:
    id: {is: system.operations, subject: record}
    email: {is: user.contact.email, subject: email}
    phone: {is: user.contact.phone_number, subject: phone}
    amount: user.financial
    aliases[]: {is: user.contact.email, subject: email}
partials:
  listed:
    inputs: inputs[]
    results: results[]
    status: 207
    errors: errors
    count: numErrors
    entry:
      status: error
      category: "{reason}"
      message: "{detail} ({status}, {id})"
      context: {ids: ["{input.id}"], traces: ["{input.trace.id}"]}
      final: true
      links: {}
      errors: []
  placed:
    inputs: data.inputs[]
    results: data.results[]
    entry: {id: "{input.id}", trace: "{input.trace}", success: false, code: 60405, errors: ["{reason}"]}
  page: {results: "results[]", total: total}
operations:
  - id: people.batch
    call: POST /people/batch
    partial: listed
    request: {json: {"inputs[]": {type: person}, "inputs[].trace.id": system.operations}}
    response: {json: {"results[]": {type: person}, errors: user, numErrors: system.operations}}
  - id: people.placed
    call: POST /people/placed
    partial: placed
    request: {json: {"data.inputs[]": {type: person}}}
    response: {json: {"data.results[]": {type: person}}}
  - id: people.read
    call: POST /people/read
    act: false
    partial: listed
    request: {json: {"inputs[]": {type: person}}}
    response: {json: {"results[]": {type: person}}}
  - id: people.archive
    call: POST /people/archive
    request: {json: {"inputs[].id": {is: system.operations, subject: record}}}
  - id: people.list
    call: GET /people
    partial: page
    request: {query: {email: {is: user.contact.email, subject: email}}}
    response: {json: {"results[]": {type: person}, total: system.operations, next: system.operations}}
  - id: people.plain
    call: GET /plain
    response: {json: {"[]": {type: person}}, csv: {email: {is: user.contact.email, subject: email}}}
  - id: people.fetch
    call: GET /people/{id}
    request: {path: {id: {is: system.operations, subject: record}}}
    response: {json: {$: {type: person}}}
  - id: bulk.send
    call: POST /bulk
    channel: email
    partial: listed
    request:
      json:
        inputs[].id: system.operations
        inputs[].to: {is: user.contact.email, subject: email, role: recipient}
        inputs[].cc[]: {is: user.contact.email, subject: email, role: recipient}
        inputs[].text: user.content.private
    response: {json: {"results[].id": system.operations}}
"""

HEAD = RULES.partition("views:")[0]
VIEWS = """
views:
  support: {show: [user]}
  caller:
    show: [user.contact.email]
    mask: {user.contact.phone_number: token}
    reveal: user.contact
    reveal_in: anywhere
  admin: {show: [user]}
unmapped: pass
rules:
"""
DROP = "  - {id: alone, records: {}, on_refusal: drop}\n"
REFUSE = "  - {id: alone, records: {}}\n"
COPIES = "  - {id: copies, contact: {channels: [email]}, on_refusal: drop}\n"
ANA, BO, CY = "ana@example.com", "bo@example.com", "cy@example.com"


def world(rules: str = DROP, *suppressed: str, **more: Any) -> World:
    """A world with these rules in which these people are suppressed: numbers, addresses, or record ids."""
    made = World(rules=HEAD + VIEWS + rules, pack=PACK, **more)
    for value in suppressed:
        kind: SubjectKind = "email" if "@" in value else "phone" if value[0] == "+" else "record"
        made.know(kind, f"crm/{value}" if kind == "record" else value, Suppression())
    return made


def refused_by(played: Played) -> tuple[str, tuple[str, ...]]:
    """The reason and the rules of a refusal."""
    return played.reason, tuple(played.json["rules"])
