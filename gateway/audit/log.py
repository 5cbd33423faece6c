"""The writer of the access log: one hash chain per worker slot, records accepted in groups.

Owns the queue, the state of the chain and the answers. All records appended within one turn of the event loop
go to the file in one write; with durability `strict` also in one fdatasync, and what arrives meanwhile forms
the next group. Knows no event loop: `call_soon` and `run_blocking` are given to it.
"""

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Literal

from gateway import clock
from gateway.audit.chain import Link, chained, encoder
from gateway.audit.files import Files, OsFiles
from gateway.audit.names import chain_name
from gateway.audit.record import Accepted, Phase, Record
from gateway.audit.segment import Segments
from gateway.errors import InternalError, StoreError

Durability = Literal["strict", "written"]
CallSoon = Callable[[Callable[[], None]], object]
"""Run a function on the loop's thread, after the current one."""
RunBlocking = Callable[[Callable[[], None], Callable[[], None]], object]
"""Run the first function on some other thread, then, in any case, the second one on the loop's."""

SEGMENT_BYTES = 256 * 1024 * 1024
_DAY = 86_400


class _Batch:
    """The records of one write: their lines, who waits for them, where the chain is after them."""

    __slots__ = ("after", "data", "day", "done", "error", "rotate", "waiting")

    def __init__(self, data: bytes, after: Link, waiting: list[Accepted], day: int, rotate: bool) -> None:
        self.data = data
        self.after = after
        self.waiting = waiting
        self.day = day
        self.rotate = rotate
        self.done = False
        self.error: OSError | None = None


