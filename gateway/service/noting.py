"""Records of what happens to the gateway rather than through it, written without an event loop."""

from collections.abc import Callable, Sequence

from gateway.audit.log import FileLog
from gateway.audit.record import Record
from gateway.deployment import Config


def note(config: Config, slot: int, records: Sequence[Record]) -> None:
    """Put them on the disk, together, in the chain of a slot that nobody else holds. Raises StoreError."""
    later: list[Callable[[], None]] = []
    failed: list[Exception] = []
    log = FileLog(config.audit.dir, slot, "strict", call_soon=later.append, run_blocking=_at_once)
    try:
        for record in records:
            log.append(record, lambda error: failed.append(error) if error else None)
        for work in later:
            work()
    finally:
        log.close()
    if failed:
        raise failed[0]


def _at_once(work: Callable[[], None], done: Callable[[], None]) -> None:
    work()
    done()
