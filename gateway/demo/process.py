"""The gateway as a process of its own: started, waited for, stopped."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from gateway import clock
from gateway.demo.house import SECRETS, House
from gateway.errors import InternalError

STARTS_IN = 20.0
"""Seconds the gateway may take to be ready before the tour gives up."""
STOPS_IN = 10.0
"""Seconds it may take to stop before it is killed."""
PAUSE = 0.02
"""Seconds between two questions whether it is ready."""
SHOWN = 2000
"""Characters of its log that are shown when it does not start."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on."""
    with socket.socket() as sock:
        sock.bind((host, 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def gateway(house: House) -> Iterator[subprocess.Popen[bytes]]:
    """Run `hushgate run` for the length of the block; SIGTERM drains it. Its log goes to `gateway.log`."""
    command = [sys.executable, "-m", "gateway.cli.main", "run", "-c", str(house.config)]
    source = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    with (house.folder / "gateway.log").open("wb") as log:
        # A session of its own: Ctrl-C stops the tour, which then stops the gateway.
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **SECRETS, "PYTHONPATH": path},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOPS_IN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_ready(process: "subprocess.Popen[bytes]", house: House) -> None:
    """Return once `/readyz` answers 200. Raises InternalError with the end of its log when it does not."""
    deadline = clock.monotonic() + STARTS_IN
    while clock.monotonic() < deadline and process.poll() is None:
        if _ready(f"{house.admin}/readyz"):
            return
        time.sleep(PAUSE)
    log = (house.folder / "gateway.log").read_text(errors="replace")[-SHOWN:]
    raise InternalError(f"the demo's gateway did not start:\n{log}")


def _ready(url: str) -> bool:
    try:
        with urlopen(url, timeout=1) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)
    except (URLError, OSError, HTTPException):
        return False
