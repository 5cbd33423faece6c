"""Tokens in a request become what they stand for, before anything else looks at it. Pure.

    raw bytes -> scan: nothing that can be a token or a mask -> go on
                 else  -> parse, restore every value, write, and only that is read from here on

The scan is of bytes and never misses: where an escape could hide a sign of a token, the values are looked at.
"""

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from gateway.codecs import scanning
from gateway.codecs.params import HEADERS, PATH, QUERY
from gateway.codecs.program import Codec, Limits, Program, Tally
from gateway.codecs.table import reader_for
from gateway.codecs.template import expand, match
from gateway.errors import PayloadError
from gateway.exchange.facts import Facts
from gateway.exchange.refused import Refused
from gateway.http1.fields import Headers
from gateway.masking.echoes import Echoes
from gateway.masking.phonetoken import DIGITS
from gateway.masking.recognise import UNIVERSAL
from gateway.masking.sealed import DOMAIN, MIN_TEXT, PREFIX
from gateway.policy.plan import Plan
from gateway.policy.restoring import SealedError

UNTOUCHED: Final = frozenset(
    b"authorization proxy-authorization hushgate-key hushgate-purpose host sec-websocket-key".split()
)
"""Fields that hold no values of people: credentials, and what is said to the gateway."""

_SEPARATORS: Final = b" .()/-+" + bytes(range(0x80, 0x100))
_KINDS: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x78 for byte in range(0x100))
_RUN: Final = b"0" * DIGITS
_HOST: Final = DOMAIN.split(".")[1].encode()
_START: Final = PREFIX.encode()
_SIGNS: Final = (_HOST, _START, MIN_TEXT, DIGITS)
_word: Final = re.compile(rb"%b[A-Za-z0-9_-]{%d}" % (_START, MIN_TEXT)).search
_escape: Final = re.compile(rb"\\(?:u00[2-7aA]|u201[0-5]|/)").search
"""Escapes of JSON that can stand for a sign of a token."""
_hides: Final = re.compile(
    rb"%(?:2[0-389AD-Fad-f]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9Aa]|[089A-Fa-f])"
).search
"""All that stand for letters, digits, separators, stars, and the signs of XML; not `%2B`, `%3A`, `%40`."""


def suspicious(raw: bytes) -> bool:
    """Whether bytes may hold a token: a word, an address or digits of the form, or an escape that hides any.

    Escapes with `%` are undone before.
    """
    return (scanning.clear is None or not scanning.clear(raw, *_SIGNS)) and suspicious_by_rule(raw)


def suspicious_by_rule(raw: bytes) -> bool:
    """What suspicious does, in Python alone."""
    # `in` asks first whether it was given a number, and takes three times as long as `find`.
    return (
        raw.translate(_KINDS, _SEPARATORS).find(_RUN) >= 0
        or raw.lower().find(_HOST) >= 0
        or (raw.find(_START) >= 0 and _word(raw) is not None)
        or (raw.find(b"\\") >= 0 and _escape(raw) is not None)
        or raw.find(b"\0") >= 0
    )


def _decoded(raw: bytes) -> bytes:
    """Without the escapes that can hide a sign of a token, of a mask, or of XML."""
    return unquote_to_bytes(raw) if raw.find(b"%") >= 0 and _hides(raw) else raw


def _nested(raw: bytes) -> bool:
    """Whether a value may be XML in which references or comments part what is one text."""
    return raw.find(b"&#") >= 0 or raw.find(b"<!") >= 0


def holds_none(query: bytes, headers: Headers) -> bool:
    """Whether neither can hold a token, at a glance: then nothing of them is restored."""
    if scanning.clear is None or scanning.fields is None or not scanning.fields(headers, *_SIGNS):
        return False
    return not query or (scanning.clear(query, *_SIGNS) and query.find(b"%") < 0 and not _nested(query))


def restored_path(
    facts: Facts, plan: Plan, path: bytes, params: dict[str, str]
) -> tuple[bytes, dict[str, str]]:
    """(path, parameters) with what tokens stand for. Raises PayloadError, Refused."""
    if not params or not suspicious(_decoded(path)):
        return path, params
    program = plan.restoring.program("path")
    tally = Tally.of(program)
    made: dict[str, str] = restoring(facts, plan, lambda: PATH.rewrite(params, program, tally))
    if made == params:
        return path, params
    noted(facts, program, tally)
    template = plan.operation.path
    try:
        written = expand(template, made)
        if match(written, template) == made:
            return written, made
    except PayloadError:
        pass
    raise PayloadError("token_not_allowed", "a token for what a path cannot hold", "path")


def restored_query(facts: Facts, plan: Plan, query: bytes, limits: Limits) -> bytes:
    """The query with what tokens stand for. Raises PayloadError, Refused."""
    if not query:
        return query
    plain = _decoded(query)
    if not (suspicious(plain) or _nested(plain)):
        return query
    return _through(facts, plan, "query", QUERY, query, limits)


