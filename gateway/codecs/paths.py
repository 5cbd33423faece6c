"""The path syntax of data maps, and its compilation into programs. Pure.

    path    = root | [ "$" ] [ items ] *( "." part )      ; "$." may be left out before the first part
    root    = "$"                                          ; the whole document
    part    = ( name / quoted / "*" / "**" ) [ items ]     ; "**" stands for any depth, zero included
    items   = 1*"[]"                                       ; every item of an array
    name    = 1*( any character but . [ ] ' * or white space )   ; not "$" alone
    quoted  = "'" *( any character but ' / "''" ) "'"

`**` takes no items and is followed by a part. A path that selects an object or an array selects every scalar
in it that no longer path selects.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from gateway.codecs.program import Masker, Node, Program, Slot
from gateway.codecs.steps import Compiled, Step, bound, determinise
from gateway.errors import InternalError

_NAME = re.compile(r"[^.\[\]'*\s]+")
_QUOTED = re.compile(r"'((?:[^']|'')*)'")

KEY, ANY, ITEMS, DEEP = "key", "any", "items", "deep"
Link = tuple[str, str]
"""(KEY, name), (ANY, ""), (ITEMS, "") or (DEEP, "")."""


class _BadPath(Exception):  # noqa: N818 - never leaves this file
    pass


def validate_path(text: str) -> str | None:
    """What is wrong with a path, in words for the author of a data map, or None.

    >>> validate_path("results[].properties.'odd.key'"), validate_path("a..b")
    (None, 'a key, `*` or `**` expected at character 3')
    """
    try:
        _links(text)
    except _BadPath as error:
        return str(error)
    return None


def links_of(text: str) -> list[Link]:
    """A path as its links. Raises InternalError for a bad path."""
    try:
        return _links(text)
    except _BadPath as error:
        raise InternalError(f"{text!r}: {error}", "data map") from None


def compile_program(slots: Sequence[Slot], unmapped: Masker | None) -> Program:
    """A program for any codec. Raises InternalError for a bad path, or two slots at one place."""
    table = tuple(slots)
    places = tuple((slot.path, slot.subject is not None) for slot in table)
    root, start = _shape(places, unmapped is not None)
    return Compiled(root, table, unmapped, bound(start, table), *_names(table))


@lru_cache(maxsize=1024)
def _shape(places: tuple[tuple[str, bool], ...], everywhere: bool) -> tuple[Node, Step]:
    """Trie and steps of (path, whether a subject is there), without maskers: the same for every tenant."""
    root = Node()
    for index, (path, _) in enumerate(places):
        try:
            node = _reach(root, _links(path))
        except _BadPath as error:
            raise InternalError(f"{path!r}: {error}", "data map") from None
        if node.slot >= 0:
            raise InternalError(f"{path!r} is mapped twice", "data map")
        node.slot = index
    plain = tuple(Slot(path, "", subject="record" if subject else None) for path, subject in places)
    return root, determinise(root, plain, everywhere)


def compile_names(slots: Sequence[Slot], unmapped: Masker | None) -> Program:
    """A program for flat carriers (form, query, path, headers): each path is a name, taken verbatim.

    Names that are no valid JSON paths (`Attributes[tags]`) need this; others may use compile_program.
    Raises InternalError for two slots of one name.
    """
    table = tuple(slots)
    return Compiled(Node(), table, unmapped, names=(names := _names(table))[0], rest=names[1])


def _names(table: tuple[Slot, ...]) -> tuple[dict[str, int], int]:
    names: dict[str, int] = {}
    for index, slot in enumerate(table):
        if names.setdefault(slot.path, index) != index:
            raise InternalError(f"{slot.path!r} is mapped twice", "data map")
    return names, names.pop("*", -1)


def _reach(root: Node, links: list[Link]) -> Node:
    node = root
    for kind, name in links:
        if kind is KEY:
            node = node.keys.setdefault(name, Node())
        else:
            below = getattr(node, kind) or Node()
            setattr(node, kind, below)
            node = below
    return node


def _links(text: str) -> list[Link]:
    """A path as a sequence of links. Raises _BadPath."""
    if not text:
        raise _BadPath("a path may not be empty")
    links: list[Link] = []
    at = 0
    if text == "$" or text.startswith(("$.", "$[")):
        at = _items(text, 1, links)
    elif text.startswith("["):
        at = _items(text, 0, links)
    else:
        at = _part(text, 0, links)
    while at < len(text):
        if text[at] != ".":
            raise _BadPath(f"`.` expected at character {at + 1}")
        at = _part(text, at + 1, links)
    if links and links[-1][0] is DEEP:
        raise _BadPath("`**` has to be followed by a key")
    return links


def _part(text: str, at: int, links: list[Link]) -> int:
    if text.startswith("**", at):
        if links and links[-1][0] is DEEP:
            raise _BadPath(f"`**` twice in a row at character {at + 1}")
        links.append((DEEP, ""))
        return at + 2
    if text.startswith("*", at):
        links.append((ANY, ""))
        return _items(text, at + 1, links)
    quoted = _QUOTED.match(text, at)
    plain = quoted or _NAME.match(text, at)
    if plain is None or plain[0] == "$":
        raise _BadPath(f"a key, `*` or `**` expected at character {at + 1}")
    links.append((KEY, quoted[1].replace("''", "'") if quoted else plain[0]))
    return _items(text, plain.end(), links)


def _items(text: str, at: int, links: list[Link]) -> int:
    while text.startswith("[", at):
        if not text.startswith("[]", at):
            raise _BadPath(f"`[]` expected at character {at + 1}")
        links.append((ITEMS, ""))
        at += 2
    return at
