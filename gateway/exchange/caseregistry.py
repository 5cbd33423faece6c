"""The registry of a rule case: what it says of people, as a registry would answer. Pure."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from gateway.contacts.ledger import fold, joined
from gateway.contacts.model import UNKNOWN, Entry, Standing
from gateway.contacts.records import expected, written
from gateway.contacts.relied import subject
from gateway.errors import InternalError
from gateway.exchange.case import Case, Known
from gateway.model import Policy, SubjectKind
from gateway.policy.snapshot import Snapshot


def standings_of(
    case: Case, policy: Policy, snapshot: Snapshot, entered: Sequence[Entry] = ()
) -> dict[str, Standing]:
    """Standing by pseudonym, with what follows from links and from what was `entered` since; and of lists.

    Raises InternalError for who cannot be read.
    """
    added: dict[str, list[Entry]] = {}
    for entry in entered:
        added.setdefault(entry.subject, []).append(entry)
    own = {name: fold(entries) for name, entries in added.items()}
    for person in case.registry:
        name = named(person.kind, person.value, policy, snapshot)
        own[name] = _own(person, added.get(name, ()))
    links: dict[str, set[str]] = {}
    for person in case.registry:
        name = named(person.kind, person.value, policy, snapshot)
        for each in person.linked:
            other = named(*each, policy, snapshot)
            links.setdefault(name, set()).add(other)
            links.setdefault(other, set()).add(name)
    people = {name: _joined(name, own, links) for name in own.keys() | links.keys()}
    return people | {subject(name): Standing(dated=at) for name, at in case.lists}


def _joined(name: str, own: Mapping[str, Standing], links: Mapping[str, set[str]]) -> Standing:
    near = links.get(name, set())
    far = {each for other in near for each in links[other]} - near - {name}
    standings = [[own.get(each, UNKNOWN) for each in sorted(group)] for group in (near, far)]
    return joined(own.get(name, UNKNOWN), *standings)


def reached_of(known: Sequence[Known], policy: Policy, snapshot: Snapshot) -> dict[str, tuple[float, ...]]:
    """When people were reached before, by pseudonym."""
    return {named(p.kind, p.value, policy, snapshot): p.reached for p in known if p.reached}


def _own(person: Known, added: Sequence[Entry]) -> Standing:
    made = fold((*person.entries, *added))
    return replace(
        made,
        suppressions=(*person.suppressions, *made.suppressions),
        consents=(*person.consents, *made.consents),
    )


def named(kind: SubjectKind, value: str, policy: Policy, snapshot: Snapshot) -> str:
    """The pseudonym of somebody a case names. Raises InternalError for who cannot be read."""
    normal = written(kind, value, policy.country, snapshot.spaces)
    if normal is None:
        wanted = f": expected {expected(snapshot.spaces)}" if kind == "record" else ""
        raise InternalError(f"a {kind} in the case cannot be read{wanted}")
    return snapshot.pseudonymiser(policy.tenant)(kind, normal)
