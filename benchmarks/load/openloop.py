"""Open-loop load: requests leave at a fixed rate whatever the answers do; every latency is recorded.

A latency runs from the moment a request was *due*, so a stall is counted for every request it delayed
(no coordinated omission). One thread, blocking on `select` with microsecond timeouts. As a program it prints
`{"us": [...], "failed": n}`: python -m benchmarks.load.openloop PORT FILE RATE SECONDS CONNECTIONS BEGIN
"""

import ctypes
import gc
import json
import re
import select
import socket
import sys
import time
from collections import deque
from pathlib import Path

from benchmarks import work

PR_SET_TIMERSLACK = 29
STALLED = 10
"""seconds without any answer after which the measurement is given up"""
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)


def wire(line: str) -> bytes:
    """One line of a request file (METHOD TAB path TAB body) as bytes to send."""
    method, path, body = line.rstrip("\n").split("\t")[:3]
    fields = work.headers(path)
    if body:
        fields |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}".encode()


def complete(buffer: bytes) -> bool:
    """Whether the buffer holds one whole answer (Content-Length or chunked without trailers)."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = buffer[: end + 2]
    length = LENGTH.search(head)
    if length:
        return len(buffer) - end - 4 >= int(length.group(1))
    return bool(CHUNKED.search(head)) and buffer.endswith(b"0\r\n\r\n")


class Loop:
    """The connections, which of them wait for an answer since when, and the latencies so far."""

    def __init__(self, port: int, connections: int) -> None:
        self.idle = deque(socket.create_connection(("127.0.0.1", port)) for _ in range(connections))
        self.busy: dict[socket.socket, tuple[float, bytes]] = {}
        self.latencies: list[int] = []
        self.failed = 0
        for one in self.idle:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes, due: float) -> None:
        """Send on an idle connection."""
        one = self.idle.popleft()
        self.busy[one] = (due, b"")
        one.sendall(request)

    def receive(self, timeout: float) -> None:
        """Wait for answers at most this long, and take what is there."""
        ready = select.select(list(self.busy), (), (), timeout)[0]
        if not ready and timeout >= STALLED:
            raise TimeoutError(f"no answer for {STALLED} s")
        for one in ready:
            data = one.recv(1 << 18)
            due, buffer = self.busy[one]
            buffer += data
            if data and not complete(buffer):
                self.busy[one] = (due, buffer)
                continue
            self.latencies.append(round((time.perf_counter() - due) * 1e6))
            del self.busy[one]
            ok = bool(data) and buffer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201"))
            self.failed += not ok
            if data:
                self.idle.append(one)

    def run(self, requests: list[bytes], rate: float, total: int) -> None:
        """Send `total` requests at `rate` per second and take every answer."""
        start, sent = time.perf_counter() + 0.01, 0
        while sent < total or self.busy:
            if not self.busy and not self.idle:
                raise ConnectionError("every connection was closed by the other side")
            due = start + sent / rate
            wait = due - time.perf_counter()
            if sent < total and wait <= 0 and self.idle:
                self.send(requests[sent % len(requests)], due)
                sent += 1
                continue
            self.receive(max(wait, 0) if sent < total and self.idle else STALLED)


def main() -> int:
    """Run with the arguments given; a short warm-up is not counted."""
    port, file, rate, seconds, connections, begin = sys.argv[1:]
    lines = Path(file).read_text().splitlines()
    first = int(len(lines) * float(begin))
    requests = [wire(line) for line in lines[first:] + lines[:first]]
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0)
    loop = Loop(int(port), int(connections))
    loop.run(requests, float(rate), int(float(rate) / 2))
    loop.latencies.clear()
    gc.collect()
    gc.disable()
    loop.run(requests, float(rate), int(float(rate) * float(seconds)))
    print(json.dumps({"us": loop.latencies, "failed": loop.failed}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
