"""The steps of the tour: a table of small functions, each of which shows one thing and checks that it was so.

Every number is taken from answers: the gateway's headers and problem documents, the sandboxes' ledgers.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from gateway.demo import proxied
from gateway.demo.apps import Answer
from gateway.demo.house import CONSENTING, SUPPRESSED
from gateway.demo.provider import message
from gateway.demo.table import table
from gateway.demo.world import World
from gateway.sandbox import twilio
from gateway.sandbox.people import COMPANY_NUMBER, PEOPLE

SHOWN: Final = (
    "firstname",
    "lastname",
    "email",
    "phone",
    "company",
    "jobtitle",
    "zip",
    "date_of_birth",
    "volunteer_notes",
)
"""Contact properties the tour asks for; the last is one no data map can know."""
PERSON: Final = PEOPLE[0]
STOPPING: Final = PEOPLE[4]
"""Writes STOP during the tour."""
TWIML: Final = "https://app.demo.example/twiml"


@dataclass(frozen=True, slots=True)
class Shown:
    """What one step showed: lines to read, whether it was as it had to be, and the answers behind it."""

    lines: list[str]
    ok: bool
    answers: tuple[Answer, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Step:
    """A title and the function that shows it."""

    title: str
    show: Callable[[World], Shown]


def contact(world: World) -> Shown:
    """One contact, field by field, as three eyes see it."""
    read = _reader(PERSON.id)
    direct, support, caller = (
        world.direct_hubspot.call(read),
        world.helpdesk.call(read),
        world.dialer.call(read),
    )
    if not all(answer.value for answer in (direct, support, caller)):
        return Shown(_refusals(direct, support, caller), False, (support, caller))
    plain, seen, called = (answer.value.properties for answer in (direct, support, caller))
    rows = [(name, plain.get(name), seen.get(name), called.get(name)) for name in SHOWN]
    marks = f"Hushgate-Masked: {support.masked} for support, {caller.masked} for caller"
    ok = (
        seen["firstname"] == called["firstname"] == PERSON.firstname
        and _hidden(plain, seen, "email", "phone", "date_of_birth", "volunteer_notes")
        and _hidden(plain, called, "email", "zip", "date_of_birth", "volunteer_notes")
        and called["phone"] == PERSON.phone
        and min(support.masked, caller.masked) > 0
    )
    head = ("HubSpot contact", "without gateway", "support sees", "caller sees")
    return Shown([*table(head, rows), marks], ok, (support, caller))


def messages(world: World) -> Shown:
    """The latest messages, before and after."""

    def read(sdk: Any) -> Any:
        return sdk.messages.list(limit=2)

    direct, support = world.direct_twilio.call(read), world.helpdesk_twilio.call(read)
    if not direct.value or not support.value:
        return Shown(_refusals(direct, support), False, (support,))
    pairs = list(zip(direct.value, support.value, strict=True))
    rows = [
        (name, getattr(before, name), getattr(after, name))
        for before, after in pairs
        for name in ("direction", "from_", "to", "body", "status")
    ]
    ok = support.masked > 0 and all(
        a.to != b.to and a.from_ != b.from_ and a.body != b.body and a.status == b.status for b, a in pairs
    )
    head = ("Twilio message", "without gateway", "support sees")
    return Shown([*table(head, rows), f"Hushgate-Masked: {support.masked}"], ok, (support,))


def blacklisted(world: World) -> Shown:
    """A number that must not be called is not called; another one is."""
    before = world.received("twilio")
    refused = world.dialer_twilio.call(_caller(SUPPRESSED.mobilephone))
    between = world.received("twilio")
    called = world.dialer_twilio.call(_caller(PERSON.mobilephone))
    after = world.received("twilio")
    lines = [
        _line(f"call {SUPPRESSED.firstname}, who is suppressed", refused),
        f"Twilio received {between - before} requests",
        _line(f"call {PERSON.firstname}", called),
        f"Twilio received {after - between} request",
    ]
    ok = (
        refused.reason == "contact_suppressed"
        and between == before
        and _fine(called)
        and after == between + 1
    )
    return Shown(lines, ok, (refused, called))


def consent(world: World) -> Shown:
    """No advertising message without consent; with consent it goes out."""
    before = world.received("twilio")
    refused = world.dialer_twilio.call(_messenger(PEOPLE[3].mobilephone))
    between = world.received("twilio")
    sent = world.dialer_twilio.call(_messenger(CONSENTING.mobilephone))
    lines = [
        _line(f"message {PEOPLE[3].firstname}, who never consented", refused),
        _line(f"message {CONSENTING.firstname}, who did", sent),
    ]
    ok = refused.reason == "contact_without_consent" and between == before and _fine(sent)
    return Shown(lines, ok, (refused, sent))


def copies(world: World) -> Shown:
    """One copied recipient who must not be written to is left out, the rest is sent."""
    wanted = [PEOPLE[1].email, SUPPRESSED.email, PEOPLE[7].email]
    sent = world.backoffice.call(_mailer(PERSON.email, wanted))
    body = world.last_body("hubspot")
    arrived = json.loads(body)["message"].get("cc", []) if _fine(sent) else []
    lines = [
        _line(f"e-mail {PERSON.firstname}, copies to {len(wanted)} people", sent),
        *table(
            ("copy to", "reached HubSpot"), [(email, "yes" if email in arrived else "no") for email in wanted]
        ),
        f"Hushgate-Dropped: {sent.dropped}",
    ]
    ok = (
        _fine(sent)
        and sent.dropped == 1
        and arrived == [email for email in wanted if email != SUPPRESSED.email]
    )
    return Shown(lines, ok, (sent,))


def stop(world: World) -> Shown:
    """STOP in answer to a text message is in force for the newsletter, on another provider, at once."""
    mail, number = _mailer(STOPPING.email, []), STOPPING.mobilephone
    # Whose number that is, the gateway knows from the record as the newsletter reads it.
    read = world.newsletter.call(_reader(STOPPING.id, "email", "mobilephone"))
    hooks, heard = f"{world.house.apps}/in/twilio/sms", len(world.replies())
    forged = message(hooks, "not-twilio's-token", number, "STOP")
    sent = world.newsletter.call(mail)
    between = world.received("hubspot")
    stopped = message(hooks, twilio.TOKEN, number, "STOP")
    refused = world.newsletter.call(mail)
    after = world.received("hubspot")
    said = world.replies()[heard:]
    moments = [("before", sent), ("after", refused)]
    lines = [
        _line("STOP with a signature that is not Twilio's", forged),
        *table(
            (f"newsletter to {STOPPING.firstname}", "HubSpot is asked", "reason"),
            [(when, "yes" if _fine(a) else f"no, {a.status}", a.reason or None) for when, a in moments],
        ),
        f"between them: STOP from {number} to Twilio, whose webhook was answered with {stopped.status}",
        *table(
            ("the helpdesk's application got", "said", "signature"),
            [(each["sender"], each["said"], "good" if each["verified"] else "bad") for each in said],
        ),
        f"HubSpot received {after - between} requests after it. That number and address are one person is",
        "known from the record, which the newsletter had read through the gateway",
    ]
    ok = (
        (forged.reason, refused.reason) == ("webhook_unverified", "contact_suppressed")
        and all(map(_fine, (read, sent, stopped)))
        and [each["verified"] for each in said] == [True]
        and said[0]["sender"] != number
        and after == between
    )
    return Shown(lines, ok, (read, forged, sent, stopped, refused))


def transfer(world: World) -> Shown:
    """Personal data does not go to an address that stands in the US."""
    before = world.received("hubspot-us")
    refused = world.overseas.call(_reader(PERSON.id))
    lines = [
        _line("the same contact from the account in the US", refused),
        f"the US received {world.received('hubspot-us') - before} requests",
    ]
    ok = (
        refused.status == 451
        and refused.reason == "region_not_allowed"
        and world.received("hubspot-us") == before
    )
    return Shown(lines, ok, (refused,))


def bulk_delete(world: World) -> Shown:
    """A role may be kept from a whole operation."""
    refused = world.helpdesk.call(_archiver(PERSON.id))
    return Shown(
        [_line("support deletes contacts in bulk", refused)], refused.reason == "access_denied", (refused,)
    )


def stranger(world: World) -> Shown:
    """Nobody without a key of the tenant gets anything."""
    before = world.received("hubspot")
    refused = world.stranger.call(_reader(PERSON.id))
    ok = refused.status == 401 and refused.reason == "unknown_client" and world.received("hubspot") == before
    return Shown([_line("an application with a key nobody made", refused)], ok, (refused,))


def click_to_call(world: World) -> Shown:
    """A volunteer calls people by tokens of their numbers; Twilio gets the numbers."""
    read, blocked = world.phonebank.call(_reader(PERSON.id)), world.phonebank.call(_reader(SUPPRESSED.id))
    if not read.value or not blocked.value:
        return Shown(_refusals(read, blocked), False, (read, blocked))
    token, other = read.value.properties["phone"], blocked.value.properties["phone"]
    phones = world.phonebank_twilio
    called = phones.call(_caller(token))
    arrived = dict(parse_qsl(world.last_body("twilio"))).get("To", "nothing")
    before = world.received("twilio")
    mangled = f"{token[:3]}9{token[4:]}"
    refused = [phones.call(_caller(other)), phones.call(_caller(mangled)), phones.call(_messenger(token))]
    after = world.received("twilio")
    rows = [("phone in HubSpot", PERSON.phone), ("the volunteer sees, and dials", token)]
    rows.append(("Twilio was asked to call", arrived))
    rows.append(("the volunteer is told", called.value.to if called.value else "nothing"))
    lines = [
        *table(("click-to-call", "number"), rows),
        _line(f"call the token of {SUPPRESSED.firstname}, who is suppressed", refused[0]),
        _line("call a token with another digit", refused[1]),
        _line("send a message to a token that is for calls", refused[2]),
        f"Twilio received {after - before} requests of these",
    ]
    reasons = [answer.reason for answer in refused]
    ok = (
        arrived == PERSON.phone != token
        and _fine(called)
        and called.value.to == token
        and reasons == ["contact_suppressed", "token_invalid", "token_not_allowed"]
        and before == after
    )
    return Shown(lines, ok, (read, blocked, called, *refused))


def as_it_is(world: World) -> Shown:
    """An SDK that knows nothing of a gateway, through the forward proxy."""
    house, names = world.house, ("direction", "from_", "to", "body", "status")
    direct = world.direct_twilio.call(lambda sdk: sdk.messages.list(limit=2))
    seen = proxied.messages(house.proxy, house.trust, house.keys["helpdesk"], *names)
    if not direct.value or isinstance(seen, str):
        return Shown([str(seen)], False)
    pairs = list(zip(direct.value, seen, strict=True))
    rows = [(name, str(getattr(before, name)), after[name]) for before, after in pairs for name in names]
    ok = all(b.to != a["to"] and b.body != a["body"] and str(b.status) == a["status"] for b, a in pairs)
    lines = table(("https://api.twilio.com", "without gateway", "support sees"), rows)
    return Shown([*lines, "HTTPS_PROXY and REQUESTS_CA_BUNDLE are all that the application was given"], ok)


STEPS: Final = (
    Step("What a role may see of a contact", contact),
    Step("What a role may see of messages", messages),
    Step("A blacklisted number is not called", blacklisted),
    Step("Click-to-call through a token", click_to_call),
    Step("No advertising message without consent", consent),
    Step("A copied recipient is dropped, the rest is sent", copies),
    Step("STOP in a text message stops the newsletter", stop),
    Step("A transfer out of the region is refused", transfer),
    Step("A role is kept from an operation", bulk_delete),
    Step("An unknown key opens nothing", stranger),
)
PROXIED: Final = (Step("An application that cannot be re-pointed", as_it_is),)
"""Where there is a forward proxy."""


def _reader(key: str, *names: str) -> Callable[[Any], Any]:
    return lambda sdk: sdk.crm.contacts.basic_api.get_by_id(key, properties=list(names or SHOWN))


def _archiver(key: str) -> Callable[[Any], Any]:
    return lambda sdk: sdk.crm.contacts.batch_api.archive({"inputs": [{"id": key}]})


def _caller(number: str) -> Callable[[Any], Any]:
    return lambda sdk: sdk.calls.create(to=number, from_=COMPANY_NUMBER, url=TWIML)


def _messenger(number: str) -> Callable[[Any], Any]:
    return lambda sdk: sdk.messages.create(
        to=number, from_=COMPANY_NUMBER, body="Come and see us on Saturday"
    )


def _mailer(to: str, cc: list[str]) -> Callable[[Any], Any]:
    mail = {"emailId": 7, "message": {"to": to, "cc": cc}, "contactProperties": {}, "customProperties": {}}
    return lambda sdk: sdk.marketing.transactional.single_send_api.send_email(mail)


def _fine(answer: Answer) -> bool:
    return not answer.error


def _hidden(plain: Any, seen: Any, *names: str) -> bool:
    return all(plain[name] and seen.get(name) != plain[name] for name in names)


def _line(what: str, answer: Answer) -> str:
    if _fine(answer):
        return f"{what}: done"
    return f"{what}: refused, {answer.status} {answer.reason} ({answer.error})"


def _refusals(*answers: Answer) -> list[str]:
    return [_line("this should have worked", answer) for answer in answers if answer.error]
