"""IPv4 and IPv6 addresses in text. Pure."""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from gateway.masking.detectors.budget import Budget
from gateway.masking.detectors.hit import Span

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})"
_ipv4_like = re.compile(r"[0-9]{1,3}+(?:\.[0-9]{1,3}+){3}").finditer
"""Begins with a digit, which a search skips to. It never begins before an address and ends within it."""
_ipv4 = re.compile(rf"(?<![0-9.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\.?[0-9])").match
_ipv6_run = re.compile(r"(?<![0-9A-Fa-f:.])[0-9A-Fa-f.]*+:[0-9A-Fa-f.]*+:[0-9A-Fa-f:.]*+").finditer
"""A whole run with two colons and more; tried only where a run begins, so that each is read once."""
MAX_IPV6: Final = 47


def addresses(text: str, budget: Budget) -> Iterator[Span]:
    """Where addresses stand."""
    if text.count(".") >= 3:
        yield from _ipv4s(text, budget)
    if "::" in text or text.count(":") >= 6:
        yield from _ipv6s(text, budget)


def _ipv4s(text: str, budget: Budget) -> Iterator[Span]:
    for like in _ipv4_like(text):
        budget.spend()
        if _ipv4(text, like.start()):
            yield like.span()


def _ipv6s(text: str, budget: Budget) -> Iterator[Span]:
    for run in _ipv6_run(text):
        token = run[0].rstrip(".")
        if len(token) > MAX_IPV6:
            continue
        budget.spend()
        lead = 1 if token[0] == ":" and token[1] != ":" else 0
        tail = 1 if token[-1] == ":" and token[-2] != ":" else 0
        if _is_ipv6(token[lead : len(token) - tail]):
            yield run.start() + lead, run.start() + len(token) - tail


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return text != "::"
