"""IPv4 and IPv6 addresses in text. Pure."""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from gateway.masking.detectors.hit import Span

_ipv4 = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\.?[0-9])").finditer
_ipv6_run = re.compile(r"[0-9A-Fa-f:.]{2,}").finditer
MAX_IPV6: Final = 47


def addresses(text: str) -> Iterator[Span]:
    """Where addresses stand."""
    if text.count(".") >= 3:
        yield from _ipv4s(text)
    if "::" in text or text.count(":") >= 6:
        yield from _ipv6s(text)


def _ipv4s(text: str) -> Iterator[Span]:
    for run in _ipv4(text):
        if all(int(part) < 256 for part in run[0].split(".")):
            yield run.span()


def _ipv6s(text: str) -> Iterator[Span]:
    for run in _ipv6_run(text):
        token = run[0].rstrip(".")
        if token.count(":") < 2 or len(token) > MAX_IPV6:
            continue
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
