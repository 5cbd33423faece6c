"""What of a request may be restored, and what may not be written: grants, rules and programs. Pure.

A token is restored where it stands in for a value of its own category, by a view that grants that and no rule
that takes it away. Our own masks in a body that writes are refused or taken out. The programs that do so meet
every value of a carrier; they are made when a request first holds what looks like a token or a mask.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Raw

from gateway.codecs.program import REMOVED, Masker, Program, Slot
from gateway.errors import PayloadError
from gateway.masking.operators import described, text_of
from gateway.masking.recognise import Recognises, covered, marks, needle, ours, recogniser, universal
from gateway.masking.sealed import PREFIX
from gateway.masking.table import REVERSIBLE
from gateway.masking.token import PHONE, Revealed, Tokens
from gateway.model import DataMap, Field, Mask, Policy, Rule, Unmapped, View, covers, overlaps
from gateway.policy.carriers import BODIES, whole
from gateway.policy.cursors import opening
from gateway.policy.matchers import personal

STRIPPED: Final = frozenset(("json", "form"))
"""Body carriers out of which a member can be taken; in the others an empty value would be left."""

_contiguous: Final = re.compile(r"\+[0-9]+").fullmatch


class SealedError(PayloadError):
    """A token that rules keep from being restored. `rules` are their ids."""

    def __init__(self, place: str, rules: tuple[str, ...]) -> None:
        super().__init__("token_not_allowed", "a token that a rule keeps from being restored", place)
        self.rules = rules


@dataclass(frozen=True, slots=True)
class Grant:
    """What a client's view grants of restoring, and the seal rules that apply."""

    view: View
    seals: tuple[Rule, ...]
    uses: bool
    """Whether this tenant has tokens at all."""
    writes: bool
    """Whether the method may change something upstream, so that masks must not be written."""
    reaches: bool
    """Whether the operation reaches a person."""

    @classmethod
    def of(cls, policy: Policy, view: View, live: Iterable[Rule], *, writes: bool, reaches: bool) -> "Grant":
        """From the rules that apply."""
        return cls(view, tuple(rule for rule in live if rule.seal), _uses(policy), writes, reaches)

    def sealing(self, category: str, mode: str) -> tuple[str, ...]:
        """Ids of the rules that keep tokens of a category from being restored."""
        return tuple(
            r.id for r in self.seals if r.mode == mode and any(overlaps(c, category) for c in r.seal)
        )


def _uses(policy: Policy) -> bool:
    views = policy.views.values()
    masks = [mask for view in views for mask in (view.hide_with, *view.mask.values())]
    masks += [rule.operator for rule in policy.rules if rule.operator]
    return any(view.reveal for view in views) or any(mask.op == REVERSIBLE for mask in masks)


Treat = Callable[[str], Mask | None]
"""Category -> how this client is shown values of it in answers."""


