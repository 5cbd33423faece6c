"""The admin port gives out the list of revoked intermediates, as it is now."""

import http.client
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

from prometheus_client.registry import CollectorRegistry

from gateway.service.admin import Slots, _handler


def test_the_list_is_given_out_as_it_is_now(tmp_path: Path) -> None:
    file = tmp_path / "hushgate.crl"
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(Slots([]), CollectorRegistry(), file)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            assert fetched(server, "/crl")[0] == 404, "there is none yet"
            for content in (b"first", b"second"):
                file.write_bytes(content)
                assert fetched(server, "/crl") == (200, "application/pkix-crl", content)
            assert fetched(server, "/crl/../keyring")[0] == 404
        finally:
            server.shutdown()
            thread.join()


def fetched(server: ThreadingHTTPServer, path: str) -> tuple[int, str | None, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    got = response.status, response.getheader("Content-Type"), response.read()
    connection.close()
    return got
