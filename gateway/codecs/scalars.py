"""What is a container and what a scalar in a parsed JSON document, and a scalar's text. Pure."""

from typing import Any

from msgspec import Raw

CONTAINERS: frozenset[type] = frozenset((dict, list))


def text_of(value: Any) -> str:
    """A scalar as the text a subject is known by."""
    if value.__class__ is str:
        return value
    if value.__class__ is Raw:
        return bytes(value).decode()
    return {True: "true", False: "false"}[value] if value.__class__ is bool else str(value)
