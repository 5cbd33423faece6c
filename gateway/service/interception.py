"""Builds what a worker of plane `intercept` is given: its certificates, and the plane itself.

mitmproxy is imported here, when such a worker starts, and nowhere else: everything else works without it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.audit.record import TextLog
from gateway.ca import authority
from gateway.ca.mint import Leaf, Minter
from gateway.contacts.model import Registry
from gateway.deployment import Certificates, Config, Listener, Tls
from gateway.errors import ConfigError, Problem
from gateway.metrics import Metrics
from gateway.planes.reverse.worker import Worker
from gateway.policy.snapshot import Snapshot
from gateway.service.servedtls import usable

if TYPE_CHECKING:
    from OpenSSL import SSL

    from gateway.planes.intercept.tls import Contexts


class Minting:
    """Certificates for hosts, of an authority that is read again on reload. Raises ConfigError."""

    def __init__(self, certificates: Certificates) -> None:
        self._settings = certificates
        self._minter = Minter(self._read(), certificates.validity, certificates.cache)

    def leaf(self, host: str, names: Sequence[str]) -> Leaf:
        """A host's certificate, with what fits of its upstream's names.

        Raises CertificateError, UpstreamError.
        """
        return self._minter.leaf(host, names)

    def renew(self) -> None:
        """Read the authority's folder again: another intermediate, a revoked one. Raises ConfigError."""
        self._minter.replace(self._read())

    def _read(self) -> authority.Authority:
        return authority.load(Path(self._settings.dir), self._settings.passphrase)


def check(config: Config) -> None:
    """What interception needs is there. Raises ConfigError."""
    if lacks := wanting(config):
        raise ConfigError(lacks)
    if config.certificates is not None and _intercepts(config):
        Minting(config.certificates)


def wanting(config: Config) -> tuple[Problem, ...]:
    """What this machine lacks for it; another may have it. No key is read."""
    if not _intercepts(config):
        return ()
    lacks = []
    if find_spec("mitmproxy") is None:
        lacks.append(("plane 'intercept' without mitmproxy", "the extra: pip install 'hushgate[intercept]'"))
    elif not _may_be_called_back():
        lacks.append(
            (
                "plane 'intercept' where no memory may be written and executed",
                "a system that permits it (systemd: MemoryDenyWriteExecute=no, as in deploy/intercept.conf)",
            )
        )
    elif not _may_ask(config):
        lacks.append(
            (
                "'client_ca' beside 'quic: intercept' with an aioquic that cannot ask for certificates",
                "the version in requirements.lock, or one of the two",
            )
        )
    return tuple(Problem(config.file, 1, 1, *each) for each in lacks) + _authority(config.certificates)


def _authority(certificates: Certificates | None) -> tuple[Problem, ...]:
    """What is wrong with the root in the authority's folder."""
    try:
        if certificates is not None:
            authority.root_of(Path(certificates.dir))
    except ConfigError as error:
        return error.problems
    return ()


def _intercepts(config: Config) -> bool:
    return any(listener.plane == "intercept" for listener in config.listeners)


def _may_be_called_back() -> bool:
    """Whether OpenSSL may ask us which protocol to speak: pyOpenSSL writes a piece of code for that."""
    from OpenSSL import SSL

    try:
        SSL.Context(SSL.TLS_SERVER_METHOD).set_alpn_select_callback(_nothing)
    except MemoryError:
        return False
    return True


def _may_ask(config: Config) -> bool:
    """Whether HTTP/3 can ask for certificates, if it is to: aioquic promises that to nobody."""
    wanted = any(
        listener.tls and listener.tls.client_ca and listener.interception.quic == "intercept"
        for listener in config.listeners
        if listener.interception
    )
    if not wanted:
        return True
    from gateway.planes.intercept.quic import can_ask

    return can_ask()


def _nothing(connection: object, offered: object) -> bytes:
    """Is never called."""
    del connection, offered
    return b""


def sessions(listener: Listener) -> "SSL.Context | None":
    """What a listener's workers are to share, made before the first of them; None on another plane."""
    if listener.plane != "intercept":
        return None
    from gateway.tlsserver import context

    return context(listener.tls)


def interceptor(
    listener: Listener,
    shared: "SSL.Context | None",
    config: Config,
    snapshot: Snapshot,
    log: TextLog,
    registry: Registry,
    metrics: Metrics,
) -> tuple[Worker, Minting, Callable[[], bool]]:
    """A worker of that plane, what mints for it, and what shows a renewed certificate of the listener's own.

    `shared`: of `sessions`. Raises ConfigError.
    """
    from gateway.planes.intercept.plane import Interceptor
    from gateway.planes.intercept.tls import Contexts

    check(config)
    if config.certificates is None or listener.interception is None:
        raise ConfigError(())
    minting = Minting(config.certificates)
    contexts = Contexts(minting.leaf, listener.tls, shared)
    plane = Interceptor(config, snapshot, log, registry, metrics, listener.interception, contexts)
    return plane, minting, partial(_recertify, contexts, listener.tls)


def _recertify(contexts: "Contexts", tls: Tls | None) -> bool:
    """Of the listener itself; False: it shows the old one."""
    if tls is not None and usable(tls) is None:
        return False
    contexts.renew()
    return True
