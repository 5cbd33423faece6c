"""SOQL read far enough to know which fields a query asks by, and which it asks for. Pure.

Salesforce SOQL and SOSL Reference, "SOQL SELECT Syntax". Names are judged by the clause they stand in,
query by query: what follows a nested one is of the outer one again. What cannot be read as SOQL is no query.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Judge = Callable[[str], bool]
"""Whether a field's name (lower case, perhaps dotted) may stand there."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TOKEN: Final = re.compile(
    r"\s+|(?P<text>'(?:[^'\\]|\\.)*')|(?P<word>[A-Za-z_][\w.]*)|(?P<other>[0-9][\w:.+\-]*|[=!<>]+|[(),:+\-*/])",
    re.ASCII,
)
_CLAUSES: Final = _words("select from where order group having with limit offset for using")
_FREE: Final = frozenset(("from", "limit", "offset", "for", "using"))
"""Clauses that name no fields: objects, their short names, scopes and numbers."""
_WORDS: Final = _words(
    "and or not in like includes excludes null true false asc desc nulls first last by view reference update "
    "tracking viewstat all rows security_enforced user_mode system_mode id today yesterday tomorrow "
    "this_day this_week last_week next_week this_month last_month next_month this_quarter last_quarter "
    "next_quarter this_year last_year next_year last_90_days next_90_days"
)
_dates: Final = re.compile(
    r"(?:last|next)_n_(?:fiscal_)?(?:days|weeks|months|quarters|years)|n_(?:days|weeks|months|quarters|years)_ago"
    r"|(?:this|last|next)_fiscal_(?:quarter|year)"
).fullmatch
_UNREADABLE: Final = frozenset(("fields", "typeof", "find", "distance", "data"))
"""They name fields without saying which, measure from a place, or filter by categories of another kind."""
_FUNCTIONS: Final = _words(
    "count sum avg min max count_distinct tolabel convertcurrency converttimezone format grouping rollup "
    "cube calendar_month calendar_quarter calendar_year day_in_month day_in_week day_in_year day_only "
    "fiscal_month fiscal_quarter fiscal_year hour_in_day week_in_month week_in_year"
)
_OPENERS: Final = frozenset(("in", "includes", "excludes", "not", "and", "or", "where", "having", "by"))
"""Words that a bracket may follow without being a function's."""


@dataclass(slots=True)
class _Query:
    """One query on its way. `strict`: what it selects is compared with, too."""

    strict: bool
    clause: str = ""
    depth: int = 0
    """Brackets open within it."""
    item: int = 0
    """Names and brackets of the list item it is in."""


@dataclass(slots=True)
class _Reader:
    shown: Judge
    listed: Judge
    taken: Judge
    """Whether a name is one that data is known by, so that nothing else may be called it."""

    def reads(self, query: str) -> bool:
        tokens = _tokens(query)
        if tokens is None or [word for kind, word in tokens if kind == "word"][:1] != ["select"]:
            return False
        stack = [_Query(strict=False)]
        after = [*tokens[1:], ("", "")]
        last = ""
        for (kind, sign), (_, following) in zip(tokens, after, strict=True):
            if not self._step(stack, kind, sign, last, following):
                return False
            last = sign
        return len(stack) == 1 and stack[0].depth == 0 and stack[0].clause != "select"

    def _step(self, stack: list[_Query], kind: str, sign: str, last: str, following: str) -> bool:
        query = stack[-1]
        if sign == "(" and following == "select":
            stack.append(_Query(strict=query.strict or query.clause != "select"))
            return last in (("select", ",") if query.clause == "select" else ("in",))
        if sign == "(":
            query.depth += 1
            return last in _OPENERS or last in _FUNCTIONS or last == "("
        if sign == ")":
            return _closed(stack)
        if sign == "," and query.depth == 0:
            query.item = 0
        return kind != "word" or self._word(query, sign, last, following)

    def _word(self, query: _Query, word: str, last: str, following: str) -> bool:
        if word in _UNREADABLE:
            return False
        if word in _CLAUSES:
            query.clause, query.item = word, 0
            return query.depth == 0
        if query.clause in _FREE or word in _WORDS or _dates(word):
            query.item += query.clause not in _FREE and word == "id"
            return True
        if following == "(":
            return word in _FUNCTIONS
        if query.clause == "select" and not query.depth and (query.item or last == ")"):
            return "." not in word and not self.taken(word)
        query.item += 1
        inside = query.depth or query.strict or query.clause != "select"
        return self.shown(word) if inside else self.listed(word)


def _closed(stack: list[_Query]) -> bool:
    query = stack[-1]
    if query.depth:
        query.depth -= 1
        return True
    if len(stack) == 1 or query.clause in ("", "select"):
        return False
    stack.pop()
    return True


def _tokens(query: str) -> list[tuple[str, str]] | None:
    """(kind, text in lower case) of every token, or None for what is none."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(query):
        token = _TOKEN.match(query, at)
        if token is None:
            return None
        at = token.end()
        if token.lastgroup:
            found.append((token.lastgroup, token[0].lower() if token.lastgroup == "word" else token[0]))
    return found


def reads_only(query: str, shown: Judge, listed: Judge, taken: Judge) -> bool:
    """Whether a query filters, sorts, groups and computes by what is `shown`, and selects what is `listed`.

    A result may be given a name of its own, but none of those that are `taken`: answers are masked by name.
    """
    return _Reader(shown, listed, taken).reads(query)
