"""The peers: how each is started in front of the upstream, and what it needs to be there."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine, work
from benchmarks.hushgate.deploy import write_deployment
from benchmarks.processes import ROOT, Server, free_port
from benchmarks.upstream.server import fill, prepare

HERE = Path(__file__).parent
PROBE = f"{work.CONTACTS}/{work.contact(0)['id']}"
HEADERS = work.headers(PROBE)


@dataclass(frozen=True, slots=True)
class Bed:
    """Where a run takes place: its temporary folder, the upstream's port, the cores of proxy and load."""

    folder: Path
    upstream: int
    proxy_cores: str | None = "0"
    load_cores: str | None = "1"


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that answers at `port`."""

    server: Server
    port: int


def start_upstream(folder: Path, cores: str | None) -> Running:
    """The upstream, with its bodies in `folder`."""
    port = free_port()
    config = prepare(folder, port)
    server = Server("upstream", ["nginx", "-c", str(config), "-p", str(folder)], folder, cores)
    server.wait(port, PROBE, HEADERS)
    return Running(server, port)


def _nginx(template: str, name: str, bed: Bed) -> Running:
    folder, port = bed.folder / name, free_port()
    folder.mkdir()
    values = {
        "DIR": str(folder),
        "PORT": str(port),
        "UPSTREAM": str(bed.upstream),
        "PEERS": str(HERE),
        "MODULES": str(machine.nginx_modules()),
        "CREDENTIAL": work.CREDENTIAL,
    }
    config = folder / "nginx.conf"
    config.write_text(fill(HERE / template, values))
    (folder / "settings.json").write_text(json.dumps(settings(folder / "log.jsonl")))
    command = ["nginx", "-c", str(config), "-p", str(folder)]
    return Running(Server(name, command, folder, bed.proxy_cores), port)


def settings(log: Path) -> dict[str, work.Json]:
    """What the Lua peer reads at its start: the values of work.py."""
    return {
        "clients": work.CLIENTS,
        "mask_key": work.MASK_KEY.decode(),
        "subject_key": work.PSEUDONYM_KEY.decode(),
        "redacted": work.REDACTED,
        "keep_last": work.KEEP_LAST,
        "suppressed": [work.phone(n) for n in work.SUPPRESSED],
        "log": str(log),
    }


def _python(name: str, arguments: Callable[[int, Bed], list[str]], bed: Bed) -> Running:
    folder, port = bed.folder / name, free_port()
    folder.mkdir()
    env = {
        "BENCH_LOG": str(folder / "log.jsonl"),
        "BENCH_UPSTREAM": f"http://127.0.0.1:{bed.upstream}",
        "PYTHONPATH": str(ROOT),
    }
    command = [str(machine.BENCH_PYTHON), "-m", *arguments(port, bed)]
    return Running(Server(name, command, folder, bed.proxy_cores, env), port)


def _mitm_arguments(port: int, bed: Bed) -> list[str]:
    options = {"flow_detail": "0", "termlog_verbosity": "error", "connection_strategy": "lazy"}
    options |= {"confdir": str(bed.folder / "mitmproxy"), "anticache": "false"}
    return [
        "benchmarks.peers.mitm_main",
        *("--listen-host", "127.0.0.1", "--listen-port", str(port)),
        *("--mode", f"reverse:http://127.0.0.1:{bed.upstream}", "-s", str(HERE / "mitm_addon.py")),
        *(part for name, value in options.items() for part in ("--set", f"{name}={value}")),
    ]


def _asgi_arguments(port: int, _: Bed) -> list[str]:
    return [
        "uvicorn", "benchmarks.peers.asgi_proxy:app", "--host", "127.0.0.1", "--port", str(port),
        "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning",
        "--timeout-keep-alive", "600", "--lifespan", "on",
    ]  # fmt: skip


def _hushgate(bed: Bed) -> Running:
    return start_hushgate(bed)


def start_hushgate(bed: Bed, workers: int = 1, name: str = "hushgate", cores: str | None = None) -> Running:
    """Hushgate with benchmarks/hushgate's deployment and rules."""
    folder = bed.folder / name
    folder.mkdir()
    deployment = write_deployment(folder, bed.upstream, workers)
    server = Server(name, deployment.command, folder, cores or bed.proxy_cores, deployment.env)
    return Running(server, deployment.port)


def _needs_nginx() -> str | None:
    return None if shutil.which("nginx") else "nginx is not installed"


def _needs_lua() -> str | None:
    return _needs_nginx() or (None if machine.nginx_modules() else "the Lua module of nginx is not installed")


def _needs_bench() -> str | None:
    return None if machine.BENCH_PYTHON.is_file() else ".venv-bench could not be made"


def _needs_hushgate() -> str | None:
    return None if (ROOT / "gateway" / "cli" / "run.py").is_file() else "gateway.cli.run is not there"


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer: its title, how it starts, why it cannot (None when it can), whether it does the work."""

    title: str
    start: Callable[[Bed], Running]
    missing: Callable[[], str | None]
    works: bool = True


PEERS: Mapping[str, Peer] = {
    "nginx": Peer(
        "nginx, passing through", lambda bed: _nginx("nginx_pass.conf", "nginx", bed), _needs_nginx, False
    ),
    "lua": Peer("nginx + Lua, equal work", lambda bed: _nginx("nginx_lua.conf", "lua", bed), _needs_lua),
    "hushgate": Peer("Hushgate", _hushgate, _needs_hushgate),
    "asgi": Peer(
        "ASGI proxy (Starlette, httpx)", lambda bed: _python("asgi", _asgi_arguments, bed), _needs_bench
    ),
    "mitmproxy": Peer(
        "mitmproxy add-on", lambda bed: _python("mitmproxy", _mitm_arguments, bed), _needs_bench
    ),
}
