"""An application's answer to a webhook, as far as it reaches people: judged as any contact is. Pure.

TwiML that calls or writes to somebody, and a text that goes back to whoever the webhook is from.
"""

import re
from collections.abc import Generator
from typing import Any, Final

from gateway.codecs.encodings import decode
from gateway.codecs.params import FORM, Pair
from gateway.codecs.paths import compile_names
from gateway.codecs.program import Limits, Slot, Tally
from gateway.codecs.table import reader_for
from gateway.codecs.xml import Document
from gateway.codecs.xmlscan import OPEN
from gateway.errors import PayloadError
from gateway.exchange.commands import Command
from gateway.exchange.contacting import reach
from gateway.exchange.facts import Facts
from gateway.exchange.leaving import Carried
from gateway.exchange.restoring import restored_body
from gateway.exchange.taping import asks
from gateway.http1.head import ResponseHead
from gateway.policy.plan import Plan
from gateway.policy.snapshot import Snapshot

WRITES: Final = frozenset(("Message", "Sms"))
"""Elements that write to the sender where they have no `to`."""
_quoted: Final = re.compile(r"\"[^\"]*\"|'[^']*'").sub
_to_attribute: Final = re.compile(r"\sto\s*=").search


def judged(
    facts: Facts,
    snapshot: Snapshot,
    plan: Plan,
    head: ResponseHead,
    raw: bytes,
    sender: str,
    limits: Limits,
    caller: str = "",
) -> Generator[Command, Any, bytes]:
    """The answer with those left out who may not be reached. `sender`: whom it goes to that names nobody;
    `caller`: whom it has recorded where it has somebody recorded.

    Raises Refused, PayloadError (of a body that cannot be read), StoreError.
    """
    if head.status >= 300 or not raw or not plan.request.bodies:
        return raw
    body = decode(raw, (head.get(b"content-encoding") or b"").strip().lower(), limits)
    kind = head.get(b"content-type")
    name, codec = reader = reader_for(kind)
    program = plan.request.bodies.get(name)
    if program is None and name != "text":
        raise PayloadError("unsupported_media_type", "not what this webhook is answered with", "content-type")
    if program is None:
        yield from _reach(facts, snapshot, plan, [_to(sender)] if sender and body.strip() else [])
        return raw
    body = restored_body(facts, plan, body, kind, reader, limits)
    document = codec.parse(body, limits)
    carried = Carried(name, codec, program, document, codec.find(document, program))
    carriers = [carried, *([_to(sender)] if sender and _writes(document, name, body) else [])]
    if asks(plan, [carried], b"", limits):
        yield from reach(facts, snapshot, plan, [*carriers, _to(caller)], taped=True)
    else:
        yield from _reach(facts, snapshot, plan, carriers)
    tally = Tally.of(program)
    made: bytes = codec.dump(codec.rewrite(document, program, tally, carried.drop))
    facts.note(program, tally)
    return made


def _reach(
    facts: Facts, snapshot: Snapshot, plan: Plan, carriers: list[Carried]
) -> Generator[Command, Any, None]:
    named = [c for c in carriers if any(c.program.slots[f.slot].role == "recipient" for f in c.found)]
    if named:
        yield from reach(facts, snapshot, plan, carriers)


def _to(sender: str) -> Carried:
    """The one the webhook is from, as a recipient."""
    slot = Slot("reply", "user.contact.phone_number", subject="phone", role="recipient")
    program = compile_names([slot], None)
    document: list[Pair] = [("reply", sender, b"")]
    return Carried("form", FORM, program, document, FORM.find(document, program))


def _writes(document: Any, name: str, body: bytes) -> bool:
    """Whether an answer writes to whoever the webhook is from."""
    if name == "text":
        return bool(body.strip())
    if not isinstance(document, Document):
        return False
    scanned = document.scanned
    tags = [scanned.text[a:b] for kind, a, b, tag in scanned.events if kind == OPEN and tag in WRITES]
    return any(_to_attribute(_quoted("", tag)) is None for tag in tags)


def silent(plan: Plan) -> tuple[bytes, bytes] | None:
    """(media type, body) of the answer that does nothing, if the webhook has one."""
    hook = plan.operation.hook
    quiet = hook.silence if hook else None
    return (quiet.type.encode(), quiet.body.encode()) if quiet else None
