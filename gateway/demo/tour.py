"""The tour from start to end: sandboxes, gateway, steps, verification, and then serving until Ctrl-C."""

import json
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TextIO

from gateway import clock
from gateway.audit.walk import verify_directory
from gateway.demo import proxied
from gateway.demo.house import CLIENTS, PLACES, House, furnish
from gateway.demo.process import free_port, gateway, wait_ready
from gateway.sandbox import hubspot, replies, twilio
from gateway.sandbox.people import PEOPLE
from gateway.sandbox.serve import running

if TYPE_CHECKING:
    from gateway.demo.apps import Answer

SANDBOXES = {
    "hubspot": hubspot.create,
    "hubspot-us": hubspot.create,
    "twilio": twilio.create,
    "replies": replies.create,
}


@dataclass(frozen=True, slots=True)
class Total:
    """What the whole tour counted: `refused` by reason, `records` in the access log."""

    masked: int
    refused: Mapping[str, int]
    dropped: int
    records: int
    verified: bool
    ok: bool

    def as_json(self) -> str:
        """The one line for scripts."""
        audit = {"records": self.records, "verified": self.verified}
        counts = {"masked": self.masked, "refused": dict(self.refused), "dropped": self.dropped}
        return json.dumps({**counts, "audit": audit, "ok": self.ok})


def tour(*, once: bool, state: Path | None = None, port: int = 0, out: TextIO | None = None) -> Total:
    """Run the tour. Without `once`, go on serving until Ctrl-C. `port` 0 takes a free one.

    `state` keeps what is written in that folder; None uses a temporary one. Raises InternalError when the
    gateway does not start, OSError when a loopback address is not there.
    """
    began = clock.monotonic()
    out = out or sys.stdout
    with ExitStack() as stack:
        # A supervisor's SIGTERM has to take the gateway's process along, as Ctrl-C does.
        stack.callback(
            signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, signal.default_int_handler)
        )
        urls = {name: stack.enter_context(running(SANDBOXES[name](), host)) for name, host in PLACES.items()}
        house = furnish(
            stack.enter_context(_folder(state)),
            urls,
            f"127.0.0.1:{port or free_port()}",
            f"127.0.0.1:{free_port()}",
            f"127.0.0.1:{free_port()}" if proxied.available() else "",
        )
        process = stack.enter_context(gateway(house))
        # Importing the SDKs takes as long as the gateway takes to start: one goes on during the other.
        from gateway.demo.steps import PROXIED, STEPS
        from gateway.demo.world import world

        apps = stack.enter_context(world(house, urls))
        wait_ready(process, house)
        say(out, f"Gateway and sandboxes are ready after {clock.monotonic() - began:.1f} s.")
        results: list[tuple[bool, tuple[Answer, ...]]] = []
        for number, step in enumerate((*STEPS, *(PROXIED if house.proxy else ())), 1):
            shown = step.show(apps)
            mark = "ok" if shown.ok else "NOT AS IT HAS TO BE"
            say(out, "", f"{number}. {step.title}  [{mark}]", *(f"   {line}" for line in shown.lines))
            results.append((shown.ok, shown.answers))
        total = _total(house, results)
        say(out, "", *_verification(house, total), "", *pointers(house), "", total.as_json())
        if not once:
            _serve(out)
    return total


def _total(house: House, results: "Iterable[tuple[bool, tuple[Answer, ...]]]") -> Total:
    done = list(results)
    answers = [answer for _, given in done for answer in given]
    report = verify_directory(house.audit)
    verified = report.verified and report.chains > 0
    return Total(
        masked=sum(answer.masked for answer in answers),
        refused=Counter(answer.reason for answer in answers if answer.reason),
        dropped=sum(answer.dropped for answer in answers),
        records=report.records,
        verified=verified,
        ok=verified and report.records >= len(answers) and all(ok for ok, _ in done),
    )


def _verification(house: House, total: Total) -> list[str]:
    verdict = "verified" if total.verified else "NOT VERIFIED"
    return [
        f"Access log: {total.records} records, {verdict}. Look yourself:",
        f"   hushgate audit verify {house.audit}",
        f"   hushgate audit tail {house.audit}",
    ]


def pointers(house: House) -> list[str]:
    """Where to point a client of one's own."""
    contact = f"/crm/v3/objects/contacts/{PEOPLE[0].id}?properties=email,phone,firstname"
    return [
        "Point your own client here, with the header Hushgate-Key:",
        f"   HubSpot           {house.apps}/hubspot",
        f"   HubSpot in the US {house.apps}/hubspot-us",
        f"   Twilio            {house.apps}/twilio",
        f"   webhooks          {house.apps}/in/twilio",
        *(f"   key of {client:<11}{house.keys[client]}" for client in CLIENTS),
        f"   rules             {house.folder / 'rules' / 'demo.yaml'}",
        f"   metrics           {house.admin}/metrics",
        "",
        f"   curl -H 'Hushgate-Key: {house.keys['helpdesk']}' '{house.apps}/hubspot{contact}'",
        *(proxy_pointers(house, contact) if house.proxy else ()),
    ]


def proxy_pointers(house: House, contact: str) -> list[str]:
    """How an application comes to the forward proxy as it is."""
    key = house.keys["helpdesk"]
    trusts = "REQUESTS_CA_BUNDLE (Python), NODE_EXTRA_CA_CERTS (Node), SSL_CERT_FILE (others)"
    return [
        "",
        "Or leave it as it is, and send its traffic through the forward proxy:",
        *(f"   {name}={value}" for name, value in proxied.environment(house.proxy, house.trust, key).items()),
        f"   the trust file is for {trusts}",
        "   it answers for api.hubapi.com and api.twilio.com from the sandbox, and refuses every other host",
        "",
        f"   curl -x 'http://app:{key}@{house.proxy}' --cacert '{house.trust}' 'https://api.hubapi.com{contact}'",
    ]


def say(out: TextIO, *lines: str) -> None:
    """Write lines at once."""
    out.write("".join(f"{line}\n" for line in lines))
    out.flush()


def _serve(out: TextIO) -> None:
    try:
        say(out, "", "Serving until Ctrl-C.")
        threading.Event().wait()
    except KeyboardInterrupt:
        say(out, "", "Stopping.")


@contextmanager
def _folder(state: Path | None) -> Iterator[Path]:
    if state is not None:
        state.mkdir(parents=True, exist_ok=True)
        yield state.resolve()
        return
    with TemporaryDirectory(prefix="hushgate-demo-") as made:
        yield Path(made)
