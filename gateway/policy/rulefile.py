"""`rules/<tenant>.yaml` -> model.Policy: the language of rules as one schema. Pure.

Tables say what may stand where; builders turn one table's values into one value of the model; checks compare
names across the file, with the file's name and with the packs.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePath
from typing import Final, Literal, get_args

import msgspec
from msgspec.structs import replace

from gateway.hooks import OptOut, OptOutScope
from gateway.listlimit import ListLimit
from gateway.masking.table import PLUGIN
from gateway.model import (
    Client,
    Instruction,
    LawOf,
    Policy,
    Rule,
    Unmapped,
)
from gateway.policy.catalogue import Catalogue
from gateway.policy.jurisdictions import LISTS
from gateway.policy.listkind import LIST, NO_LIMITS, limited
from gateway.policy.narrowing import many
from gateway.policy.operators import EXPECTED, PLAIN, plugin_name
from gateway.policy.recipientkind import DESTINATION, PROCESSING, SUBPROCESSOR
from gateway.policy.rulekinds import RULE
from gateway.policy.taxonomy import COUNTRY, USE
from gateway.policy.viewfile import VIEW
from gateway.strict.checks import Refers, Unique, scalars, select
from gateway.strict.document import Node, describe, read
from gateway.strict.kinds import Number, Word, mapped, one_of
from gateway.strict.report import Report, listed, nearest
from gateway.strict.shapes import Document, Fault, Key, ListOf, MapOf, Table
from gateway.strict.words import CIDR, DATE, NAME, TEXT, pattern

INSTRUCTION: Final = Table(
    "instruction",
    (
        Key("by", TEXT, "Who gave the instruction.", required=True),
        Key("ref", TEXT, "The document it stands in.", required=True),
        Key("date", DATE, "When it was given.", required=True),
    ),
    Instruction,
    doc="The documented instruction this file carries out (GDPR Art. 28(3)(a)).",
)


def _digest(text: str) -> str | None:
    digest = text.removeprefix("sha256:")
    good = text.startswith("sha256:") and len(digest) == 64 and not set(digest) - set("0123456789abcdef")
    return digest if good else None


# The text may be the key itself, pasted in place of its hash: it is never shown.
CLIENT_KEY: Final = Word('"sha256:" and 64 lower-case hex digits', _digest, hide=True)

MTLS: Final = Table(
    "mtls",
    (
        Key(
            "san",
            pattern("a subject alternative name", r"[^\x00-\x20]{1,253}"),
            "Name in the client's certificate.",
            True,
        ),
    ),
    lambda san: san,
)


def _client(
    id: str,  # noqa: A002 - the key's name in the file
    role: str,
    purposes: tuple[str, ...],
    key: str | None = None,
    mtls: str | None = None,
    network: tuple[str, ...] = (),
    contacts: Literal["read", "write"] | None = None,
) -> Client | Fault:
    if contacts and not key:
        return Fault("contacts", "'contacts' without a key", "'key': the API knows its callers by it")
    known = Client(id=id, role=role, purposes=purposes, key=key, san=mtls, networks=network)
    return replace(known, contacts=contacts)


CLIENT: Final = Table(
    "client",
    (
        Key("id", NAME, "Name of the application, unique in the file; stands in audit records.", True),
        Key("role", NAME, "Its role: one of `views`.", required=True),
        Key("purposes", many(USE), "The data uses it acts for.", required=True),
        Key("key", CLIENT_KEY, "SHA-256 of its key (`hushgate key new` makes both)."),
        Key("mtls", MTLS, "Its client certificate."),
        Key("network", many(CIDR), "Networks it calls from."),
        Key(
            "contacts",
            one_of("read", "write"),
            "What it may do through the contacts API: `read` looks people up, `write` also enters.",
        ),
    ),
    _client,
    some=("key", "mtls", "network"),
    doc="An application of the tenant. Every means of identification that is given must hold.",
)


OPT_OUT: Final = Table(
    "opt-out",
    (
        Key(
            "scope",
            one_of(*get_args(OptOutScope)),
            "`marketing`: the purpose below, on every channel; `channel`: all on the channel it came by; "
            "`global`: everything.",
            default="marketing",
        ),
        Key("purpose", USE, "What is stopped with `scope: marketing`.", default="marketing"),
    ),
    OptOut,
    doc="How far it reaches when a person opts out by a word, a link, or at a carrier.",
)


@dataclass(frozen=True, slots=True)
class _File:
    """A rule file but for its name and version."""

    fields: dict[str, object]


_LAWS: Final = {"GB": "UK", "CH": "CH"}


def _file(
    rules: tuple[tuple[Rule, ...], ...] = (),
    country: str | None = None,
    law: str | None = None,
    lists: Mapping[str, ListLimit] = NO_LIMITS,
    **fields: object,
) -> _File:
    made, limits = limited((rule for those in rules for rule in those), lists, LISTS)
    fields |= {"country": country, "law": law or _LAWS.get(country or "", "EU")}
    return _File({**fields, "rules": made, "lists": limits})


ROOT: Final = Table(
    "rule file",
    (
        Key("tenant", NAME, "Name of the tenant: the file's own name.", required=True),
        Key("instruction", INSTRUCTION, "The documented instruction the file carries out.", required=True),
        Key("country", COUNTRY, "Country whose national phone format is understood in bodies."),
        Key(
            "law",
            one_of(*get_args(LawOf)),
            "By whose law transfers are judged; left out, the country's (GB: UK, CH: CH, any other: EU).",
        ),
        Key("consents", many(NAME), "Consents the tenant has given, by name (see `unless`)."),
        Key("clients", ListOf(CLIENT), "The tenant's applications.", required=True),
        Key("views", MapOf(NAME, VIEW, least=1), "Role -> what it may see.", required=True),
        Key("rules", ListOf(RULE, least=0), "Restrictions; each can only tighten."),
        Key(
            "unmapped",
            one_of(*get_args(Unmapped)),
            "What happens to fields no data map names: hidden, searched for personal data, or passed.",
            default="redact",
        ),
        Key(
            "lookups",
            Number(0, 1_000_000),
            "How many people each client may look up in a minute (searches, number lookups), per worker.",
            default="120",
        ),
        Key(
            "registry_away",
            mapped({"refuse": False, "pass": True}),
            "While the contact registry does not answer, contacts are refused, or (`pass`) judged as if "
            "nothing were known of anybody: opt-outs are not seen, nor is it counted how often.",
            default="refuse",
            to="pass_unjudged",
        ),
        Key("lists", MapOf(NAME, LIST), "Lists that are imported, and how old each may be."),
        Key("opt_out", OPT_OUT, "How far opt-outs reach."),
        Key(
            "subprocessors",
            ListOf(SUBPROCESSOR, least=0),
            "Who may be given the tenant's data. Without this list, residency rules alone decide; with it, "
            "everybody else is refused (`recipient_quarantined`).",
        ),
        Key("processing", PROCESSING, "For the record of processing: what no traffic shows."),
        Key("destinations", ListOf(DESTINATION), "Hosts of its own that providers may be told to send to."),
    ),
    _file,
)

_OPERATORS: Final = ("views.*.hide_with", "views.*.mask.*", "rules[].with")
"""Where a masking operator may stand as a word."""
_KINDS: Final = ("contact", "residency", "access", "to")


def _in_rules(name: str) -> tuple[str, ...]:
    """Where a narrowing key may stand."""
    return (f"rules[].{name}[]", *(f"rules[].{kind}.{name}[]" for kind in _KINDS))


def _known_lists(root: Node, report: Report) -> None:
    """A list whose age nobody limits would never be too old, or always."""
    known = {node.text for node in scalars(root, ("lists{}",))} | set(LISTS)
    for node in scalars(root, ("rules[].contact.lists[]",)):
        if node.text not in known:
            expected = "one of this file's `lists`, or of a preset"
            report.add(node, f"unknown list {node.text!r}", expected, nearest(node.text, known))


def _same_client(root: Node, report: Report) -> None:
    """Two clients with the same means of identification: every call of either would be ambiguous."""
    seen: dict[tuple[str, ...], int] = {}
    for node in select(root, "clients[]"):
        means = ("key[]", "mtls.san[]", "network[]")
        mark = tuple(sorted(scalar.text for scalar in scalars(node, means)))
        if mark and mark in seen:
            found = f"the same key, certificate and networks as in line {seen[mark]}"
            report.add(node, found, "clients that can be told apart")
        seen.setdefault(mark, node.line)


DOCUMENT: Final = Document(
    ROOT,
    (
        Unique("client id", "clients[].id"),
        Unique("rule id", "rules[].id"),
        Refers("view", ("clients[].role",), "views{}"),
        Refers("role", _in_rules("roles"), "views{}"),
        Refers("client", _in_rules("clients"), "clients[].id"),
        _known_lists,
        _same_client,
    ),
)

Check = Callable[[Node, Report], None]
_OPERATOR_NAMES: Final = (
    "destinations[].operator",
    "subprocessors[].operator",
    "rules[].residency.operators[]",
)


def _named(file: str) -> Check:
    stem = PurePath(file).stem

    def check(root: Node, report: Report) -> None:
        for node in scalars(root, ("tenant",)):
            if node.text != stem:
                report.add(node, f"tenant {node.text!r}", f"the file's own name {stem!r}")

    return check


def known_to(catalogue: Catalogue) -> Check:
    """A check that every provider and operation pattern of the rules exists in the packs."""

    def check(root: Node, report: Report) -> None:
        for node in scalars(root, _in_rules("providers")):
            if node.text not in catalogue.providers:
                expected = f"a provider with a pack: {listed(sorted(catalogue.providers))}"
                near = nearest(node.text, catalogue.providers)
                report.add(node, f"unknown provider {node.text!r}", expected, near)
        for node in scalars(root, _in_rules("operations")):
            if not catalogue.matches(node.text):
                near = nearest(node.text, catalogue.operations)
                report.add(node, f"{node.text!r}, which matches no operation", "provider.operation", near)
        _meet(root, report, catalogue)

    return check


def _meet(root: Node, report: Report, catalogue: Catalogue) -> None:
    """That each recipient a rule is for is known: of a misspelt one it would hold nothing back."""
    own = {node.text.casefold() for node in scalars(root, _OPERATOR_NAMES)}
    for node in scalars(root, _in_rules("recipients")):
        if node.text.casefold() not in catalogue.recipients | own:
            expected = "a provider, who runs one, or an operator that this file names"
            near = nearest(node.text.casefold(), tuple(catalogue.recipients | own))
            report.add(node, f"unknown recipient {node.text!r}", expected, near)


def maskers_in(names: Collection[str]) -> Check:
    """A check that every operator that is not built in is a masker of a plugin."""

    def check(root: Node, report: Report) -> None:
        for node in scalars(root, _OPERATORS):
            if plugin_name(node.text) and node.text not in names:
                expected = EXPECTED + (f", or a plugin's: {listed(sorted(names))}" if names else "")
                report.add(node, describe(node), expected, nearest(node.text, (*PLAIN, *names)))

    return check


def read_rules(
    data: bytes, file: str, catalogue: Catalogue | None = None, maskers: Collection[str] = ()
) -> Policy:
    """The policy of one rule file. Raises ConfigError with every problem found.

    `file` is its path, for places and for the name the tenant must have. Names of providers and operations
    are only checked when a catalogue of the packs is given. `maskers` are the names of plugins' maskers.
    """
    report = Report(file)
    root = read(data, report)
    known = (known_to(catalogue),) if catalogue else ()
    checks = (*DOCUMENT.checks, _named(file), maskers_in(maskers), *known)
    parsed = Document(DOCUMENT.root, checks).take(root, report)
    identity = {"version": sha256(data).hexdigest(), "file": file}
    return msgspec.convert({**parsed.fields, **identity}, Policy)


def mentions(policy: Policy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The providers and operation patterns a policy's rules name, each once, sorted."""
    return _every(policy.rules, "providers"), _every(policy.rules, "operations")


def maskers_of(policy: Policy) -> tuple[str, ...]:
    """The plugins' maskers a policy names, each once, sorted."""
    views = policy.views.values()
    masks = [view.hide_with for view in views] + [mask for view in views for mask in view.mask.values()]
    masks += [rule.operator for rule in policy.rules if rule.operator]
    return tuple(sorted({mask.op.removeprefix(PLUGIN) for mask in masks if mask.op.startswith(PLUGIN)}))


def strangers(policy: Policy) -> tuple[str, ...]:
    """The recipients that rules are narrowed to and the file does not declare, in lower case, sorted."""
    named = {name.casefold() for rule in policy.rules for name in rule.scope.recipients}
    own = {each.operator for each in policy.destinations}
    own |= {each.operator for each in policy.subprocessors or ()}
    own |= {name for rule in policy.rules if rule.residency for name in rule.residency.operators}
    return tuple(sorted(named - {name.casefold() for name in own}))


def _every(rules: tuple[Rule, ...], key: str) -> tuple[str, ...]:
    return tuple(sorted({name for rule in rules for name in getattr(rule.scope, key)}))
