"""What a place in a document may hold: the base of the schema vocabulary, and its scalars. Pure.

A kind turns a node into a value, or notes a problem and answers INVALID. It never guesses from the text.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from gateway.strict.document import Bad, Node, Scalar, describe
from gateway.strict.report import Report, listed, nearest


class Invalid(Enum):
    """The type of INVALID."""

    INVALID = 0


INVALID: Final = Invalid.INVALID
"""Answer of a kind that has noted a problem."""


class Kind[T](ABC):
    """One kind of value; `expected` names it in problems and in the reference."""

    expected: str

    @abstractmethod
    def read(self, node: Node, report: Report) -> T | Literal[Invalid.INVALID]:
        """The value of a node, or INVALID after a problem was noted."""

    def inner(self) -> Iterator["Kind[object]"]:
        """Kinds this one is made of, for the reference."""
        return iter(())


def wrong(node: Node, expected: str, report: Report) -> Literal[Invalid.INVALID]:
    """Note that a node is of another shape than expected, unless it was noted before."""
    if not isinstance(node, Bad):
        report.add(node, describe(node), expected)
    return INVALID


@dataclass(frozen=True, slots=True)
class Word[T](Kind[T]):
    """A scalar. `convert` takes its text and answers None when it is not one.

    `words` are what the nearest valid word is sought in; `hint` answers it for one text instead. `later` are
    words of the language that this version cannot carry out. `bare` refuses quotes (numbers, true/false);
    `hide` keeps the text out of problems.
    """

    expected: str
    convert: Callable[[str], T | None]
    words: tuple[str, ...] = ()
    later: frozenset[str] = frozenset()
    hint: Callable[[str], str | None] | None = None
    bare: bool = False
    hide: bool = False

    def read(self, node: Node, report: Report) -> T | Literal[Invalid.INVALID]:
        """The converted text."""
        if not isinstance(node, Scalar) or (node.plain and not node.text):
            return wrong(node, self.expected, report)
        value = None if self.bare and not node.plain else self.convert(node.text)
        if value is None:
            report.add(node, self._found(node), self.expected, self._nearest(node.text))
            return INVALID
        return value

    def _found(self, node: Scalar) -> str:
        # whatever was expected here: a URL with a user in it may hold a password
        if self.hide or ("://" in node.text and "@" in node.text):
            return "a text that is not shown"
        later = " which is not available yet" if node.text in self.later else ""
        quoted = " in quotes" if self.bare and not node.plain else ""
        return f"{describe(node)}{quoted}{later}"

    def _nearest(self, text: str) -> str | None:
        if self.hide or text in self.later:
            return None
        return self.hint(text) if self.hint else nearest(text, self.words)


def one_of(*words: str, later: tuple[str, ...] = ()) -> Word[str]:
    """One word of a small table."""
    return mapped({word: word for word in words}, later=later)


def mapped[T](table: Mapping[str, T], expected: str = "", later: tuple[str, ...] = ()) -> Word[T]:
    """One word of a table, read as what the table holds for it."""
    words = tuple(table)
    return Word(expected or listed(words, 30), table.get, words, frozenset(later))


@dataclass(frozen=True, slots=True)
class Number(Kind[int]):
    """A decimal integer from `least` to `most`, without quotes."""

    least: int
    most: int
    expected: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "expected", f"a whole number from {self.least} to {self.most}")

    def read(self, node: Node, report: Report) -> int | Literal[Invalid.INVALID]:
        """The integer; `0755`, `1_000` and `0x10` are not taken for numbers."""
        text = node.text if isinstance(node, Scalar) and node.plain else ""
        if text.isascii() and text.isdecimal() and (text == "0" or text[0] != "0") and len(text) <= 18:
            value = int(text)
            if self.least <= value <= self.most:
                return value
        return wrong(node, self.expected, report)


FLAG: Final = Word(
    "true or false",
    {"true": True, "false": False}.get,
    hint={"yes": "true", "on": "true", "no": "false", "off": "false", "True": "true", "False": "false"}.get,
    bare=True,
)
