"""Which server has what: found by asking, for one server, Sentinel and Cluster alike; and if it keeps it.

Every server asked says its role itself: what was a master a moment ago may be a replica by now.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from redis.crc import key_slot
from redis.exceptions import ConnectionError as Lost
from redis.exceptions import RedisError, ResponseError

from gateway.contacts.redis.line import Line, connection
from gateway.contacts.redisaddress import Login, Node, Shared

_WAITAOF: Final = (7, 2)
_OLDEST: Final = (6, 0)


@dataclass(frozen=True, slots=True)
class Topology:
    """The masters, and in a Cluster which slots (first, last, master) each has; else `slots` is empty."""

    masters: tuple[Node, ...]
    slots: tuple[tuple[int, int, Node], ...] = ()

    def master(self, key: str) -> Node | None:
        """Whose a key is; None when nobody has its slot."""
        if not self.slots:
            return self.masters[0]
        slot = key_slot(key.encode())
        return next((node for first, last, node in self.slots if first <= slot <= last), None)


async def discover(shared: Shared, known: tuple[Node, ...] = ()) -> Topology:
    """Ask who the masters are. `known` are asked after those of the address. Raises RedisError, OSError."""
    kind = shared.address.kind
    if kind == "single":
        return Topology(shared.address.nodes)
    failed: Exception = Lost("nobody was asked")
    for node in dict.fromkeys((*shared.address.nodes, *known)):
        try:
            async with asyncio.timeout(max(shared.timeout, 1.0)):
                return await (_by_sentinel if kind == "sentinel" else _of_cluster)(shared, node)
        except (RedisError, OSError) as error:
            failed = error
    raise failed


@asynccontextmanager
async def _asked(shared: Shared, node: Node, login: Login) -> AsyncIterator[Line]:
    line = await Line(connection(shared, node, login, 0)).open()
    try:
        yield line
    finally:
        await line.close()


async def _by_sentinel(shared: Shared, node: Node) -> Topology:
    async with _asked(shared, node, shared.sentinel) as line:
        found = await line.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", shared.address.service)
    if not found:
        raise Lost("Sentinel knows no such service")
    return Topology(((found[0].decode(), int(found[1])),))


async def _of_cluster(shared: Shared, node: Node) -> Topology:
    async with _asked(shared, node, shared.login) as line:
        return slots_of(await line.call("CLUSTER", "SLOTS"), node)


def slots_of(reply: list[Any], asked: Node) -> Topology:
    """What CLUSTER SLOTS says. A node that does not know its own address is the one asked."""
    rows = [(int(row[0]), int(row[1]), _node(row[2], asked)) for row in reply]
    if not rows:
        raise Lost("the Cluster has no slots")
    slots = tuple(sorted(rows))
    return Topology(tuple(sorted({node for _, _, node in slots})), slots)


def _node(row: list[Any], asked: Node) -> Node:
    host = row[0].decode() if row[0] else ""
    return (host if host not in ("", "?") else asked[0], int(row[1]))


async def must_be_master(line: Line) -> None:
    """Raises Lost when the server is a replica by now."""
    role = await line.call("ROLE")
    if role[0] != b"master":
        raise Lost("the server is no master")


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a server does with what it is given. `refusal`: why entries may not be given to it."""

    refusal: str | None = None
    wait_for_disk: bool = False


async def keeping(line: Line, shared: Shared) -> Keeping:
    """Ask a server whether it keeps what it acknowledges. Raises RedisError when it does not answer."""
    info = dict(_info(await line.call("INFO")))
    version = tuple(int(part) for part in info.get("redis_version", "0").split(".")[:2])
    if version < _OLDEST:
        return Keeping("the server is older than Redis 6.0")
    if shared.persistence == "none":
        return Keeping()
    if info.get("maxmemory", "0") != "0" and info.get("maxmemory_policy") != "noeviction":
        return Keeping("a server that is full forgets entries (maxmemory-policy is not noeviction)")
    if info.get("aof_enabled") != "1":
        return Keeping("a server that ends forgets entries (appendonly is off)")
    if shared.persistence == "written" or await _fsync(line) == "always":
        return Keeping()
    if version >= _WAITAOF:
        return Keeping(wait_for_disk=True)
    return Keeping("the server does not say when an entry is on disk (appendfsync is not `always`)")


async def _fsync(line: Line) -> str:
    """The server's appendfsync; empty when it does not tell, as managed ones do not."""
    try:
        found = await line.call("CONFIG", "GET", "appendfsync")
    except ResponseError:
        return ""
    return found[b"appendfsync"].decode() if isinstance(found, dict) and found else ""


def _info(text: bytes) -> Iterator[tuple[str, str]]:
    for line in text.decode("utf-8", "replace").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name, value
