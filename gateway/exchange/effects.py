"""What a webhook means for the people in it, as entries of the contact registry. Pure.

An entry's id follows from the provider's own name of the event, so that a redelivery adds nothing.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from gateway.codecs.json import JSON
from gateway.codecs.program import Codec
from gateway.contacts.model import Act, Cap, Entry, Reservation, Standing, Suppression
from gateway.contacts.records import canonical
from gateway.contacts.words import meaning
from gateway.errors import HushgateError, PayloadError, StoreError
from gateway.exchange.commands import Command, Enter, GiveBack, Lookup, Reserve
from gateway.exchange.facts import Facts
from gateway.exchange.recording import recorded
from gateway.hooks import Effect, Hook, Means, OptOut
from gateway.model import Channel, kind_of

Read = Callable[[str], str]
"""A field of a record as text; empty where there is none."""

STOPPED: Final = "stop:"
"""How the source of what a word or a carrier made begins, and of nothing else: that is what START lifts."""

_ONCE: Final = Cap(name="opt-in", limit=1, window=400 * 86_400.0)
"""An event brings somebody back once: come again, it would lift what was said after it."""


class Meant(NamedTuple):
    """What one record means for one person. `at`: epoch seconds; `event`: empty where it has no name."""

    means: Means
    subject: str
    channel: Channel | None
    at: float
    event: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where entries come from: who sent it, by which webhook, and what it was (SHA-256, hex)."""

    provider: str
    webhook: str
    department: str = ""
    evidence: str = ""


# ---- records --------------------------------------------------------------------------------------------


def records(codec: Codec, document: Any, body: bytes, hook: Hook) -> list[Read]:
    """The records of a body. Raises PayloadError: a form that says something twice, JSON of another shape."""
    if codec is JSON:
        return [_json(record) for record in _below(msgspec.json.decode(body), hook.each)]
    pairs = [(name, value) for name, value, _ in document if name is not None]
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise PayloadError("unparseable_body", "a parameter twice", "body")
    return [lambda name: fields.get(name, "")]


def _below(document: Any, path: str) -> list[Any]:
    """The values at a path of keys, `[]` after those that hold an array."""
    found = [document]
    for step in path.replace("[]", ".[]").split("."):
        if step == "[]":
            found = [item for value in found if isinstance(value, list) for item in value]
        elif step:
            found = [value[step] for value in found if isinstance(value, dict) and step in value]
    return found


def _json(record: Any) -> Read:
    def read(name: str) -> str:
        found = _below(record, name)
        return _text(found[0]) if len(found) == 1 else ""

    return read


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def holds(when: Iterable[tuple[str, tuple[str, ...]]], read: Read) -> bool:
    """Whether a record has one of the values, or any, in each of these fields."""
    return all(read(name) in values if values else bool(read(name)) for name, values in when)


def named(hook: Hook, read: Read) -> str:
    """The provider's name of an event; empty where it has none."""
    parts = [read(field) for field in hook.event]
    return "\0".join(parts) if any(parts) else ""


# ---- what they mean -------------------------------------------------------------------------------------


def meant(
    hook: Hook,
    channel: Channel | None,
    read: Read,
    name: Callable[[str, str], str],
    country: str | None,
    now: float,
) -> Meant | None:
    """What a record means. `name` gives the pseudonym of an identifier of a kind."""
    for effect in hook.effects:
        value = read(effect.who)
        if not value or not holds(effect.when, read):
            continue
        means = _means(effect, read)
        if means is None:
            return None
        normal = canonical(kind_of(effect.kind, effect.space), value, country)
        subject = name(effect.kind, effect.space + value.strip().lower() if normal is None else normal)
        return Meant(
            means,
            subject,
            _channel(effect.channel or channel, value),
            _at(read(hook.at), now),
            named(hook, read),
        )
    return None


_WORDS: Final[Mapping[str, Means]] = {"stop": "opt_out", "start": "opt_in"}


def _means(effect: Effect, read: Read) -> Means | None:
    if effect.means != "word":
        return effect.means
    word = meaning(read(effect.text))
    return _WORDS[word] if word else None


def _channel(channel: Channel | None, value: str) -> Channel | None:
    return "whatsapp" if channel == "sms" and value[:9].lower() == "whatsapp:" else channel


def _at(written: str, now: float) -> float:
    """A provider's milliseconds, which cannot lie in the future."""
    plain = written.isascii() and written.isdecimal() and len(written) <= 15
    return min(now, int(written) / 1000) if plain else now


# ---- entries --------------------------------------------------------------------------------------------


class _Made(NamedTuple):
    act: Act
    source: str
    scope: Callable[[OptOut, Channel | None], tuple[Channel | None, str | None]]


def _by_rule(opt_out: OptOut, channel: Channel | None) -> tuple[Channel | None, str | None]:
    """As far as the tenant's opt-outs reach."""
    if opt_out.scope == "marketing":
        return None, opt_out.purpose
    return (channel if opt_out.scope == "channel" else None), None


