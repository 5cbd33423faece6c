"""TLS as a port of ours serves it, and a renewed certificate that is shown without a restart."""

import logging
import ssl
from functools import partial

from gateway.deployment import Tls

log = logging.getLogger("hushgate.tls")


def context_of(tls: Tls | None) -> ssl.SSLContext | None:
    """What a listener serves TLS with. Raises ssl.SSLError or OSError for files that cannot be used."""
    return None if tls is None else _read(tls)


def renew(context: ssl.SSLContext | None, tls: Tls | None) -> bool:
    """Show what the files hold now, in handshakes from now on; False (said in the log): the same as before.

    `context` is what the port was opened with: it keeps the key of session tickets, and what went before is
    resumed. What is shown is a context of its own, since one that is loaded again with a key of another kind
    would hold both, and show the old certificate to whoever prefers that kind.
    """
    if context is None or tls is None:
        return True
    if (renewed := usable(tls)) is None:
        return False
    context.sni_callback = partial(_show, renewed)
    return True


def usable(tls: Tls) -> ssl.SSLContext | None:
    """What the files hold now, or None (said in the log) where they cannot be used."""
    try:
        return _read(tls)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        log.error("the old certificate stays in force, %s (key, CA) cannot be used: %s", tls.cert, reason)
        return None


def _read(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.cert, tls.key, password="")  # a key that is encrypted must not ask a terminal
    context.set_alpn_protocols(["http/1.1"])
    if tls.client_ca:
        context.load_verify_locations(tls.client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _show(
    renewed: ssl.SSLContext, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext
) -> None:
    """Is called in every handshake, whether or not a name is asked for."""
    del name
    connection.context = renewed
