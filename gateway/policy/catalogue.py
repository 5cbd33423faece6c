"""What providers and operations the installed packs describe, for checking the names in rules. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from gateway.model import Pack
from gateway.residency.operators import operators


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Names of providers, and `provider.operation_id` of every operation."""

    providers: frozenset[str]
    operations: tuple[str, ...]
    recipients: frozenset[str]
    """Names of those who may receive data, in lower case: providers, who runs their hosts, networks."""
    _matched: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, packs: Iterable[Pack]) -> "Catalogue":
        """The catalogue of some packs."""
        every = sorted(packs, key=lambda pack: pack.provider)
        names = tuple(
            f"{pack.provider}.{operation.id}"
            for pack in every
            for operation in (*pack.operations, *pack.webhooks)
        )
        providers = frozenset(pack.provider for pack in every)
        runners = {host.operator for pack in every for host in pack.hosts}
        runners |= {operator.name for operator in operators().operators}
        return cls(providers, names, frozenset(name.casefold() for name in providers | runners))

    def matches(self, glob: str) -> bool:
        """Whether an operation pattern matches any operation (remembered: thousands of rules share few)."""
        known = self._matched.get(glob)
        if known is None:
            known = self._matched[glob] = any(fnmatchcase(name, glob) for name in self.operations)
        return known
