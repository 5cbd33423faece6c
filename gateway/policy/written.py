"""Which names of fields the data maps of an operation know: what its edits may be called by. Pure."""

from collections.abc import Iterator

from gateway.codecs.paths import KEY, links_of
from gateway.model import Operation


class Written:
    """The names, gathered when they are first asked for: few operations of a plan's cache ever write."""

    __slots__ = ("_known", "_operation")

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._known: frozenset[str] | None = None

    @property
    def known(self) -> frozenset[str]:
        """Members of JSON bodies at any depth, fields of forms; of what is sent and of what is answered."""
        if self._known is None:
            self._known = frozenset(self._names())
        return self._known

    def _names(self) -> Iterator[str]:
        for data in (self._operation.request, self._operation.response):
            for field in data.json:
                yield from (name for kind, name in links_of(field.path) if kind == KEY)
            yield from (field.path for field in data.form)


def written(operation: Operation) -> Written | None:
    """None for what edits nothing: a read, a message or call to somebody."""
    return Written(operation) if operation.act and operation.channel is None else None
