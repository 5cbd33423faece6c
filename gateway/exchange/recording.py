"""How an exchange has a record accepted. Pure."""

from collections.abc import Generator
from typing import Any

from gateway.audit.record import Record
from gateway.errors import HushgateError, StoreError
from gateway.exchange.commands import Append, Command


def recorded(record: Record) -> Generator[Command, Any, None]:
    """Have a record accepted. Raises StoreError, also when the log does not answer (a plane's timeout)."""
    try:
        yield Append(record)
    except StoreError:
        raise
    except HushgateError as error:
        raise StoreError("audit_unavailable", "") from error
