"""Envelopes as packs describe them: where the calls are that one call holds, and their answers. Pure."""

from typing import Final

from gateway.model import Composite, References
from gateway.strict.kinds import Word
from gateway.strict.shapes import Fault, Key, ListOf, Table
from gateway.strict.words import pattern

MEMBER: Final = pattern("the name of a member", r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_SIGN: Final = pattern("one to four signs such as '@{'", r"[!-/:-@\[-`{-~]{1,4}")
_BELOW: Final = pattern("a path that begins and ends with '/'", r"/|(?:/[A-Za-z0-9._~-]+)+/")


def _most(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 5 and int(text) else None


_REFERENCES: Final = Table(
    "references",
    (
        Key("open", _SIGN, "What stands before a reference.", True),
        Key("close", _SIGN, "What stands behind it.", True),
        Key("to", ListOf(MEMBER), "Members a reference may end in; to others it is refused.", True),
    ),
    References,
    doc="How a call refers to the answer of one before it (`@{first.id}`).",
)


def _fitting(made: Composite) -> Composite | Fault:
    if made.references and made.name is None:
        return Fault("references", "references to calls without names", "'name' beside 'references'")
    part = {"headers": made.headers, "name": made.name}
    for members in (
        {"requests": made.requests, "together": made.together, **{f"flags {f}": f for f in made.flags}},
        {"method": made.method, "path": made.path, "body": made.body, **part},
        {"status": made.status, "answer": made.answer, **part},
        {"answers": made.answers, "failed": made.failed},
    ):
        first: dict[str, str] = {}
        for key, member in members.items():
            if member is not None and member in first:
                found = f"the member {member!r} for two things"
                return Fault(key.partition(" ")[0], found, "each member for one thing")
            if member is not None:
                first[member] = key
    return made


COMPOSITE: Final = Table(
    "composite",
    (
        Key("requests", MEMBER, "The array of calls in the request's body.", True),
        Key("method", MEMBER, "The method, in each.", True),
        Key("path", MEMBER, "The path and query, in each.", True),
        Key("body", MEMBER, "The body, in each that has one.", True),
        Key("headers", MEMBER, "Header fields, in each call and each answer."),
        Key("name", MEMBER, "What a call and its answer are called."),
        Key("answers", MEMBER, "The array of answers in what comes back.", True),
        Key("status", MEMBER, "The status, in each answer.", True),
        Key("answer", MEMBER, "The body, in each answer.", True),
        Key("below", _BELOW, "What a path that begins with no slash is below (`/` when left out)."),
        Key("most", Word("a number from 1 to 9999", _most, bare=True), "How many calls (25 when left out)."),
        Key("flags", ListOf(MEMBER), "Other members of the request's body: true or false."),
        Key("together", MEMBER, "A member that is true when one failed call fails all."),
        Key("failed", MEMBER, "A member of what comes back that is true when any call failed."),
        Key("references", _REFERENCES, "How calls refer to answers of calls before them."),
    ),
    lambda **given: _fitting(Composite(**given)),
    doc="A call that holds other calls of the same provider.",
)
