"""Records that reach a log as text."""

from gateway.audit.chain import Link, decode
from gateway.audit.record import Record


def record_of(text: bytes) -> Record:
    """The record that a text (audit.template) is of."""
    return decode(Link().line(text)).record
