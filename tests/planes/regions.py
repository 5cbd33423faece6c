"""Loopback addresses that stand for regions, listeners there, and a resolver that never answers the same.

127.0.1.0/24 is in France and allowed; 127.0.2.0/24 and ::1 are in the United States and forbidden;
127.0.3.0/24 is the inside of the network, which nobody named. A packet to a forbidden address is a
connection in a queue.
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from gateway.model import Upstream as UpstreamModel
from tests.plane import Gate, Reply, Upstream
from tests.planes.reverses import PASS
from tests.world import PACK

Networks = tuple[tuple[str, str, str], ...]

NETWORKS: Networks = (("127.0.1.0/24", "FR", "OVH"), ("127.0.2.0/24", "US", "AWS"), ("::1/128", "US", "AWS"))
ALLOWED = ("127.0.1.1", "127.0.1.2")
FORBIDDEN = ("127.0.2.1", "127.0.2.2", "127.0.3.1", "::1")
DISGUISED = ("::ffff:127.0.2.1", "::ffff:7f00:202", "::ffff:127.0.3.1", "::ffff:7f00:301")
"""The same in other spellings, as a resolver could give them."""
LINKS = PASS + "rules:\n  - {id: stay, residency: {data: user, regions: [FR], links: true}}\n"
STAY = PASS + "rules:\n  - {id: stay, residency: {data: user, regions: [FR]}}\n"


@dataclass
class Regions:
    """Upstreams at the allowed addresses and listeners at the forbidden ones, all on one port."""

    port: int
    upstreams: dict[str, Upstream]
    _traps: dict[str, socket.socket]

    def caught(self) -> set[str]:
        """Where somebody came since last asked: the system queues a connection before anybody accepts it."""
        return {address for address, sock in self._traps.items() for _ in _queued(sock)}

    @property
    def requests(self) -> int:
        """How many came where they may."""
        return sum(len(upstream.requests) for upstream in self.upstreams.values())


def _queued(sock: socket.socket) -> Iterator[None]:
    while True:
        try:
            sock.accept()[0].close()
        except BlockingIOError:
            return
        yield


@contextmanager
def regions(reply: Reply) -> Iterator[Regions]:
    """Everything listens, until the end."""
    for _ in range(50):
        with ExitStack() as stack:
            try:
                made = _made(reply, stack)
            except OSError:
                continue  # the port is somebody else's at one of the addresses
            yield made
            return
    raise AssertionError("no port is free at every address")


def _made(reply: Reply, stack: ExitStack) -> Regions:
    upstreams: dict[str, Upstream] = {}
    port = 0
    for address in ALLOWED:
        upstreams[address] = stack.enter_context(Upstream(reply, address, port))
        port = upstreams[address].port
    return Regions(port, upstreams, {address: _trap(address, port, stack) for address in FORBIDDEN})


def _trap(address: str, port: int, stack: ExitStack) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = stack.enter_context(socket.create_server((address, port), family=family, backlog=64))
    sock.setblocking(False)
    return sock


def gate_to(
    place: Regions,
    host: str = "api.crm.test",
    rules: str = STAY,
    networks: Networks = NETWORKS,
    pack: bytes = PACK,
    **changes: Any,
) -> Gate:
    """A gateway whose upstream is declared to be in France, under the rule that data stays there."""

    def change(upstream: UpstreamModel) -> UpstreamModel:
        return replace(upstream, url=f"http://{host}:{place.port}", **changes)

    return Gate(None, rules=rules, networks=networks, pack=pack, change=change)


class Hostile:
    """Takes the place of a gateway's resolver: every question has another answer."""

    def __init__(self, gate: Gate, answers: Callable[[int], Sequence[str]]) -> None:
        self.asked = 0
        self._answers = answers
        loop: Any = gate.loop.loop
        loop.getaddrinfo = self._resolve

    async def _resolve(self, host: str, port: int, **options: object) -> list[Any]:
        del host, options
        self.asked += 1
        return [(0, 1, 6, "", (address, port)) for address in self._answers(self.asked)]


def mixed(seed: int) -> Callable[[int], Sequence[str]]:
    """Answers of one to four addresses, forbidden ones among them, by chance."""
    known = (*ALLOWED, *FORBIDDEN, *DISGUISED)

    def answers(time: int) -> Sequence[str]:
        chance = sha256(b"%d %d" % (seed, time)).digest()
        return [known[byte % len(known)] for byte in chance[1 : 2 + chance[0] % 4]]

    return answers
