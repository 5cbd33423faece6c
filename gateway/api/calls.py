"""The table of the API's calls. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

from gateway.api import bodies


@dataclass(frozen=True, slots=True)
class Call:
    """One call: where, what right it takes, what is sent and what is answered."""

    name: str
    path: str
    right: Literal["read", "write"]
    body: type[bodies.Body]
    answer: type[bodies.Answer]
    summary: str

    @property
    def methods(self) -> tuple[str, ...]:
        """Entries are added by id, so that PUT and POST come to the same."""
        return ("POST", "PUT") if self.enters and self.body is not bodies.Batch else ("POST",)

    @property
    def enters(self) -> bool:
        """Whether it adds entries."""
        return self.answer is bodies.Entered


def _entering(name: str, body: type[bodies.Body], summary: str) -> Call:
    return Call(name, f"/v1/{name}", "write", body, bodies.Entered, summary)


CALLS: Final = (
    _entering("consents", bodies.Consent, "Record a consent, or its end"),
    _entering("suppressions", bodies.Suppression, "Do not contact somebody, or lift that"),
    _entering("objections", bodies.Objection, "Record an objection, or its end"),
    _entering("restrictions", bodies.Restriction, "Restrict processing, or end that"),
    _entering("erasures", bodies.Erasure, "Erase somebody"),
    _entering("customers", bodies.Customer, "Record an existing relationship, or its end"),
    _entering("zones", bodies.Zone, "Record the time zone somebody lives in"),
    _entering("batch", bodies.Batch, "Add up to 1000 entries, all or none"),
    Call(
        "links",
        "/v1/links",
        "write",
        bodies.ToLink,
        bodies.Links,
        "Mint links of one click for up to 1000 people",
    ),
    Call(
        "lookups",
        "/v1/lookups",
        "read",
        bodies.Lookup,
        bodies.Standings,
        "What is in force for up to 100 people",
    ),
    Call(
        "history",
        "/v1/history",
        "read",
        bodies.History,
        bodies.Entries,
        "All that was entered about somebody",
    ),
)
"""Identifiers stand in bodies only, never in a URL."""
