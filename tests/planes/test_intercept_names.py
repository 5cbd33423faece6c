"""Which names a certificate is minted with: those that its upstream's own was seen to have."""

import ssl
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

from pathlib import Path

from gateway.model import Upstream as UpstreamModel
from tests.intercepting import Proxy, authority, leaf, trusting, write
from tests.plane import read_answer
from tests.planes.test_parent import Secure

HOST, SIBLING = "crm.example", "www.crm.example"


def test_names_are_those_of_the_upstreams_own_once_it_was_seen(tmp_path: Path) -> None:
    asked: list[tuple[str, tuple[str, ...]]] = []

    def mint(host: str, names: Sequence[str] = ()) -> Any:
        asked.append((host, tuple(names)))
        return leaf(host, tuple(names))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority().issue_cert(HOST, SIBLING).configure_cert(context)
    ca = write(tmp_path, "ca.pem", authority().cert_pem.bytes())
    with Secure(context) as upstream:
        url = f"https://{HOST}:{upstream.port}"

        def change(made: UpstreamModel) -> UpstreamModel:
            return msgspec.structs.replace(made, url=url, connect=("127.0.0.1",), ca=ca)

        with Proxy(upstream, change=change, mint=mint) as proxy:
            shown = [names(proxy) for _ in range(2)]
    assert asked == [(HOST, ()), (HOST, (HOST, SIBLING))]
    assert shown == [{HOST}, {HOST, SIBLING}]


def names(proxy: Proxy) -> set[str]:
    """Those that an application sees."""
    with proxy.tls(HOST, context=trusting()) as sock:
        sock.sendall(b"GET /contacts/7 HTTP/1.1\r\nHost: %b\r\n\r\n" % proxy.host.encode())
        assert read_answer(sock).startswith(b"HTTP/1.1 200")
        found: Any = sock.getpeercert()
        return {name for _, name in found["subjectAltName"]}
