"""A path program: field selection as data, which a codec (or a compiled kernel) runs in one pass. Pure.

A program is a trie of Nodes over a flat table of Slots. Node links and slots are plain data; the only
callables are the maskers in the slots, each `scalar in, scalar (or REMOVED) out`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import compress
from struct import Struct
from typing import Any, Final, Protocol, runtime_checkable

from gateway.model import SubjectKind, SubjectRole, kind_of

Masker = Callable[[Any], Any]
"""Takes a scalar (str, int, bool, or msgspec.Raw holding number text), returns one, or REMOVED."""


class _Removed:
    __slots__ = ()

    def __repr__(self) -> str:
        return "REMOVED"


REMOVED: Final = _Removed()
"""A masker's answer: take the member out of its object (or the item out of its array)."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What stands in a document for a value until its masker takes it: it is masked already."""

    shown: Any


@dataclass(frozen=True, slots=True)
class PerPerson:
    """A masker that treats each person's values in another way. Who knows whose a value is asks `of`.

    Called as it is, which is what a codec does that does not know it, it hides the value.
    """

    hide: Masker
    of: Callable[[SubjectKind, str], Masker]
    """(kind of identifier, the identifier as it stands in traffic) -> the masker of that person's values."""

    def __call__(self, value: Any) -> Any:
        """The value hidden; one that was settled before as it was settled."""
        return value.shown if value.__class__ is Settled else self.hide(value)


@dataclass(frozen=True, slots=True)
class Slot:
    """What is done with the values at one selected path."""

    path: str
    category: str
    mask: Masker | None = None
    """None shows the value."""
    rules: tuple[str, ...] = ()
    """Ids of the view or rules that determined `mask`."""
    shadow: tuple[str, ...] = ()
    """Ids of shadow rules that would have masked more."""
    subject: SubjectKind | None = None
    role: SubjectRole = "person"
    space: str = ""
    """Of a record id: what goes before it in the registry."""
    counted: bool = True
    """False for what is no personal data: the access log does not count it."""


@dataclass(slots=True)
class Node:
    """One trie node. Precedence at a key: `keys`, then `any`; `deep` is tried at every level below."""

    keys: "dict[str, Node]" = field(default_factory=dict)
    any: "Node | None" = None
    """`*`: any other key of an object."""
    items: "Node | None" = None
    """`[]`: every item of an array."""
    deep: "Node | None" = None
    """`**`: this node's links apply at any depth below."""
    slot: int = -1
    """Index into Program.slots, or -1."""


@dataclass(frozen=True, slots=True)
class Program:
    """A trie, its slots, and what happens to scalars no path selects (None lets them pass).

    `unmapped` gets every unselected scalar (null excepted) and returns it or a replacement.
    """

    root: Node
    slots: tuple[Slot, ...]
    unmapped: Masker | None = None
    summaries: "dict[Pattern, Summary]" = field(default_factory=dict, repr=False, compare=False, kw_only=True)
    """What patterns met before come to; answers of one operation look alike. Bounded by `summary`."""
    masks: bool = field(init=False, repr=False, compare=False)
    """Whether any slot changes what it selects."""
    per_person: bool = field(init=False, repr=False, compare=False)
    """Whether any slot treats each person's values in another way."""
    kinds: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """By slot, what kind of identifier it holds; `record` where that is not said, with a record's space."""
    linked: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """By slot: 2 where it holds a person's record id, 1 another identifier of a person, else 0."""

    joins: bool = field(init=False, repr=False, compare=False)
    """Whether it knows records of people, and what else identifies these."""

    def __post_init__(self) -> None:
        people = {slot.subject for slot in self.slots if slot.role == "person"}
        object.__setattr__(self, "joins", "record" in people and not people.isdisjoint(("email", "phone")))
        object.__setattr__(self, "masks", any(slot.mask is not None for slot in self.slots))
        object.__setattr__(self, "per_person", any(slot.mask.__class__ is PerPerson for slot in self.slots))
        object.__setattr__(self, "kinds", tuple(kind_of(slot.subject, slot.space) for slot in self.slots))
        object.__setattr__(self, "linked", tuple(map(_linking, self.slots)))

    def summary(self, pattern: "Pattern") -> "Summary":
        """What a pattern comes to by category, path and rule."""
        made = self.summaries.get(pattern)
        if made is None:
            if len(self.summaries) >= MAX_SUMMARIES:
                self.summaries.clear()
            made = self.summaries[pattern] = Summary.of(self.slots, pattern)
        return made


