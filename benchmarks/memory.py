"""A slow reader of a 1 GB pass-through download: what it costs the worker in memory.

The reader takes 64 KB at a time with pauses for a while (the upstream would send at full speed), then the
rest at once, and counts the bytes. Exit codes: 0 whole and below the limit, 1 otherwise, 2 it could not run.
"""

import argparse
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import work
from benchmarks.peers.table import HEADERS, PROBE, Bed, start_hushgate, start_upstream
from benchmarks.processes import RunError, Server, fetch, rss_bytes, unwind_on_terminate

MIB = 1024 * 1024
LIMIT = 10 * MIB
RECORDING = f"/2010-04-01/Accounts/{work.ACCOUNT}/Recordings/RE{'0123456789abcdef' * 2}.wav"
WARM_UP = 200


@dataclass(slots=True)
class Download:
    """One download in progress: bytes of the body so far, and the most memory the worker had."""

    server: Server
    sock: socket.socket
    most: int = 0
    body: int = 0
    length: int = 0

    def begin(self) -> None:
        """Send the request and read the head. Raises RunError when it is not a 200 with a length."""
        fields = work.headers(RECORDING) | {"Accept": "*/*", "Connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.sock.sendall(f"GET {RECORDING} HTTP/1.1\r\n{head}\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = self.sock.recv(4096)
            if not chunk:
                raise RunError(f"the download ended within its head: {data[:300]!r}")
            data += chunk
        text, _, rest = data.partition(b"\r\n\r\n")
        lengths = [
            line.partition(b":")[2] for line in text.lower().split(b"\r\n") if line[:15] == b"content-length:"
        ]
        if not text.startswith(b"HTTP/1.1 200") or not lengths:
            raise RunError(f"the download was not given: {data[:600]!r}")
        self.length, self.body = int(lengths[0]), len(rest)

    def read(self, seconds: float, pause: float) -> None:
        """Read for so long with a pause after each piece; memory is looked at after each."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            data = self.sock.recv(1 << 16)
            if not data:
                return
            self.body += len(data)
            self.most = max(self.most, *(rss_bytes(pid) for pid in self.server.workers()))
            time.sleep(pause)

    def finish(self) -> None:
        """Read what is left at full speed."""
        while data := self.sock.recv(1 << 20):
            self.body += len(data)
        self.most = max(self.most, *(rss_bytes(pid) for pid in self.server.workers()))


def measure(size: int, seconds: float, stack: ExitStack) -> bool:
    """Run it; whether it passed."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hushgate-memory-")))
    (folder / "upstream").mkdir()
    upstream = start_upstream(folder / "upstream", "1")
    stack.callback(upstream.server.stop)
    recording = folder / "upstream" / "www" / RECORDING[1:]
    recording.parent.mkdir(parents=True)
    with recording.open("wb") as file:
        file.truncate(size)
    running = start_hushgate(Bed(folder, upstream.port))
    stack.callback(running.server.stop)
    running.server.wait(running.port, PROBE, HEADERS, 60)
    for _ in range(WARM_UP):
        fetch(running.port, "GET", PROBE, HEADERS)
    before = max(rss_bytes(pid) for pid in running.server.workers())
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        sock.settimeout(30)
        sock.connect(("127.0.0.1", running.port))
        download = Download(running.server, sock)
        download.begin()
        download.read(seconds, 0.01)
        slow = download.body
        download.finish()
    growth = download.most - before
    print(
        f"{slow / MIB:.0f} MiB read slowly in {seconds:.0f} s, then the rest: {download.body} of {size} bytes"
    )
    most = download.most / MIB
    print(f"worker memory: {before / MIB:.1f} MiB before, {most:.1f} at most: {growth / MIB:+.1f} MiB")
    return download.body == download.length == size and growth < LIMIT


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.memory", description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="size of the download (default 1024)")
    parser.add_argument("--seconds", type=float, default=10, help="how long it is read slowly (default 10)")
    options = parser.parse_args(arguments)
    unwind_on_terminate()
    try:
        with ExitStack() as stack:
            return 0 if measure(options.mib * MIB, options.seconds, stack) else 1
    except (RunError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
