"""The embedded contact registry: one SQLite file, shared by all workers and the command line."""

from gateway.contacts.sqlite.books import SqliteBooks
from gateway.contacts.sqlite.registry import SqliteRegistry

__all__ = ("SqliteBooks", "SqliteRegistry")
