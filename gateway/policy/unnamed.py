"""From an operation's data maps to the guard of query parameters that they do not name. Pure."""

from collections.abc import Callable, Iterable

from gateway.masking.detect import finder_of
from gateway.masking.likeness import Likeness, called
from gateway.masking.unnamed import Unnamed, hidden_kinds
from gateway.model import DataMap, Field, Mask, Operation, Unmapped
from gateway.policy.matchers import CARRIERS, personal

Treat = Callable[[str], Mask | None]
"""Category -> how the caller is shown values of it in answers."""


def unnamed(operation: Operation, treat: Treat, regions: tuple[str, ...], how: Unmapped) -> Unnamed | None:
    """The guard; None where nothing in the answer is hidden, or the data map names every parameter (`*`)."""
    known = frozenset(field.path for field in operation.request.query)
    talk = operation.websocket
    answers = (operation.response, *(talk.receives.maps if talk else ()))
    met = (field for data in answers for field in _fields(data))
    fields = [(field, mask) for field in met if (mask := _mask(field, treat))]
    if not fields or "*" in known:
        return None

    def hidden(category: str) -> bool:
        return treat(category) is not None

    def likeness(some: Iterable[Field]) -> Likeness:
        listed = list(some)
        names = [name for category in {f.category for f in listed} for name in called(category, hidden)]
        return Likeness.of((*names, *(_last(field.path) for field in listed)))

    return Unnamed(
        known=known,
        hidden=likeness(field for field, _ in fields),
        removed=likeness(field for field, mask in fields if mask.op == "remove"),
        find=None if how == "pass" else finder_of(regions).find,
        kinds=hidden_kinds(hidden),
    )


def _fields(data: DataMap) -> Iterable[Field]:
    todo = [field for carrier in CARRIERS for field in getattr(data, carrier)]
    for field in todo:
        todo += field.inner
    return todo


def _mask(field: Field, treat: Treat) -> Mask | None:
    return treat(field.category) if personal(field.category) else None


def _last(path: str) -> str:
    """The name of a field: the last part of its path; nothing for a wildcard or the whole document."""
    return path.replace("[]", "").replace("/", ".").rpartition(".")[2].strip("'@$*")
