"""A plugin's masker as one of ours: what it answers is looked at before it stands in for the value."""

import hmac
from collections.abc import Callable, Iterator
from typing import Any, Final

from gateway.codecs.program import Masker as Mask
from gateway.masking.operators import REDACTED, redact, text_of
from gateway.masking.table import Make
from gateway.model import Mask as Wanted
from gateway.plugins.api import Context, Masker
from gateway.plugins.guard import Guard

MOST: Final = 3
"""characters in a row that a masker may show by chance, when it does not declare to show any"""
_SHORT: Final = 40
"""characters of a value that is gone through one by one: quicker than any set up for it"""
_EXACT: Final = 256
"""characters up to which every place of a value is tried"""


def making(plugin: Masker, guard: Guard) -> Make:
    """The row of this masker among the operators. Its maker is called when a plan is compiled."""

    def make(_mask: Wanted, category: str, key: bytes) -> Mask:
        context = Context(category, _pseudonym(plugin.name, category, key))
        function = guard.call(plugin.make, context)
        if not callable(function):
            raise guard.failed("it made what cannot be called")
        return _masker(function, guard, partial=plugin.partial)

    return make


def _pseudonym(name: str, category: str, key: bytes) -> Callable[[str], str]:
    """Keyed by plugin, tenant and category: a plugin never holds the tenant's own key."""
    own = hmac.digest(key, f"plugin\0{name}\0{category}".encode(), "sha256")

    def pseudonym(text: str) -> str:
        return hmac.digest(own, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]

    return pseudonym


def _masker(function: Callable[[str], str | None], guard: Guard, *, partial: bool) -> Mask:
    def mask(value: Any) -> Any:
        if value == "" or value.__class__ is bool:
            return value if value == "" else None
        text = text_of(value)
        answer = guard.call(function, text)
        if answer is None:
            return redact(value)
        if answer.__class__ is not str:
            raise guard.failed("it answered what is no text")
        try:
            answer.encode()
        except UnicodeEncodeError:
            raise guard.failed("it answered text with lone surrogates") from None
        return REDACTED if shows(text, answer, partial=partial) else answer

    return mask


def shows(value: str, answer: str, *, partial: bool) -> bool:
    """Whether an answer shows more of a value than it may: in any case, forwards or backwards.

    More than half of its characters in a row are always too much; without `partial`, more than MOST are. Of
    values beyond _EXACT characters only blocks are sought, which finds such a run and may find shorter ones.

    >>> shows("ana@example.org", "a***@example.org", partial=True), shows("4111", "41**", partial=True)
    (True, False)
    """
    folded, seen = value.strip().casefold(), answer.casefold()
    size = len(folded)
    most = size // 2 if partial else min(MOST, size - 1)
    if len(seen) <= most or not size:
        return False
    return any(_run(text, seen, most + 1) for text in (folded, folded[::-1]))


def _run(value: str, answer: str, length: int) -> bool:
    """Whether `length` characters in a row of a value stand in an answer. Its time is linear in both."""
    if len(value) <= _SHORT or MOST + 1 < length <= _EXACT // 2 + 1:
        for at in range(len(value) - length + 1):  # noqa: SIM110 - for every value; twice as quick as any()
            if value[at : at + length] in answer:
                return True
        return False
    if length <= MOST + 1:
        return not set(_grams(answer, length)).isdisjoint(_grams(value, length))
    # Wherever a run of this length stands, it holds a whole one of these blocks.
    block = (length + 1) // 2
    return any(value[at : at + block] in answer for at in range(0, len(value) - block + 1, block))


def _grams(text: str, length: int) -> Iterator[tuple[str, ...]]:
    """Every run of so many characters."""
    return zip(*(text[at:] for at in range(length)), strict=False)
