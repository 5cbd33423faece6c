"""How old a list of people may be that was imported into the registry, and who relies on it. Pure."""

import msgspec


class ListLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds of age: from `warn_after` on it is told, from `max_age` on a list is not relied on any more."""

    max_age: float
    warn_after: float

    def strictest(self, other: "ListLimit | None") -> "ListLimit":
        """What holds where two limits are said."""
        if other is None:
            return self
        return ListLimit(min(self.max_age, other.max_age), min(self.warn_after, other.warn_after))


class Relied(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list that a rule relies on: without a limit, or older than it, it cannot be relied on."""

    name: str
    limit: ListLimit | None = None
