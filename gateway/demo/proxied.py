"""The tour's forward proxy: its listener and authority, and an application that knows nothing of a gateway.

The application is a process of its own with the provider's SDK as it is; only two variables of its
environment say that there is a proxy and whom to trust.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from gateway import clock
from gateway.ca import root as roots
from gateway.ca import rotation
from gateway.ca.names import Subtrees
from gateway.sandbox import twilio

HOSTS: Final = ("api.hubapi.com", "api.twilio.com")
"""What applications ask for, and the authority may speak for."""
LISTENER: Final = """\
  - {{name: proxy, plane: intercept, mode: proxy, bind: "{proxy}", workers: 1}}
"""
UPSTREAMS: Final = """\
  - name: hubspot-proxied
    provider: hubspot
    url: {hubspot}
    region: FR
    operator: OVH
    route: {{host: api.hubapi.com}}
    credential: {{bearer: "env:HUSHGATE_DEMO_HUBSPOT"}}
  - name: twilio-proxied
    provider: twilio
    url: {twilio}
    region: IE
    operator: Twilio
    route: {{host: api.twilio.com}}
    credential:
      basic: {{user: "env:HUSHGATE_DEMO_TWILIO_USER", password: "env:HUSHGATE_DEMO_TWILIO_TOKEN"}}
"""
CERTIFICATES: Final = "certificates: {{dir: ca}}\n"

APPLICATION: Final = """\
import json, sys
from twilio.rest import Client
messages = Client(sys.argv[1], "not-the-real-token").messages.list(limit=2)
print(json.dumps([{name: str(getattr(m, name)) for name in sys.argv[2:]} for m in messages]))
"""
TAKES: Final = 30.0
"""seconds"""


def available() -> bool:
    """Whether mitmproxy is installed: without it the tour has no forward proxy."""
    return find_spec("mitmproxy") is not None


def authority(folder: Path) -> Path:
    """Make a root and an intermediate for the providers' hosts; returns the file clients have to trust."""
    now, hosts = clock.now(), Subtrees.of(HOSTS)
    root = roots.create(folder / "ca-root", hosts, now)
    asked = rotation.request(folder / "ca", hosts)
    _, issued = roots.issue(root, asked.csr, now)
    rotation.install(folder / "ca", issued, root.parent.certificate)
    return root.folder / roots.CERTIFICATE


def environment(proxy: str, trust: Path, key: str) -> Mapping[str, str]:
    """The two variables."""
    return {"HTTPS_PROXY": f"http://app:{key}@{proxy}", "REQUESTS_CA_BUNDLE": str(trust)}


def messages(proxy: str, trust: Path, key: str, *fields: str) -> list[dict[str, Any]] | str:
    """What the application sees of the latest messages; the end of its own words when it failed."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", APPLICATION, twilio.ACCOUNT, *fields],
        capture_output=True,
        text=True,
        env={**_own(), **environment(proxy, trust, key)},
        timeout=TAKES,
        check=False,
    )
    if done.returncode:
        return done.stderr[-500:]
    seen: list[dict[str, Any]] = json.loads(done.stdout)
    return seen


def _own() -> dict[str, str]:
    """Our environment without other proxies."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