class FileLog:
    """A `record.Log` in a directory of files. All its methods belong to one thread, the loop's.

    `worker` is the slot whose chain it goes on with. `durability`: a record is accepted when write(2) took it
    (`written`, survives the process) or when fdatasync returned (`strict`, survives the machine). A segment
    ends after `segment_bytes` and at midnight UTC. Raises StoreError when the chain cannot be gone on with:
    another process has the slot, the last line does not link, the directory does not take a start record.
    """

    def __init__(
        self,
        directory: str,
        worker: int,
        durability: Durability,
        *,
        call_soon: CallSoon,
        run_blocking: RunBlocking,
        now: Callable[[], float] = clock.now,
        files: Files | None = None,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._chain = chain_name(worker)
        self._strict = durability == "strict"
        self._call_soon = call_soon
        self._run_blocking = run_blocking
        self._now = now
        self._limit = segment_bytes
        self._encode = encoder()
        self._link = Link()
        self._day = 0
        self._queue: list[bytes] = []
        self._waiting: list[Accepted] = []
        self._scheduled = False
        self._batch: _Batch | None = None
        self._healthy = True
        self._refused = 0
        self._closed = False
        # held while the files are touched, which a close may have to wait for
        self._mutex = Lock()
        self._segments = Segments(files or OsFiles(), directory, self._chain, self._strict)
        self._open()

    def append(self, record: Record, accepted: Accepted) -> None:
        """Take a record; `accepted` gets None, a StoreError, or an InternalError: it has no text form."""
        try:
            text = self._encode(record)
        except InternalError as error:
            accepted(error)
            return
        self.append_text(text, accepted)

    def append_text(self, text: bytes, accepted: Accepted) -> None:
        """Take a record that is text already; `accepted` gets None or a StoreError."""
        if self._closed:
            accepted(StoreError("audit_unavailable", "the audit log is closed", self._chain))
            return
        self._queue.append(text)
        self._waiting.append(accepted)
        if not self._scheduled and self._batch is None:
            self._schedule()

    def ready(self) -> bool:
        """Whether the last write was taken. When it was not, asking makes the log try again."""
        if not self._healthy and not self._closed and not self._scheduled and self._batch is None:
            self._schedule()
        return self._healthy and not self._closed

    def close(self) -> None:
        """Write what is waiting and a stop record, on this thread, and release the slot. Raises nothing."""
        if self._closed:
            return
        if self._batch is not None:
            self._finish(self._batch)
        self._note("stop", "")
        self._finish(self._take())
        self._closed = True
        self._segments.close()

    @property
    def head(self) -> str:
        """The hash of the chain's last accepted line."""
        return self._link.prev

    def _open(self) -> None:
        try:
            last, torn = self._segments.open()
            if last is not None:
                self._link = Link(last.seq + 1, last.digest)
                self._day = int(last.record.at // _DAY)
            if torn:
                self._note("recovered", f"{torn} bytes of an unfinished write moved to a .torn file")
            self._note("start", "")
            batch = self._take()
            self._work(batch)
            self._settle(batch)
            if batch.error is not None:
                raise batch.error
        except OSError as error:
            self._segments.close()
            raise self._unavailable(error) from None
        except StoreError:
            self._segments.close()
            raise

    def _unavailable(self, error: OSError | None) -> StoreError:
        why = error.strerror if error is not None and error.strerror else "the write did not end"
        return StoreError("audit_unavailable", why, self._chain)

    def _note(self, phase: Phase, note: str) -> None:
        """Queue a record of the log's own."""
        number = self._link.seq + len(self._queue)
        self._queue.append(self._encode(self._own(phase, note, number)))
        self._waiting.append(_unheard)

    def _own(self, phase: Phase, note: str, number: int) -> Record:
        return Record(phase=phase, id=f"{self._chain}.{phase}.{number}", at=self._now(), note=note)

    def _schedule(self) -> None:
        self._scheduled = True
        self._call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if self._closed or self._batch is not None or not (self._queue or not self._healthy):
            return
        batch = self._take()
        if self._strict:
            self._run_blocking(lambda: self._work(batch), lambda: self._settle(batch))
        else:
            self._finish(batch)

    def _take(self) -> _Batch:
        """Make the queue the batch in flight."""
        bodies, self._queue = self._queue, []
        waiting, self._waiting = self._waiting, []
        if not self._healthy:
            note = f"the log was unavailable, {self._refused} records refused"
            bodies.insert(0, self._encode(self._own("recovered", note, self._link.seq)))
        data, link = chained(self._link, bodies)
        day = int(self._now() // _DAY)
        rotate = self._segments.good >= self._limit or (day != self._day and self._segments.good > 0)
        self._batch = _Batch(data, link, waiting, day, rotate)
        return self._batch

    def _finish(self, batch: _Batch) -> None:
        """See a batch through on this thread, whether another one has begun with it or not."""
        try:
            self._work(batch)
        finally:
            self._settle(batch)

    def _work(self, batch: _Batch) -> None:
        """Write a batch, once. The only function that touches the files, on any thread."""
        with self._mutex:
            if batch.done:
                return
            try:
                if batch.rotate:
                    self._segments.rotate()
                self._segments.append(batch.data)
            except OSError as error:
                batch.error = error
            batch.done = True

    def _settle(self, batch: _Batch) -> None:
        """Move the chain on, or leave it where it was; then tell everybody who waits for the batch."""
        if self._batch is not batch:
            return
        self._batch = None
        self._healthy = batch.done and batch.error is None
        if self._healthy:
            self._link, self._day, self._refused = batch.after, batch.day, 0
        else:
            self._refused += len(batch.waiting)
        if self._queue and not self._scheduled:
            self._schedule()
        self._tell(iter(batch.waiting), None if self._healthy else batch)

    def _tell(self, waiting: Iterator[Accepted], failed: _Batch | None) -> None:
        told = False
        try:
            for accepted in waiting:
                accepted(None if failed is None else self._unavailable(failed.error))
            told = True
        finally:
            if not told:
                # one listener raised: the others still get their answer
                self._call_soon(lambda: self._tell(waiting, failed))


def _unheard(error: Exception | None) -> None:
    """The log's own records have no listener: what happened to them is in `ready` and in the file."""
