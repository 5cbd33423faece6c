"""The process of the registry's API: an event loop with the application, its log, books and outboxes."""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import uvicorn
import uvloop

from gateway import clock
from gateway.api.app import Means, application
from gateway.api.desk import Desk
from gateway.api.outbox import Outbox, Tools
from gateway.audit.aio import open_log
from gateway.contacts.books import open_books
from gateway.deployment import Api, Config
from gateway.errors import HushgateError
from gateway.metrics import Metrics
from gateway.service.boot import Loaded, again
from gateway.service.servedtls import renew
from gateway.service.signals import unblock
from gateway.service.slot import Slot

log = logging.getLogger("hushgate.api")

CHAIN = 900
"""the API's slot in the access log, above those of workers"""
BEAT = 0.25
"""seconds between two publications of counters and readiness"""


class _Server(uvicorn.Server):
    """Leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing to capture."""
        yield


class Process:
    """What is in force in it."""

    def __init__(self, loaded: Loaded, slot: Slot) -> None:
        self.loaded = loaded
        self.slot = slot
        self.snapshot = loaded.snapshot()
        self.metrics = Metrics()
        before = slot.read()[0]
        if before:
            self.metrics.unpack(before)
            self.metrics.add("hushgate_worker_restarts")
        self._prefix, self._number = secrets.token_hex(6), 0

    def identifier(self) -> str:
        """The id of a decision."""
        self._number += 1
        return f"{self._prefix}-api-{self._number:x}"

    def counted(self, call: str, status: int) -> None:
        """An answer was given."""
        self.metrics.add("hushgate_api_requests", call, str(status))

    async def reload(self, wanted: asyncio.Event, certificate: Callable[[], bool]) -> None:
        """Read rules and certificate again, as often as wanted; a bad file leaves in force what was."""
        while True:
            await wanted.wait()
            wanted.clear()
            certificate()
            try:
                self.loaded, _ = await asyncio.to_thread(again, self.loaded)
                self.snapshot = await asyncio.to_thread(self.loaded.snapshot)
            except HushgateError as error:
                log.error("the API keeps its old rules: %s", error)

    def publish(self, *, ready: bool) -> None:
        """Counters and readiness, for the admin port."""
        self.metrics.set("hushgate_ready", value=float(ready))
        self.slot.write(self.metrics.pack(), ready=ready, now=clock.now(), pid=os.getpid())


def work(loaded: Loaded, sock: socket.socket, slot: Slot) -> int:
    """Serve until SIGTERM. Returns the exit code: 1 when it could not start."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    try:
        uvloop.run(_serve(Process(loaded, slot), sock))
    except (HushgateError, OSError) as error:
        log.error("the API could not start: %s", error)
        return 1
    return 0


async def _serve(process: Process, sock: socket.socket) -> None:
    config = process.loaded.config
    if config.api is None:
        return
    audit = open_log(config.audit.dir, CHAIN, config.audit.durability)
    desk = Desk(partial(open_books, config.store, create=False), _state(config))
    times = (clock.now, clock.monotonic)
    means = Means(lambda: process.snapshot, audit, desk, *times, process.identifier, process.counted)
    settings = _settings(config.api, means, config)
    server = _Server(settings)
    stop, reload_wanted = threading.Event(), asyncio.Event()

    def end() -> None:
        server.should_exit = True
        stop.set()

    _listen(end, reload_wanted.set)
    outboxes = _outboxes(config, process.metrics, stop)
    beside = [
        asyncio.ensure_future(process.reload(reload_wanted, partial(renew, settings.ssl, config.api.tls))),
        asyncio.ensure_future(_beat(process, desk, lambda: server.started and audit.ready(), end)),
    ]
    try:
        await server.serve(sockets=[sock])
    finally:
        stop.set()
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        for outbox in outboxes:
            await asyncio.to_thread(outbox.join, 2.0)
        audit.close()
        await asyncio.to_thread(desk.close)
        process.publish(ready=False)


def _listen(end: Callable[[], None], reload: Callable[[], None]) -> None:
    """Act on signals from now on."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, reload)
    unblock()


def _state(config: Config) -> Path:
    return Path(config.caches) / "api.db"


def _settings(api: Api, means: Means, config: Config) -> uvicorn.Config:
    settings = uvicorn.Config(
        application(means),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        http="h11",
        ws="none",
        proxy_headers=False,
        limit_concurrency=config.max_connections,
        timeout_keep_alive=int(config.timeouts.idle),
        timeout_graceful_shutdown=int(config.timeouts.drain) or 1,
    )
    if api.tls:
        settings.ssl_certfile, settings.ssl_keyfile = api.tls.cert, api.tls.key
        settings.ssl_ca_certs = api.tls.client_ca
        settings.ssl_cert_reqs = ssl.CERT_REQUIRED if api.tls.client_ca else ssl.CERT_NONE
    settings.load()
    return settings


def _outboxes(config: Config, metrics: Metrics, stop: threading.Event) -> list[Outbox]:
    def count(name: str, result: str) -> None:
        metrics.add("hushgate_webhooks", name, result)

    tools = Tools(partial(open_books, config.store, create=False), _state(config), clock.now, count)
    made = [Outbox(webhook, tools, stop) for webhook in (config.api.webhooks if config.api else ())]
    for outbox in made:
        outbox.start()
    return made


async def _beat(process: Process, desk: Desk, serves: Callable[[], bool], end: Callable[[], None]) -> None:
    parent = os.getppid()
    while True:
        if os.getppid() != parent:
            end()  # nobody is left to reload, replace or stop this process
        process.publish(ready=serves() and await desk.ready())
        await asyncio.sleep(BEAT)
