"""Which lines of a data map a program needs where nothing is done with what the map does not name. Pure."""

import re
from fnmatch import translate

from gateway.model import Field
from gateway.policy.matchers import personal


def needed(fields: tuple[Field, ...]) -> list[Field]:
    """The personal lines, and those others that take a place out of what a personal line selects.

    `properties.*: user` with `properties.createdate: system.operations` needs both; `paging.next.after:
    system.operations` alone is not needed: nothing would happen there anyway.
    """
    wanted = [field for field in fields if matters(field)]
    paths = {field.path for field in wanted}
    wide = re.compile("|".join(translate(_glob(path)) for path in paths if "*" in path) or "(?!)").match
    return [
        field
        for field in fields
        if field.path in paths
        or any(prefix in paths for prefix in _prefixes(field.path))
        or wide(_plain(field.path))
    ]


def matters(field: Field) -> bool:
    """Whether anything is done with a line's value: personal, or somebody, or a guard, or a link."""
    return bool(personal(field.category) or field.subject or field.guard or field.holds)


def _prefixes(path: str) -> list[str]:
    """Paths of everything around a path: `a[].b` -> `$`, `a`, `a[]`."""
    cuts = [at for at, char in enumerate(path) if char in ".["]
    return ["$", *(path[:cut] for cut in cuts), *(path[: cut + 2] for cut in cuts if path[cut] == "[")]


def _plain(path: str) -> str:
    return path.replace("[]", "/")


def _glob(path: str) -> str:
    """A pattern over plain paths that covers all a wildcard path selects, and a little more."""
    parts = _plain(path).replace("**", "*").split(".")
    return ".".join(part.replace("[", "") for part in parts) + "*"
