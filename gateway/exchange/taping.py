"""Whether a request has a call recorded or transcribed, and whom a call that is up reached. Pure.

Who is recorded is asked about like any recipient (contacting.py), under the rules that say `recording`. A
call that is up is named by an id alone: whom it reached is remembered for a day when it was made.
"""

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, Final

from gateway.codecs.encodings import decode
from gateway.codecs.json import JSON
from gateway.codecs.params import QUERY
from gateway.codecs.program import Limits
from gateway.codecs.records import keys_of, member_at
from gateway.codecs.xml import Document
from gateway.codecs.xmlscan import OPEN, Scanned, scan
from gateway.contacts.model import Cap, Reservation
from gateway.contacts.records import known
from gateway.errors import HushgateError, PayloadError
from gateway.exchange.commands import Command, Reserve, Reserved
from gateway.exchange.facts import Facts
from gateway.exchange.leaving import Carried
from gateway.http1.head import ResponseHead
from gateway.model import Instructions, Recording
from gateway.policy.plan import Plan
from gateway.policy.snapshot import Snapshot

MOST: Final = 8
"""people that are remembered of one call; of one that reached more nobody is known"""
_LASTS: Final = 86_400.0
"""seconds: no provider's call is longer"""
_CALLED: Final = Cap(name="called", limit=1 << 31, window=_LASTS)
"""Limits nothing: what is counted is only ever asked for by its id."""
_attributes: Final = re.compile(r"""\s([^\s=/>"']+)\s*=\s*("[^"]*"|'[^']*')""").findall


# ---- what is asked for ----------------------------------------------------------------------------------


def asks(plan: Plan, carriers: Iterable[Carried], query: bytes, limits: Limits) -> bool:
    """Whether a request asks for a recording that rules are about. Raises PayloadError."""
    recording = plan.recording
    if recording is None or recording.always:
        return recording is not None
    pairs = [(name, value) for name, value, _ in QUERY.parse(query, limits)] if query else []
    for carried in carriers:
        if isinstance(carried.document, Document) and _instructs(
            recording.within("$"), carried.document.scanned
        ):
            return True
        if carried.name == "form":
            pairs += [(name, value) for name, value, _ in carried.document]
    return any(_asks(recording, name, value, limits) for name, value in pairs if name and value)


def _asks(recording: Recording, name: str, value: str, limits: Limits) -> bool:
    for field, off in recording.fields:
        if field == name and value.strip().lower() not in off:
            return True
    said = recording.within(name)
    # What the provider could read in another way than the house is taken for what it may be.
    return said is not None and _instructs(said, scan(value.encode("utf-8", "surrogatepass"), None, limits))


def _instructs(said: Instructions | None, scanned: Scanned) -> bool:
    if said is None:
        return False
    for kind, start, end, tag in scanned.events:
        if kind != OPEN:
            continue
        if tag.lower() in said.elements:
            return True
        for name, quoted in _attributes(scanned.text[start:end]):
            off = said.attributes.get(name.rpartition(":")[2].lower())
            if off is not None and quoted[1:-1].strip().lower() not in off:
                return True
    return False


# ---- calls that are up ----------------------------------------------------------------------------------


def remember(
    facts: Facts, snapshot: Snapshot, plan: Plan, head: ResponseHead, raw: bytes, limits: Limits
) -> Generator[Command, Any, None]:
    """Keep whom a call reached, under the id that its answer gives it.

    Where that cannot be kept or read, nobody is known of that call later, and it is not recorded.
    """
    recording = plan.recording
    if recording is None or not recording.answer or head.status >= 400 or not 0 < len(facts.reached) <= MOST:
        return
    name = _named(recording, head, raw, limits)
    if name is None:
        return
    call = snapshot.pseudonymiser(plan.tenant)("record", known(recording.space, name)[0])
    wanted = [
        Reservation(id=each, subject=person, caps=(_CALLED,))
        for each, person in zip(_ids(call), facts.reached, strict=False)
    ]
    try:
        yield Reserve(plan.tenant, wanted, facts.now)
    except HushgateError:
        return


def _named(recording: Recording, head: ResponseHead, raw: bytes, limits: Limits) -> str | None:
    coding = (head.get(b"content-encoding") or b"").strip().lower()
    try:
        found = member_at(JSON.parse(decode(raw, coding, limits), limits), keys_of(recording.answer))
    except PayloadError:
        return None
    return found if isinstance(found, str) and found else None


def _ids(call: str) -> Iterator[str]:
    return (f"called:{call}/{number}" for number in range(MOST))


def reached_by(
    plan: Plan, calls: Sequence[str], now: float
) -> Generator[Command, Any, list[tuple[str, ...]]]:
    """Whom each of these calls (pseudonyms) is known to have reached. Raises StoreError."""
    ids = [each for call in calls for each in _ids(call)]
    found: list[str | None] = yield Reserved(plan.tenant, ids, now)
    people = [[one for one in found[at : at + MOST] if one] for at in range(0, len(found), MOST)]
    return [tuple(dict.fromkeys(each)) for each in people]
