"""The same deployment, intercepting: connections to its port are for HubSpot's host, in TLS or not."""

import subprocess
import sys
from pathlib import Path

from benchmarks.hushgate.deploy import Deployment, write_deployment
from benchmarks.processes import RunError

HOST = "hubspot.bench.internal"


def write_interception(folder: Path, upstream: int, workers: int = 1) -> Deployment:
    """A deployment that mints certificates of its own authority. Raises RunError."""
    made = write_deployment(folder, upstream, workers)
    text = made.config.read_text().replace(
        "plane: reverse", f'plane: intercept, mode: "reverse:https://{HOST}"'
    )
    # The port is spoken to by its address, which has to be nobody's name: no certificate is for it.
    for host in (HOST, HOST.replace("hubspot", "twilio")):
        text = text.replace("http://127.0.0.1:", f"http://{host}:", 1)
    text = text.replace("    region: DE", "    connect: [127.0.0.1]\n    region: DE")
    made.config.write_text(f"{text}certificates: {{dir: ca}}\n")
    command = [*made.command[:3], "ca", "init", "-c", str(made.config), "--root-out", str(folder / "root")]
    done = subprocess.run([sys.executable, *command[1:]], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunError(f"hushgate ca init: {done.stderr[-500:]}")
    return made
