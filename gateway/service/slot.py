"""A worker's page of shared memory: its counters and whether it is ready, for the admin process to read.

One writer at a time (the worker, or the supervisor once the worker is gone), one reader (the admin process).
There are two halves, written in turn: a writer that is killed half-way has spoilt only the half that nobody
reads.
"""

import mmap
import struct

SIZE = 4 * 1024 * 1024
"""bytes of a half; pages are only backed once written"""
_TURN = struct.Struct("<Q")
"""how many writes were completed: its lowest bit says which half is the latest"""
_HEAD = struct.Struct("<QdQQ")
"""ready, heartbeat (seconds since the epoch), process id, length of the blob"""
_TRIES = 100


class Slot:
    """Made before the fork, kept when a worker is replaced, so that its successor goes on counting."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, _TURN.size + 2 * SIZE)

    def write(self, blob: bytes, *, ready: bool, now: float, pid: int) -> bool:
        """Publish; False when the blob does not fit (the old one stays)."""
        if len(blob) > SIZE - _HEAD.size:
            return False
        turn = self._turn() + 1
        at = _half(turn)
        _HEAD.pack_into(self._map, at, int(ready), now, pid, len(blob))
        self._map[at + _HEAD.size : at + _HEAD.size + len(blob)] = blob
        _TURN.pack_into(self._map, 0, turn)
        return True

    def read(self) -> tuple[bytes, bool, float, int]:
        """(blob, ready, heartbeat, process id) of the last complete write."""
        for _ in range(_TRIES):
            turn = self._turn()
            at = _half(turn)
            ready, beat, pid, length = _HEAD.unpack_from(self._map, at)
            blob = self._map[at + _HEAD.size : at + _HEAD.size + length]
            if turn == self._turn():
                return blob, bool(ready), beat, pid
        return b"", False, 0.0, 0

    def down(self) -> None:
        """The worker is gone: not ready, counters kept."""
        blob, _, beat, _ = self.read()
        self.write(blob, ready=False, now=beat, pid=0)

    def _turn(self) -> int:
        return int(_TURN.unpack_from(self._map)[0])


def _half(turn: int) -> int:
    return _TURN.size + (turn & 1) * SIZE
