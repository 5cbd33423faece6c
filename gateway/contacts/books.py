"""The books that a deployment names: a file, or servers that several instances share. For tools that wait."""

from pathlib import Path

from gateway.contacts.model import Books
from gateway.contacts.redisaddress import Shared
from gateway.contacts.sqlite import SqliteBooks


def open_books(store: str | Shared, *, create: bool = True) -> Books:
    """Open them; `create` makes a file that is not there. Raises StoreError."""
    if isinstance(store, Shared):
        from gateway.contacts.redis.books import RedisBooks  # loads a client that a file has no use for

        return RedisBooks(store)
    return SqliteBooks(Path(store.removeprefix("sqlite://")), create)
