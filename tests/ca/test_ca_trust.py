"""Exports: what each kind of client gets, and real programs that then trust the gateway, not before."""

import os
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from gateway.ca import keystore, trust
from gateway.ca.trusttable import STORE_PASSWORD, TARGETS
from gateway.errors import StoreError
from tests.ca.made import make

HOST = "eu.crm.test"
PATIENCE = 60


@dataclass
class Trusted:
    """A root, a bundle of a system that knows another authority, and a folder to export to."""

    root: x509.Certificate
    system: bytes
    where: Path

    def write(self, target: str) -> trust.Export:
        made = trust.export(target, self.root, self.where, lambda: self.system)
        self.where.mkdir(exist_ok=True)
        for name, data in made.files.items():
            (self.where / name).write_bytes(data)
        return made


@pytest.fixture
def other() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(tmp_path: Path, other: trustme.CA) -> Trusted:
    system = b"# a comment\n" + other.cert_pem.bytes() + b"\nnot base64\n"
    return Trusted(make(tmp_path).root.parent.certificate, system, tmp_path / "trust")


@pytest.mark.parametrize("target", TARGETS)
def test_an_export_is_whole(trusted: Trusted, target: str) -> None:
    made = trusted.write(target)
    assert made.files and (made.env or made.install) and made.undo
    texts = " ".join([*made.env.values(), *made.install, *made.undo, made.note])
    assert "{" not in texts and "}" not in texts
    for file in made.files:
        assert file in texts, "every file is used by something"
    for value in made.env.values():
        assert str(trusted.where) in value


def test_a_bundle_holds_the_system_and_the_root_once(trusted: Trusted, other: trustme.CA) -> None:
    once = trust.bundle(trusted.root, lambda: trusted.system)
    twice = trust.bundle(trusted.root, lambda: once)
    for text in (once, twice):
        found = x509.load_pem_x509_certificates(text)
        assert found == [x509.load_pem_x509_certificate(other.cert_pem.bytes()), trusted.root]


def test_a_truststore_is_one(trusted: Trusted, other: trustme.CA) -> None:
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    store = trust.truststore(trusted.root, lambda: broken + trusted.system)
    held = pkcs12.load_pkcs12(store, STORE_PASSWORD.encode())
    assert held.key is None and held.cert is None
    assert [(c.friendly_name, c.certificate) for c in held.additional_certs] == [
        (b"hushgate-root", trusted.root),
        (b"system-1", x509.load_pem_x509_certificate(other.cert_pem.bytes())),
    ]


def test_paths_with_blanks_are_quoted(trusted: Trusted, tmp_path: Path) -> None:
    made = trust.export("debian", trusted.root, tmp_path / "a b", lambda: b"")
    assert shlex.split(made.install[0])[4] == str(tmp_path / "a b" / "hushgate-root.crt")


def test_no_bundle_of_the_system_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_bytes(b"nothing")
    for file in ("empty.pem", "missing.pem"):
        with pytest.raises(StoreError, match="--system"):
            trust.system_bundle(tmp_path / file)


def test_the_bundle_of_the_system(trusted: Trusted, tmp_path: Path) -> None:
    (tmp_path / "system.pem").write_bytes(trusted.system)
    assert trust.system_bundle(tmp_path / "system.pem") == trusted.system


# ---- real programs ----------------------------------------


@contextmanager
def https(context: ssl.SSLContext) -> Iterator[int]:
    """A server that answers each connection's request with `hello`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as sock:
                    sock.recv(65536)
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
                    sock.recv(1)
            except OSError:
                plain.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE)


@pytest.fixture
def intercepted(tmp_path: Path) -> Iterator[tuple[Trusted, int]]:
    """A server with a minted leaf, and the root it is under; the system knows one other authority."""
    made = make(tmp_path)
    leaf = made.minter().leaf(HOST, ["*.crm.test"])
    (tmp_path / "leaf.pem").write_bytes(leaf.chain_pem + leaf.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "leaf.pem")
    with https(context) as port:
        system = trustme.CA().cert_pem.bytes()
        yield Trusted(made.root.parent.certificate, system, tmp_path / "trust"), port


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"the program {name} is not installed")
    return found


def told(command: list[str], env: dict[str, str]) -> tuple[int, str]:
    """What a program says with these variables and none of the others that are about trust."""
    about = ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    kept = {name: value for name, value in os.environ.items() if name not in (*about, "JAVA_TOOL_OPTIONS")}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        command, env=kept | env, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done.returncode, done.stdout + done.stderr


NODE = """
const https = require('https');
https.get({host: '127.0.0.1', port: PORT, servername: 'HOST', headers: {host: 'HOST'}, agent: false}, (r) => {
  r.setEncoding('utf8'); r.on('data', (text) => console.log(text));
}).on('error', (error) => { console.log(error.code); process.exit(1); });
"""
JAVA = """
import java.net.Socket;
import javax.net.ssl.*;
public class Ask {
  public static void main(String[] a) throws Exception {
    SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
    Socket plain = new Socket("127.0.0.1", PORT);
    try (SSLSocket sock = (SSLSocket) factory.createSocket(plain, "HOST", PORT, true)) {
      SSLParameters checks = sock.getSSLParameters();
      checks.setEndpointIdentificationAlgorithm("HTTPS");
      sock.setSSLParameters(checks);
      sock.getOutputStream().write("GET / HTTP/1.1\\r\\nHost: HOST\\r\\n\\r\\n".getBytes());
      System.out.println(new String(sock.getInputStream().readNBytes(62)));
    }
  }
}
"""
PYTHON = """
import http.client, socket, ssl
context = ssl.create_default_context()
with socket.create_connection(("127.0.0.1", PORT)) as plain:
    with context.wrap_socket(plain, server_hostname="HOST") as sock:
        sock.sendall(b"GET / HTTP/1.1\\r\\nHost: HOST\\r\\n\\r\\n")
        print(sock.recv(65536))
