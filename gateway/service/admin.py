"""The admin port: /healthz, /readyz, /metrics and /crl, from the workers' pages. A process of its own."""

import os
import signal
import socket
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from gateway import clock
from gateway.metrics import BUCKETS, METRICS, Sum, total
from gateway.service.signals import unblock
from gateway.service.slot import Slot

STALE = 5.0
"""seconds without a heartbeat after which a worker does not count as ready"""


class Slots(Collector):
    """Adds the workers' counters up at every scrape."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._slots = slots

    def ready(self) -> tuple[bool, list[dict[str, object]]]:
        """Whether every worker would accept traffic, and what each says."""
        now = clock.now()
        rows: list[dict[str, object]] = []
        for number, slot in enumerate(self._slots):
            _, ready, beat, pid = slot.read()
            rows.append({"worker": number, "pid": pid, "ready": bool(pid) and ready and now - beat < STALE})
        return all(row["ready"] for row in rows), rows

    def collect(self) -> Iterator[Metric]:
        """prometheus_client: every metric of the table, with a value or without."""
        blobs = [slot.read()[0] for slot in self._slots]
        summed = total(blob for blob in blobs if blob)
        summed.counts["hushgate_workers",] = sum(1 for row in self.ready()[1] if row["pid"])
        for name in METRICS:
            yield _family(name, summed)


def _family(name: str, summed: Sum) -> Metric:
    spec = METRICS[name]
    if spec.kind == "histogram":
        return _histogram(name, spec.help, summed.histograms.get(name))
    made = (CounterMetricFamily if spec.kind == "counter" else GaugeMetricFamily)(
        name, spec.help, labels=list(spec.labels)
    )
    for key, value in summed.counts.items():
        if key[0] == name:
            made.add_metric(list(key[1:]), value)
    return made


def _histogram(name: str, text: str, row: list[float] | None) -> Metric:
    made = HistogramMetricFamily(name, text)
    counts = row or [0.0] * (len(BUCKETS) + 2)
    running, buckets = 0.0, []
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts[:-1], strict=True):
        running += count
        buckets.append((bound, running))
    made.add_metric([], buckets, counts[-1])
    return made


def serve(sock: socket.socket, slots: Sequence[Slot], crl: Path | None = None) -> int:
    """Serve on a bound socket until SIGTERM. Returns the exit code. `crl`: the list of the revoked (DER)."""
    collector = Slots(slots)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    server = _Server(sock.getsockname()[:2], _handler(collector, registry, crl), bind_and_activate=False)
    server.socket.close()
    server.socket = sock
    server.daemon_threads = True
    server.server_activate()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    unblock()
    try:
        server.serve_forever(poll_interval=0.2)
    except SystemExit:
        return 0
    return 0


class _Server(ThreadingHTTPServer):
    """Ends with its parent, and prints nothing of those who ask."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._parent = os.getppid()

    def service_actions(self) -> None:
        if os.getppid() != self._parent:
            raise SystemExit(0)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no event."""


def _stop(*_: object) -> None:
    raise SystemExit(0)


def _handler(collector: Slots, registry: CollectorRegistry, crl: Path | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """GET only; logs nothing."""

        timeout = 5
        server_version = "hushgate"
        sys_version = ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            found = _list(crl) if path == "/crl" and crl else None
            status, kind, body = found or _page(path, collector, registry)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            del format, args

    return Handler


def _list(crl: Path) -> tuple[int, str, bytes] | None:
    """The list as it is now (RFC 5280 section 4.2.1.13), or None."""
    try:
        return 200, "application/pkix-crl", crl.read_bytes()
    except OSError:
        return None


def _page(path: str, collector: Slots, registry: CollectorRegistry) -> tuple[int, str, bytes]:
    if path == "/healthz":
        return 200, "application/json", b'{"status":"ok"}'
    if path == "/readyz":
        ready, rows = collector.ready()
        body = msgspec.json.encode({"ready": ready, "workers": rows})
        return 200 if ready else 503, "application/json", body
    if path == "/metrics":
        return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
    return 404, "application/json", b'{"status":"not found"}'
