"""What runs in a worker process: an event loop with one listener, its log and its registry."""

import asyncio
import gc
import logging
import os
import secrets
import signal
import ssl
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import uvloop

from gateway import clock
from gateway.audit.aio import open_log
from gateway.audit.record import TextLog
from gateway.contacts import hours
from gateway.contacts.model import Registry
from gateway.deployment import Listener
from gateway.errors import HushgateError
from gateway.metrics import Metrics
from gateway.planes.reverse.worker import Worker
from gateway.plugins.guard import Failures
from gateway.residency.addresses import on_loopback
from gateway.residency.snapshot import builtin
from gateway.service.ageing import Ageing
from gateway.service.boot import Loaded
from gateway.service.canary import Canary
from gateway.service.interception import Minting, interceptor
from gateway.service.registry import open_registry
from gateway.service.renewing import Renewal
from gateway.service.servedtls import renew
from gateway.service.signals import unblock
from gateway.service.slot import Slot

if TYPE_CHECKING:
    from OpenSSL import SSL

log = logging.getLogger("hushgate.worker")

BEAT = 0.25
"""seconds between two publications of counters and readiness"""


@dataclass(frozen=True, slots=True)
class Post:
    """A worker's place: which listener on which port, its number among all workers, its shared page.

    `tls` and `sessions` (plane `intercept`) were made before the fork: all workers of a listener have the key
    of session tickets from there, and resume each other's sessions.
    """

    listener: Listener
    port: int
    number: int
    slot: Slot
    tls: ssl.SSLContext | None = None
    sessions: "SSL.Context | None" = None


@dataclass(frozen=True, slots=True)
class Watched:
    """What others note and the beat publishes: failures of plugins, and what the canary found leaking."""

    failures: Failures
    leaking: AbstractSet[object]

    def count(self, metrics: Metrics) -> None:
        """Move what was noted since into the counters."""
        metrics.set("hushgate_canary_leaking", value=len(self.leaking))
        while self.failures:
            plugin, count = self.failures.popitem()
            metrics.add("hushgate_plugin_failures", plugin, by=count)


def work(loaded: Loaded, post: Post) -> int:
    """Serve until SIGTERM. Returns the exit code: 1 when the worker could not start."""
    try:
        uvloop.run(_serve(loaded, post))
    except HushgateError as error:
        log.error("worker %d could not start: %s", post.number, error)
        return 1
    return 0


async def _serve(loaded: Loaded, post: Post) -> None:
    config = loaded.config
    loop = asyncio.get_running_loop()
    stop, again_please = asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_signal_handler(signal.SIGHUP, again_please.set)
    unblock()
    metrics = Metrics()
    registry = open_registry(config, partial(metrics.add, "hushgate_registry_crowded"))
    audit = open_log(config.audit.dir, post.number, config.audit.durability)
    before = post.slot.read()[0]
    if before:
        metrics.unpack(before)
        metrics.add("hushgate_worker_restarts")
    worker, renewal = _worker(loaded, post, audit, registry, metrics)
    hours.prime()
    outside = not all(on_loopback(upstream.url, upstream.connect) for upstream in config.upstreams)
    if config.geo.snapshot and outside:
        builtin()
    _settle_memory()
    canary = Canary(lambda: worker.env, metrics, lambda: secrets.token_hex(4))
    tasks: list[asyncio.Future[None]] = []
    try:
        await worker.listen(post.listener.bind.host, post.port, post.tls)
        watched = Watched(loaded.plugins.failures, canary.leaking)
        tasks.append(asyncio.ensure_future(_beat(worker, post, stop, watched)))  # ready once it listens
        tasks.append(asyncio.ensure_future(renewal.run(again_please)))
        if post.number == 0:  # one of them tells
            tasks.append(asyncio.ensure_future(Ageing(config.geo, lambda: worker.env.snapshot.table).run()))
        if config.canary is not None:
            tasks.append(asyncio.ensure_future(canary.run(config.canary)))
        await worker.run(stop)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        audit.close()
        registry.close()
        _publish(worker, post, ready=False)


def _worker(
    loaded: Loaded, post: Post, log: TextLog, registry: Registry, metrics: Metrics
) -> tuple[Worker, Renewal]:
    worker: Worker
    minting: Minting | None = None
    certificate: Callable[[], bool] = partial(renew, post.tls, post.listener.tls)
    means = loaded.config, loaded.snapshot(), log, registry, metrics
    if post.listener.plane == "intercept":
        worker, minting, certificate = interceptor(post.listener, post.sessions, *means)
    else:
        worker = Worker(*means)
    return worker, Renewal(worker, post.number, loaded, minting, certificate)


def _settle_memory() -> None:
    """What is there now stays: the collector need not look at it again, nor as often at what requests make.

    Exchanges leave no cycles behind, so that nearly everything is freed without it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _beat(worker: Worker, post: Post, stop: asyncio.Event, watched: Watched) -> None:
    parent = os.getppid()
    while True:
        if os.getppid() != parent:
            stop.set()  # nobody is left to reload, replace or stop this worker
        serves = not worker.draining and worker.services.log.ready() and worker.services.registry.ready()
        ready = serves and not watched.leaking
        worker.metrics.set("hushgate_ready", value=float(ready))
        watched.count(worker.metrics)
        for strange, number in worker.env.snapshot.drift.take().items():
            worker.metrics.add("hushgate_unmapped_paths", *strange, by=number)
        _publish(worker, post, ready=ready)
        await asyncio.sleep(BEAT)


def _publish(worker: Worker, post: Post, *, ready: bool) -> None:
    if not post.slot.write(worker.metrics.pack(), ready=ready, now=clock.now(), pid=os.getpid()):
        worker.metrics.fold("hushgate_rule_hits", 0)
        log.warning("too many counters: rule hits are no longer told apart by tenant")
