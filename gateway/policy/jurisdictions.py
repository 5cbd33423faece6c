"""What laws ask of contacts, by preset: read from `contacts/jurisdictions.yaml`. Pure.

Lines are data, not advice: a tenant takes a preset over by naming it, and narrows it as it would any rule.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from gateway.listlimit import ListLimit
from gateway.model import Channel, Contact, Struct
from gateway.policy.contactkind import CONDITIONS, conditions
from gateway.policy.listkind import LIST, NO_LIMITS
from gateway.policy.narrowing import CHANNEL, many
from gateway.policy.taxonomy import USE
from gateway.strict.document import read
from gateway.strict.report import Report
from gateway.strict.shapes import Document, Key, ListOf, MapOf, Table
from gateway.strict.words import DATE, HOURS_ROUND, NAME, TEXT

_CONDITIONS: Final = frozenset(key.parameter for key in CONDITIONS)


class Line(Struct):
    """One thing a law asks for: of whom (`contact.countries`), on which channels, for which uses, from when.

    `source` is where it stands, `dated` the day of that text; `words` are those that revoke a consent.
    """

    id: str
    says: str
    source: str
    dated: str
    channels: tuple[Channel, ...]
    purposes: tuple[str, ...]
    contact: Contact
    since: str | None = None
    until: str | None = None
    words: tuple[str, ...] = ()


class Preset(Struct):
    """The lines of one jurisdiction, and how old the lists may be that they rely on."""

    title: str
    lines: tuple[Line, ...]
    lists: Mapping[str, ListLimit] = NO_LIMITS


def _line(**written: Any) -> Line:
    terms = conditions(**{name: value for name, value in written.items() if name in _CONDITIONS})
    rest = {name: value for name, value in written.items() if name not in _CONDITIONS}
    return Line(contact=terms, **rest)


_LINE: Final = Table(
    "a line of a preset",
    (
        Key("id", NAME, "Name of the line; the rule it makes is called by it.", required=True),
        Key("says", TEXT, "What it asks for.", required=True),
        Key("source", TEXT, "Where it stands.", required=True),
        Key("dated", DATE, "The day of that text.", required=True),
        Key("from", DATE, "First day in force.", to="since"),
        Key("until", DATE, "First day no longer in force."),
        Key("channels", many(CHANNEL), "The channels it speaks of.", required=True),
        Key("purposes", many(USE), "The uses it speaks of.", required=True),
        Key("words", many(TEXT), "What a consent is revoked with, as a whole message."),
        # A window of a line may go over midnight: that is how a break at noon is written.
        *(key if key.name != "within" else Key("within", HOURS_ROUND, key.doc) for key in CONDITIONS),
    ),
    _line,
)
_PRESET: Final = Table(
    "a preset",
    (
        Key("title", TEXT, "Whose law.", required=True),
        Key("lines", ListOf(_LINE), "Its lines.", required=True),
        Key("lists", MapOf(NAME, LIST), "How old the lists may be that its lines rely on."),
    ),
    Preset,
)
FILE: Final = "gateway/contacts/jurisdictions.yaml"


def _presets() -> dict[str, Preset]:
    report = Report(FILE)
    data = files("gateway.contacts").joinpath("jurisdictions.yaml").read_bytes()
    return Document(MapOf(NAME, _PRESET, least=1)).take(read(data, report), report)


PRESETS: Final = _presets()


LISTS: Final[Mapping[str, ListLimit]] = {
    name: limit for preset in PRESETS.values() for name, limit in preset.lists.items()
}
"""How old the lists may be that laws name."""


def revocations() -> tuple[str, ...]:
    """The words of all presets that revoke a consent, each once."""
    return tuple(dict.fromkeys(w for preset in PRESETS.values() for line in preset.lines for w in line.words))


def page() -> str:
    """All presets as Markdown, for the reference."""
    out = ["# Presets of jurisdictions\n", _INTRODUCTION]
    for name, preset in PRESETS.items():
        out += [f"## `{name}`: {preset.title}\n", *_HEAD]
        out += [
            f"| `{it.id}` | {it.says}{_lists(it)} | {_span(it)} | {it.source} ({it.dated}) |"
            for it in preset.lines
        ]
        out.append("")
    return "\n".join(out)


_HEAD: Final = ("| line | says | in force | source |", "| --- | --- | --- | --- |")
_INTRODUCTION: Final = """\
`contact: {preset: fr-opt-in}` makes a rule of each line, called by the rule's id and the line's: `ID.LINE`. A
line speaks of marketing to recipients in the countries it names; what narrows the rule narrows its lines.
A list that a line relies on is imported under that name (`hushgate contacts import --list`);
while it is older than it may be, or was never imported, nobody is reached but who consented.
They are data with a source, and no legal advice: whoever takes one over has read it.
"""


def _lists(line: Line) -> str:
    days = [f"`{each.name}` ({LISTS[each.name].max_age / 86_400:.0f} days)" for each in line.contact.lists]
    return f" Relies on {', '.join(days)}." if days else ""


def _span(line: Line) -> str:
    return f"from {line.since}" + (f" until {line.until}" if line.until else "") if line.since else "always"