"""
REQUESTS = """
import socket, requests
found = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **named: found("127.0.0.1", *rest, **named)
print(requests.get("https://HOST:PORT/", timeout=30).text)
"""


def filled(text: str, port: int) -> str:
    return text.replace("PORT", str(port)).replace("HOST", HOST)


def curl(port: int, _: Path) -> list[str]:
    resolved = ["--resolve", f"{HOST}:{port}:127.0.0.1"]
    return [program("curl"), "-sS", "--noproxy", "*", *resolved, f"https://{HOST}:{port}/"]


def node(port: int, _: Path) -> list[str]:
    return [program("node"), "-e", filled(NODE, port)]


def java(port: int, folder: Path) -> list[str]:
    (folder / "Ask.java").write_text(filled(JAVA, port))
    if shutil.which("javac") is None:
        pytest.skip("a Java compiler is not installed")
    return [program("java"), str(folder / "Ask.java")]


def python(port: int, _: Path) -> list[str]:
    return [sys.executable, "-c", filled(PYTHON, port)]


def with_requests(port: int, _: Path) -> list[str]:
    return [sys.executable, "-c", filled(REQUESTS, port)]


PROGRAMS = {
    "curl": ("curl", curl),
    "node": ("node", node),
    "java": ("java", java),
    "python": ("python", python),
    "requests": ("python", with_requests),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_trusts_the_root_by_its_export_alone(
    intercepted: tuple[Trusted, int], tmp_path: Path, name: str
) -> None:
    trusted, port = intercepted
    target, command = PROGRAMS[name]
    asked = command(port, tmp_path)
    before = told(asked, {})
    assert before[0] != 0 and "hello" not in before[1], "it is not trusted before"
    code, said = told(asked, dict(trusted.write(target).env))
    assert code == 0 and "hello" in said, said


def test_keytool_reads_the_truststore(trusted: Trusted) -> None:
    trusted.write("java")
    store = ["-keystore", str(trusted.where / "hushgate-truststore.p12"), "-storepass", STORE_PASSWORD]
    code, said = told([program("keytool"), "-list", *store], {})
    assert code == 0 and "hushgate-root" in said and "2 entries" in said
    assert said.count("trustedCertEntry") == 2


def test_keytool_imports_the_root_as_the_note_says(trusted: Trusted, tmp_path: Path) -> None:
    """The command of the note, on a store of its own in place of the machine's."""
    note = trusted.write("java").note
    command = note[note.index("keytool -importcert") : note.index("; to undo that")]
    words = shlex.split(command.replace("-cacerts", f"-keystore {tmp_path / 'own.p12'}"))
    code, said = told([program("keytool"), *words[1:]], {})
    assert code == 0, said
    code, said = told(
        [program("keytool"), "-list", "-keystore", str(tmp_path / "own.p12"), "-storepass", STORE_PASSWORD],
        {},
    )
    assert code == 0 and "1 entry" in said


def test_openssl_knows_the_root_by_the_name_windows_and_macos_use(trusted: Trusted) -> None:
    made = trusted.write("windows")
    shown, _ = shlex.split(made.undo[0])[-1], trusted.write("macos")
    file = trusted.where / "root.pem"
    file.write_bytes(keystore.encoded(trusted.root))
    _, said = told([program("openssl"), "x509", "-in", str(file), "-noout", "-fingerprint", "-sha1"], {})
    assert said.strip().partition("=")[2].replace(":", "") == shown
