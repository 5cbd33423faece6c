"""What is counted, in one table, and a worker's counters. No personal data: names, ids and categories only.

A worker counts in plain dicts; the supervisor adds the workers' counts up and serves them as Prometheus text.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

import msgspec

from gateway.audit.record import AGEING, UNJUDGED, Record
from gateway.model import AGAINST

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's kind, its label names, and what it means."""

    kind: Kind
    labels: tuple[str, ...]
    help: str


METRICS: Mapping[str, Metric] = {
    "hushgate_requests": Metric("counter", ("provider", "operation", "status"), "Exchanges answered"),
    "hushgate_decisions": Metric(
        "counter", ("effect", "reason"), "Decisions by effect and reason of refusal"
    ),
    "hushgate_rule_hits": Metric("counter", ("tenant", "rule", "mode"), "Exchanges a rule determined"),
    "hushgate_masked_values": Metric("counter", ("category",), "Values masked in answers and requests"),
    "hushgate_unmapped_values": Metric("counter", (), "Values at paths no data map names that were masked"),
    "hushgate_unmapped_paths": Metric(
        "counter",
        ("provider", "operation", "path", "category"),
        "Values that look personal at paths no data map names, in sampled answers",
    ),
    "hushgate_dropped_recipients": Metric("counter", (), "Recipients and records left out"),
    "hushgate_websocket_messages": Metric(
        "counter",
        ("direction", "effect"),
        "Messages of WebSockets, sent and received, let through, left out (drop), or the end of one",
    ),
    "hushgate_location_contradictions": Metric(
        "counter", (), "Exchanges with an address that does not stand, or is not run, as declared"
    ),
    "hushgate_added_seconds": Metric("histogram", (), "Time the gateway itself added to an exchange"),
    "hushgate_total_seconds": Metric("histogram", (), "Time from request head to answer"),
    "hushgate_connections": Metric("gauge", (), "Open connections of callers"),
    "hushgate_connections_refused": Metric("counter", (), "Connections refused above the limit"),
    "hushgate_certificates_refused": Metric(
        "counter",
        ("host",),
        "Intercepted TLS handshakes ended by an application that refused our certificate",
    ),
    "hushgate_handshakes_unused": Metric(
        "counter",
        ("host",),
        "Intercepted TLS connections that ended without a request: many of them tell of a pinned certificate",
    ),
    "hushgate_pool_idle": Metric("gauge", ("upstream",), "Idle pooled connections to upstreams"),
    "hushgate_pool_opened": Metric("counter", ("upstream",), "Connections opened to upstreams"),
    "hushgate_pool_reused": Metric("counter", ("upstream",), "Exchanges on a pooled connection"),
    "hushgate_upstream_retries": Metric("counter", ("upstream",), "Idempotent requests sent again"),
    "hushgate_registry_cache": Metric(
        "counter", ("result",), "Standing lookups answered by the cache or not"
    ),
    "hushgate_api_requests": Metric("counter", ("call", "status"), "Answers of the registry's API"),
    "hushgate_webhooks": Metric(
        "counter", ("webhook", "result"), "Messages to subscribers: taken, refused, or unreachable"
    ),
    "hushgate_registry_unjudged": Metric(
        "counter", ("tenant",), "Contacts passed unjudged while the registry was away (`registry_away: pass`)"
    ),
    "hushgate_lists_ageing": Metric(
        "counter", ("tenant",), "Contacts that relied on a list which is past `warn_after`, or too old"
    ),
    "hushgate_registry_crowded": Metric(
        "counter", (), "Lookups of subjects with many links, of whom only what forbids was told"
    ),
    "hushgate_plans": Metric("gauge", (), "Compiled plans held"),
    "hushgate_exceptions": Metric("counter", (), "Unforeseen errors, each of which refused its exchange"),
    "hushgate_plugin_failures": Metric(
        "counter", ("plugin",), "Calls into a plugin that raised, overran or broke its contract"
    ),
    "hushgate_canary_runs": Metric(
        "counter", ("result",), "Answers about a made-up person: held, leaked, refused, or failed (unjudged)"
    ),
    "hushgate_canary_leaks": Metric(
        "counter", ("tenant", "role", "operation"), "Hidden values of a made-up person that came out"
    ),
    "hushgate_canary_leaking": Metric("gauge", (), "Plans that let a hidden value out when last looked at"),
    "hushgate_entries": Metric(
        "counter", ("tenant", "act"), "Entries that traffic asked to add to the contact registry, by act"
    ),
    "hushgate_reloads": Metric("counter", ("result",), "Reloads of rules by result"),
    "hushgate_workers": Metric("gauge", (), "Workers running"),
    "hushgate_worker_restarts": Metric("counter", (), "Workers that died and were replaced"),
    "hushgate_ready": Metric("gauge", (), "1 when the worker would accept traffic"),
}

BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0)
"""Upper bounds of the latency histograms, seconds."""

Counts = dict[tuple[str, ...], float]
Exchanged = tuple[str, str, int, str, str, str, tuple[str, ...], tuple[str, ...]]
"""provider, operation, status, effect, reason, tenant, rules, shadow rules"""


