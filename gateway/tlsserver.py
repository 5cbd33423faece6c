"""TLS as the plane `intercept` serves it: what its contexts have in common, and the one that sessions are of.

A context has the key its session tickets are sealed with from when it is made. So one that was made before a
service forks its workers lets each of them resume what another one began (and a worker that was replaced).
It imports no mitmproxy: the process that forks has none of it.
"""

from hashlib import sha256

from OpenSSL import SSL

from gateway.deployment import Tls


def context(tls: Tls | None) -> SSL.Context:
    """With no certificate yet. `tls`: of the listener, whose `client_ca` says whose certificates count.

    Raises OpenSSL.SSL.Error for a `client_ca` that cannot be used.
    """
    made = SSL.Context(SSL.TLS_SERVER_METHOD)
    made.set_min_proto_version(SSL.TLS1_2_VERSION)
    made.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    made.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
    made.set_session_id(b"hushgate")
    if tls is not None and tls.client_ca:
        made.load_verify_locations(tls.client_ca)
        made.set_verify(SSL.VERIFY_PEER, None)
    return made


def connection(sessions: SSL.Context, shown: SSL.Context) -> SSL.Connection:
    """One that shows the certificate of `shown`, and whose sessions are those of `sessions`."""
    made = SSL.Connection(sessions)
    made.set_context(shown)
    made.set_accept_state()
    return made


def bind(made: SSL.Context, host: str, issuer: bytes) -> None:
    """Let sessions be resumed for the same host only, and while the same authority vouches for it.

    OpenSSL takes no session of another id (SSL_CTX_set_session_id_context: 32 bytes at most).
    """
    made.set_session_id(sha256(host.encode() + b"\0" + issuer).digest())