def restored_headers(facts: Facts, plan: Plan, headers: Headers) -> Headers:
    """The fields with what tokens stand for. Raises PayloadError, Refused."""
    if scanning.fields is not None and scanning.fields(headers, *_SIGNS):
        return headers
    together = b"\n".join([value for _, value in headers])
    if not (suspicious(together) or together.find(b"%") >= 0):
        return headers
    looked = [field for field in headers if field[0].lower() not in UNTOUCHED]
    program = plan.restoring.program("headers")
    tally = Tally.of(program)
    made = restoring(facts, plan, lambda: HEADERS.rewrite(looked, program, tally))
    if not noted(facts, program, tally):
        return headers
    rest = iter(made)
    return [field if field[0].lower() in UNTOUCHED else next(rest) for field in headers]


def restored_body(
    facts: Facts, plan: Plan, body: bytes, kind: bytes | None, reader: tuple[str, Codec], limits: Limits
) -> bytes:
    """A body (content decoded) with what tokens stand for. Raises PayloadError, Refused.

    `kind` is the Content-Type. JSON and forms are scanned first; bodies of other formats are always looked
    through, as what is one value there may be in pieces.
    """
    carrier, codec = reader
    if carrier == "form" and not other_charset(kind) and untouched(plan, body):
        return body
    if carrier == "json" and not (other_charset(kind) or suspicious(body) or plan.restoring.masked(body)):
        return body
    made = _through(facts, plan, carrier, codec, body, limits)
    _refuse_left(made, carrier)
    return made


def untouched(plan: Plan, form: bytes) -> bool:
    """Whether a form holds neither a token nor a mask, at a glance: then nothing of it is restored."""
    plain = _decoded(form)
    return not (_nested(plain) or suspicious(plain) or plan.restoring.masked(plain))


def unmasked(plan: Plan, form: bytes) -> bool:
    """Whether a form holds no mask, at a glance."""
    return not plan.restoring.masked(_decoded(form))


def alike(plan: Plan, most: int) -> scanning.Forms | None:
    """What reads forms of up to `most` bytes that are `untouched` if they are `sure`, or `unmasked`."""
    words = ((_START, MIN_TEXT), *UNIVERSAL)
    doubts = plan.restoring.doubts
    return None if scanning.forms is None else scanning.forms(_HOST, DIGITS, words, doubts, most)


def restored_unread(facts: Facts, plan: Plan, body: bytes, kind: bytes | None, limits: Limits) -> bytes:
    """A body that no data map asks to be read: with what tokens stand for, where a codec knows its type."""
    if not body or not (suspicious(_decoded(body)) or plan.restoring.masked(body)):
        return body
    try:
        reader = reader_for(kind)
    except PayloadError:
        if sealed(body):
            raise PayloadError("token_not_allowed", "a token in a body that cannot be read", "body") from None
        return body
    return restored_body(facts, plan, body, kind, reader, limits)


def _through(facts: Facts, plan: Plan, carrier: str, codec: Codec, raw: bytes, limits: Limits) -> bytes:
    """The document with every value restored; the same bytes where there was nothing to restore."""
    program = plan.restoring.program(carrier)
    tally = Tally.of(program)
    document = codec.parse(raw, limits)
    whole = document.__class__ not in (dict, list) and codec is not QUERY
    made: bytes = restoring(facts, plan, lambda: codec.dump(codec.rewrite(document, program, tally)))
    if not noted(facts, program, tally):
        return raw
    if whole and made == b"null":
        raise PayloadError("masked_value_written", "a mask in place of a value", "body")
    return made


def restoring(facts: Facts, plan: Plan, rewrite: Callable[[], Any]) -> Any:
    """What `rewrite` gives; what it restored is noted: counted, and kept from coming back in the answer.

    A token that a rule withholds is a decision of that rule.
    """
    plan.restoring.take()  # of a request that was refused half way nothing was restored
    try:
        made = rewrite()
        counts, met = plan.restoring.take()
        facts.note_restored(counts)
        for token, revealed in met:
            if facts.echoes is None:
                facts.echoes = Echoes()
            facts.echoes.add(token, revealed.kind, revealed.value)
        return made
    except SealedError as error:
        raise Refused(error.reason, f"{error.detail} ({error.place})", error.rules) from error


def noted(facts: Facts, program: Program, tally: Tally) -> bool:
    """Whether anything changed; shadow rules that would have kept it from changing are noted."""
    changed = [slot for slot, count in zip(program.slots, tally.masked, strict=True) if count]
    for slot in changed:
        facts.shadow.update(dict.fromkeys(slot.shadow))
    return bool(changed) or tally.unmapped > 0


def _refuse_left(body: bytes, carrier: str) -> None:
    """Refuses tokens where no value stands: names of members, of parameters, of elements."""
    if sealed(_decoded(body) if carrier == "form" else body):
        raise PayloadError("token_not_allowed", "a token in place of a name", "body")


def sealed(raw: bytes) -> bool:
    """Whether bytes hold what can only be a token of words or an address."""
    return _word(raw) is not None or DOMAIN.encode() in raw.lower()


def other_charset(kind: bytes | None) -> bool:
    """Whether a Content-Type says, or may say, another charset than UTF-8."""
    lower = b"" if kind is None else kind.lower()
    return b"charset" in lower and b"utf-8" not in lower