def _linking(slot: Slot) -> int:
    if slot.role != "person" or slot.subject is None:
        return 0
    return 2 if slot.subject == "record" else 1


Pattern = bytes
"""(slot index, values seen, values masked) of every slot that saw any, by index: native `int`, `unsigned`,
`unsigned` in a row. Bytes, because they are made, hashed and compared in one go."""

_TRIPLES = Struct("=iII")

MAX_SUMMARIES = 256
MAX_PATTERNS = 64
"""that one tally keeps before it counts: the records of a body look alike"""


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of one run, added up. `total` is how many values were masked."""

    seen: dict[str, int]
    masked: dict[str, int]
    paths: dict[str, int]
    rules: dict[str, None]
    shadow: dict[str, None]
    total: int

    @classmethod
    def of(cls, slots: tuple[Slot, ...], pattern: Pattern) -> "Summary":
        """Add up what is personal; the access log does not count the rest."""
        triples = list(_TRIPLES.iter_unpack(pattern))
        made = cls({}, {}, {}, {}, {}, sum(m for index, _, m in triples if slots[index].counted))
        for index, seen, masked in triples:
            slot = slots[index]
            if not slot.counted:
                continue
            made.seen[slot.category] = made.seen.get(slot.category, 0) + seen
            made.shadow.update(dict.fromkeys(slot.shadow))
            if masked:
                made.masked[slot.category] = made.masked.get(slot.category, 0) + masked
                made.paths[slot.path] = made.paths.get(slot.path, 0) + masked
                made.rules.update(dict.fromkeys(slot.rules))
        return made


class Tally:
    """What a run saw and did: per slot index how many scalars were seen and masked, and subjects found.

    The lists are made when first asked for: a kernel hands its counts over as a whole, and then nobody asks.
    `subjects` are (slot index, value as it stood before masking) for every slot with a subject kind;
    `unmapped` counts unselected scalars that the program's `unmapped` changed. `owners` are the numbers of
    the records that the subjects stand in (4 bytes each, native order; 0 is the document), where known.
    """

    __slots__ = ("_made", "_met", "_size", "masked", "owners", "seen", "subjects", "unmapped")

    seen: list[int]
    masked: list[int]

    def __init__(self, size: int) -> None:
        self._size = size
        self._made = False
        self._met: dict[Pattern, int] = {}
        """Patterns that were taken, and how often: until somebody asks for the lists."""
        self.subjects: list[tuple[int, str]] = []
        self.owners = b""
        self.unmapped = 0

    @classmethod
    def of(cls, program: Program) -> "Tally":
        """An empty tally for a program."""
        return cls(len(program.slots))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self._all() == other._all()

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        # Subjects are personal data: never in a log or traceback.
        return f"Tally({len(self.subjects)} subjects, {self.unmapped} unmapped)"

    def _all(self) -> tuple[object, ...]:
        return self.pattern, self.subjects, self.unmapped

    def __getattr__(self, name: str) -> list[int]:
        # Python comes here only for what is not there yet.
        if name not in ("seen", "masked"):
            raise AttributeError(name)
        self.seen, self.masked = [0] * self._size, [0] * self._size
        self._made = True
        for pattern, times in self._met.items():
            self._add(pattern, times)
        self._met.clear()
        return self.seen if name == "seen" else self.masked

    def take(
        self, pattern: Pattern, subjects: list[tuple[int, str]], unmapped: int, owners: bytes = b""
    ) -> None:
        """Add what a whole run saw and did."""
        met = self._met
        if unmapped:
            self.unmapped += unmapped
        if self._made or (pattern not in met and len(met) >= MAX_PATTERNS):
            self._add(pattern, 1)
        else:
            met[pattern] = met.get(pattern, 0) + 1
        if self.subjects:
            # The numbers of two documents are not one another's.
            self.subjects, self.owners = self.subjects + subjects, b""
        else:
            self.subjects, self.owners = subjects, owners

    def _add(self, pattern: Pattern, times: int) -> None:
        all_seen, all_masked = self.seen, self.masked
        for index, seen, masked in _TRIPLES.iter_unpack(pattern):
            all_seen[index] += seen * times
            all_masked[index] += masked * times

    @property
    def pattern(self) -> Pattern:
        """The counts without the slots that saw nothing."""
        if not self._made:
            if not self._met:
                return b""
            if len(self._met) == 1 and 1 in self._met.values():
                return next(iter(self._met))
        seen, masked = self.seen, self.masked
        used = compress(range(len(seen)), seen)
        return b"".join([_TRIPLES.pack(index, seen[index], masked[index]) for index in used])


@dataclass(frozen=True, slots=True)
class Found:
    """One subject found in a document: slot index, value, and its ordinal among all found."""

    slot: int
    value: str
    ordinal: int
    droppable: bool
    """True when the value stands inside an array item (or repeated parameter) that can be left out."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is read. A body beyond any of them is refused, never passed."""

    max_body: int = 10 * 1024 * 1024
    """bytes, after decoding"""
    max_inflate_ratio: int = 100
    """decoded bytes per encoded byte, above the first 64 KiB"""
    max_depth: int = 100
    """nested containers"""
    max_fields: int = 10_000
    """form fields or query parameters"""
    max_record: int = 1024 * 1024
    """bytes of one record of a stream: a line, an event, a row, an item of a JSON array"""
    uploads: bool = False
    """whether a request body above `max_body` that is made of records may be sent on as it is read"""


