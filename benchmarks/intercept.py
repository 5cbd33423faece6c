"""What interception costs: against a bare mitmproxy add-on, and in handshakes.

    python -m benchmarks.intercept [--rounds 5] [--seconds 3]

Both listen as a local reverse proxy for HubSpot's host, in clear and in TLS on the same port, in front of the
upstream of `make bench`, and do the work of benchmarks/work.py; their answers are compared first. Upstream
connections are in clear. CPU time per request holds on a busy machine, requests per second do not.
Exit codes: 0 every target was met, 1 one was not, 2 it could not run.
"""

import argparse
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from benchmarks import install, machine
from benchmarks.cells import CELLS, write_requests
from benchmarks.hushgate.intercept import HOST, write_interception
from benchmarks.intercept_processes import SETTLING
from benchmarks.load.wrk import burst
from benchmarks.peers.table import HEADERS, PEERS, PROBE, Bed, Running, start_upstream
from benchmarks.processes import RunError, Server, cpu_seconds, unwind_on_terminate
from benchmarks.scale import check
from benchmarks.verify import reads
from gateway import clock
from gateway.ca import authority
from gateway.ca.mint import mint
from gateway.planes.intercept.tls import Contexts

SCHEMES: Mapping[str, str] = {"http": "in clear", "https": "TLS"}
MEASURED = ("contact", "list100")
SHAKES = 100
"""connections of one round of handshakes"""
MINTED = 500


@dataclass(slots=True)
class Spent:
    """Rounds of one server with one load: requests per second, CPU microseconds of the server per request."""

    rps: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def take(self, running: Running, file: Path, seconds: int, cores: str | None, scheme: str) -> None:
        """One more round. Raises RunError on failures."""
        seconds += SETTLING if scheme == "https" else 0
        before = cpu_seconds(running.server.pid)
        got = burst(running.port, file, seconds, cores, scheme=scheme)
        if got.failed or not got.requests:
            raise RunError(f"{running.server.name}: {got.failed} of {got.requests} requests failed")
        self.rps.append(got.rps)
        self.cpu.append((cpu_seconds(running.server.pid) - before) / got.requests * 1e6)


def start(bed: Bed, workers: int, name: str, cores: str | None, stack: ExitStack) -> Running:
    """Hushgate, intercepting."""
    folder = bed.folder / name
    folder.mkdir()
    made = write_interception(folder, bed.upstream, workers)
    running = Running(Server(name, made.command, folder, cores, made.env), made.port)
    stack.callback(running.server.stop)
    running.server.wait(running.port, PROBE, HEADERS, 60)
    return running


def throughput(
    pair: Mapping[str, Running], bed: Bed, files: Mapping[str, Path], options: argparse.Namespace
) -> bool:
    """Requests of both, in turns."""
    kept = True
    for cell in MEASURED:
        for scheme, title in SCHEMES.items():
            spent = {name: Spent() for name in pair}
            for _ in range(options.rounds):
                for name, running in pair.items():
                    spent[name].take(running, files[cell], options.seconds, bed.load_cores, scheme)
            ours, theirs = (spent[name] for name in ("hushgate", "mitmproxy"))
            print(
                f"{CELLS[cell].title}, {title}: "
                f"Hushgate {median(ours.rps):.0f}/s ({median(ours.cpu):.0f} us), "
                f"mitmproxy {median(theirs.rps):.0f}/s ({median(theirs.cpu):.0f} us)"
            )
            ratio = median(a / b for a, b in zip(ours.rps, theirs.rps, strict=True))
            kept &= check("  times mitmproxy, requests/s", ratio, 0.85, at_least=True)
            print(f"  times mitmproxy, by CPU time: {median(theirs.cpu) / median(ours.cpu):.2f}")
    return kept


def shake(
    port: int, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[bool, ssl.SSLSession | None]:
    """A connection and one request on it: whether the handshake was a resumption, and the session."""
    request = "".join(f"{name}: {value}\r\n" for name, value in (HEADERS | {"Connection": "close"}).items())
    plain = socket.create_connection(("127.0.0.1", port), 10)
    with context.wrap_socket(plain, server_hostname=HOST, session=session) as sock:
        sock.sendall(f"GET {PROBE} HTTP/1.1\r\n{request}\r\n".encode())
        got = sock.recv(65536)
        if not got.startswith(b"HTTP/1.1 200"):
            raise RunError(f"a handshake was followed by {got[:80]!r}")
        with suppress(ssl.SSLError):  # mitmproxy's connections end without a word
            while sock.recv(65536):
                pass
        return bool(sock.session_reused), sock.session


def handshakes(pair: Mapping[str, Running], rounds: int) -> bool:
    """CPU time of a server per connection with one request, with whole handshakes and with resumed ones."""
    for name, running in pair.items():
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.maximum_version = version
            session = shake(running.port, context, None)[1]
            costs: dict[bool, list[float]] = {False: [], True: []}
            reused = 0
            for _ in range(rounds):
                for resuming, cost in costs.items():
                    before = cpu_seconds(running.server.pid)
                    for _ in range(SHAKES):
                        reused += shake(running.port, context, session if resuming else None)[0]
                    cost.append((cpu_seconds(running.server.pid) - before) / SHAKES * 1e6)
            share = reused / (rounds * SHAKES)
            print(
                f"{name}, {version.name}: "
                f"{median(costs[False]):.0f} us of CPU for a connection and a request, "
                f"{median(costs[True]):.0f} us when it resumes a session ({share:.0%} were resumed)"
            )
            if name == "hushgate" and share < 1:
                return False
    return True


def minting(folder: Path) -> bool:
    """A host that was not asked for before: its leaf and its context."""
    issuer = authority.load(folder).issuer(clock.now())
    contexts = Contexts(lambda *_: mint(issuer, (HOST,), clock.now()), None)
    took = []
    for n in range(MINTED):
        before = time.thread_time()
        contexts.of(f"{n}.{HOST}")
        took.append((time.thread_time() - before) * 1e3)
    print(f"a leaf and its context: {median(took):.2f} ms of CPU")
    return check("  99th percentile, ms", quantiles(took, n=100)[98], 3)


def measure(options: argparse.Namespace, stack: ExitStack) -> bool:
    """All of it."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hushgate-intercept-")))
    (folder / "upstream").mkdir()
    upstream = start_upstream(folder / "upstream", "1")
    stack.callback(upstream.server.stop)
    bed, files = Bed(folder, upstream.port), write_requests(folder)
    with ExitStack() as peers:
        ours = start(bed, 1, "hushgate", bed.proxy_cores, peers)
        theirs = PEERS["mitmproxy"].start(bed)
        peers.callback(theirs.server.stop)
        theirs.server.wait(theirs.port, PROBE, HEADERS, 60)
        pair = {"hushgate": ours, "mitmproxy": theirs}
        for name, running in pair.items():
            wrong = list(reads(running.port))
            if wrong:
                raise RunError(f"{name} does other work: {wrong}")
        return all(
            [
                minting(folder / "hushgate" / "ca"),
                handshakes(pair, options.rounds),
                throughput(pair, bed, files, options),
            ]
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.intercept", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--seconds", type=int, default=3, help="per round, load and server (default 3)")
    options = parser.parse_args(arguments)
    unwind_on_terminate()
    install.debian()
    install.bench_environment()
    print(f"load average before: {machine.machine()['load_before']}")
    try:
        with ExitStack() as stack:
            return 0 if measure(options, stack) else 1
    except (RunError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
