"""What a masker may be made from, beside its rule and the category it is for. Pure."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Means:
    """`key` is the tenant's masking key. What is not known is None: operators that need it then hide all."""

    key: bytes
    on: date | None = None
    """The day for which the masker is made (UTC); plans end with their day."""
    country: str | None = None
    """ISO 3166 country of the tenant's people, where they have one."""
