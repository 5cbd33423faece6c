"""Idle connections to upstreams, by upstream; the most recently used one first."""

from gateway.exchange.commands import Permit
from gateway.metrics import Metrics
from gateway.model import Upstream
from gateway.planes.reverse.upstream import UpstreamConnection

MAX_IDLE = 256
"""idle connections kept per upstream"""


class Pool:
    """Owned by one worker; only its event loop touches it. Reuses are counted here and added to the metrics
    whenever old connections are looked for.
    """

    __slots__ = ("_idle", "_metrics", "_reused")

    def __init__(self, metrics: Metrics) -> None:
        self._idle: dict[str, list[UpstreamConnection]] = {}
        self._metrics = metrics
        self._reused: dict[str, int] = {}

    def take(self, upstream: Upstream, permit: Permit) -> UpstreamConnection | None:
        """A live idle connection whose peer address is permitted, or None."""
        name = upstream.name
        idle = self._idle.get(name)
        if not idle:
            return None
        latest = idle[-1]
        if latest.upstream is upstream and latest.alive and permit(latest.address) is not None:
            self._reused[name] = self._reused.get(name, 0) + 1
            return idle.pop()
        for index in range(len(idle) - 1, -1, -1):
            connection = idle[index]
            if connection.upstream is not upstream and connection.upstream != upstream:
                del idle[index]
                connection.abandon()
            elif connection.alive and permit(connection.address) is not None:
                del idle[index]
                self._reused[name] = self._reused.get(name, 0) + 1
                return connection
        return None

    def put(self, connection: UpstreamConnection, now: float) -> None:
        """Keep a connection that can be used again. `now` is monotonic seconds."""
        idle = self._idle.setdefault(connection.upstream.name, [])
        if len(idle) >= MAX_IDLE:
            connection.abandon()
            return
        connection.idle_since = now
        connection.on_idle_lost = self._forget
        idle.append(connection)

    def expire(self, before: float) -> None:
        """Close connections that have been idle since `before`."""
        for name, idle in self._idle.items():
            old = [c for c in idle if c.idle_since < before]
            for connection in old:
                idle.remove(connection)
                connection.abandon()
            self._metrics.set("hushgate_pool_idle", name, value=len(idle))
        for name, number in self._reused.items():
            self._metrics.add("hushgate_pool_reused", name, by=number)
        self._reused.clear()

    def close(self) -> None:
        """Close every idle connection."""
        self.expire(float("inf"))

    def _forget(self, connection: UpstreamConnection) -> None:
        idle = self._idle.get(connection.upstream.name, [])
        if connection in idle:
            idle.remove(connection)
