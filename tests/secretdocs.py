"""Random documents with seeded secrets, what has to come out of them, and what must not.

`email` and `phone` are hidden and `name` and `count` are shown by the rules these are played under.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st

MAPPED = frozenset(("email", "phone", "name", "count"))
SHOWN = frozenset(("name", "count"))
NAMES = ("email", "phone", "name", "count", "other", "e mail", "naïve")
PLAIN_NAMES = ("email", "phone", "name", "count", "other")


@dataclass(frozen=True, slots=True)
class Secret:
    """What must not come out: its core is found whatever is escaped around it."""

    core: str
    text: str


def seeded(seed: int, before: str, after: str) -> Secret:
    """The secret of a number."""
    core = sha256(b"%d" % seed).hexdigest()[:14]
    return Secret(core, f"{before}{core}{after}")


TEXTS = st.text(st.characters(exclude_categories=["C"], exclude_characters="￾￿"), max_size=6)
SECRETS = st.builds(seeded, st.integers(0, 10**9), TEXTS, TEXTS)
SCALARS = st.one_of(SECRETS, st.integers(-(10**25), 10**25), st.booleans(), st.none())
TREES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.sampled_from(NAMES), below, max_size=5),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.sampled_from(NAMES), TREES, max_size=6)
ROWS = st.lists(st.tuples(*[SECRETS for _ in PLAIN_NAMES]), max_size=6)
PAIRS = st.lists(st.tuples(st.sampled_from(PLAIN_NAMES), SECRETS), max_size=8)


def below(name: str, key: str) -> str:
    """A name the data map knows goes for all below it, up to the next such name."""
    return key if key in MAPPED else name


def plain(value: Any) -> Any:
    """A document with the secrets' texts in it."""
    if isinstance(value, Secret):
        return value.text
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def hidden(value: Any, name: str = "") -> Any:
    """What has to come out of a document; `...` where any pseudonym may stand."""
    if isinstance(value, dict):
        return {key: hidden(each, below(name, key)) for key, each in value.items()}
    if isinstance(value, list):
        return [hidden(each, name) for each in value]
    if value is None or name in SHOWN:
        return plain(value)
    if isinstance(value, bool) or (isinstance(value, int) and name != "phone"):
        return None
    return ... if name == "phone" else "[redacted]"


def secrets_in(value: Any, name: str = "") -> Iterator[Secret]:
    """Those that are not shown."""
    if isinstance(value, Secret):
        if name not in SHOWN:
            yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from secrets_in(each, below(name, key))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from secrets_in(each, name)


def shown_in(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, Secret):
        if name in SHOWN:
            yield value.core
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from shown_in(each, below(name, key))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from shown_in(each, name)


def matches(got: Any, expected: Any) -> bool:
    """Equal, and for `...` a pseudonym."""
    if expected is ...:
        return got is None or got == "" or (isinstance(got, str) and got.startswith("h_"))
    if isinstance(expected, dict):
        return (
            isinstance(got, dict)
            and list(got) == list(expected)
            and all(matches(got[key], expected[key]) for key in expected)
        )
    if isinstance(expected, list):
        return isinstance(got, list) and len(got) == len(expected) and all(map(matches, got, expected))
    return type(got) is type(expected) and got == expected


def encodings_of(core: str) -> set[bytes]:
    """The obvious ones."""
    raw = core.encode()
    b64 = {base64.b64encode(b"\0" * pad + raw)[(0, 2, 3)[pad] : -4] for pad in range(3)}
    return {raw, raw.upper(), raw[::-1], raw.hex().encode(), raw.hex().upper().encode(), *b64} | {
        b"".join(b"%%%02x" % byte for byte in raw),
        b"".join(b"\\u%04x" % byte for byte in raw),
        b"".join(b"&#%d;" % byte for byte in raw),
        core.encode("utf-16-le"),
        core.encode("utf-16-be"),
    }


def nothing_of(secrets: list[Secret], shown: set[str], out: bytes) -> None:
    for secret in secrets:
        if secret.core not in shown:
            for spelt in encodings_of(secret.core):
                assert spelt not in out