OBSERVED = 256
"""records that wait to be counted, at most"""

_exchanged: Callable[[Record], Exchanged] = attrgetter(
    "provider", "operation", "status", "effect", "reason", "tenant", "rules", "shadow"
)


class Metrics:
    """One worker's counters: (metric name, label values...) -> number."""

    __slots__ = ("_observed", "counts", "histograms")

    def __init__(self) -> None:
        self.counts: Counts = {}
        self.histograms: dict[str, list[float]] = {}
        self._observed: list[tuple[Record, int, int]] = []
        """with the times of each, in microseconds: records alike are one that stands for all of them"""

    def add(self, name: str, *labels: str, by: float = 1) -> None:
        """Count."""
        key = (name, *labels)
        counts = self.counts
        counts[key] = counts.get(key, 0) + by

    def set(self, name: str, *labels: str, value: float) -> None:
        """Set a gauge."""
        self.counts[name, *labels] = value

    def observe(self, record: Record) -> None:
        """Count an exchange by its final record; added up later, many at a time, which costs far less."""
        self.observe_like(record, record.added_us, record.total_us)

    def observe_like(self, record: Record, added_us: int, total_us: int) -> None:
        """The same, of an exchange whose record is like this one but for its times."""
        self._observed.append((record, added_us, total_us))
        if len(self._observed) >= OBSERVED:
            self.settle()

    def settle(self) -> None:
        """Add up what `observe` was given since."""
        observed, self._observed = self._observed, []
        exchanges: dict[Exchanged, int] = {}
        masked: dict[str, int] = {}
        for record, _, _ in observed:
            key = _exchanged(record)
            exchanges[key] = exchanges.get(key, 0) + 1
            for category, number in record.masked.items():
                masked[category] = masked.get(category, 0) + number
            self._count(record)
        for category, number in masked.items():
            self.add("hushgate_masked_values", category, by=number)
        self._time("hushgate_added_seconds", [added / 1e6 for _, added, _ in observed])
        self._time("hushgate_total_seconds", [total / 1e6 for _, _, total in observed])
        for (provider, operation, status, effect, reason, tenant, rules, shadow), n in exchanges.items():
            self.add("hushgate_requests", provider, operation, str(status), by=n)
            self.add("hushgate_decisions", effect, reason, by=n)
            for rule in rules:
                self.add("hushgate_rule_hits", tenant, rule, "enforce", by=n)
            for rule in shadow:
                self.add("hushgate_rule_hits", tenant, rule, "shadow", by=n)

    def _count(self, record: Record) -> None:
        """What few exchanges have."""
        if record.unmapped:
            self.add("hushgate_unmapped_values", by=record.unmapped)
        if record.note == UNJUDGED:
            self.add("hushgate_registry_unjudged", record.tenant)
        if record.note == AGEING:
            self.add("hushgate_lists_ageing", record.tenant)
        if record.dropped:
            self.add("hushgate_dropped_recipients", by=record.dropped)
        if record.evidence.endswith(AGAINST):
            self.add("hushgate_location_contradictions")

    def _time(self, name: str, seconds: list[float]) -> None:
        row = self.histograms.get(name)
        if row is None:
            if not seconds:
                return
            row = self.histograms[name] = [0.0] * (len(BUCKETS) + 2)
        for each in seconds:
            row[bisect_left(BUCKETS, each)] += 1
            row[-1] += each

    def fold(self, name: str, label: int) -> None:
        """Stop telling a metric apart by one of its labels (by position), which then is `*`."""
        self.settle()
        for key in [key for key in self.counts if key[0] == name and key[label + 1] != "*"]:
            merged = (*key[: label + 1], "*", *key[label + 2 :])
            self.counts[merged] = self.counts.get(merged, 0) + self.counts.pop(key)

    def unpack(self, blob: bytes) -> None:
        """Go on counting where a predecessor's packed counters stand; its gauges ended with it."""
        summed = total([blob])
        self.histograms = summed.histograms
        self.counts = {k: v for k, v in summed.counts.items() if METRICS[k[0]].kind == "counter"}

    def pack(self) -> bytes:
        """For the admin process."""
        self.settle()
        return msgspec.msgpack.encode((list(self.counts.items()), self.histograms))


@dataclass(slots=True)
class Sum:
    """Counts of several workers added up, those of dead ones included."""

    counts: Counts
    histograms: dict[str, list[float]]


def total(packed: Iterable[bytes]) -> Sum:
    """Add up what workers packed."""
    out = Sum({}, {})
    for blob in packed:
        counts, histograms = msgspec.msgpack.decode(
            blob, type=tuple[list[tuple[tuple[str, ...], float]], dict[str, list[float]]]
        )
        for key, value in counts:
            out.counts[key] = out.counts.get(key, 0) + value
        for name, row in histograms.items():
            have = out.histograms.get(name)
            out.histograms[name] = [a + b for a, b in zip(have, row, strict=True)] if have else row
    return out
