"""Real processes on chosen cores: start, wait until they answer, sample CPU and memory from /proc, stop."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class RunError(Exception):
    """A process did not come up, or died while it was measured."""


def unwind_on_terminate() -> None:
    """Make SIGTERM end this process like an exception, so that the servers it started are stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pinned(command: Sequence[str], cores: str | None) -> list[str]:
    """The command, kept to these cores (`0`, `0,1`) where the machine has more than one."""
    taskset = shutil.which("taskset")
    if cores is None or taskset is None or (os.cpu_count() or 1) < 2:
        return list(command)
    return [taskset, "-c", cores, *command]


def tree(pid: int) -> list[int]:
    """`pid` and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        one = queue.pop()
        found.append(one)
        queue += children.get(one, [])
    return found


def cpu_seconds(pid: int, *, deep: bool = True) -> float:
    """User and system time of `pid` so far, `deep` with that of its descendants."""
    total = 0
    for one in tree(pid) if deep else (pid,):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICK


def peak_bytes(pid: int) -> int:
    """The most memory that was ever resident of a process. Raises OSError."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("the kernel does not say how much memory a process had")


def rss_bytes(pid: int) -> int:
    """Resident memory of one process; 0 when it is gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return 0


class Server:
    """One server process (and its children) with its log file; stopped by `stop`, which never raises."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        cores: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.stderr"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                pinned(command, cores),
                cwd=ROOT,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process started."""
        return self.process.pid

    def workers(self) -> list[int]:
        """The processes that serve: the descendants, or the process itself when it has none."""
        return tree(self.pid)[1:] or [self.pid]

    def wait(self, port: int, path: str, headers: Mapping[str, str], limit: float = 30) -> float:
        """Seconds until `path` is answered with 2xx. Raises RunError with the log's end."""
        start = time.monotonic()
        while time.monotonic() - start < limit:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                if fetch(port, "GET", path, headers)[0] < 300:
                    return time.monotonic() - start
            time.sleep(0.05)
        raise RunError(f"{self.name} did not become ready: {self.tail()}")

    def tail(self) -> str:
        """The last of what it wrote."""
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after ten seconds; children left over are killed too."""
        family = tree(self.pid)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for child in family[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, 9)


def fetch(
    port: int, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
) -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
