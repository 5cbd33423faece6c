"""An authority in two folders, made at a moment, and the real `openssl` to judge what it issues."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import clock
from gateway.ca import authority, keystore, rotation
from gateway.ca import root as roots
from gateway.ca.authority import Authority
from gateway.ca.mint import Minter
from gateway.ca.names import Subtrees
from gateway.secret import Secret

DAY = 86_400.0
HOSTS = ("*.crm.test", "api.calls.test")


@dataclass
class Made:
    """A root and a gateway's folder. `now` is when it was made."""

    root: roots.Root
    folder: Path
    now: float

    def load(self, passphrase: Secret | None = None) -> Authority:
        return authority.load(self.folder, passphrase)

    def minter(self, at: float | None = None) -> Minter:
        return Minter(self.load(), now=lambda: self.now if at is None else at)

    def add(self, now: float, days: int = 30, passphrase: Secret | None = None) -> Path:
        """One more intermediate."""
        asked = rotation.request(self.folder, self.root.subtrees, passphrase)
        self.root, issued = roots.issue(self.root, asked.csr, now, days)
        return rotation.install(self.folder, issued, self.root.parent.certificate)


def make(
    where: Path, hosts: tuple[str, ...] = HOSTS, now: float | None = None, passphrase: Secret | None = None
) -> Made:
    now = clock.now() if now is None else now
    root = roots.create(where / "root", Subtrees.of(hosts), now, passphrase)
    made = Made(root, where / "gateway", now)
    made.add(now, passphrase=passphrase)
    return made


def private_key(value: int = 7) -> ec.EllipticCurvePrivateKey:
    """The same key for the same number: no test needs another."""
    return ec.derive_private_key(value, ec.SECP256R1())


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the real program; a machine without it skips."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("the program openssl is not installed")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)


def verify(
    where: Path, root: x509.Certificate, chain: bytes, host: str, *more: str | Path
) -> subprocess.CompletedProcess[str]:
    """`openssl verify` of a chain, as a client that trusts this root and asked for this host (if any)."""
    (where / "trusted.pem").write_bytes(keystore.encoded(root))
    (where / "chain.pem").write_bytes(chain)
    files = ("-CAfile", where / "trusted.pem", "-untrusted", where / "chain.pem")
    strict = ("-x509_strict", "-purpose", "sslserver", *(("-verify_hostname", host) if host else ()))
    return openssl("verify", *strict, *more, *files, where / "chain.pem")