def by_steps(codec: "Codec", body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
    """What `transform` is by definition: parse, rewrite, dump. Raises PayloadError."""
    return codec.dump(codec.rewrite(codec.parse(body, limits), program, tally))


class Codec(Protocol):
    """One format. A document is opaque to everybody but its codec. Raises PayloadError only."""

    def parse(self, body: bytes, limits: Limits) -> Any:
        """Read a whole body."""

    def find(self, document: Any, program: Program) -> list[Found]:
        """Subjects at slots that have a subject kind, in document order; changes nothing."""

    def rewrite(self, document: Any, program: Program, tally: Tally, drop: Collection[int] = ()) -> Any:
        """Run the program in one pass; `drop` are ordinals of `find` whose nearest array item goes."""

    def dump(self, document: Any) -> bytes:
        """Serialise what was parsed and rewritten."""

    def transform(self, body: bytes, program: Program, tally: Tally, limits: Limits) -> bytes:
        """Parse, rewrite and dump in one go. The same meaning, where a kernel does it perhaps other bytes."""


class Stream(Protocol):
    """One body on its way through: what goes in is masked and comes out as soon as it is decided.

    The output does not depend on how the body was cut. Memory is bounded by Limits.max_record and a constant;
    the length of the whole body is not bounded. After an error a stream is of no further use.
    """

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the body; returns what is ready. Raises PayloadError."""

    def finish(self) -> bytes:
        """The body has ended; returns the rest. Raises PayloadError where it ended too early."""


@runtime_checkable
class Streaming(Codec, Protocol):
    """A codec that need not hold a whole body."""

    def stream(self, program: Program, tally: Tally, limits: Limits) -> Stream:
        """A new stream through a program. It only ever adds to `tally`.

        Who wants constant memory takes the subjects out of `tally.subjects` after each `feed`.
        """
