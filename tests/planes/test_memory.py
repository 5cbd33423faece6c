"""A slow reader of a 1 GB download costs a worker less than 10 MB of memory."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from tests.plane import PATIENCE, Upstream, request
from tests.service.house import House, running
from tests.world import RULES

SIZE = 1024 * 1024 * 1024
BLOCK = bytes(256 * 1024)
MOST = 10 * 1024 * 1024


def flood(_: bytes) -> Iterator[bytes | float]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % SIZE
    for _number in range(SIZE // len(BLOCK)):
        yield BLOCK


def resident(pid: int) -> int:
    """Bytes of a process in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_slow_reader_of_a_gigabyte(tmp_path: Path) -> None:
    with Upstream(flood) as upstream:
        house = House(tmp_path, upstream.port, rules=RULES + "unmapped: pass\n")
        with running(house), socket.create_connection(house.apps, PATIENCE) as sock:
            [worker] = house.pids()
            before = most = resident(worker)
            sock.sendall(request("GET", "/crm/status"))
            taken = 0
            buffer = bytearray(1024 * 1024)
            while taken < SIZE:
                if taken < 4 * len(buffer):  # slowly at first
                    time.sleep(0.2)
                got = sock.recv_into(buffer)
                assert got, "cut short"
                taken += got
                most = max(most, resident(worker))
    print(f"\n1 GB through a slow reader: {(most - before) / 1e6:.1f} MB more than before")
    assert most - before < MOST
