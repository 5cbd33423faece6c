"""A gateway between an application and a provider that speak WebSocket, on every plane that carries it."""

import importlib.util
import json
import socket
import time
from collections.abc import Iterator
from typing import Any, Self

import pytest

from gateway.audit.record import Record
from tests.plane import PATIENCE, Gate
from tests.world import KEYS
from tests.wspeers import KEY, LIVE, Provider, Wire, asking, dialled, switching

PLANES = ("reverse", "intercept")
ANA = {
    "event": "seen",
    "name": {"first": "Ana"},
    "email": "ana@example.com",
    "phone": "+33639980001",
    "n": 1.5,
}
MASKED = {**ANA, "email": "[redacted]", "phone": "**********01", "n": None}


class House:
    """A provider and a gateway of one plane in front of it."""

    def __init__(self, plane: str, **options: Any) -> None:
        self.plane = plane
        self.provider = Provider()
        self._open: list[socket.socket] = []
        options.setdefault("pack", LIVE)
        self.gate: Any = self._made(plane)(self.provider, **options)

    @staticmethod
    def _made(plane: str) -> Any:
        if plane == "reverse":
            return Gate
        if importlib.util.find_spec("mitmproxy") is None:
            pytest.skip("the extra `intercept` is not installed")
        from tests.intercepting import Proxy

        return Proxy

    def __enter__(self) -> Self:
        self.provider.__enter__()
        self.gate.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.tidy()
        self.gate.__exit__(None, None, None)
        self.provider.__exit__()

    def asking(self, path: str, *, extra: str = "", client: str = "support", key: str = KEY) -> bytes:
        """A handshake, as applications send it on this plane."""
        if self.plane == "reverse":
            return asking(f"/crm{path}", client=client, extra=extra, key=key)
        return asking(path, host=self.gate.host, client="", extra=extra, key=key)

    def ask(self, asked: bytes, *, client: str = "support") -> Wire:
        """An application's end, whatever the answer is."""
        sock = self.gate.connect() if self.plane == "reverse" else self.gate.tls(key=KEYS[client])
        self._open.append(sock)
        return dialled(sock, asked)

    def tidy(self) -> None:
        """Close what a test has opened."""
        while self._open:
            self._open.pop().close()
        self.provider.forget()

    def open(
        self, path: str, *, extra: str = "", agreed: str = "", client: str = "support"
    ) -> tuple[Wire, Wire]:
        """Both ends of a WebSocket. `extra` and `agreed` are header lines of the handshake and its answer."""
        self.provider.answer = switching(agreed)
        app = self.ask(self.asking(path, extra=extra, client=client), client=client)
        assert app.head.startswith(b"HTTP/1.1 101 "), app.head
        return app, self.provider.taken()

    def records(self, app: Wire) -> list[Record]:
        """Those of one application's connection, once it has ended."""
        word = b"Hushgate-Decision: "
        line = next(line for line in app.head.split(b"\r\n") if line.startswith(word))
        name = line.removeprefix(word).decode()
        deadline = time.monotonic() + PATIENCE
        while True:
            found = [record for record in self.gate.records() if record.id == name]
            if (found and found[-1].phase in ("outcome", "refusal")) or time.monotonic() > deadline:
                return found
            time.sleep(0.01)

    def last(self, app: Wire) -> Record:
        """How it ended."""
        return self.records(app)[-1]


def houses(plane: str, **options: Any) -> Iterator[House]:
    """For a fixture."""
    with House(plane, **options) as made:
        yield made


def heard(wire: Wire) -> Any:
    """The next message, which is JSON."""
    frame = wire.frame()
    assert frame.first == 0x81, frame
    return json.loads(frame.payload)


def ended(app: Wire, provider: Wire, code: int) -> None:
    """Both sides were told why, and both connections have ended."""
    for wire, by_client in ((app, False), (provider, True)):
        frame = wire.frame()
        while frame.first != 0x88:
            frame = wire.frame()
        assert (frame.code, frame.masked) == (code, by_client)
        assert wire.rest() == b""
