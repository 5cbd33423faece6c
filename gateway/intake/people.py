"""From an identifier as somebody wrote it to the pseudonym the registry knows. Pure."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from gateway.contacts.formerly import Names
from gateway.contacts.naming import Pseudonymise
from gateway.contacts.records import expected, names
from gateway.contacts.senders import spelt
from gateway.intake.table import Fault
from gateway.model import SubjectKind

NOUNS: Final[Mapping[SubjectKind, str]] = {
    "phone": "phone number",
    "email": "e-mail address",
}


class People:
    """A tenant's people: `pseudonymise` is the tenant's, `country` whose national numbers are understood.

    `spaces` are those of the packs (`contacts.records`), `within` is that of record ids written without one.
    """

    __slots__ = ("_country", "_pseudonymise", "_spaces", "_within")

    def __init__(
        self,
        pseudonymise: Pseudonymise,
        country: str | None,
        spaces: Callable[[], Collection[str]] = tuple,
        within: str = "",
    ) -> None:
        self._pseudonymise = pseudonymise
        self._country = country
        self._spaces = spaces
        self._within = within

    def inside(self, within: str) -> "People":
        """The same people, whose record ids are written without this space."""
        return People(self._pseudonymise, self._country, self._spaces, within)

    def knows(self, space: str) -> bool:
        """Whether a pack gives out record ids in this space."""
        return space in self._spaces()

    def named(self, kind: SubjectKind | None, value: str) -> str | None:
        """The pseudonym, or None for a text that is not exactly one identifier of this kind.

        Without a kind it is an e-mail address where there is an @, else a phone number.
        """
        return next(iter(self.known(kind, value, bare=False)), None)

    def known(self, kind: SubjectKind | None, value: str, *, bare: bool) -> Names:
        """The pseudonym, with `bare` and those that a record id had before; empty for who is nobody."""
        if kind is None:
            kind = "email" if "@" in value else "phone"
        spaces = self._spaces() if kind == "record" else ()
        ways = names(kind, value, self._country, spaces, self._within)
        return tuple([self._pseudonymise(kind, way) for way in (ways if bare else ways[:1])])

    def unread(self, kind: SubjectKind | None, value: str) -> Fault:
        """What to say of a text that names nobody; the text is not quoted."""
        if kind == "record":
            return Fault(f"is not {expected(self._spaces())}")
        return Fault(f"cannot be read as one {NOUNS[kind or ('email' if '@' in value else 'phone')]}")

    def sender(self, text: str) -> str:
        """A sender as the registry spells it."""
        return spelt(text, self._country)
