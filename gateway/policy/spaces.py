"""What goes before the record ids of a provider in the registry, operation by operation. Pure."""

from collections.abc import Iterable

import msgspec

from gateway.model import DataMap, Field, Operation

_CARRIERS = tuple(name for name in DataMap.__struct_fields__ if name != "opaque")


def spaces_in(provider: str, operations: Iterable[Operation], kinds: Iterable[str]) -> tuple[str, ...]:
    """Every space that a pack's operations know, and those of its kinds of records."""
    found = {f"{provider}/{kind}/" for kind in kinds}
    for operation in operations:
        for data in _maps(operation):
            for name in _CARRIERS:
                found.update(_within(getattr(data, name)))
        if operation.recording:
            found.add(operation.recording.space)
        if operation.hook:
            found.update(effect.space for effect in operation.hook.effects)
    return tuple(sorted(found - {""}))


def _maps(operation: Operation) -> Iterable[DataMap]:
    yield from (operation.request, operation.response)
    if operation.websocket:
        yield from (*operation.websocket.sends.maps, *operation.websocket.receives.maps)


def _within(fields: Iterable[Field]) -> Iterable[str]:
    for field in fields:
        yield field.space
        yield from _within(field.inner)


def variant(operation: Operation, provider: str, kind: str) -> Operation:
    """The operation with all of its record ids those of one kind of records."""
    space = f"{provider}/{kind}/"
    replaced = {name: _moved(getattr(operation, name), space) for name in ("request", "response")}
    return msgspec.structs.replace(operation, records=kind, **replaced)


def _moved(data: DataMap, space: str) -> DataMap:
    return msgspec.structs.replace(
        data, **{name: tuple(_field(each, space) for each in getattr(data, name)) for name in _CARRIERS}
    )


def _field(field: Field, space: str) -> Field:
    inner = tuple(_field(each, space) for each in field.inner)
    return msgspec.structs.replace(field, inner=inner, space=space if field.space else "")
