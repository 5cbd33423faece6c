"""Where problems of one file are collected, so that an author sees several in one go. Pure."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import ConfigError, Problem

MAX_PROBLEMS = 100
"""Problems kept per file; what follows is mostly the echo of the first ones."""


class Place(Protocol):
    """Anything with a 1-based line and column."""

    @property
    def line(self) -> int:
        """Line, from 1."""

    @property
    def column(self) -> int:
        """Column in characters, from 1."""


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The valid word that looks most like `word`, or None when none does.

    >>> nearest("user.contact.phone", ["user.contact.email", "user.contact.phone_number"])
    'user.contact.phone_number'
    """
    folded: dict[str, str] = {}
    for valid in words:
        folded.setdefault(valid.casefold(), valid)
    found = difflib.get_close_matches(word[:100].casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def listed(words: Iterable[str], most: int = 12) -> str:
    """Words as a reader wants them: `one of a, b, c`; a long table is cut.

    >>> listed(["a", "b"])
    'one of a, b'
    """
    every = list(words)
    shown = ", ".join(every[:most]) + (", ..." if len(every) > most else "")
    return f"one of {shown}" if len(every) > 1 else shown


@dataclass(slots=True)
class Report:
    """The problems of one file."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def add(self, place: Place, found: str, expected: str, near: str | None = None) -> None:
        """Note one problem."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(self.file, place.line, place.column, found, expected, near))

    def fail(self) -> None:
        """Raise everything noted so far, in the order of the file, as one ConfigError."""
        if self.problems:
            raise ConfigError(tuple(sorted(self.problems, key=lambda p: (p.line, p.column))))
