"""The work that every peer has to do, in one place: people, bodies, masks, pseudonyms, suppressions.

Pure, standard library only, so that the Python peers can import it from their own environment. The Lua peer
(peers/work.lua) implements the same; run.py compares what comes out of each before it measures anything.
All names are invented, numbers are from the ranges the French regulator (Arcep) reserves for fiction,
addresses are under example.com. More people are sent than a cache of identifiers holds, in an order in which
a least-recently-used cache never hits: the keyed hashes are computed, not remembered.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

Json = Any

CLIENT_KEY = "bench-key-5f2b8c1d9e4a7036"
CREDENTIAL = "Bearer bench-upstream-credential"
MASK_KEY = b"bench mask key: 32 bytes of text"
PSEUDONYM_KEY = b"bench subject key: 32 bytes here"
CLIENTS = {hashlib.sha256(CLIENT_KEY.encode()).hexdigest(): "crm-sync"}

ACCOUNT = "AC" + "0123456789abcdef" * 2
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
CONTACTS = "/crm/v3/objects/contacts"

SINGLES = 40_000
RECIPIENTS = 20_000
PAGES = {10: 4000, 100: 400}
"""Pages per list size."""
SUPPRESSED = range(50_000, 53_000)
SENDER = 59_999
FICTION = ("63998", "19900", "26191", "35301", "46571", "53649")
"""Prefixes after +33, 10,000 numbers each."""

REDACTED = "[redacted]"
KEEP_LAST = 4

FIRST = ("Amelie", "Bruno", "Chloe", "Denis", "Elodie", "Farid", "Gaelle", "Hugo", "Ines", "Jules", "Karim")
LAST = ("Exemplaire", "Fictive", "Modele", "Specimen", "Temoin", "Inconnu", "Quidam", "Fantome", "Maquette")
JOBS = ("Coordinator", "Treasurer", "Field organiser", "Volunteer", "Regional delegate", "Press officer")
STAGES = ("subscriber", "lead", "opportunity", "customer", "evangelist")


def headers(path: str, key: str = CLIENT_KEY) -> dict[str, str]:
    """What the load sends with a request for this path; the host says which provider is meant."""
    provider = "twilio" if path.startswith("/2010") else "hubspot"
    return {"Host": f"{provider}.bench.internal", "Hushgate-Key": key, "Accept": "application/json"}


def phone(n: int) -> str:
    """E.164 number of person `n` (0..59,999), from the ranges reserved for fiction."""
    return f"+33{FICTION[n // 10_000]}{n % 10_000:04d}"


def contact(n: int) -> dict[str, Json]:
    """Person `n` as HubSpot gives a contact: about 0.5 KB of JSON, different for every `n`."""
    first, last = FIRST[n % len(FIRST)], LAST[n % len(LAST)]
    created = f"2025-{n % 12 + 1:02d}-{n % 28 + 1:02d}T{n % 24:02d}:{n % 60:02d}:07.{n % 1000:03d}Z"
    changed = f"2026-{n % 10 + 1:02d}-{n % 27 + 1:02d}T{n % 23:02d}:{n % 59:02d}:41.{n % 997:03d}Z"
    return {
        "id": str(10_000_000 + n),
        "properties": {
            "createdate": created,
            "email": f"{first}.{last}.{n}@example.com".lower(),
            "firstname": first,
            "hs_analytics_num_page_views": str(n % 37),
            "hs_lead_status": "OPEN",
            "hs_object_id": str(10_000_000 + n),
            "jobtitle": JOBS[n % len(JOBS)],
            "lastmodifieddate": changed,
            "lastname": last,
            "lifecyclestage": STAGES[n % len(STAGES)],
            "num_associated_deals": str(n % 3),
            "phone": phone(n),
        },
        "createdAt": created,
        "updatedAt": changed,
        "archived": False,
    }


def page(number: int, size: int) -> dict[str, Json]:
    """Page `number` of a list of `size` contacts; pages of one size share no person."""
    after = str(number + 1)
    return {
        "results": [contact(number * size + i) for i in range(size)],
        "paging": {
            "next": {"after": after, "link": f"https://api.hubapi.com{CONTACTS}?limit={size}&after={after}"}
        },
    }


def message() -> dict[str, Json]:
    """Twilio's answer to a message that was accepted."""
    sid = "SM" + "fedcba9876543210" * 2
    return {
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "body": "Your appointment is confirmed for tomorrow at ten.",
        "date_created": "Sat, 21 Nov 2026 09:00:00 +0000",
        "date_sent": None,
        "date_updated": "Sat, 21 Nov 2026 09:00:00 +0000",
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": phone(SENDER),
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": sid,
        "status": "queued",
        "to": phone(42),
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}.json",
    }


# ---- the work -------------------------------------------------------------------------------------------


def keyed(key: bytes, text: str) -> str:
    """HMAC-SHA-256 of `text`, the first 128 bits in hex."""
    return hmac.digest(key, text.encode(), "sha256").hex()[:32]


def pseudonym(kind: str, value: str) -> str:
    """Keyed pseudonym of one identifier of a subject."""
    return keyed(PSEUDONYM_KEY, f"{kind}:{NORMAL[kind](value)}")


NORMAL: dict[str, Callable[[str], str]] = {
    "record": str,
    "email": lambda text: text.strip().lower(),
    "phone": lambda text: re.sub(r"[^+0-9]", "", text),
}
"""One form per identifier, so that a person has one pseudonym however a field is written."""


def partial(text: str) -> str:
    """All but the last KEEP_LAST characters replaced by `*`."""
    return "*" * (len(text) - KEEP_LAST) + text[-KEEP_LAST:]


def hashed(text: str) -> str:
    """The mask `hash`."""
    return "h_" + keyed(MASK_KEY, text)


MASKS: dict[str, Callable[[str], str]] = {
    "lastname": lambda _: REDACTED,
    "phone": partial,
    "email": hashed,
}


def contacts_of(body: Json) -> Iterator[dict[str, Json]]:
    """The contacts of a single answer or of a list."""
    yield from body.get("results", (body,))


def mask_contact(one: dict[str, Json]) -> list[str]:
    """Mask one contact in place; the pseudonyms of its subject identifiers."""
    fields = one["properties"]
    subjects = [
        pseudonym("record", one["id"]),
        pseudonym("email", fields["email"]),
        pseudonym("phone", fields["phone"]),
    ]
    for name, operator in MASKS.items():
        fields[name] = operator(fields[name])
    return subjects


def mask_message(body: dict[str, Json]) -> int:
    """Mask the numbers of Twilio's answer in place; how many."""
    for name in ("to", "from"):
        body[name] = partial(body[name])
    return 2


def recipient(form: bytes) -> str:
    """The number a Twilio form is addressed to."""
    return parse_qs(form.decode(), strict_parsing=True)["To"][0]


def suppressed() -> frozenset[str]:
    """Pseudonyms of the people who must not be contacted."""
    return frozenset(pseudonym("phone", phone(n)) for n in SUPPRESSED)
