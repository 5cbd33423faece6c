"""The upstream where its own share of the cores counts: answers from memory, by canned.c."""

import os
import subprocess
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks import work
from benchmarks.processes import RunError, Server, free_port
from benchmarks.upstream.server import compact
from gateway.native.build import Unbuildable, compiler

SOURCE: Final = Path(__file__).parent / "canned.c"
HEAD: Final = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
FEW: Final = 2_000
"""Answers that are sent in turn, at most: more than the processor's fast caches hold."""


def answer(body: work.Json) -> bytes:
    """A whole answer, as the file has it: behind its length."""
    content = compact(body).encode()
    whole = HEAD.format(len(content)).encode() + content
    return b"%d\n%b" % (len(whole), whole)


def start_canned(folder: Path) -> tuple[Server, int]:
    """Started in `folder`, and its port. Raises RunError where it cannot be compiled."""
    pools = {
        "limit=100": (work.page(number, 100) for number in range(work.PAGES[100])),
        work.CONTACTS: (work.contact(n) for n in range(work.SINGLES)),
    }
    port = free_port()
    command = [str(_built(folder)), str(port)]
    for number, (needle, bodies) in enumerate(pools.items()):
        file = folder / f"{number}.answers"
        file.write_bytes(b"".join(_few(bodies)))
        command += [needle, str(file)]
    return Server("upstream", command, folder), port


def _few(bodies: Iterable[work.Json]) -> Iterable[bytes]:
    return map(answer, islice(bodies, FEW))


def _built(folder: Path) -> Path:
    made = folder / "canned"
    try:
        command = [*compiler(os.environ), "-O2", "-o", str(made), str(SOURCE)]
    except Unbuildable as error:
        raise RunError(f"the upstream cannot be compiled: {error}") from error
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunError(f"the upstream cannot be compiled: {done.stderr[-500:]}")
    return made
