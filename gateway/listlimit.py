"""How old a list of people may be that was imported into the registry. Pure."""

import msgspec


class ListLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds of age: from `warn_after` on it is told, from `max_age` on the list is no longer taken in."""

    max_age: float
    warn_after: float
