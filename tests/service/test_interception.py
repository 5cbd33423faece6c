"""`hushgate run` with a listener that intercepts: two real workers behind one port, and its own authority."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.ca.root import CERTIFICATE
from tests.ca.made import Made, make
from tests.plane import Upstream, answer, read_answer
from tests.service.house import House, environ, run, running, until
from tests.world import KEYS

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

PERSON = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'
LISTENER = '}\n  - {name: legacy, plane: intercept, bind: "127.0.0.1:0", workers: 2'


def house_of(folder: Path, upstream: Upstream) -> tuple[House, Made]:
    made = make(folder / "ca-of-tests", ("crm.test",))
    more = f"certificates: {{dir: {json.dumps(str(made.folder))}}}\n"
    url = f"http://crm.test:{upstream.port}"
    connect = ", connect: [127.0.0.1]"
    return House(folder, upstream.port, url=url, upstream=connect, listener=LISTENER, more=more), made


def tunnel(house: House, made: Made, port: int) -> ssl.SSLSocket:
    import base64

    sock = socket.create_connection(house.listeners["legacy"], timeout=10)
    auth = base64.b64encode(b"app:" + KEYS["support"]).decode()
    sock.sendall(f"CONNECT crm.test:{port} HTTP/1.1\r\nProxy-Authorization: Basic {auth}\r\n\r\n".encode())
    assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
    context = ssl.create_default_context(cafile=str(made.root.folder / CERTIFICATE))
    return context.wrap_socket(sock, server_hostname="crm.test")


def asked(sock: ssl.SSLSocket, port: int) -> bytes:
    sock.sendall(f"GET /contacts/7 HTTP/1.1\r\nHost: crm.test:{port}\r\n\r\n".encode())
    return read_answer(sock)


def test_two_workers_share_the_port_reload_and_drain(tmp_path: Path) -> None:
    with Upstream(lambda _: answer(PERSON)) as upstream:
        house, made = house_of(tmp_path, upstream)
        with running(house):
            held = [tunnel(house, made, upstream.port) for _ in range(16)]
            for sock in held:
                got = asked(sock, upstream.port)
                assert got.startswith(b"HTTP/1.1 200") and b"Ana" in got and b"ana@example.com" not in got
            served = {r["id"].partition("-")[0] for r in house.records() if r["phase"] == "read"}
            assert len(served) == 2, "one worker took every connection"
            os.kill(house.process.pid, signal.SIGHUP)  # type: ignore[union-attr]  # it runs
            until(lambda: house.metrics().get('hushgate_reloads_total{result="ok"}') == 3)
            assert asked(held[0], upstream.port).startswith(b"HTTP/1.1 200")
            assert house.stop() == 0, house.log
            assert [sock.recv(1) for sock in held] == [b""] * len(held)
            for sock in held:
                sock.close()
        assert house.verify()["verified"]
        assert "Traceback" not in house.log and "ana@" not in house.log


def test_nothing_starts_without_the_authority(tmp_path: Path) -> None:
    with Upstream(lambda _: b"") as upstream:
        house, made = house_of(tmp_path, upstream)
    (made.folder / "root.pem").unlink()
    done = run("run", "-c", str(house.config))
    assert done.returncode == 3
    assert "root.pem" in done.stderr


MDWE = 65
"""PR_SET_MDWE of prctl(2), with 1: as strict as systemd's MemoryDenyWriteExecute."""
DENIED = f"""
import ctypes, sys
if ctypes.CDLL(None).prctl({MDWE}, 1, 0, 0, 0):
    sys.exit(99)
from gateway.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_nothing_starts_where_every_handshake_would_fail(tmp_path: Path) -> None:
    with Upstream(lambda _: b"") as upstream:
        house, _ = house_of(tmp_path, upstream)
    command = [sys.executable, "-c", DENIED, "run", "-c", str(house.config)]
    done = subprocess.run(command, capture_output=True, text=True, env=environ(), timeout=60, check=False)
    if done.returncode == 99:
        pytest.skip("this kernel has no PR_SET_MDWE")
    assert done.returncode == 3, done.stderr
    assert "MemoryDenyWriteExecute" in done.stderr
