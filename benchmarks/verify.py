"""Equal work, proved before anything is measured: what each peer answers, field by field."""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

from benchmarks import work
from benchmarks.processes import fetch

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PATHS = (
    *(f"{work.CONTACTS}/{10_000_000 + n}" for n in (0, 1, work.SINGLES - 1)),
    *(
        f"{work.CONTACTS}?limit={size}&after={number}"
        for size, pages in work.PAGES.items()
        for number in (0, pages - 1)
    ),
)


def originals() -> Iterator[tuple[str, work.Json]]:
    """The GET paths that are compared, each with the upstream's own body."""
    for path in PATHS:
        if "?" in path:
            size, after = (int(pair.partition("=")[2]) for pair in path.partition("?")[2].split("&"))
            yield path, work.page(after, size)
        else:
            yield path, work.contact(int(path.rpartition("/")[2]) - 10_000_000)


def without_hashes(body: work.Json, hashes: dict[str, str], emails: list[str]) -> work.Json:
    """The body with each masked e-mail replaced by a word, the hashes noted by the address they stand for."""
    for one, email in zip(work.contacts_of(body), emails, strict=True):
        hashes.setdefault(email, one["properties"]["email"])
        if hashes[email] != one["properties"]["email"]:
            one["properties"]["email"] = "not stable"
        else:
            one["properties"]["email"] = "masked"
    return body


def reads(port: int) -> Iterator[str]:
    """What it answers otherwise to requests for contacts and lists."""
    hashes: dict[str, str] = {}
    for path, original in originals():
        emails = [str(one["properties"]["email"]) for one in work.contacts_of(original)]
        for one in work.contacts_of(original):
            work.mask_contact(one)
        wanted = without_hashes(original, {}, emails)
        status, raw = fetch(port, "GET", path, work.headers(path))
        if status != 200 or without_hashes(json.loads(raw), hashes, emails) != wanted:
            yield f"GET {path}: status {status}, not the masked body: {raw[:600]!r}"
    if any(email == shown for email, shown in hashes.items()) or len(set(hashes.values())) != len(hashes):
        yield "an e-mail address was not masked, or two have one hash"


def _messages(port: int) -> Iterator[str]:
    wanted = work.message()
    work.mask_message(wanted)
    for person, expected in ((1, 201), (work.SUPPRESSED[0], 403), (work.SUPPRESSED[-1], 403)):
        form = urlencode(
            {"To": work.phone(person), "From": work.phone(work.SENDER), "Body": "Hello"}
        ).encode()
        status, raw = fetch(port, "POST", work.MESSAGES, work.headers(work.MESSAGES) | FORM, form)
        if status != expected:
            yield f"POST message to person {person}: status {status}, expected {expected}: {raw[:300]!r}"
        elif status == 201 and json.loads(raw) != wanted:
            yield f"POST message: not the masked body: {raw[:900]!r}"


def differences(port: int) -> list[str]:
    """What a peer that should do the work does otherwise; empty when it does exactly the work."""
    found = [*reads(port), *_messages(port)]
    for key in ("", "another key"):
        status = fetch(port, "GET", PATHS[0], work.headers(PATHS[0], key))[0]
        if status != 401:
            found.append(f"an unknown client got {status}, expected 401")
    return found
