"""Brings the peers in: Debian packages when that is possible, the Python peers into .venv-bench."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import BENCH_PYTHON, nginx_modules
from benchmarks.processes import ROOT

LOCK = Path(__file__).parent / "requirements.lock"
STAMP = ROOT / ".venv-bench" / "installed.lock"
PACKAGES = ("nginx", "libnginx-mod-http-lua", "lua-cjson", "wrk")


def run(command: Sequence[str]) -> bool:
    """Whether the command succeeded; its last words go to stderr when it did not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(f"{' '.join(command[:4])} ...: {done.stderr[-500:]}\n")
    return done.returncode == 0


def debian() -> None:
    """nginx, its Lua module and wrk, by apt-get, when they are missing and we are root."""
    if shutil.which("nginx") and shutil.which("wrk") and nginx_modules():
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        sys.stderr.write(f"to measure every peer, install: {' '.join(PACKAGES)}\n")
        return
    sys.stderr.write(f"installing {' '.join(PACKAGES)}\n")
    if run(["apt-get", "update", "-q"]):
        run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *PACKAGES])


def bench_environment() -> None:
    """.venv-bench from benchmarks/requirements.lock; made again when the lock has changed."""
    if STAMP.is_file() and STAMP.read_bytes() == LOCK.read_bytes():
        return
    sys.stderr.write("making .venv-bench (mitmproxy, Starlette, httpx, uvicorn)\n")
    made = run([sys.executable, "-m", "venv", "--clear", str(BENCH_PYTHON.parent.parent)])
    pip = [str(BENCH_PYTHON), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(LOCK)]
    if made and run(pip):
        STAMP.write_bytes(LOCK.read_bytes())
    else:
        shutil.rmtree(BENCH_PYTHON.parent.parent, ignore_errors=True)
