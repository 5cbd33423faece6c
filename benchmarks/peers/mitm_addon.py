"""Peer: mitmproxy in reverse mode with an add-on that does the work of benchmarks/work.py."""

# mitmproxy lives in .venv-bench, which the type checker does not see.
# mypy: disable-error-code="import-not-found"

import os

from mitmproxy import http

from benchmarks import work
from benchmarks.peers.pywork import Gate, RefusedError

PROBLEM = {"Content-Type": "application/problem+json"}


class Masking:
    """Refusal first: an exception in a hook would otherwise let the flow through."""

    def __init__(self) -> None:
        self._gate = Gate(os.environ["BENCH_LOG"])

    def request(self, flow: http.HTTPFlow) -> None:
        """Identify the client, check the recipient, inject the credential."""
        headers = flow.request.headers
        try:
            record = self._gate.open(headers.pop("Hushgate-Key", ""), flow.request.method)
            self._gate.request(record, flow.request.raw_content or b"")
        except RefusedError as refusal:
            flow.response = http.Response.make(refusal.status, refusal.body, PROBLEM)
            return
        headers["Authorization"] = work.CREDENTIAL
        flow.metadata["record"] = record

    def response(self, flow: http.HTTPFlow) -> None:
        """Mask the body; `content =` sets Content-Length."""
        record = flow.metadata.get("record")
        if record is None or flow.response is None:
            return
        flow.response.content = self._gate.response(
            record, flow.response.status_code, flow.response.content or b""
        )
        flow.response.headers["Hushgate-Decision"] = record["id"]
        flow.response.headers["Hushgate-Masked"] = str(record["masked"])


addons = [Masking()]
