"""Which names a leaf may carry: those of the upstream's certificate that fit host and constraints. Pure.

Names are compared as RFC 5280 section 7.2 and RFC 9525 section 6.3 say: ASCII, without case, label by label;
a wildcard is a whole leftmost label and stands for exactly one.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.errors import CertificateError, UpstreamError

_LABEL: Final = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+{_LABEL}\Z")
WILDCARD: Final = "*."


def canonical(text: str) -> str | None:
    """A host name of at least two labels in lower case, without a final dot; None for anything else.

    An address is none: its last label is a number (or has colons), and no name ends so (RFC 1123 2.1).

    >>> canonical("API.HubAPI.com."), canonical("10.0.0.1"), canonical("localhost"), canonical("é.example")
    ('api.hubapi.com', None, None, None)
    """
    name = text.removesuffix(".").lower() if text.isascii() else ""
    return name if _NAME.match(name) and not name.rpartition(".")[2].isdigit() else None


def offered(text: str) -> str | None:
    """A name of a certificate: a host name, or one behind `*.`; None for anything else."""
    bare = canonical(text.removeprefix(WILDCARD))
    return WILDCARD + bare if bare and text.startswith(WILDCARD) else bare


def matches(name: str, host: str) -> bool:
    """Whether a certificate's name stands for a host; both are canonical.

    >>> matches("*.crm.test", "eu.crm.test"), matches("*.crm.test", "a.eu.crm.test"), matches("a.b", "a.b")
    (True, False, True)
    """
    if not name.startswith(WILDCARD):
        return name == host
    return host.partition(".")[2] == name.removeprefix(WILDCARD)


@dataclass(frozen=True, slots=True)
class Subtrees:
    """The permitted dNSName subtrees of an intermediate: each name, and every name below it."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, hosts: Iterable[str]) -> "Subtrees":
        """From hosts and `*.suffix` patterns, without what another one covers. Raises CertificateError."""
        found = {_subtree(host) for host in hosts}
        kept = [name for name in found if not any(_below(name, other) for other in found - {name})]
        return cls(tuple(sorted(kept)))

    def permits(self, name: str) -> bool:
        """Whether every host that a canonical name or wildcard stands for is inside."""
        bare = name.removeprefix(WILDCARD)
        return any(_below(bare, tree) for tree in self.names)

    def within(self, other: "Subtrees") -> bool:
        """Whether all of these are inside the other's."""
        return all(other.permits(name) for name in self.names)


def _below(name: str, tree: str) -> bool:
    return name == tree or name.endswith("." + tree)


def _subtree(host: str) -> str:
    name = offered(host)
    if name is None:
        raise CertificateError(
            "certificate_unavailable", "a constraint is no host name of two labels or more"
        )
    return name.removeprefix(WILDCARD)


def chosen(host: str, sans: Sequence[str], subtrees: Subtrees) -> tuple[str, ...]:
    """The names of a leaf for `host`, given those of the upstream's certificate; the host's own if none are.

    Every one matches the host and is inside the constraints: a certificate for more would let a client use
    one connection for several hosts. Raises CertificateError for a host outside, UpstreamError for a
    certificate of other hosts.
    """
    name = canonical(host)
    if name is None or not subtrees.permits(name):
        raise CertificateError("certificate_unavailable", "the host is outside the name constraints", "host")
    given = [found for found in map(offered, sans) if found]
    fitting = [found for found in dict.fromkeys(given) if matches(found, name)]
    if sans and not fitting:
        raise UpstreamError("upstream_untrusted", "the upstream's certificate is for other hosts")
    return tuple(sorted(found for found in fitting if subtrees.permits(found))) or (name,)
