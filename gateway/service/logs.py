"""The gateway's own log: one JSON object (or one line of text) per event on stderr, without personal data.

What may be logged are names of rules, tenants, files and code places; never anything taken from traffic.
"""

import json
import logging
from datetime import UTC, datetime

from gateway.deployment import Log
from gateway.errors import where


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1]:
            line["error"] = where(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        error = where(record.exc_info[1]) if record.exc_info and record.exc_info[1] else ""
        return f"{record.levelname.lower()}: {record.getMessage()}{error and ': '}{error}"


def set_up(settings: Log) -> None:
    """Send the log of this process, and of those forked from it, to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if settings.format == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
