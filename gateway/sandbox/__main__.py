"""`python -m gateway.sandbox --provider hubspot --bind 127.0.0.1:0`: one sandbox in the foreground.

Prints one JSON line with provider, URL, host, port and credential once it listens; SIGINT or SIGTERM stop it.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence

from starlette.types import ASGIApp

from gateway.sandbox import hubspot, salesforce, twilio
from gateway.sandbox.serve import address, listen, serve

PROVIDERS: Mapping[str, tuple[Callable[[], ASGIApp], str]] = {
    "hubspot": (hubspot.create, f"Bearer {hubspot.TOKEN}"),
    "salesforce": (salesforce.create, f"Bearer {salesforce.TOKEN}"),
    "twilio": (twilio.create, f"Basic {twilio.ACCOUNT}:{twilio.TOKEN}"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until stopped; 0 after a clean stop."""
    parser = argparse.ArgumentParser(prog="python -m gateway.sandbox", description=__doc__)
    parser.add_argument("--provider", choices=sorted(PROVIDERS), required=True)
    parser.add_argument("--bind", default="127.0.0.1:0", metavar="HOST:PORT", help="port 0 picks a free one")
    options = parser.parse_args(arguments)
    host, _, port = options.bind.rpartition(":")
    create, credential = PROVIDERS[options.provider]
    sock = listen(host.strip("[]"), int(port))
    line = {
        "provider": options.provider,
        "url": address(sock),
        "host": sock.getsockname()[0],
        "port": sock.getsockname()[1],
        "credential": credential,
    }
    serve(create(), sock, lambda: print(json.dumps(line), flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
