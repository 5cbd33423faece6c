"""From what was sent to ledger entries. Pure; time and the names of people are parameters."""

import base64
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from gateway.api.bodies import Batch, Body, Person, Told, Wrong
from gateway.contacts.formerly import Names
from gateway.contacts.model import Entry
from gateway.contacts.senders import spelt
from gateway.errors import PayloadError
from gateway.intake.acts import fault
from gateway.intake.people import People
from gateway.keys import Pseudonymise

_SCOPES: Final = ("channel", "purpose", "sender", "text", "evidence")


class UnacceptableError(PayloadError):
    """The body is well formed, and cannot be meant. `errors` say what is wrong with which part."""

    def __init__(self, errors: Sequence[Wrong]) -> None:
        super().__init__("unparseable_body", errors[0].detail)
        self.errors = tuple(errors)


class Teller:
    """Makes the entries one client of a tenant tells: `client` stands in them as their source.

    `spaces`: what goes before record ids (`contacts.records`); `bare`: what was entered under their names of
    before forbids.
    """

    def __init__(
        self,
        pseudonymise: Pseudonymise,
        country: str | None,
        client: str,
        spaces: tuple[str, ...] = (),
        *,
        bare: bool = True,
    ) -> None:
        self._spaces, self._bare = spaces, bare
        self._pseudonymise = pseudonymise
        self._country = country
        self._client = client

    def entries(self, body: Body, key: str, now: float) -> tuple[Entry, ...]:
        """The entries of a body. `key` is the request's own mark: of it and the place an id is made where
        none was sent, so that a request that is sent again adds nothing. Raises UnacceptableError."""
        told = body.entries if isinstance(body, Batch) else (body,)
        made: list[Entry] = []
        wrong: list[Wrong] = []
        for index, one in enumerate(told):
            if not isinstance(one, Told):
                continue
            entry = self._entry(one, f"{key}/{index}", now)
            if isinstance(entry, Entry):
                made.append(entry)
            else:
                wrong.append(Wrong(index=index, detail=entry))
        if wrong:
            raise UnacceptableError(wrong)
        return tuple(made)

    def names(self, people: Sequence[Person]) -> list[Names]:
        """The pseudonyms of people: of each one's the first is what entries are made under.

        Raises UnacceptableError.
        """
        named = [self._people(one).known(one.kind, one.value, bare=self._bare) for one in people]
        wrong = [Wrong(index=n, detail=self._unread(people[n])) for n, names in enumerate(named) if not names]
        if wrong:
            raise UnacceptableError(wrong)
        return named

    def _named(self, person: Person) -> str | None:
        return self._people(person).named(person.kind, person.value)

    def _people(self, person: Person) -> People:
        return People(self._pseudonymise, person.country or self._country, lambda: self._spaces)

    def _unread(self, person: Person) -> str:
        return self._people(person).unread(person.kind, person.value).reason

    def _entry(self, told: Told, mark: str, now: float) -> Entry | str:
        """The entry, or what is wrong with it; nobody is quoted."""
        subject = self._named(told.subject)
        if subject is None:
            return f"subject {self._unread(told.subject)}"
        until = getattr(told, "until", None)
        scopes = {name: value for name in _SCOPES if (value := getattr(told, name, None))}
        if "sender" in scopes:
            scopes["sender"] = spelt(scopes["sender"], self._country)
        entry = Entry(
            id=f"api:{self._client}:{told.id or _short(mark)}",
            subject=subject,
            act=getattr(told, "act"),  # noqa: B009 - every kind of entry has one, of words of its own
            at=now if told.at is None else told.at.timestamp(),
            until=None if until is None else until.timestamp(),
            source=f"api:{self._client}",
            department=told.department,
            detail=getattr(told, "zone", ""),
            **scopes,
        )
        return fault(entry, now) or entry


def _short(mark: str) -> str:
    return base64.urlsafe_b64encode(sha256(mark.encode()).digest()[:15]).decode()
