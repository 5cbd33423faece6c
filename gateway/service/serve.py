"""`hushgate run`: check everything that can be checked before the first fork, then supervise."""

import logging
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gateway import clock
from gateway.ca.rotation import CRL_DER
from gateway.deployment import Bind, Config, Tls
from gateway.errors import ConfigError, Problem, StoreError
from gateway.planes.reverse.trust import Contexts, context_for
from gateway.policy.load import Progress
from gateway.service import boot, interception
from gateway.service.accounting import Accounts
from gateway.service.admin import serve as serve_admin
from gateway.service.boot import Loaded
from gateway.service.deciding import mark
from gateway.service.process import Post, work
from gateway.service.registry import prepare
from gateway.service.servedtls import context_of, renew
from gateway.service.slot import Slot
from gateway.service.supervisor import Child, Supervisor

log = logging.getLogger("hushgate.supervisor")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where it listens: per listener name, and the admin port (None: none)."""

    listeners: dict[str, tuple[str, int]]
    admin: tuple[str, int] | None
    api: tuple[str, int] | None = None


def serve(config: Config, progress: Progress, announce: Callable[[Ports], None]) -> int:
    """Run until SIGTERM or SIGINT. `announce` is told the ports before the first worker is started.

    Raises ConfigError or StoreError before anything runs; returns the exit code.
    """
    loaded = _loaded(config, progress)
    loaded.snapshot().warm(clock.now())
    interception.check(config)
    accounts = Accounts(config)
    accounts.take(loaded)
    reserved = {listener.name: _reserve(listener.bind) for listener in config.listeners}
    admin = _reserve(config.admin) if config.admin else None
    api = _listening(config.api.bind) if config.api else None
    announce(
        Ports(
            {name: sock.getsockname()[:2] for name, sock in reserved.items()},
            admin.getsockname()[:2] if admin else None,
            api.getsockname()[:2] if api else None,
        )
    )
    held = _Held(loaded, accounts)
    children = _workers(held, reserved)
    if api:
        children.append(_api(held, api))
    if admin:
        slots = [child.slot for child in children if child.slot]
        crl = Path(config.certificates.dir, CRL_DER) if config.certificates else None
        children.append(Child("admin", partial(serve_admin, admin, slots, crl)))
    return Supervisor(children, held.reload, config.timeouts.drain, held.watch).run()


def serve_api(config: Config, progress: Progress, announce: Callable[[str, int], None]) -> int:
    """Run the registry's API alone, until SIGTERM or SIGINT. As `serve`."""
    if config.api is None:
        return 0
    loaded = _loaded(config, progress)
    api = _listening(config.api.bind)
    announce(*api.getsockname()[:2])
    held = _Held(loaded)
    return Supervisor([_api(held, api)], held.reload, config.timeouts.drain).run()


def _api(held: "_Held", sock: socket.socket) -> Child:
    from gateway.service.api import work as work_api  # its packages are an extra: who has no API needs none

    slot = Slot()
    return Child("api", lambda: work_api(held.loaded, sock, slot), slot)


def _loaded(config: Config, progress: Progress) -> Loaded:
    """What every process shares, checked before the first fork. Raises ConfigError, StoreError."""
    Path(config.audit.dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    Path(config.caches).mkdir(mode=0o700, parents=True, exist_ok=True)
    loaded = boot.load(config, progress)
    _check_tls(config)
    prepare(config)
    return loaded


def _check_tls(config: Config) -> None:
    """Certificates are read once before the first fork: a worker that cannot read them would die for ever."""
    files: list[tuple[str, Callable[[], object]]] = [
        (listener.name, partial(context_of, listener.tls)) for listener in config.listeners
    ]
    if config.api:
        files.append(("api", partial(context_of, config.api.tls)))
    files += [(up.name, partial(context_for, up)) for up in config.upstreams]
    ways = {up.name: up.parent for up in config.upstreams} | {"proxy": config.parent}
    files += [(name, partial(Contexts().of_parent, way)) for name, way in ways.items() if way and way.tls]
    problems = []
    for name, attempt in files:
        try:
            attempt()
        except OSError as error:
            found = f"TLS files of {name!r} that cannot be used ({error.strerror or type(error).__name__})"
            problems.append(Problem(config.file, 1, 1, found, "a PEM certificate chain, its own key, a CA"))
    if problems:
        raise ConfigError(tuple(problems))


class _Held:
    """What a worker forked now would serve; replaced on reload. `accounts` are those of a whole gateway."""

    def __init__(self, loaded: Loaded, accounts: Accounts | None = None) -> None:
        self.loaded = loaded
        self._accounts = accounts
        self.shown: list[tuple[ssl.SSLContext | None, Tls | None]] = []
        """What workers are forked with."""
        self._tried = loaded.told.mark

    def reload(self) -> bool:
        """Read the rules again. A bad file leaves its tenant's old rules in force; both are said loudly."""
        self.watch()  # what was decided before is a step of its own
        self.loaded, problems = boot.again(self.loaded)
        for shown in self.shown:
            renew(*shown)
        for problem in problems:
            log.error("the old rules (or keys) of this file stay in force: %s", problem)
        log.warning("rules reloaded, %d problems, %d tenants", len(problems), len(self.loaded.rules.entries))
        self._account()
        return True

    def watch(self) -> None:
        """See what was decided since, and that a day has begun."""
        now = mark(self.loaded.config)
        if now not in (self.loaded.told.mark, self._tried):
            self._tried = now
            try:
                self.loaded = boot.redecided(self.loaded)
            except ConfigError as error:
                log.error("what was decided before stays in force: %s", error)
            self._account()
        elif self._accounts is not None and clock.now() >= self._accounts.due:
            self._account()

    def _account(self) -> None:
        try:
            if self._accounts is not None:
                self._accounts.take(self.loaded)
        except StoreError as error:
            log.error("a step is not on record yet, and is tried again: %s", error)


def _workers(held: _Held, reserved: dict[str, socket.socket]) -> list[Child]:
    children: list[Child] = []
    for listener in held.loaded.config.listeners:
        port = reserved[listener.name].getsockname()[1]
        shared = context_of(listener.tls), interception.sessions(listener)
        held.shown.append((shared[0], listener.tls))
        for _ in range(listener.workers or os.cpu_count() or 1):
            post = Post(listener, port, len(children), Slot(), *shared)
            children.append(
                Child(f"worker {post.number}", partial(lambda post: work(held.loaded, post), post), post.slot)
            )
    return children


def _listening(bind: Bind) -> socket.socket:
    """Of a process that is alone on its port: callers wait while it is replaced."""
    sock = _reserve(bind)
    sock.listen()
    return sock


def _reserve(bind: Bind) -> socket.socket:
    """Bind without listening: takes the port (any free one for 0) so that workers can share it."""
    family, _, _, _, address = socket.getaddrinfo(bind.host, bind.port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(address)
    return sock
