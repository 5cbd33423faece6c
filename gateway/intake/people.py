"""From an identifier as somebody wrote it to the pseudonym the registry knows. Pure."""

from collections.abc import Mapping
from typing import Final

from gateway.contacts.naming import Pseudonymise
from gateway.contacts.normalise import normalise
from gateway.contacts.senders import spelt
from gateway.intake.table import Fault
from gateway.model import SubjectKind

NOUNS: Final[Mapping[SubjectKind, str]] = {
    "phone": "phone number",
    "email": "e-mail address",
    "record": "record id",
}


class People:
    """A tenant's people: `pseudonymise` is the tenant's, `country` whose national numbers are understood."""

    __slots__ = ("_country", "_pseudonymise")

    def __init__(self, pseudonymise: Pseudonymise, country: str | None) -> None:
        self._pseudonymise = pseudonymise
        self._country = country

    def named(self, kind: SubjectKind | None, value: str) -> str | None:
        """The pseudonym, or None for a text that is not exactly one identifier of this kind.

        Without a kind it is an e-mail address where there is an @, else a phone number.
        """
        if kind is None:
            kind = "email" if "@" in value else "phone"
        normal = normalise(kind, value, self._country)
        return None if normal is None else self._pseudonymise(kind, normal)

    def sender(self, text: str) -> str:
        """A sender as the registry spells it."""
        return spelt(text, self._country)


def unread(kind: SubjectKind | None, value: str) -> Fault:
    """What to say of a text that names nobody; the text is not quoted."""
    return Fault(f"cannot be read as one {NOUNS[kind or ('email' if '@' in value else 'phone')]}")