_MADE: Final[Mapping[Means, _Made]] = {
    "opt_out": _Made("suppressed", STOPPED, _by_rule),
    "bounced": _Made("suppressed", "bounce:", lambda _, channel: (channel, None)),
    "complained": _Made("suppressed", "complaint:", _by_rule),
    "objected": _Made("objected", "objection:", lambda opt_out, _: (None, opt_out.purpose)),
    "erased": _Made("erased", "erasure:", lambda _opt_out, _channel: (None, None)),
}


def entries(
    found: Sequence[Meant], source: Source, opt_out: OptOut, standings: Mapping[str, Standing]
) -> list[Entry]:
    """What is added. `standings` are those of whoever opted in or out.

    A suppression that somebody else made and a word repeats stays theirs: START does not lift it.
    """
    out: list[Entry] = []
    for it in found:
        known = standings.get(it.subject, Standing()).suppressions
        if it.means == "opt_in":
            lifted = [each for each in known if each.source.startswith(STOPPED)]
            out += [_entry(it, source, "lifted", STOPPED, (e.channel, e.purpose, e.sender)) for e in lifted]
            continue
        act, kind, scope = _MADE[it.means]
        where = scope(opt_out, it.channel)
        made = _entry(it, source, act, kind, (*where, None))
        theirs = _others(known, made) if act == "suppressed" else None
        out.append(msgspec.structs.replace(made, source=theirs) if theirs is not None else made)
    return list({entry.id: entry for entry in out}.values())


def _others(known: Iterable[Suppression], made: Entry) -> str | None:
    """The source of a suppression of the same scope that no word made."""
    scope = (made.channel, made.purpose, made.sender)
    same = [
        e for e in known if (e.channel, e.purpose, e.sender) == scope and not e.source.startswith(STOPPED)
    ]
    return same[0].source if same else None


def _entry(
    it: Meant, source: Source, act: Act, kind: str, scope: tuple[Channel | None, str | None, str | None]
) -> Entry:
    said = (source.provider, source.webhook, it.event, it.subject, act, *(part or "" for part in scope))
    return Entry(
        id=f"{source.provider}-{_hash(*said)}",
        subject=it.subject,
        act=act,
        at=it.at,
        channel=scope[0],
        purpose=scope[1],
        sender=scope[2],
        source=f"{kind}{source.provider}",
        department=source.department,
        evidence=source.evidence,
        detail=f"{source.webhook} {it.means}",
    )


def entered(
    facts: Facts, tenant: str, found: Sequence[Meant], source: Source, opt_out: OptOut
) -> Generator[Command, Any, None]:
    """Add what records mean, and have it on record. Raises StoreError: nothing else may happen then."""
    asked = list(dict.fromkeys(it.subject for it in found if it.means in ("opt_in", "opt_out", "complained")))
    standings: list[Standing] = (yield from _stored(Lookup(tenant, asked))) if asked else []
    known = dict(zip(asked, standings, strict=True))
    if not any(it.means == "opt_in" for it in found):
        yield from added(facts, tenant, entries(found, source, opt_out, known))
        return
    found, counted = yield from _first(facts, tenant, found, source)
    try:
        yield from added(facts, tenant, entries(found, source, opt_out, known))
    except StoreError:
        # It will come again, and has to count then.
        with suppress(HushgateError):
            yield GiveBack(tenant, counted)
        raise


def _first(
    facts: Facts, tenant: str, found: Sequence[Meant], source: Source
) -> Generator[Command, Any, tuple[list[Meant], list[str]]]:
    """Without those opt-ins that came before; and the reservations of the others. Raises StoreError."""
    opting = [it for it in found if it.means == "opt_in"]
    wanted = [
        Reservation(
            id=f"{facts.id}-{number}",
            subject=_hash(source.provider, source.webhook, it.event),
            caps=(_ONCE,),
        )
        for number, it in enumerate(opting)
    ]
    when: list[float | None] = yield from _stored(Reserve(tenant, wanted, facts.now))
    again = {id(it) for it, at in zip(opting, when, strict=True) if at is not None}
    counted = [each.id for each, at in zip(wanted, when, strict=True) if at is None]
    return [it for it in found if id(it) not in again], counted


def _hash(*said: str) -> str:
    return sha256("\1".join(said).encode()).hexdigest()[:40]


def _stored(command: Command) -> Generator[Command, Any, Any]:
    """Ask the registry. Raises StoreError, also when it does not answer (a plane's timeout)."""
    try:
        return (yield command)
    except StoreError:
        raise
    except HushgateError as error:
        raise StoreError("registry_unavailable", "") from error


def added(facts: Facts, tenant: str, made: Sequence[Entry]) -> Generator[Command, Any, None]:
    """Add entries, then have each on record: nothing is on record that did not come to be.

    Raises StoreError.
    """
    if not made:
        return
    yield from _stored(Enter(tenant, made))
    for number, entry in enumerate(made, 1):
        facts.subjects[entry.subject] = None
        yield from recorded(facts.entry(number, entry.subject, f"{entry.act}: {entry.detail}"))
