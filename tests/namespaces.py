"""Three network namespaces on this machine: an application, the gateway, a provider. Needs root, ip and nft.

    10.77.1.2 app ---- 10.77.1.1 gate 203.0.113.1 ---- provider 203.0.113.7 (HOSTS)

The application reaches the provider through the gateway's namespace, which forwards: with nothing
installed it speaks to the provider itself, and its TLS is the provider's.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from tests.architecture import ROOT

PROVIDER = "203.0.113.7"
HOSTS = ("api.twilio.com", "api.hubapi.com", "acme.my.salesforce.com")
PATIENCE = 30.0
"""seconds any one program may take"""

NETWORK = """\
netns add {app}
netns add {gate}
netns add {provider}
link add a0 netns {app} type veth peer name g0 netns {gate}
link add g1 netns {gate} type veth peer name p0 netns {provider}
-n {app} addr add 10.77.1.2/24 dev a0
-n {gate} addr add 10.77.1.1/24 dev g0
-n {gate} addr add 203.0.113.1/24 dev g1
-n {provider} addr add 203.0.113.7/24 dev p0
-n {app} link set a0 up
-n {app} link set lo up
-n {gate} link set g0 up
-n {gate} link set g1 up
-n {gate} link set lo up
-n {provider} link set p0 up
-n {provider} link set lo up
-n {app} route add default via 10.77.1.1
-n {provider} route add default via 203.0.113.1
"""


def why_not() -> str:
    """Why namespaces cannot be made here; "" when they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need root on Linux"
    missing = [program for program in ("ip", "nft") if not shutil.which(program)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    probe = f"hushgate-probe-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode:
        return "network namespaces cannot be made here"
    done = subprocess.run(
        ["ip", "netns", "exec", probe, "nft", "add", "table", "inet", "probe"],
        capture_output=True,
        check=False,
    )
    subprocess.run(["ip", "netns", "delete", probe], check=False)
    return "nftables does not work here" if done.returncode else ""


@dataclass
class Trio:
    """The namespaces of one test, by the names they have here."""

    folder: Path
    spaces: Mapping[str, str]
    provider_ca: Path
    _programs: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, where: str, command: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end in a namespace."""
        return subprocess.run(
            self._inside(where, command),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=_environment(environment),
            cwd=self.folder,
        )

    def start(self, where: str, command: Sequence[str], **environment: str) -> subprocess.Popen[str]:
        """Start a program that goes on, and is ended with the trio."""
        with (self.folder / f"{where}.log").open("a") as log:
            program = subprocess.Popen(
                self._inside(where, command),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_environment(environment),
                cwd=self.folder,
            )
        self._programs.append(program)
        return program

    def python(self, where: str, program: str, **environment: str) -> Any:
        """What a Python program prints, as JSON."""
        done = self.run(where, [sys.executable, "-c", program], **environment)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    def ruleset(self) -> str:
        """Everything nftables has in the gateway's namespace."""
        done = self.run("gate", ["nft", "list", "ruleset"])
        assert done.returncode == 0, done.stderr
        return done.stdout

    def redirect(self, *arguments: str) -> None:
        """deploy/redirect.sh in the gateway's namespace."""
        done = self.run("gate", [str(ROOT / "deploy" / "redirect.sh"), *arguments])
        assert done.returncode == 0, done.stderr

    def stop(self) -> None:
        """End every program."""
        for program in self._programs:
            program.terminate()
        for program in self._programs:
            program.communicate(timeout=PATIENCE)

    def _inside(self, where: str, command: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self.spaces[where], *command]


@contextmanager
def trio(folder: Path) -> Iterator[Trio]:
    """Namespaces, addresses and routes, and a certificate of the provider's; gone afterwards."""
    tag = f"hg{os.getpid() % 10_000}"
    spaces = {name: f"{tag}-{name}" for name in ("app", "gate", "provider")}
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "provider-ca.pem"))
    authority.issue_cert(*HOSTS).private_key_and_cert_chain_pem.write_to_path(str(folder / "provider.pem"))
    with ExitStack() as stack:
        for name in spaces.values():
            stack.callback(subprocess.run, ["ip", "netns", "delete", name], capture_output=True, check=False)
        for line in NETWORK.format(**spaces).splitlines():
            subprocess.run(["ip", *line.split()], check=True, capture_output=True)
        for name in ("app", "gate"):
            stack.callback(shutil.rmtree, _names(spaces[name]), ignore_errors=True)
        made = Trio(folder, spaces, folder / "provider-ca.pem")
        stack.callback(made.stop)
        done = made.run("gate", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
        assert done.returncode == 0, done.stderr
        yield made


def _names(space: str) -> Path:
    """What a namespace resolves: the providers' names, as DNS would."""
    folder = Path("/etc/netns") / space
    folder.mkdir(parents=True)
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{PROVIDER} {' '.join(HOSTS)}\n")
    return folder


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def wait_until(program: subprocess.Popen[Any], ready: Any, every: float = 0.05) -> None:
    """Until `ready()`, asked every so many seconds, or the program's end."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert program.poll() is None, "it ended"
        assert time.monotonic() < deadline, "it is not ready"
        time.sleep(every)
