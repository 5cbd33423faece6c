"""Runs a sandbox: in a thread beside tests and the tour, or in the foreground of a process."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Final

import uvicorn
from starlette.types import ASGIApp

PATIENCE = 10.0
"""Seconds a server thread may take to stop."""
IDLE: Final = 75
"""seconds that a connection may be idle, as with most providers: longer than a gateway keeps one"""


class _Server(uvicorn.Server):
    """Tells when it listens, so that nobody has to poll."""

    def __init__(self, app: ASGIApp, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="error",
                access_log=False,
                lifespan="off",
                ws="none",
                loop="asyncio",
                timeout_keep_alive=IDLE,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening socket; port 0 picks a free one."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(128)
    return sock


def address(sock: socket.socket) -> str:
    """`http://host:port` of a bound socket."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: ASGIApp, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Serve in this thread until SIGINT or SIGTERM; `ready` is called once it listens."""
    with sock:
        _Server(app, ready).run(sockets=[sock])


@contextmanager
def running(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread for the length of the block; gives the base URL, where connections wait at once."""
    with listen(host, port) as sock:
        server = _Server(app, lambda: None)
        thread = Thread(
            target=server.run, kwargs={"sockets": [sock]}, name=f"sandbox {address(sock)}", daemon=True
        )
        thread.start()
        try:
            yield address(sock)
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
