"""Whose autonomous systems are whose: `operators.json`, by the names that rules and upstreams use. Pure."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files

import msgspec

from gateway.model import Struct


class Operator(Struct):
    """A company that runs networks. `anycast`: their addresses are used in many places at once."""

    name: str
    systems: tuple[int, ...]
    anycast: bool = False


class Operators(Struct):
    """The whole of `operators.json`."""

    checked: date
    source: str
    operators: tuple[Operator, ...]


@cache
def operators() -> Operators:
    """As it comes along."""
    return msgspec.json.decode(files(__package__).joinpath("operators.json").read_bytes(), type=Operators)


@cache
def by_system() -> Mapping[int, Operator]:
    """Number of an autonomous system -> its operator."""
    return {number: each for each in operators().operators for number in each.systems}
