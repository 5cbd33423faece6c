"""The access log on an asyncio (or uvloop) event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from gateway.audit.log import SEGMENT_BYTES, Durability, FileLog
from gateway.audit.record import Log, Record


def open_log(
    directory: str, worker: int, durability: Durability, *, segment_bytes: int = SEGMENT_BYTES
) -> FileLog:
    """The log of a worker slot, driven by the running loop. Blocks while it opens. Raises StoreError."""
    loop = asyncio.get_running_loop()
    # a thread of its own: the loop's pool also resolves names, which may take seconds
    pool = ThreadPoolExecutor(1, "audit")

    def run_blocking(work: Callable[[], None], done: Callable[[], None]) -> None:
        def ended(future: "asyncio.Future[None]") -> None:
            try:
                done()
            finally:
                if not future.cancelled():
                    future.result()

        loop.run_in_executor(pool, work).add_done_callback(ended)

    return FileLog(
        directory,
        worker,
        durability,
        call_soon=loop.call_soon,
        run_blocking=run_blocking,
        segment_bytes=segment_bytes,
    )


def appended(log: Log, record: Record) -> "asyncio.Future[None]":
    """Append a record; the future ends when it is accepted, or with the error."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def accepted(error: Exception | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    log.append(record, accepted)
    return future
