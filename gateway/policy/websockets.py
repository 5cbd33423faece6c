"""From a pack's maps of messages to plans: each is decided as a request, or answer, of its own. Pure."""

from collections.abc import Callable
from typing import Final

from gateway.model import DataMap, Messages, WebSocket
from gateway.policy.datamap import matters
from gateway.policy.plan import Direct, Plan, Side, Spoken, Talk

Compile = Callable[[tuple[DataMap, DataMap]], Plan]
"""(what is sent, what is received) -> the plan of such a message."""

_NOTHING: Final = DataMap()
_JSON: Final = b"application/json"
_TEXT: Final = b"text/plain"
BINARY: Final = b"application/octet-stream"


def talk_of(talk: WebSocket, compiled: Compile) -> Talk:
    """The plans of all kinds of messages of both sides."""
    return Talk(
        talk.by,
        _direct(talk.sends, lambda data: compiled((data, _NOTHING)), lambda plan: plan.request),
        _direct(talk.receives, lambda data: compiled((_NOTHING, data)), lambda plan: plan.response),
    )


def _direct(told: Messages, compiled: Callable[[DataMap], Plan], side: Callable[[Plan], Side]) -> Direct:
    """Read at all where something would be done with any message, or any kind is refused.

    What came as a token must not come back in clear: so where there are tokens both sides are read.
    """
    rest = None if told.any is None else Spoken(compiled(told.any), _TEXT if told.any.text else _JSON)
    kinds = {name: Spoken(compiled(data), _JSON) for name, data in told.kinds.items()}
    binary = Spoken(compiled(told.binary), BINARY)
    mapped = [(told.any, rest), *((told.kinds[name], each) for name, each in kinds.items())]
    read = any(
        data is None or each is None or (side(each.plan).body and not _plain(data)) for data, each in mapped
    )
    hidden = not all(each.shown for each in side(binary.plan).opaque)
    looks = read or hidden or binary.plan.restoring.uses
    return Direct(rest, kinds, binary if told.binary.opaque or not read else None, looks)


def _plain(data: DataMap) -> bool:
    """Whether a map says that there is nothing personal in a message: `$: system.operations`."""
    fields = (*data.json, *data.text)
    return len(fields) == 1 and fields[0].path == "$" and not matters(fields[0]) and not fields[0].inner
