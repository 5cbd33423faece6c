"""`hushgate run` with a listener that intercepts: two real workers behind one port, and its own authority."""

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

import pytest

from gateway.ca.root import CERTIFICATE
from tests.ca.made import Made, make
from tests.intercepting import authority, trusting, write
from tests.plane import Upstream, answer, read_answer, request
from tests.service.house import House, environ, run, running, until
from tests.world import KEYS

pytest.importorskip("mitmproxy", reason="the extra `intercept` is not installed")

Resumed = tuple[ssl.SSLContext, ssl.SSLSession | None]
Shaken = tuple[bool, bytes, ssl.SSLSession | None]
"""Whether a session was resumed, the decision's id, the session."""
PERSON = b'{"id": "7", "name": {"first": "Ana"}, "email": "ana@example.com"}'
OWN = ", tls: {cert: cert.pem, key: key.pem}}"
LISTENER = OWN + '\n  - {name: legacy, plane: intercept, bind: "127.0.0.1:0", workers: 2, ' + OWN[2:-1]
TICKETS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def house_of(folder: Path, upstream: Upstream) -> tuple[House, Made]:
    own_certificate(folder)
    made = make(folder / "ca-of-tests", ("crm.test",))
    more = f"certificates: {{dir: {json.dumps(str(made.folder))}}}\n"
    url = f"http://crm.test:{upstream.port}"
    connect = ", connect: [127.0.0.1]"
    house = House(folder, upstream.port, 2, url=url, upstream=connect, listener=LISTENER, more=more)
    return house, made


def own_certificate(folder: Path) -> bytes:
    """What the listeners themselves show, anew; its DER."""
    own = authority().issue_cert("127.0.0.1")
    chain = b"".join(b.bytes() for b in own.cert_chain_pems)
    write(folder, "cert.pem", chain)
    write(folder, "key.pem", own.private_key_pem.bytes())
    return ssl.PEM_cert_to_DER_cert(own.cert_chain_pems[0].bytes().decode())


def shown_by(address: tuple[str, int]) -> bytes | None:
    """The certificate of a listener itself."""
    plain = socket.create_connection(address, timeout=30)
    with trusting().wrap_socket(plain, server_hostname="127.0.0.1") as sock:
        return sock.getpeercert(binary_form=True)


Standing = tuple[House, Made, Upstream]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """One that runs; the last test that uses it ends it."""
    with Upstream(lambda _: answer(PERSON)) as upstream:
        house, made = house_of(tmp_path_factory.mktemp("house"), upstream)
        with running(house):
            yield house, made, upstream


def tunnel(house: House, made: Made, port: int, resumed: Resumed | None = None) -> ssl.SSLSocket:
    sock = socket.create_connection(house.listeners["legacy"], timeout=30)
    auth = base64.b64encode(b"app:" + KEYS["support"]).decode()
    sock.sendall(f"CONNECT crm.test:{port} HTTP/1.1\r\nProxy-Authorization: Basic {auth}\r\n\r\n".encode())
    assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
    context, session = resumed or (trusting_root(made), None)
    return context.wrap_socket(sock, server_hostname="crm.test", session=session)


def trusting_root(made: Made) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(made.root.folder / CERTIFICATE))


def asked(sock: ssl.SSLSocket, port: int) -> bytes:
    sock.sendall(f"GET /contacts/7 HTTP/1.1\r\nHost: crm.test:{port}\r\n\r\n".encode())
    return read_answer(sock)


def workers_of(house: House, ids: Iterable[bytes]) -> set[str]:
    """The workers that these answers are of."""
    named = {name.decode().partition("-")[0] for name in ids}
    assert named <= {record["id"].partition("-")[0] for record in house.records()}
    return named


def decision(got: bytes) -> bytes:
    """The id in an answer."""
    assert got.startswith(b"HTTP/1.1 200"), got
    return got.partition(b"Hushgate-Decision: ")[2].partition(b"\r\n")[0]


def test_a_session_that_one_worker_began_is_resumed_by_every_one(standing: Standing) -> None:
    house, made, upstream = standing
    for version, ask in product(TICKETS, (through_proxy, itself)):
        context = trusting_root(made) if ask is through_proxy else trusting()
        context.maximum_version = version
        reused, name, session = ask(house, made, upstream.port, (context, None))
        again = [ask(house, made, upstream.port, (context, session)) for _ in range(16)]
        assert not reused and all(each[0] for each in again), (version, ask)
        assert len(workers_of(house, [name, *(each[1] for each in again)])) == 2


def through_proxy(house: House, made: Made, port: int, resumed: Resumed) -> Shaken:
    with tunnel(house, made, port, resumed) as sock:
        name = decision(asked(sock, port))
        return bool(sock.session_reused), name, sock.session


def itself(house: House, made: Made, port: int, resumed: Resumed) -> Shaken:
    """The same of plane `reverse`."""
    del made, port
    context, session = resumed
    plain = socket.create_connection(house.apps, timeout=30)
    with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as sock:
        sock.sendall(request("GET", "/crm/contacts/7"))
        name = decision(read_answer(sock))
        return bool(sock.session_reused), name, sock.session


def test_two_workers_share_the_port_reload_and_drain(standing: Standing) -> None:
    house, made, upstream = standing
    held = [tunnel(house, made, upstream.port) for _ in range(16)]
    served = []
    for sock in held:
        got = asked(sock, upstream.port)
        assert b"Ana" in got and b"ana@example.com" not in got
        served.append(decision(got))
    assert len(workers_of(house, served)) == 2, "one worker took every connection"
    context = trusting()
    session = itself(house, made, upstream.port, (context, None))[2]
    renewed = own_certificate(house.folder)
    os.kill(house.process.pid, signal.SIGHUP)  # type: ignore[union-attr]  # it runs
    until(lambda: house.metrics().get('hushgate_reloads_total{result="ok"}') == 4)
    for address in (house.apps, house.listeners["legacy"]) * 4:
        assert shown_by(address) == renewed
    assert itself(house, made, upstream.port, (context, session))[0], "sessions of before are resumed"
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
