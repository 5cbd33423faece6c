"""A worker's page of shared memory: its counters and whether it is ready, for the admin process to read.

One writer (the worker), one reader (the admin process). A sequence number around the blob tells a torn read.
"""

import mmap
import struct

SIZE = 4 * 1024 * 1024
"""bytes per worker; pages are only backed once written"""
_HEAD = struct.Struct("<QQdQQ")
"""sequence, ready, heartbeat (seconds since the epoch), process id, length of the blob"""
_TRIES = 100


class Slot:
    """Made before the fork, kept when a worker is replaced, so that its successor goes on counting."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, SIZE)

    def write(self, blob: bytes, *, ready: bool, now: float, pid: int) -> bool:
        """Publish; False when the blob does not fit (the old one stays)."""
        if len(blob) > SIZE - _HEAD.size:
            return False
        sequence = int(_HEAD.unpack_from(self._map)[0])
        struct.pack_into("<Q", self._map, 0, sequence + 1)
        self._map[_HEAD.size : _HEAD.size + len(blob)] = blob
        _HEAD.pack_into(self._map, 0, sequence + 1, int(ready), now, pid, len(blob))
        struct.pack_into("<Q", self._map, 0, sequence + 2)
        return True

    def read(self) -> tuple[bytes, bool, float, int]:
        """(blob, ready, heartbeat, process id) of the last complete write."""
        for _ in range(_TRIES):
            sequence, ready, beat, pid, length = _HEAD.unpack_from(self._map)
            blob = self._map[_HEAD.size : _HEAD.size + length]
            if sequence % 2 == 0 and _HEAD.unpack_from(self._map)[0] == sequence:
                return blob, bool(ready), beat, pid
        return b"", False, 0.0, 0

    def down(self) -> None:
        """The worker is gone: not ready, counters kept."""
        blob, _, beat, _ = self.read()
        self.write(blob, ready=False, now=beat, pid=0)
