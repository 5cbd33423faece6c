"""What is counted, in one table, and a worker's counters. No personal data: names, ids and categories only.

A worker counts in plain dicts; the supervisor adds the workers' counts up and serves them as Prometheus text.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
_BOUNDS = tuple(round(bound * 1e6) for bound in BUCKETS)

Counts = dict[tuple[str, ...], float]
OBSERVED = 1024
"""records that wait to be counted, at most: the more, the more of them are alike"""


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
        if not observed:
            return
        records, added, whole = zip(*observed, strict=True)
        self._time("hushgate_added_seconds", added)
        self._time("hushgate_total_seconds", whole)
        # Of records that stand for many, each is looked at once.
        each = {id(record): record for record in records}
        for known, n in Counter(map(id, records)).items():
            self._exchanged(each[known], n)

    def _exchanged(self, record: Record, n: int) -> None:
        """Exchanges with this record, or one that is like it."""
        self.add("hushgate_requests", record.provider, record.operation, str(record.status), by=n)
        self.add("hushgate_decisions", record.effect, record.reason, by=n)
        for rule in record.rules:
            self.add("hushgate_rule_hits", record.tenant, rule, "enforce", by=n)
        for rule in record.shadow:
            self.add("hushgate_rule_hits", record.tenant, rule, "shadow", by=n)
        for category, number in record.masked.items():
            self.add("hushgate_masked_values", category, by=number * n)
        if record.unmapped:
            self.add("hushgate_unmapped_values", by=record.unmapped * n)
        if record.note == UNJUDGED:
            self.add("hushgate_registry_unjudged", record.tenant, by=n)
        if record.note == AGEING:
            self.add("hushgate_lists_ageing", record.tenant, by=n)
        if record.dropped:
            self.add("hushgate_dropped_recipients", by=record.dropped * n)
        if record.evidence.endswith(AGAINST):
            self.add("hushgate_location_contradictions", by=n)

    def _time(self, name: str, times: Sequence[int]) -> None:
        row = self.histograms.setdefault(name, [0.0] * (len(BUCKETS) + 2))
        inside, ordered = 0, sorted(times)
        for at, bound in enumerate(_BOUNDS):
            below = bisect_right(ordered, bound)
            row[at] += below - inside
            inside = below
        row[-2] += len(ordered) - inside
        row[-1] += sum(ordered) / 1e6

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
