"""What the figures were measured on: the date, the processor, the kernel, the versions of everything."""

import os
import platform
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import ROOT

BENCH_PYTHON = ROOT / ".venv-bench" / "bin" / "python"


def output(command: Sequence[str]) -> str:
    """What the command prints on both streams; empty when it is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def first(pattern: str, text: str) -> str:
    """The first group of the first match, or a dash."""
    match = re.search(pattern, text, re.MULTILINE)
    return match.group(1).strip() if match else "-"


def nginx_modules() -> Path | None:
    """Where nginx keeps the Lua module, if it has it."""
    where = Path(first(r"--modules-path=(\S+)", output(["nginx", "-V"])))
    return where if (where / "ngx_http_lua_module.so").is_file() else None


def versions() -> dict[str, str]:
    """Versions of the peers and of what Hushgate runs on."""
    listed = output([str(BENCH_PYTHON), "-m", "pip", "list", "--format=freeze"])
    commit = output(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]).strip()
    packages = ("mitmproxy", "starlette", "httpx", "uvicorn", "uvloop", "httptools")
    return {
        "hushgate": commit or "-",
        "python": platform.python_version(),
        "nginx": first(r"nginx/(\S+)", output(["nginx", "-v"])),
        "lua module": first(r"^Version: (\S+)", output(["dpkg", "-s", "libnginx-mod-http-lua"])),
        "wrk": first(r"wrk (?:debian/)?(\S+)", output(["wrk", "-v"])),
    } | {name: first(rf"^{name}==(\S+)", listed) for name in packages}


def machine() -> dict[str, str]:
    """Date (UTC), processor, cores, memory, kernel."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": first(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()),
        "cores": str(os.cpu_count()),
        "memory": first(r"MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text()) + " kB",
        "kernel": f"{platform.system()} {platform.release()}",
        "load_before": Path("/proc/loadavg").read_text().split()[0],
    }
