"""The contract's store over one real Redis server."""

from gateway.contacts.model import Books, Ledger
from gateway.contacts.redis.books import RedisBooks
from gateway.contacts.redis.registry import RedisRegistry
from gateway.contacts.redisaddress import Address, Shared
from tests import redisserver


class OverRedis:
    """One server, emptied; as strict as it can be."""

    def __init__(self) -> None:
        server = redisserver.shared()
        with server.client() as client:
            client.flushall()
        place = Address("single", (("127.0.0.1", server.port),))
        self._shared = Shared(place, timeout=redisserver.PATIENCE)

    def ledger(self) -> Ledger:
        return RedisRegistry(self._shared)

    def books(self) -> Books:
        return RedisBooks(self._shared)

    def close(self) -> None:
        """The next one empties it."""
