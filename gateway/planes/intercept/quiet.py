"""mitmproxy's log quotes traffic: what it says of errors is counted and placed, and none of it is written."""

import logging
from collections.abc import Callable
from types import TracebackType

Crash = BaseException | None
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class Quiet(logging.Handler):
    """Takes all that mitmproxy's loggers say; errors are handed to `crashed`."""

    def __init__(self, crashed: Callable[[object], None]) -> None:
        super().__init__(logging.ERROR)
        self._crashed = crashed

    def emit(self, record: logging.LogRecord) -> None:
        """An error: an add-on's exception, or mitmproxy's own."""
        self._crashed(record.exc_info)


def silence(crashed: Callable[[object], None]) -> None:
    """Have nothing that mitmproxy logs written anywhere; the last call counts."""
    for name in ("mitmproxy", "mitmproxy_rs"):
        log = logging.getLogger(name)
        log.handlers[:] = [Quiet(crashed)]
        log.propagate = False
        log.setLevel(logging.ERROR)
    # a packet with a key nobody knows is no crash, and whoever can send one could fill the log
    logging.getLogger("mitmproxy.packet_sources").setLevel(logging.CRITICAL)