class Restoring:
    """The request side of tokens and masks for one plan. What it makes is kept, and depends on that alone."""

    __slots__ = (
        "_counts",
        "_data",
        "_grant",
        "_met",
        "_needles",
        "_programs",
        "_tokens",
        "_treat",
        "_unmapped",
    )

    def __init__(
        self, grant: Grant, data: DataMap, treat: Treat, tokens: Tokens | None, unmapped: Unmapped
    ) -> None:
        self._grant = grant
        self._data = data
        self._treat = treat
        self._tokens = tokens
        self._unmapped = unmapped
        self._programs: dict[str, Program] = {}
        self._counts: dict[str, int] = {}
        """Tokens restored since `take`, by category. A program is run, and this taken, in one go."""
        self._needles: Callable[[bytes], object] | None = None
        self._met: list[tuple[str, Revealed]] = []
        """Those of them that stand for what this client may not see."""

    @property
    def uses(self) -> bool:
        """Whether bodies have to be read for tokens alone."""
        return self._grant.uses

    @property
    def shadow(self) -> tuple[str, ...]:
        """Shadow rules that would keep some token from being restored."""
        return tuple(rule.id for rule in self._grant.seals if rule.mode == "shadow")

    @property
    def masked(self) -> Callable[[bytes], object]:
        """Searches a body's bytes, escapes undone, for what may be a mask."""
        if self._needles is None:
            self._needles = self._search() if self._grant.writes else _no_mask
        return self._needles

    @property
    def doubts(self) -> bytes:
        """Bytes of which whatever `masked` finds holds one, but for masks whatever the field."""
        return b"".join(map(marks, self._shown())) if self._grant.writes else b""

    def _shown(self) -> Iterable[Mask | None]:
        fields = (f for name in BODIES for f in getattr(self._data, name))
        return map(self._treat, _categories(fields))

    def _search(self) -> Callable[[bytes], object]:
        named = {needle(mask) for mask in self._shown()} - {b""}
        if not named:
            return universal
        own = re.compile(b"|".join(sorted(named))).search
        return lambda raw: universal(raw) or own(raw) is not None

    def program(self, carrier: str) -> Program:
        """The program that restores one carrier, and refuses what may not be in it."""
        made = self._programs.get(carrier)
        if made is None:
            made = whole(self._data, carrier, lambda field: self._slot(field, carrier), self._rest(carrier))
            self._programs[carrier] = made
        return made

    def take(self) -> tuple[dict[str, int], list[tuple[str, Revealed]]]:
        """Since this was last asked: tokens restored by category, and those of what it may not see."""
        counts, self._counts = self._counts, {}
        met, self._met = self._met, []
        return counts, met

    def _slot(self, field: Field, carrier: str) -> Slot:
        known = personal(field.category)
        category = field.category if known else None
        place = carrier if carrier in ("query", "path", "headers") else "body"
        written = recogniser(self._treat(field.category)) if known else ours
        here = f"{place}: {field.path}"
        cursor = field.holds == "cursor"
        return Slot(
            path=field.path,
            category=field.category,
            mask=opening(self._tokens, here) if cursor else self._masker(category, here, carrier, written),
            shadow=self._grant.sealing(field.category, "shadow") if known else (),
        )

    def _rest(self, carrier: str) -> Masker:
        place = carrier if carrier in ("query", "path", "headers") else "body"
        here = f"{place}: a value that no data map names"
        written = ours if self._unmapped == "pass" else covered_or_ours
        return self._masker(None, here, carrier, written)

    def _masker(self, category: str | None, place: str, carrier: str, written: Recognises) -> Masker:
        guarded = self._grant.writes and carrier in BODIES
        strips = self._grant.view.write_back == "strip" and carrier in STRIPPED

        def restore(value: Any) -> Any:
            if value.__class__ is bool:
                return value
            new = self._restored(value, category, place, carrier)
            if new is not value or not guarded or not written(value):
                return new
            if strips:
                return REMOVED
            raise PayloadError("masked_value_written", "a mask in place of a value", place)

        # Said of itself that it takes nothing out, many items of an array can be treated at once.
        return restore if strips else described(restore, "call")

    def _restored(self, value: Any, category: str | None, place: str, carrier: str) -> Any:
        tokens = self._tokens
        text = text_of(value)
        spans = tokens.find(text) if tokens else ()
        if tokens is None or not spans:
            return value
        parts: list[str] = []
        at = 0
        for start, end in spans:
            revealed = self._revealed(tokens, text[start:end], category, place)
            if revealed is None:
                continue
            self._allow(revealed, category, place, carrier)
            self._counts[revealed.category] = self._counts.get(revealed.category, 0) + 1
            if self._treat(revealed.category) is not None:
                self._met.append((text[start:end], revealed))
            if (start, end) == (0, len(text)):
                return _as_it_was(value, revealed, carrier)
            parts += (text[at:start], revealed.value)
            at = end
        return "".join((*parts, text[at:])) if parts else value

    def _revealed(self, tokens: Tokens, token: str, category: str | None, place: str) -> Revealed | None:
        """What a token stands for; None for digits that here may as well be a number like any other."""
        if token.startswith(PREFIX) or "@" in token:
            return tokens.reveal(token, place)
        phone = category is not None and overlaps(PHONE, category)
        if not phone and not token.startswith("+"):
            return None
        try:
            return tokens.reveal(token, place)
        except PayloadError:
            if self._grant.uses and (phone or _contiguous(token)):
                raise
            return None

    def _allow(self, revealed: Revealed, category: str | None, place: str, carrier: str) -> None:
        """Raises PayloadError, SealedError."""
        grant, kind = self._grant, revealed.category
        rules = grant.sealing(kind, "enforce")
        if rules:
            raise SealedError(place, rules)
        fits = category is not None and overlaps(category, kind)
        granted = any(covers(given, kind) for given in grant.view.reveal)
        if granted and (fits or grant.view.reveal_in == "anywhere"):
            return
        if not (fits and carrier in BODIES and self._written_back(kind)):
            detail = "a token that may not be restored " + ("here" if granted else "for this role")
            raise PayloadError("token_not_allowed", detail, place)

    def _written_back(self, category: str) -> bool:
        """Whether a token may go back to where it came from, though it may not be used for anything else."""
        grant = self._grant
        if grant.view.write_back != "restore" or grant.reaches or not grant.writes:
            return False
        shown = self._treat(category)
        return shown is not None and shown.op == REVERSIBLE


def _no_mask(_raw: bytes) -> bool:
    return False


def covered_or_ours(value: Any) -> bool:
    """A mask, or a text with one that a detector put there."""
    return covered(value) or ours(value)


def _as_it_was(value: Any, revealed: Revealed, carrier: str) -> Any:
    """A whole value: a number where it was one, in the carrier that has numbers."""
    if value.__class__ is not str:
        return int(revealed.value.removeprefix("+"))
    number = revealed.kind == "number" and carrier == "json"
    return Raw(revealed.value.encode()) if number else revealed.value


def _categories(fields: Iterable[Field]) -> set[str]:
    found: set[str] = set()
    for field in fields:
        found |= {field.category} if personal(field.category) else set()
        found |= _categories(field.inner)
    return found
