"""One place in a text where personal data stands, and the kinds there are. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from gateway.masking.detectors.budget import Budget

Span = tuple[int, int]
Find = Callable[[str, Budget], Iterable[Span]]
"""Text -> places (start, end), in no order; they may overlap. Raises Crowded alone.

What patterns do is linear in the text; whatever else is done per candidate is spent from the budget first.
"""


class Hit(NamedTuple):
    """What was found: a kind of CATEGORIES, from `start` up to `end`."""

    start: int
    end: int
    kind: str


CATEGORIES: Final[Mapping[str, str]] = {
    "email": "user.contact.email",
    "phone": "user.contact.phone_number",
    "card": "user.financial.credit_card",
    "iban": "user.financial.bank_account",
    "national_id": "user.government_id.national_identification_number",
    "ip": "user.device.ip_address",
}
"""Kind -> the data category a data map would name it by."""
