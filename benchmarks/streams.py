"""A CSV of 2 GB and a JSON array of 1 GB through a worker: the worker's memory, and how fast.

The upstream makes the bodies as they are sent; nothing is on disk. Exit codes: 0 whole and below the limit,
1 otherwise, 2 it could not run.
"""

import argparse
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import RunError, cpu_seconds, peak_bytes, rss_bytes, unwind_on_terminate
from tests.service.house import House, running
from tests.world import KEYS

MIB = 1024 * 1024
LIMIT = 100 * MIB
"""resident memory of the worker, all of it"""
PACK = b"""
provider: crm
title: A CRM that exports
hosts: [{name: api.crm.example, region: FR, operator: OVH}]
types:
  person:
    name: user.name
    phone: {is: user.contact.phone_number, subject: phone}
    note: user.content.private
operations:
  - id: export
    call: GET /export
    response:
      csv:
        name: user.name
        phone: {is: user.contact.phone_number, subject: phone}
        note: user.content.private
      json: {"[]": {type: person}}
"""
NOTE = b"called back on Monday, wants the offer in writing; " * 3


@dataclass(frozen=True, slots=True)
class Body:
    """What the upstream sends: a beginning, blocks of records, an end."""

    kind: bytes
    first: bytes
    block: bytes
    last: bytes
    mib: int


BODIES = {
    "csv": Body(
        b"text/csv",
        b"name,phone,note\r\n",
        b"".join(b'Ana,+3363998%04d,"%b"\r\n' % (n, NOTE) for n in range(1000)),
        b"",
        2048,
    ),
    "json": Body(
        b"application/json",
        b"[",
        b"".join(b'{"name":"Ana","phone":"+3363998%04d","note":"%b"},\n' % (n, NOTE) for n in range(1000)),
        b"{}]",
        1024,
    ),
}


class Upstream:
    """A provider on loopback that answers everything with one body."""

    def __init__(self, body: Body, size: int) -> None:
        self._body = body
        self._count = size // len(body.block)
        self.size = self._count * len(body.block) + len(body.first) + len(body.last)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        body = self._body
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (body.kind, self.size)
        sock, _ = self._server.accept()
        with sock:
            sock.recv(65536)
            sock.sendall(head + body.first)
            for _number in range(self._count):
                sock.sendall(body.block)
            sock.sendall(body.last)
            sock.recv(1)


def measure(name: str, mib: int) -> bool:
    """Run one; whether it came whole and below the limit."""
    upstream = Upstream(BODIES[name], mib * MIB)
    with tempfile.TemporaryDirectory(prefix="hushgate-streams-") as folder:
        house = House(Path(folder), upstream.port)
        (Path(folder) / "packs" / "crm" / "pack.yaml").write_bytes(PACK)
        with running(house), socket.create_connection(house.apps, 30) as sock:
            [worker] = house.pids()
            before, spent = rss_bytes(worker), cpu_seconds(worker)
            began = time.monotonic()
            key = KEYS["support"]
            sock.sendall(b"GET /crm/export HTTP/1.1\r\nHost: gw.test\r\nHushgate-Key: %b\r\n\r\n" % key)
            taken, tail = 0, b""
            while not tail.endswith(b"\r\n0\r\n\r\n") and (data := sock.recv(1 << 20)):
                taken, tail = taken + len(data), (tail + data)[-16:]
            seconds = time.monotonic() - began
            most, spent = peak_bytes(worker), cpu_seconds(worker) - spent
    whole = tail.endswith(b"\r\n0\r\n\r\n")
    came = f"{taken / MIB:.0f} MiB came" if whole else "NOT WHOLE"
    size = upstream.size
    print(f"{name}: {size / MIB:.0f} MiB in {seconds:.0f} s, {size / 1e6 / seconds:.1f} MB/s, {came}")
    print(f"worker: {size / 1e6 / spent:.1f} MB for each second of its processor time")
    print(f"worker memory: {before / MIB:.1f} MiB before, {most / MIB:.1f} at most")
    return whole and most < LIMIT


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.streams", description=__doc__)
    parser.add_argument("--mib", type=int, help="size of each body (default: 2048 of CSV, 1024 of JSON)")
    parser.add_argument("--only", choices=sorted(BODIES), help="one of them")
    options = parser.parse_args(arguments)
    unwind_on_terminate()
    names = [options.only] if options.only else list(BODIES)
    try:
        passed = [measure(name, options.mib or BODIES[name].mib) for name in names]
    except (RunError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
